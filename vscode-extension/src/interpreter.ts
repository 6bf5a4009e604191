import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { PythonExtension } from "@vscode/python-extension";

const run = promisify(execFile);
const OLDEST = [3, 10];

/** A Python that can run the server: the command, and its version as in `cp311`. */
export interface Interpreter {
  command: string[];
  tag: string;
}

/** The setting, then the Python extension's active environment, then the PATH; `undefined` if none is new enough. */
export async function findInterpreter(log: vscode.LogOutputChannel, scope?: vscode.Uri): Promise<Interpreter | undefined> {
  for await (const [origin, command] of candidates(log, scope)) {
    const version = await versionOf(command, log);
    if (version === undefined) continue;
    if (version[0] > OLDEST[0] || (version[0] === OLDEST[0] && version[1] >= OLDEST[1])) {
      log.info(`Python ${version.join(".")} from ${origin}: ${command.join(" ")}`);
      return { command, tag: `cp${version[0]}${version[1]}` };
    }
    log.warn(`Python ${version.join(".")} from ${origin} is older than ${OLDEST.join(".")}: ${command.join(" ")}`);
  }
  return undefined;
}

async function* candidates(log: vscode.LogOutputChannel, scope?: vscode.Uri): AsyncGenerator<[string, string[]]> {
  const setting = vscode.workspace.getConfiguration("torchlint", scope).get<string[]>("interpreter", []);
  if (vscode.workspace.isTrusted && setting.length) {
    yield ["torchlint.interpreter", setting];
    return;
  }
  const active = await fromPythonExtension(log, scope);
  if (active) yield ["the Python extension", [active]];
  const names = process.platform === "win32" ? ["python", "py"] : ["python3", "python"];
  for (const name of names) yield ["the PATH", [name]];
}

async function fromPythonExtension(log: vscode.LogOutputChannel, scope?: vscode.Uri): Promise<string | undefined> {
  if (!vscode.extensions.getExtension("ms-python.python")) return undefined;
  try {
    const api = await PythonExtension.api();
    const environment = await api.environments.resolveEnvironment(api.environments.getActiveEnvironmentPath(scope));
    return environment?.executable.uri?.fsPath;
  } catch (error) {
    log.warn(`Python extension: ${error}`);
    return undefined;
  }
}

/** Tells when the Python extension switches to another environment; does nothing without that extension. */
export async function onInterpreterChange(listener: () => void): Promise<vscode.Disposable | undefined> {
  if (!vscode.extensions.getExtension("ms-python.python")) return undefined;
  try {
    return (await PythonExtension.api()).environments.onDidChangeActiveEnvironmentPath(listener);
  } catch {
    return undefined;
  }
}

async function versionOf(command: string[], log: vscode.LogOutputChannel): Promise<number[] | undefined> {
  const [program, ...args] = command;
  try {
    const code = "import sys; print(*sys.version_info[:2])";
    const { stdout } = await run(program, [...args, "-I", "-c", code], { timeout: 20_000 });
    const version = stdout.trim().split(" ").map(Number);
    return version.length === 2 && version.every(Number.isInteger) ? version : undefined;
  } catch (error) {
    log.warn(`${command.join(" ")} is no Python: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    return undefined;
  }
}
