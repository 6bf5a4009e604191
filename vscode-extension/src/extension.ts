import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import { LanguageClient, LanguageClientOptions, Middleware, RevealOutputChannelOn, ServerOptions, State } from "vscode-languageclient/node";
import { findInterpreter, Interpreter, onInterpreterChange } from "./interpreter";
import { Pages } from "./pages";

const PYTHON = [
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
  { scheme: "vscode-notebook-cell", language: "python" },
];
const SELECTOR = [...PYTHON, { scheme: "file", pattern: "**/{pyproject,torchlint,.torchlint}.toml" }];
const RESTARTING = ["interpreter", "path", "importStrategy"].map((key) => `torchlint.${key}`);
const SENT = ["enable", "select", "extendSelect", "ignore", "severity", "diagnosticMode", "codeAction"];
const { Error: ERROR, Information: INFORMATION, Warning: WARNING } = vscode.LanguageStatusSeverity;

/** What other extensions and tests may ask this one. */
export interface Api {
  /** The Python that runs the server; undefined if none was found or `torchlint.path` names a server. */
  interpreter(): Interpreter | undefined;
  /** What the language-status item says. */
  status(): { text: string; detail?: string; severity: vscode.LanguageStatusSeverity };
}

/** A rule as the server lists it. */
interface Rule {
  code: string;
  name: string;
  category: string;
  title: string;
  evidence: boolean;
}

/** Failures that the user has to know of go to one place, which has words for them; requests that fail go to the log alone. */
class Client extends LanguageClient {
  constructor(server: ServerOptions, options: LanguageClientOptions, private readonly onFailure: (why: string) => void) {
    super("torchlint", "torchlint", server, options);
  }

  override error(message: string, data?: unknown, show?: boolean | "force"): void {
    super.error(message, data, false);
    const cause = data instanceof Error ? data.message : typeof data === "string" ? data : message;
    if (show === "force") this.onFailure(cause.split("Error: ").pop() ?? cause);
  }
}

let extension: Torchlint | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<Api> {
  const torchlint = (extension = new Torchlint(context));
  await torchlint.restart();
  return { interpreter: () => torchlint.interpreter, status: () => torchlint.shown };
}

export async function deactivate(): Promise<void> {
  await extension?.stop();
}

/** The client of the server, and everything of it that a person sees. */
class Torchlint {
  interpreter: Interpreter | undefined;
  private client: LanguageClient | undefined;
  private canFix = true;
  private fixable = false; // whether any finding so far could be fixed
  private restarting: Promise<void> | undefined;
  private queue: Promise<void> = Promise.resolve();
  private readonly pages = new Pages();
  private readonly log = vscode.window.createOutputChannel("torchlint", { log: true });
  private readonly status = vscode.languages.createLanguageStatusItem("torchlint.status", PYTHON);

  constructor(private readonly context: vscode.ExtensionContext) {
    this.status.name = "torchlint";
    this.tell("torchlint", INFORMATION);
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
      this.pages.register(),
      ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.sendSettings()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (RESTARTING.some((key) => event.affectsConfiguration(key))) void this.restart();
        else if (event.affectsConfiguration("torchlint")) this.sendSettings();
      }),
    );
    void onInterpreterChange(() => this.interpreterChanged()).then((listener) => context.subscriptions.push(listener));
  }

  get shown(): ReturnType<Api["status"]> {
    return { text: this.status.text, detail: this.status.detail, severity: this.status.severity };
  }

  /** Starts are queued, so that there are never two servers; one that waits to begin stands for all that were asked for meanwhile. */
  restart(): Promise<void> {
    return (this.restarting ??= this.queue = this.queue.then(async () => {
      this.restarting = undefined;
      await this.stop();
      await this.start();
    }));
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    try {
      await client?.dispose();
    } catch {
      // a server that has died already cannot be stopped
    }
  }

  private async start(): Promise<void> {
    const server = await this.command();
    if (typeof server === "string") return this.noPython(server);
    const options: LanguageClientOptions = {
      documentSelector: SELECTOR,
      outputChannel: this.log,
      traceOutputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: { settings: settings() },
      initializationFailedHandler: () => false, // neither a message of the client's own nor another try
      middleware: this.middleware(),
    };
    let told = false;
    const client = new Client(server, options, (why) => {
      if (this.client === client && !told) this.failed(why);
      told = true;
    });
    client.onDidChangeState((event) => {
      this.status.busy = event.newState === State.Starting;
    });
    this.client = client;
    this.canFix = true;
    this.fixable = false;
    try {
      await client.start();
      await this.tellReady();
    } catch (error) {
      if (!told) this.failed(String(error));
      told = true;
    }
  }

  private async command(): Promise<ServerOptions | string> {
    const own = setting<string[]>("path");
    this.interpreter = undefined;
    if (vscode.workspace.isTrusted && own.length) return { command: own[0], args: own.slice(1) };
    const found = await findInterpreter(this.log, folder());
    if (typeof found === "string") return found;
    this.interpreter = found;
    const strategy = vscode.workspace.isTrusted ? setting<string>("importStrategy") : "useBundled";
    const env = { ...process.env, TORCHLINT_IMPORT_STRATEGY: strategy, TORCHLINT_EXTRA_LIBS: this.extraLibs(found) };
    const [command, ...args] = found.command;
    return { command, args: [...args, this.context.asAbsolutePath(path.join("bundled", "tool", "torchlint_server.py"))], options: { env } };
  }

  /** Where the extension keeps libcst, which has one build for each Python, platform and processor. */
  private extraLibs(interpreter: Interpreter): string {
    return path.join(this.context.globalStorageUri.fsPath, `libs-${interpreter.version}-${process.platform}-${process.arch}`);
  }

  private middleware(): Middleware {
    return {
      // the code action "Explain ..." names this command of the server, whose answer would be shown to nobody
      executeCommand: (command, args, next) => (command === "torchlint.explain" ? this.explain(String(args[0])) : next(command, args)),
      handleDiagnostics: (uri, diagnostics, next) => {
        next(uri, diagnostics);
        this.fixable ||= diagnostics.some(hasFix);
        void this.offerFixes();
      },
      provideCodeActions: async (document, range, context, token, next) => {
        const forSource = context.only?.value.startsWith("source") || context.only?.value.startsWith("notebook.source");
        if (forSource && !vscode.workspace.getConfiguration("torchlint", document.uri).get("fixAll", true)) return [];
        const actions = ((await next(document, range, context, token)) ?? []).filter((action) => !("disabled" in action && action.disabled));
        if (!this.canFix && !forSource && context.diagnostics.some(hasFix)) {
          const action = new vscode.CodeAction("Install what the fix needs (libcst)", vscode.CodeActionKind.QuickFix);
          action.command = { command: "torchlint.installFixes", title: action.title };
          action.diagnostics = context.diagnostics.filter(hasFix);
          actions.unshift(action);
        }
        return actions;
      },
    };
  }

  private async interpreterChanged(): Promise<void> {
    const found = await findInterpreter(this.log, folder());
    const now = typeof found === "string" ? undefined : found.command.join("\0");
    if (now !== this.interpreter?.command.join("\0")) await this.restart();
  }

  private noPython(why: string): void {
    this.log.error(why);
    this.tell("torchlint: no Python", ERROR, why, "torchlint.restart", "Try Again");
    this.complain(why, "torchlint.interpreter");
  }

  private failed(why: string): void {
    const cause = /EPIPE|ECONNRESET|disposed/.test(why) ? "it ended before it had answered" : why;
    const what = this.interpreter
      ? `The server of torchlint does not run with \`${this.interpreter.command.join(" ")}\``
      : `The setting torchlint.path names \`${setting<string[]>("path").join(" ")}\`, which does not run as a server`;
    if (cause !== why) this.log.error(why);
    this.tell("torchlint: no server", ERROR, `${what}: ${cause}`, "torchlint.restart", "Try Again");
    this.complain(`${what}: ${cause}`, this.interpreter ? "torchlint.interpreter" : "torchlint.path");
  }

  private complain(why: string, about: string): void {
    const choices: Record<string, () => unknown> = {
      "Open Settings": () => vscode.commands.executeCommand("workbench.action.openSettings", about),
      "Show Logs": () => this.log.show(),
    };
    void vscode.window.showWarningMessage(why, ...Object.keys(choices)).then((choice) => choice && choices[choice]());
  }

  private async tellReady(): Promise<void> {
    const text = await this.execute<string>("torchlint.debugInformation");
    const known = text ? (JSON.parse(text) as { torchlint: string; fixes: boolean; location: string; executable: string }) : undefined;
    this.canFix = known?.fixes !== false;
    const name = `torchlint ${known?.torchlint ?? ""}`.trim();
    if (known) this.log.info(`${name} of ${known.location} runs with ${known.executable}${this.canFix ? "" : ", which has no libcst for fixes"}`);
    if (this.canFix) this.tell(name, INFORMATION, this.interpreter && `Python ${this.interpreter.version} from ${this.interpreter.origin}`);
    else this.tell(`${name}: no fixes`, WARNING, "Fixes need libcst, which has to be installed once.", "torchlint.installFixes", "Install");
    void this.offerFixes(); // findings may have been there before it was known
  }

  private tell(text: string, severity: vscode.LanguageStatusSeverity, detail?: string, command = "torchlint.showLogs", title = "Show Logs"): void {
    this.status.text = text;
    this.status.detail = detail;
    this.status.severity = severity;
    this.status.command = { command, title };
  }

  /** Once for each Python: findings that could be fixed are there, and libcst is not. */
  private async offerFixes(): Promise<void> {
    const key = `offered-libcst-${this.interpreter?.version}`;
    if (this.canFix || !this.fixable) return;
    if (!setting<{ enable: boolean }>("codeAction.fixViolation").enable || !this.interpreter || this.context.globalState.get(key)) return;
    await this.context.globalState.update(key, true);
    const text = `torchlint can fix some of these findings with libcst, which this Python ${this.interpreter.version} does not have. It would be installed into a folder of the extension.`;
    if ((await vscode.window.showInformationMessage(text, "Install", "Not Now")) === "Install") await this.installFixes();
  }

  private sendSettings(): void {
    void this.client?.sendNotification("workspace/didChangeConfiguration", { settings: { torchlint: settings() } });
  }

  private async execute<T>(command: string, ...args: unknown[]): Promise<T | undefined> {
    if (this.client?.state !== State.Running) return undefined;
    return this.client.sendRequest("workspace/executeCommand", { command, arguments: args });
  }

  /** Whether the server runs; if not, a command that needs it says why. */
  private runs(): boolean {
    const running = this.client?.state === State.Running;
    if (!running) void vscode.window.showWarningMessage(this.shown.detail ?? "The server of torchlint has not started yet.");
    return running;
  }

  private async fixAll(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (this.runs() && editor && !(await this.execute<boolean>("torchlint.applyFixAll", editor.document.uri.toString())))
      vscode.window.setStatusBarMessage("torchlint: nothing that is safe to fix here", 3000);
  }

  /** One of the rules, picked from a list that begins with those whose findings are under the cursor. */
  private async pickRule(title: string, fits: (rule: Rule) => boolean = () => true): Promise<string | undefined> {
    if (!this.runs()) return undefined;
    const rules = ((await this.execute<Rule[]>("torchlint.rules")) ?? []).filter(fits);
    const editor = vscode.window.activeTextEditor;
    const found = editor ? vscode.languages.getDiagnostics(editor.document.uri).filter((item) => item.source === "torchlint" && item.range.contains(editor.selection.active)) : [];
    const here = found.map((item) => String(typeof item.code === "object" ? item.code.value : item.code));
    const item = ({ code, name, category, title: detail }: Rule) => ({ label: name, description: `${code}  ${category}`, detail: detail.replaceAll("`", "") });
    const group = (label: string) => ({ label, kind: vscode.QuickPickItemKind.Separator });
    const first = rules.filter((rule) => here.includes(rule.name));
    const rest = rules.filter((rule) => !here.includes(rule.name));
    const items: vscode.QuickPickItem[] = first.length ? [group("under the cursor"), ...first.map(item), group("all others"), ...rest.map(item)] : rest.map(item);
    const options = { title, placeHolder: "A name, a code, a category, or a word of what goes wrong", matchOnDescription: true, matchOnDetail: true };
    return (await vscode.window.showQuickPick(items, options))?.label;
  }

  private async explain(given?: string): Promise<void> {
    const name = given ?? (await this.pickRule("Explain a Rule"));
    if (!name) return;
    const found = await this.execute<{ title: string; markdown: string } | null>("torchlint.explain", name);
    if (found) await this.pages.show(`${found.title}.md`, found.markdown);
    else void vscode.window.showWarningMessage(`torchlint has no rule ${name}.`);
  }

  private async prove(): Promise<void> {
    const name = await this.pickRule("Prove a Rule with Your torch", (rule) => rule.evidence);
    if (!name) return;
    const run = () => this.execute<{ ok: boolean; text: string }>("torchlint.prove", name, this.interpreter?.command[0] ?? null);
    const result = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: `Running the evidence of ${name}` }, run);
    if (!result) return;
    if (result.ok || result.text.trim().includes("\n")) return this.pages.show(`evidence of ${name}.txt`, result.text);
    const tried = this.interpreter ? ` Tried with ${this.interpreter.command.join(" ")}; the setting torchlint.interpreter can name another Python.` : "";
    void vscode.window.showWarningMessage(`${result.text.trim()}.${tried}`);
  }

  private async debugInformation(): Promise<void> {
    const { text, detail } = this.shown;
    const about = { extension: this.context.extension.packageJSON.version, vscode: vscode.version, status: text, detail, interpreter: this.interpreter };
    const server = (await this.execute<string>("torchlint.debugInformation")) ?? '"is not running"';
    await this.pages.show("debug information.json", JSON.stringify({ ...about, server: JSON.parse(server) }, undefined, 2));
  }

  /** Installs libcst with the pip that comes with the extension: a Python of the system often has none. */
  private async installFixes(): Promise<void> {
    if (!this.interpreter) return void vscode.window.showWarningMessage("torchlint found no Python that libcst could be installed for.");
    const target = this.extraLibs(this.interpreter);
    const [program, ...args] = this.interpreter.command;
    const pip = this.context.asAbsolutePath(path.join("bundled", "pip.whl", "pip"));
    const install = [...args, "-I", pip, "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target", target, "--only-binary=:all:", "libcst"];
    const failure = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: "Installing libcst for torchlint" }, () =>
      new Promise<string>((resolve) => execFile(program, install, { timeout: 300_000 }, (error, _, stderr) => resolve(error ? stderr.trim() || String(error) : ""))),
    );
    if (failure || !existsSync(path.join(target, "libcst"))) {
      this.log.error(`${program} ${install.join(" ")}\n${failure}`);
      const why = failure.split("\n").filter((line) => line.startsWith("ERROR")).pop() ?? failure.split("\n").pop();
      void vscode.window.showErrorMessage(`libcst could not be installed: ${why}`, "Show Logs").then((choice) => choice && this.log.show());
      return;
    }
    await this.restart();
    vscode.window.setStatusBarMessage("torchlint: fixes are on the light bulb now", 5000);
  }
}

function hasFix(item: vscode.Diagnostic): boolean {
  return item.source === "torchlint" && (item as { data?: { fixable?: boolean } }).data?.fixable === true;
}

function folder(): vscode.Uri | undefined {
  return vscode.workspace.workspaceFolders?.[0]?.uri;
}

/** A setting of a folder, the first one if none is named; the manifest has a default for each. */
function setting<T>(key: string, scope = folder()): T {
  return vscode.workspace.getConfiguration("torchlint", scope).get(key) as T;
}

/** The settings of each folder as the server takes them; those that are not trusted are left out. */
function settings(): unknown {
  const { isTrusted, workspaceFolders = [] } = vscode.workspace;
  const of = (scope?: vscode.Uri) => {
    const found = Object.fromEntries(SENT.map((key) => [key, setting<unknown>(key, scope)]));
    return isTrusted ? { ...found, configuration: setting<string>("configuration", scope) } : { ...found, isolated: true };
  };
  return workspaceFolders.length > 1 ? workspaceFolders.map(({ uri }) => ({ ...of(uri), workspace: uri.toString() })) : of(folder());
}
