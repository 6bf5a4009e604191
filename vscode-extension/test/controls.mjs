// controls.mjs OUT: what goes wrong, as a person sees it. Each time one message that says what is wrong and what to do; nothing else in
// the corner; and findings exactly where there can be some. One folder of VS Code for each.
import assert from "node:assert";
import fs from "node:fs";
import path from "node:path";
import { run } from "../../tests/editors/browser.mjs";
import { EXTENSION, Workbench, codeServer, logs, makeWorkspace } from "./code_server.mjs";

const PACK = `"""This rule is broken.

\`\`\`py bad
import torch  # XX901
\`\`\`

\`\`\`py good
import os
\`\`\`
"""

from torchlint.api import Category, Findings, Module, rule


@rule("XX901", "breaks-here", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    raise RuntimeError("this rule is broken")
    yield
`;

/** For each folder: its settings, the one message, whether there are findings, and what else is to be seen. */
const FOLDERS = {
  "broken-interpreter": {
    settings: { "torchlint.interpreter": ["/bin/false"] },
    message: /torchlint\.interpreter names `\/bin\/false`, which is no Python\. torchlint needs Python 3\.10 or newer/,
    findings: false,
  },
  "no-server": { settings: { "torchlint.path": ["/nonexistent/torchlint", "server"] }, message: /torchlint\.path names `\/nonexistent\/torchlint server`, which does not run as a server: .*ENOENT/, findings: false },
  "no-language-server": { settings: { "torchlint.path": ["/bin/false"] }, message: /torchlint\.path names `\/bin\/false`, which does not run as a server: it ended before it had answered/, findings: false },
  "broken-configuration": { settings: { "torchlint.codeAction.fixViolation": { enable: false } }, message: /selct/, findings: false },
  "switched-off": { settings: { "torchlint.enable": false }, message: undefined, findings: false },
  "no-libcst": { settings: {}, message: /libcst.*Python 3\.\d+ does not have/, findings: true, also: offersToInstall },
  "broken-rule": { settings: { "torchlint.codeAction.fixViolation": { enable: false } }, message: undefined, findings: true, also: tellsOfTheRule },
};

await run("controls", path.resolve(process.argv[2]), start, test, logs);

function start(home, port) {
  for (const [name, { settings }] of Object.entries(FOLDERS)) {
    const folder = makeWorkspace(path.join(home, name));
    fs.mkdirSync(path.join(folder, ".vscode"));
    fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify(settings));
  }
  fs.writeFileSync(path.join(home, "broken-configuration", "torchlint.toml"), 'selct = ["TL7"]\n');
  fs.mkdirSync(path.join(home, "broken-rule", "pack"));
  fs.writeFileSync(path.join(home, "broken-rule", "pack", "breaks_here.py"), PACK);
  fs.writeFileSync(path.join(home, "broken-rule", "torchlint.toml"), 'packs = ["pack"]\n');
  return codeServer(home, port, path.join(home, "broken-interpreter"), { vsix: path.join(EXTENSION, "torchlint.vsix") });
}

async function test({ newPage, port, home, step, until, shot }) {
  for (const [name, { message, findings, also }] of Object.entries(FOLDERS)) {
    if (process.env.ONLY && name !== process.env.ONLY) continue;
    const page = await newPage();
    const code = new Workbench(page);
    await code.load(port, path.join(home, name));
    await code.open("train.py");
    await page.waitForSelector(".editor-instance .view-line");
    if (message) await until(`${name}: a message`, async () => (await code.messages()).length > 0);
    if (findings) await until(`${name}: squiggles`, async () => (await code.squiggles()) >= 3);
    await page.waitForTimeout(message || findings ? 1500 : 8000); // what should not come has its time to come
    const messages = await code.messages();
    assert.equal(messages.length, message ? 1 : 0, `${name}: ${messages.join(" | ")}`);
    if (message) assert.match(messages[0], message);
    if (!findings) assert.equal(await code.squiggles(), 0, name);
    await also?.(code, until);
    await shot(name);
    step(`${name}: as it should be`);
    await page.context().close();
  }
}

async function offersToInstall(code, until) {
  const lines = fs.readFileSync(path.join(EXTENSION, "..", "examples", "train.py"), "utf8").split("\n");
  await code.place(lines.findIndex((line) => line.includes("= model.state_dict()")) + 1, 40);
  await code.lightBulb("Install what the fix needs (libcst)", until);
}

async function tellsOfTheRule(code) {
  await code.problems();
  const rows = await code.page.locator(".markers-panel .monaco-list-row", { hasText: "rule-crashed" }).allInnerTexts();
  assert.equal(rows.length, 1, rows.join(" | "));
  assert.match(rows[0], /breaks-here.*breaks_here\.py.*this rule is broken/);
}
