// exthost.mjs OUT: runs suite.cjs inside the extension host of a real VS Code, as @vscode/test-electron does. The extension is the
// unpacked .vsix, so that what is tested is what is shipped.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { CACHE, run } from "../../tests/editors/browser.mjs";
import { EXTENSION, codeServer, logs, makeWorkspace } from "./code_server.mjs";

const BLOCKS = path.resolve(EXTENSION, "..", "tests", "editors", "block.py");

await run("exthost", path.resolve(process.argv[2]), start, test, logs);

function start(home, port) {
  const page = execFileSync(process.env.PYTHON ?? "python3", [BLOCKS, "vscode", "json", "1"], { encoding: "utf8" });
  const env = {
    TORCHLINT_TEST_PYTHON: path.join(CACHE, "torchlint", "bin", "python"),
    TORCHLINT_TEST_BARE: path.join(CACHE, "bare-python", "bin", "python3"),
    TORCHLINT_TEST_FIX_ON_SAVE: page,
  };
  const doubles = ["python", "environments"].map((name) => path.join(EXTENSION, "test", "doubles", name));
  makeWorkspace(path.join(home, "examples"));
  fs.mkdirSync(path.join(makeWorkspace(path.join(home, "other")), ".vscode"));
  fs.writeFileSync(path.join(home, "other", ".vscode", "settings.json"), JSON.stringify({ "torchlint.ignore": ["state-dict-alias-snapshot"] }));
  const both = path.join(home, "both.code-workspace");
  fs.writeFileSync(both, JSON.stringify({ folders: [{ path: "examples" }, { path: "other" }] }));
  return codeServer(home, port, both, { extensions: doubles, env });
}

async function test({ page, port, home, shot }) {
  // The extension and its suite lie in the workspace's home, where the server reads them by path.
  const extension = path.join(home, "extension");
  fs.cpSync(path.join(CACHE, "vsix", "extension"), extension, { recursive: true });
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  const lines = [];
  // VS Code itself calls these two from its page.
  await page.exposeFunction("codeAutomationLog", (_, words) => {
    const line = words.join(" ");
    if (/^(ok|FAIL|\d+ passed)/.test(line)) { lines.push(line); console.log(`  ${line}`); }
  });
  await page.exposeFunction("codeAutomationExit", end);
  // Since 1.110 the payload counts only with the driver of smoke tests on, which code-server has no flag for.
  await page.addInitScript(() => {
    const get = Element.prototype.getAttribute;
    Element.prototype.getAttribute = function (name) {
      const value = get.call(this, name);
      if (this.id !== "vscode-workbench-web-configuration" || name !== "data-settings") return value;
      const settings = JSON.parse(value);
      settings.developmentOptions = { ...settings.developmentOptions, enableSmokeTestDriver: true };
      return JSON.stringify(settings);
    };
  });
  const remote = (file) => `vscode-remote://127.0.0.1:${port}${file}`;
  const payload = [["extensionDevelopmentPath", remote(extension)], ["extensionTestsPath", remote(path.join(EXTENSION, "test", "suite.cjs"))], ["skipWelcome", "true"]];
  await page.goto(`http://127.0.0.1:${port}/?workspace=${encodeURIComponent(path.join(home, "both.code-workspace"))}&payload=${encodeURIComponent(JSON.stringify(payload))}`);
  const code = await Promise.race([ended, new Promise((resolve) => setTimeout(() => resolve("no end"), 300_000).unref())]);
  await shot("exthost");
  if (code !== 0 || !lines.some((line) => /^\d+ passed, 0 failed/.test(line))) throw new Error(`the suite ended with ${code}`);
}
