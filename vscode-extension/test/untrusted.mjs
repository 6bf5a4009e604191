// untrusted.mjs OUT: a folder that its user does not trust brings a rule pack and names an interpreter. Findings are shown by the bundled
// server, nothing of the folder is run; once the folder is trusted, both count.
import assert from "node:assert";
import fs from "node:fs";
import path from "node:path";
import { run } from "../../tests/editors/browser.mjs";
import { EXTENSION, Workbench, codeServer, logs, makeWorkspace } from "./code_server.mjs";

await run("untrusted", path.resolve(process.argv[2]), start, test, logs);

function start(home, port) {
  const folder = makeWorkspace(path.join(home, "examples"));
  const touch = (file, body) => { fs.writeFileSync(path.join(folder, file), body); return path.join(folder, file); };
  const interpreter = touch("python.sh", `#!/bin/sh\ntouch '${home}/interpreter-ran'\nexec python3 "$@"\n`);
  fs.chmodSync(interpreter, 0o755);
  fs.mkdirSync(path.join(folder, "pack"));
  touch("pack/runs_code.py", `open(${JSON.stringify(path.join(home, "pack-ran"))}, "w")\n`);
  touch("torchlint.toml", 'packs = ["pack"]\n');
  fs.mkdirSync(path.join(folder, ".vscode"));
  touch(".vscode/settings.json", JSON.stringify({ "torchlint.interpreter": [interpreter] }));
  const settings = { "security.workspace.trust.enabled": true, "security.workspace.trust.startupPrompt": "never" };
  return codeServer(home, port, folder, { vsix: path.join(EXTENSION, "torchlint.vsix"), settings, trust: true });
}

async function test({ page, port, home, until, shot }) {
  const code = new Workbench(page);
  const ran = (what) => fs.existsSync(path.join(home, `${what}-ran`));
  await code.load(port, path.join(home, "examples"));
  await code.open("train.py");
  await until("squiggles in a folder that is not trusted", async () => (await code.squiggles()) >= 3);
  await page.waitForTimeout(2000);
  assert.ok(!ran("interpreter") && !ran("pack"), "code of the folder was run");
  await shot("untrusted");
  await code.palette("Workspaces: Manage Workspace Trust");
  await page.locator(".workspace-trust-buttons-row .monaco-button", { hasText: /^\s*Trust/ }).first().click();
  await until("after trust, its interpreter and its pack", () => ran("interpreter") && ran("pack"));
}
