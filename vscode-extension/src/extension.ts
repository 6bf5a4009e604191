import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import { LanguageClient, LanguageClientOptions, RevealOutputChannelOn, ServerOptions, State } from "vscode-languageclient/node";
import { findInterpreter, Interpreter, onInterpreterChange } from "./interpreter";

const SELECTOR = [
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
  { scheme: "vscode-notebook-cell", language: "python" },
  { scheme: "file", pattern: "**/{pyproject,torchlint,.torchlint}.toml" },
];
const RESTARTING = ["interpreter", "path", "importStrategy"].map((key) => `torchlint.${key}`);
const NO_PYTHON = "torchlint needs Python 3.10 or newer. Choose one with the Python extension or in the settings.";

let extension: Torchlint | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  extension = new Torchlint(context);
  await extension.start();
}

export async function deactivate(): Promise<void> {
  await extension?.stop();
}

/** The client of the server, and everything of it that a person sees. */
class Torchlint {
  private client: LanguageClient | undefined;
  private interpreter: Interpreter | undefined;
  private queue: Promise<void> = Promise.resolve();
  private readonly log = vscode.window.createOutputChannel("torchlint", { log: true });
  private readonly status = vscode.languages.createLanguageStatusItem("torchlint.status", SELECTOR.slice(0, 3));

  constructor(private readonly context: vscode.ExtensionContext) {
    this.status.name = "torchlint";
    this.tell("torchlint", vscode.LanguageStatusSeverity.Information);
    const commands: Record<string, (...args: never[]) => unknown> = {
      "torchlint.restart": () => this.restart(),
      "torchlint.showLogs": () => this.log.show(),
      "torchlint.fixAll": () => this.fixAll(),
      "torchlint.explainRule": () => this.explain(),
      "torchlint.proveRule": () => this.prove(),
      "torchlint.installFixes": () => this.installFixes(),
      "torchlint.showDebugInformation": () => this.debugInformation(),
    };
    context.subscriptions.push(
      this.log,
      this.status,
      ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (RESTARTING.some((key) => event.affectsConfiguration(key))) void this.restart();
        else if (event.affectsConfiguration("torchlint")) this.sendSettings();
      }),
    );
    void onInterpreterChange(() => this.restart()).then((listener) => listener && context.subscriptions.push(listener));
  }

  /** Starts are queued, so that two restarts in a row never leave two servers. */
  restart(): Promise<void> {
    return (this.queue = this.queue.then(() => this.stop()).then(() => this.start()));
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    try {
      await client?.stop();
    } catch {
      // a server that has died already cannot be stopped
    }
  }

  async start(): Promise<void> {
    const server = await this.command();
    if (!server) {
      this.tell("torchlint: no Python", vscode.LanguageStatusSeverity.Error, NO_PYTHON, "torchlint.showLogs");
      this.log.error(NO_PYTHON);
      void vscode.window.showWarningMessage(NO_PYTHON, "Open Settings", "Show Logs").then((choice) => {
        if (choice === "Open Settings") void vscode.commands.executeCommand("workbench.action.openSettings", "torchlint.interpreter");
        if (choice === "Show Logs") this.log.show();
      });
      return;
    }
    const options: LanguageClientOptions = {
      documentSelector: SELECTOR,
      outputChannel: this.log,
      traceOutputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: { settings: settings() },
    };
    const client = new LanguageClient("torchlint", "torchlint", server, options);
    client.onDidChangeState((event) => {
      this.status.busy = event.newState === State.Starting;
      if (event.newState === State.Stopped && this.client === client)
        this.tell("torchlint: stopped", vscode.LanguageStatusSeverity.Error, "The server has ended.", "torchlint.showLogs");
    });
    this.client = client;
    try {
      await client.start();
      await this.tellReady();
    } catch (error) {
      this.log.error(`The server did not start: ${error}`);
      this.tell("torchlint: failed", vscode.LanguageStatusSeverity.Error, "The server did not start.", "torchlint.showLogs");
    }
  }

  private async command(): Promise<ServerOptions | undefined> {
    const configuration = vscode.workspace.getConfiguration("torchlint", folder());
    const own = configuration.get<string[]>("path", []);
    if (vscode.workspace.isTrusted && own.length) {
      this.interpreter = undefined;
      return { command: own[0], args: own.slice(1) };
    }
    this.interpreter = await findInterpreter(this.log, folder());
    if (!this.interpreter) return undefined;
    const strategy = vscode.workspace.isTrusted ? configuration.get<string>("importStrategy", "useBundled") : "useBundled";
    const env = { ...process.env, TORCHLINT_IMPORT_STRATEGY: strategy, TORCHLINT_EXTRA_LIBS: this.extraLibs() };
    const [command, ...args] = this.interpreter.command;
    return { command, args: [...args, this.serverScript()], options: { env } };
  }

  private serverScript(): string {
    return this.context.asAbsolutePath(path.join("bundled", "tool", "torchlint_server.py"));
  }

  /** Where the extension keeps libcst, which has one build for each Python, platform and processor. */
  private extraLibs(): string {
    return path.join(this.context.globalStorageUri.fsPath, `libs-${this.interpreter?.tag ?? "none"}-${process.platform}-${process.arch}`);
  }

  private async tellReady(): Promise<void> {
    const text = await this.execute<string>("torchlint.debugInformation");
    const known = text ? (JSON.parse(text) as { torchlint: string; fixes: boolean }) : undefined;
    if (known?.fixes === false)
      this.tell(
        "torchlint: fixes need libcst",
        vscode.LanguageStatusSeverity.Warning,
        "Findings are shown; for fixes, libcst has to be installed once.",
        "torchlint.installFixes",
        "Install",
      );
    else this.tell(`torchlint ${known?.torchlint ?? ""}`.trim(), vscode.LanguageStatusSeverity.Information);
  }

  private tell(text: string, severity: vscode.LanguageStatusSeverity, detail?: string, command = "torchlint.showLogs", title = "Show Logs"): void {
    this.status.text = text;
    this.status.detail = detail;
    this.status.severity = severity;
    this.status.command = { command, title };
  }

  private sendSettings(): void {
    void this.client?.sendNotification("workspace/didChangeConfiguration", { settings: { torchlint: settings() } });
  }

  private async execute<T>(command: string, ...args: unknown[]): Promise<T | undefined> {
    return this.client?.sendRequest("workspace/executeCommand", { command, arguments: args });
  }

  private async fixAll(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor && !(await this.execute<boolean>("torchlint.applyFixAll", editor.document.uri.toString())))
      vscode.window.setStatusBarMessage("torchlint: nothing that is safe to fix here", 3000);
  }

  private async ruleName(): Promise<string | undefined> {
    const editor = vscode.window.activeTextEditor;
    const here = editor
      ? vscode.languages
          .getDiagnostics(editor.document.uri)
          .filter((item) => item.source === "torchlint" && item.range.contains(editor.selection.active))
          .map((item) => String(typeof item.code === "object" ? item.code.value : item.code))
      : [];
    return vscode.window.showInputBox({ title: "torchlint", prompt: "Name or code of a rule", value: here[0] ?? "missing-zero-grad" });
  }

  private async explain(): Promise<void> {
    const name = await this.ruleName();
    if (!name) return;
    const found = await this.execute<{ title: string; markdown: string } | null>("torchlint.explain", name);
    if (found) await show(found.markdown, "markdown");
    else void vscode.window.showWarningMessage(`torchlint has no rule ${name}`);
  }

  private async prove(): Promise<void> {
    const name = await this.ruleName();
    if (!name) return;
    const run = () => this.execute<{ ok: boolean; text: string }>("torchlint.prove", name, this.interpreter?.command[0] ?? null);
    const result = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: `Running the evidence of ${name}` }, run);
    if (result) await show(result.text, "plaintext");
  }

  private async debugInformation(): Promise<void> {
    await show((await this.execute<string>("torchlint.debugInformation")) ?? "the server is not running", "json");
  }

  private async installFixes(): Promise<void> {
    const interpreter = this.interpreter ?? (await findInterpreter(this.log, folder()));
    if (!interpreter) return void vscode.window.showWarningMessage(NO_PYTHON);
    this.interpreter = interpreter;
    const target = this.extraLibs();
    const [program, ...args] = interpreter.command;
    const install = [...args, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target", target, "libcst"];
    const done = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: "Installing libcst for torchlint" }, () =>
      new Promise<string>((resolve) => execFile(program, install, { timeout: 300_000 }, (error, _, stderr) => resolve(error ? stderr || String(error) : ""))),
    );
    if (done || !existsSync(path.join(target, "libcst"))) {
      this.log.error(done);
      void vscode.window.showErrorMessage("libcst could not be installed; the log says why.", "Show Logs").then((choice) => choice && this.log.show());
      return;
    }
    await this.restart();
  }
}

function folder(): vscode.Uri | undefined {
  return vscode.workspace.workspaceFolders?.[0]?.uri;
}

/** The settings as the server takes them; those that are not trusted are left out. */
function settings(): Record<string, unknown> {
  const configuration = vscode.workspace.getConfiguration("torchlint", folder());
  const keys = ["enable", "select", "extendSelect", "ignore", "severity", "diagnosticMode"];
  const found: Record<string, unknown> = Object.fromEntries(keys.map((key) => [key, configuration.get(key)]));
  found.codeAction = {
    fixViolation: configuration.get("codeAction.fixViolation"),
    disableRuleComment: configuration.get("codeAction.disableRuleComment"),
  };
  if (vscode.workspace.isTrusted) found.configuration = configuration.get("configuration");
  else found.isolated = true;
  return found;
}

async function show(content: string, language: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ content, language });
  if (language === "markdown") await vscode.commands.executeCommand("markdown.showPreview", document.uri).then(undefined, () => undefined);
  await vscode.window.showTextDocument(document, { preview: true });
}
