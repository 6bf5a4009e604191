// theia.mjs THEIA EXTENSION EXAMPLES OUT: the extension in Eclipse Theia, a host of VS Code extensions that shares no code with VS Code's.
import fs from "node:fs";
import path from "node:path";
import { CACHE, run } from "./browser.mjs";

const [theia, extension, examples, out] = process.argv.slice(2).map((name) => path.resolve(name));

await run("theia", out, start, test, () => fs.readFileSync(path.join(out, "server.log"), "utf8").split("\n").slice(-40).join("\n"));

function start(home, port) {
  fs.cpSync(examples, path.join(home, "examples"), { recursive: true });
  const plugins = path.join(home, "plugins");
  fs.cpSync(extension, path.join(plugins, "torchlint"), { recursive: true });
  // Theia by itself knows no languages; in a product, VS Code's own python extension brings this one.
  const python = { name: "python-language", publisher: "torchlint", version: "1.0.0", engines: { vscode: "*" }, contributes: { languages: [{ id: "python", extensions: [".py"] }] } };
  fs.mkdirSync(path.join(plugins, "python-language"));
  fs.writeFileSync(path.join(plugins, "python-language", "package.json"), JSON.stringify(python));
  // its Python has libcst: the environment of the command line
  const env = { ...process.env, HOME: home, THEIA_CONFIG_DIR: path.join(home, ".theia"), PATH: `${path.join(CACHE, "torchlint", "bin")}:${process.env.PATH}` };
  const args = [path.join(theia, "lib", "backend", "main.js"), path.join(home, "examples"), "--hostname", "127.0.0.1", "--port", String(port), `--plugins=local-dir:${plugins}`];
  return { command: path.join(theia, "node"), args, options: { cwd: theia, env }, ready: "/" };
}

async function test({ page, port, home, step, until, shot }) {
  const train = path.join(home, "examples", "train.py");
  await page.goto(`http://127.0.0.1:${port}/#${path.join(home, "examples")}`);
  await page.waitForSelector("#theia-statusBar .element");
  await page.waitForSelector(".theia-preload", { state: "detached" });
  step("the shell");
  await page.locator("#shell-tab-explorer-view-container").click();
  await page.locator('#explorer-view-container .theia-TreeNode[title$="/train.py"]').dblclick();
  await page.waitForSelector(".monaco-editor .view-line");
  await until("squiggles in train.py", async () => (await page.locator(":is(.squiggly-error, .squiggly-warning)").count()) >= 3);
  await shot("1-findings");

  const lines = fs.readFileSync(train, "utf8").split("\n");
  await page.locator(".monaco-editor .view-line").first().click();
  await page.keyboard.press("Control+g");
  await page.waitForTimeout(500);
  await page.keyboard.type(`${lines.findIndex((line) => line.includes("= model.state_dict()")) + 1},40`);
  await page.keyboard.press("Enter");
  const fix = page.locator(".action-widget .monaco-list-row", { hasText: "Copy the weights" });
  await until("the fix on the light bulb", async () => {
    if (await page.locator(".action-widget").count()) await page.keyboard.press("Escape");
    await page.waitForTimeout(500);
    await page.keyboard.press("Control+.");
    await page.waitForTimeout(1500);
    return (await fix.count()) > 0;
  });
  await shot("2-quick-fix");
  await page.keyboard.press("Enter");
  await until("the fix on disk", async () => {
    await page.keyboard.press("Control+s");
    await page.waitForTimeout(400);
    return fs.readFileSync(train, "utf8").includes("copy.deepcopy(model.state_dict())");
  });
}
