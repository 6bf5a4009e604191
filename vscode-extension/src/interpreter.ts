import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { PythonExtension } from "@vscode/python-extension";

const run = promisify(execFile);
const OLDEST = [3, 10];
const PYTHON = "ms-python.python";
const ENVIRONMENTS = "ms-python.vscode-python-envs";

/** A Python that can run the server: the command, its version as in `3.11`, and where the command comes from. */
export interface Interpreter {
  command: string[];
  version: string;
  origin: string;
}

/** The part of the API of `ms-python.vscode-python-envs` that is used here. */
interface EnvironmentsApi {
  getEnvironment(scope?: vscode.Uri): Promise<{ execInfo?: { run?: { executable?: string; args?: string[] } } } | undefined>;
  onDidChangeEnvironment?: vscode.Event<unknown>;
}

/**
 * The Python that runs the server: the setting, then what either Python extension has selected, then the PATH. A sentence
 * that says why there is none, if no candidate is new enough; a setting that names no such Python is never passed over.
 */
export async function findInterpreter(log: vscode.LogOutputChannel, scope?: vscode.Uri): Promise<Interpreter | string> {
  const oldest = OLDEST.join(".");
  const setting = vscode.workspace.getConfiguration("torchlint", scope).get<string[]>("interpreter", []);
  if (vscode.workspace.isTrusted && setting.length) {
    const version = await versionOf(setting, log);
    if (version && recent(version)) return chosen(log, setting, version, "the setting torchlint.interpreter");
    const what = version ? `is Python ${version.join(".")}` : "is no Python";
    return `The setting torchlint.interpreter names \`${setting.join(" ")}\`, which ${what}. torchlint needs Python ${oldest} or newer.`;
  }
  const old: string[] = [];
  for await (const [origin, command] of candidates(log, scope)) {
    const version = await versionOf(command, log);
    if (version && recent(version)) return chosen(log, command, version, origin);
    if (version) old.push(`Python ${version.join(".")} (${origin})`);
  }
  const found = old.length ? `and found only ${[...new Set(old)].join(", ")}` : "and found none";
  return `torchlint needs Python ${oldest} or newer ${found}. Install one, or name it in the setting torchlint.interpreter.`;
}

/** Calls the listener when a Python extension switches to another environment; nothing happens without one. */
export async function onInterpreterChange(listener: () => void): Promise<vscode.Disposable> {
  const listeners: (vscode.Disposable | undefined)[] = [];
  try {
    listeners.push((await environmentsApi())?.onDidChangeEnvironment?.(listener));
    if (vscode.extensions.getExtension(PYTHON))
      listeners.push((await PythonExtension.api()).environments.onDidChangeActiveEnvironmentPath(listener));
  } catch {
    // an extension that does not start has nothing to tell
  }
  return vscode.Disposable.from(...listeners.filter((item) => item !== undefined));
}

async function* candidates(log: vscode.LogOutputChannel, scope?: vscode.Uri): AsyncGenerator<[string, string[]]> {
  for (const select of [fromEnvironments, fromPython]) {
    try {
      const command = await select(scope);
      if (command) yield ["the Python extension", command];
    } catch (error) {
      log.warn(`Python extension: ${error}`);
    }
  }
  for (const name of process.platform === "win32" ? ["python", "py"] : ["python3", "python"]) yield ["the PATH", [name]];
}

async function fromEnvironments(scope?: vscode.Uri): Promise<string[] | undefined> {
  const selected = (await (await environmentsApi())?.getEnvironment(scope))?.execInfo?.run;
  return selected?.executable ? [selected.executable, ...(selected.args ?? [])] : undefined;
}

async function fromPython(scope?: vscode.Uri): Promise<string[] | undefined> {
  if (!vscode.extensions.getExtension(PYTHON)) return undefined;
  const { environments } = await PythonExtension.api();
  const selected = await environments.resolveEnvironment(environments.getActiveEnvironmentPath(scope));
  return selected?.executable.uri ? [selected.executable.uri.fsPath] : undefined;
}

async function environmentsApi(): Promise<EnvironmentsApi | undefined> {
  const found = vscode.extensions.getExtension<EnvironmentsApi>(ENVIRONMENTS);
  return found && (found.isActive ? found.exports : await found.activate());
}

function chosen(log: vscode.LogOutputChannel, command: string[], version: number[], origin: string): Interpreter {
  log.info(`Python ${version.join(".")} from ${origin}: ${command.join(" ")}`);
  return { command, version: version.join("."), origin };
}

function recent(version: number[]): boolean {
  return version[0] > OLDEST[0] || (version[0] === OLDEST[0] && version[1] >= OLDEST[1]);
}

async function versionOf(command: string[], log: vscode.LogOutputChannel): Promise<number[] | undefined> {
  const [program, ...args] = command;
  try {
    const { stdout } = await run(program, [...args, "-I", "-c", "import sys; print(*sys.version_info[:2])"], { timeout: 20_000 });
    const version = stdout.trim().split(" ").map(Number);
    return version.length === 2 && version.every(Number.isInteger) ? version : undefined;
  } catch (error) {
    log.warn(`${command.join(" ")} is no Python: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    return undefined;
  }
}
