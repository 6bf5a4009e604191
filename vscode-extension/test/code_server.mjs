// VS Code in a browser (code-server), and how a person uses it.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CACHE, NOTEBOOK } from "../../tests/editors/browser.mjs";

export const EXTENSION = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const EXAMPLES = path.resolve(EXTENSION, "..", "examples");
const SETTINGS = {
  "security.workspace.trust.enabled": false, "workbench.startupEditor": "none", "telemetry.telemetryLevel": "off",
  "extensions.autoUpdate": false, "extensions.autoCheckUpdates": false, "extensions.ignoreRecommendations": true,
  "update.mode": "none", "workbench.enableExperiments": false, "workbench.tips.enabled": false, "git.enabled": false,
  "chat.commandCenter.enabled": false, "chat.disableAIFeatures": true, "editor.minimap.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden", "files.simpleDialog.enable": true, "files.autoSave": "off",
};

/** A folder with the examples and a notebook. */
export function makeWorkspace(folder) {
  fs.cpSync(EXAMPLES, folder, { recursive: true, filter: (source) => !source.includes("__pycache__") });
  fs.writeFileSync(path.join(folder, "notebook.ipynb"), NOTEBOOK);
  return folder;
}

/** How to start code-server in a home folder; `vsix` is installed as a person would, `extensions` are unpacked ones that lie there. */
export function codeServer(home, port, folder, { vsix, extensions = [], settings = {}, env = {}, trust = false } = {}) {
  const program = path.join(process.env.CODE_SERVER ?? path.join(CACHE, "code-server-4.100.3"), "run");
  const places = ["--user-data-dir", path.join(home, "data"), "--extensions-dir", path.join(home, "extensions")];
  fs.mkdirSync(path.join(home, "extensions"), { recursive: true });
  const all = { ...SETTINGS, ...settings, ...JSON.parse(process.env.EXTRA_SETTINGS ?? "{}") };
  for (const scope of ["User", "Machine"]) { // settings of a machine are read from one or the other, depending on who is first
    fs.mkdirSync(path.join(home, "data", scope), { recursive: true });
    fs.writeFileSync(path.join(home, "data", scope, "settings.json"), JSON.stringify(all));
  }
  for (const unpacked of extensions) {
    const about = JSON.parse(fs.readFileSync(path.join(unpacked, "package.json"), "utf8"));
    fs.cpSync(unpacked, path.join(home, "extensions", `${about.publisher}.${about.name}-${about.version}`), { recursive: true });
  }
  const environment = { ...process.env, HOME: home, XDG_CONFIG_HOME: path.join(home, "c"), XDG_DATA_HOME: path.join(home, "d"), EXTENSIONS_GALLERY: "{}", ...env };
  delete environment.VSCODE_IPC_HOOK_CLI;
  if (vsix) console.log("  " + execFileSync(program, [...places, "--install-extension", vsix], { env: environment, encoding: "utf8" }).trim().split("\n").pop());
  const args = [...places, "--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check",
    "--disable-getting-started-override", ...(trust ? [] : ["--disable-workspace-trust"]), folder];
  return { command: program, args, options: { env: environment }, ready: "/healthz" };
}

/** What the extension and its server have logged. */
export function logs(home) {
  return execFileSync("sh", ["-c", `find '${home}/data' -name '*torchlint*.log' | xargs -r tail -n 60`], { encoding: "utf8" });
}

/** The workbench of a page, with the words of its user. */
export class Workbench {
  constructor(page) {
    this.page = page;
  }

  async load(port, folder) {
    await this.page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}`);
    await this.page.waitForSelector(".monaco-workbench .explorer-folders-view .monaco-list-row");
  }

  open(name) {
    return this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label="${name}"]`).dblclick();
  }

  async palette(command) {
    await this.page.keyboard.press("F1");
    await this.page.waitForSelector(".quick-input-widget input");
    await this.page.keyboard.type(command);
    await this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: command }).first().waitFor();
    await this.page.keyboard.press("Enter"); // a click would leave the mouse over something that then tells about itself
  }

  async place(line, column) {
    await this.page.keyboard.press("Control+g");
    await this.page.waitForSelector(".quick-input-widget input");
    await this.page.keyboard.type(`${line}:${column}`);
    await this.page.keyboard.press("Enter");
  }

  squiggles(inside = ".editor-instance") {
    return this.page.locator(`${inside} :is(.squiggly-error, .squiggly-warning, .squiggly-info)`).count();
  }

  /** The messages that stand in the corner. */
  async messages() {
    return (await this.page.locator(".notification-toast .notification-list-item-message").allInnerTexts()).map((text) => text.replace(/\u00a0/g, " "));
  }

  /** The names of rules in the list of problems, which stays open. */
  async problems() {
    await this.palette("View: Focus Problems");
    const panel = this.page.locator(".markers-panel");
    await panel.locator(".monaco-list-row", { hasText: "torchlint" }).first().waitFor();
    await this.page.waitForTimeout(600);
    return new Set([...(await panel.innerText()).matchAll(/^torchlint\s*\(?\s*([a-z0-9-]+)/gm)].map((match) => match[1]));
  }

  /** Opens the light bulb's menu until it has an action with this text, and leaves it open. */
  async lightBulb(text, until) {
    const wanted = this.page.locator(".action-widget .monaco-list-row", { hasText: text });
    await until(`"${text}" on the light bulb`, async () => {
      if (await this.page.locator(".action-widget").count()) await this.page.keyboard.press("Escape"); // a second one would leave a cell
      await this.page.waitForTimeout(500);
      await this.page.keyboard.press("Control+.");
      await this.page.waitForTimeout(1500);
      return (await wanted.count()) > 0;
    });
  }

  /** Takes the action with this text in the menu that is open. */
  async take(text) {
    const focused = this.page.locator(".action-widget .monaco-list-row.focused", { hasText: text });
    for (let tries = 0; (await focused.count()) === 0; tries++) {
      if (tries > 20) throw new Error(`"${text}" cannot be chosen`);
      await this.page.keyboard.press("ArrowDown");
      await this.page.waitForTimeout(50);
    }
    await this.page.keyboard.press("Enter");
  }
}
