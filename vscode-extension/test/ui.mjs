#!/usr/bin/env node
// ui.mjs CODE_SERVER_DIR VSIX EXAMPLES_DIR OUT_DIR
// Installs the .vsix into a real VS Code (code-server in Chromium), opens examples/train.py, sees the squiggles of at least
// three rules, hovers, applies a quick fix, ignores a finding, saves, checks the file on disk, and does the same in a
// notebook. Screenshots go to OUT_DIR. Exit code 0 only if every step was seen.
import { execFileSync, spawn } from "node:child_process";
import { createRequire } from "node:module";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const [codeServer, vsix, examples, out] = process.argv.slice(2).map((p) => path.resolve(p));
const { chromium } = createRequire(path.join(process.env.PW_DIR ?? "/tmp/torchlint-e2e/pw", "x.js"))("playwright-core");
const started = Date.now();
const step = (message) => console.log(`[${((Date.now() - started) / 1000).toFixed(1)}s] ${message}`);
const PATIENCE = Number(process.env.PATIENCE_MS ?? 120_000);

fs.mkdirSync(out, { recursive: true });
const home = fs.mkdtempSync(path.join(os.tmpdir(), "torchlint-ui-"));
const workspace = path.join(home, "examples");
const userData = path.join(home, "data");
const extensions = path.join(home, "extensions");
fs.cpSync(examples, workspace, { recursive: true });
fs.rmSync(path.join(workspace, "__pycache__"), { recursive: true, force: true });
fs.mkdirSync(extensions);
for (const scope of ["User", "Machine"]) fs.mkdirSync(path.join(userData, scope), { recursive: true });
const settings = {
  "security.workspace.trust.enabled": false, "workbench.startupEditor": "none", "telemetry.telemetryLevel": "off",
  "extensions.autoUpdate": false, "extensions.autoCheckUpdates": false, "extensions.ignoreRecommendations": true,
  "update.mode": "none", "workbench.enableExperiments": false, "workbench.tips.enabled": false, "git.enabled": false,
  "chat.commandCenter.enabled": false, "chat.disableAIFeatures": true, "editor.minimap.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden", "files.simpleDialog.enable": true, "files.autoSave": "off",
  ...JSON.parse(process.env.EXTRA_SETTINGS ?? "{}"),
};
for (const scope of ["User", "Machine"]) fs.writeFileSync(path.join(userData, scope, "settings.json"), JSON.stringify(settings));

const cell = (source) => ({ cell_type: "code", execution_count: null, metadata: {}, outputs: [], source: [source] });
fs.writeFileSync(path.join(workspace, "notebook.ipynb"), JSON.stringify({
  cells: [
    cell("import torch\nfrom torch import nn\n\nmodel = nn.Linear(4, 2)\ncriterion = nn.CrossEntropyLoss()"),
    cell("optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nloader = [(torch.randn(8, 4), torch.zeros(8).long())]"),
    cell("for x, y in loader:\n    loss = criterion(model(x), y)\n    loss.backward()\n    optimizer.step()"),
  ],
  metadata: { kernelspec: { display_name: "Python 3", language: "python", name: "python3" }, language_info: { name: "python" } },
  nbformat: 4, nbformat_minor: 4,
}));

const port = await new Promise((resolve) => {
  const probe = net.createServer().listen(0, "127.0.0.1", () => { const found = probe.address().port; probe.close(() => resolve(found)); });
});
const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: path.join(home, "c"), XDG_DATA_HOME: path.join(home, "d"), EXTENSIONS_GALLERY: "{}" };
delete env.VSCODE_IPC_HOOK_CLI;
const places = ["--user-data-dir", userData, "--extensions-dir", extensions];
const program = path.join(codeServer, "run");
console.log(execFileSync(program, [...places, "--install-extension", vsix], { env, encoding: "utf8" }).trim().split("\n").pop());
const log = fs.openSync(path.join(out, "code-server.log"), "w");
const server = spawn(program, [...places, "--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check",
  "--disable-workspace-trust", "--disable-getting-started-override", workspace], { env, stdio: ["ignore", log, log], detached: true });

let browser;
let code = 1;
try {
  for (let tries = 0; ; tries++) {
    try { await fetch(`http://127.0.0.1:${port}/healthz`); break; } catch { if (tries > 300) throw new Error("code-server did not start"); }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.route((url) => !["127.0.0.1", "localhost"].includes(url.hostname) && url.protocol.startsWith("http"), (route) => route.abort());
  await page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(workspace)}`);
  await page.waitForSelector(".monaco-workbench .explorer-folders-view .monaco-list-row");
  step("workbench");

  const shot = (name) => page.screenshot({ path: path.join(out, `${name}.png`) });
  const open = (name) => page.locator(`.explorer-folders-view .monaco-list-row[aria-label="${name}"]`).dblclick();
  const palette = async (command) => {
    await page.keyboard.press("F1");
    await page.waitForSelector(".quick-input-widget input");
    await page.keyboard.type(command);
    await page.locator(".quick-input-list .monaco-list-row", { hasText: command }).first().click();
  };
  const squiggles = () => page.locator(".squiggly-error, .squiggly-warning, .squiggly-info").count();
  const until = async (what, condition) => {
    const deadline = Date.now() + PATIENCE;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await page.waitForTimeout(150);
    }
    step(what);
  };
  const onDisk = (name) => fs.readFileSync(path.join(workspace, name), "utf8");
  const place = async (line, column) => {
    await page.keyboard.press("Control+g");
    await page.waitForSelector(".quick-input-widget input");
    await page.keyboard.type(`${line}:${column}`);
    await page.keyboard.press("Enter");
  };

  await open("train.py");
  await page.waitForSelector(".editor-instance .view-line");
  await until("squiggles of at least three rules", async () => (await squiggles()) >= 3);
  await palette("View: Focus Problems");
  await page.locator(".markers-panel .monaco-list-row", { hasText: "torchlint" }).first().waitFor();
  await page.waitForTimeout(600);
  await shot("1-findings");
  const problems = await page.locator(".markers-panel").innerText();
  const named = new Set(problems.match(/\b[a-z]+(-[a-z]+){2,}\b/g) ?? []);
  if (named.size < 3) throw new Error(`fewer than three rules in the problems: ${problems}`);
  step(`rules: ${[...named].join(", ")}`);
  await page.keyboard.press("Control+j");

  const alias = onDisk("train.py").split("\n").findIndex((line) => line.includes("= model.state_dict()")) + 1;
  await open("train.py");
  await place(alias, onDisk("train.py").split("\n")[alias - 1].indexOf("model.state_dict") + 2);
  await palette("Show or Focus Hover");
  await page.locator(".monaco-hover:not(.hidden)", { hasText: "state-dict-alias-snapshot" }).first().waitFor();
  await page.waitForTimeout(600);
  await shot("2-hover");
  step("hover with the manual");
  await page.keyboard.press("Escape");

  await palette("torchlint: Install What Fixes Need (libcst)");
  const menu = page.locator(".action-widget .monaco-list-row", { hasText: "Copy the weights" });
  await until("the fix on the light bulb", async () => {
    await page.keyboard.press("Escape");
    await page.waitForTimeout(1000);
    await page.keyboard.press("Control+.");
    await page.waitForTimeout(2000);
    return (await menu.count()) > 0;
  });
  await page.waitForTimeout(400);
  await shot("3-quick-fix");
  await page.keyboard.press("Enter");
  const fixed = () => /copy\.deepcopy\(model\.state_dict\(\)\)/.test(onDisk("train.py")) && /^import copy$/m.test(onDisk("train.py"));
  await until("the fix on disk", async () => {
    await page.waitForTimeout(500);
    await page.keyboard.press("Control+s");
    await page.waitForTimeout(500);
    return fixed();
  });
  await shot("4-fixed");

  const before = onDisk("train.py");
  await palette("torchlint: Fix All Safe Findings in File");
  await page.waitForTimeout(1500);
  await page.keyboard.press("Control+s");
  await page.waitForTimeout(500);
  step(`fix all: ${onDisk("train.py") === before ? "nothing safe was left" : "applied"}`);

  await open("notebook.ipynb");
  await page.waitForSelector(".notebookOverlay .cell.code .view-line");
  await until("a squiggle in the notebook", async () => (await page.locator(".notebookOverlay .squiggly-error").count()) >= 1);
  await page.waitForTimeout(600);
  await shot("5-notebook");

  await palette("torchlint: Restart Server");
  await open("train.py");
  await until("squiggles after a restart", async () => (await squiggles()) >= 2);
  code = 0;
  console.log("ui: PASS");
} catch (error) {
  console.error("ui: FAIL", error);
  await browser?.contexts()[0]?.pages()[0]?.screenshot({ path: path.join(out, "failure.png") }).catch(() => {});
  try { console.error(execFileSync("sh", ["-c", `find ${userData} -name '*torchlint*.log' | xargs -r tail -n 60`], { encoding: "utf8" })); } catch { /* no log */ }
} finally {
  await browser?.close().catch(() => {});
  try { process.kill(-server.pid, "SIGTERM"); } catch { /* gone */ }
  fs.rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
process.exit(code);
