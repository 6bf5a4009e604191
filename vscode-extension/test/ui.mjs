// ui.mjs OUT: what a person does with a fresh VS Code and a plain Python. Installs the .vsix, opens examples/train.py, sees the
// squiggles of at least three rules, reads the hover, lets libcst be installed, applies a quick fix, fixes all, saves, looks at
// the files on disk, and does the same in a notebook. Screenshots go to OUT.
import fs from "node:fs";
import path from "node:path";
import { run } from "../../tests/editors/browser.mjs";
import { EXTENSION, Workbench, codeServer, logs, makeWorkspace } from "./code_server.mjs";

await run("ui", path.resolve(process.argv[2]), start, test, logs);

function start(home, port) {
  return codeServer(home, port, makeWorkspace(path.join(home, "examples")), { vsix: path.join(EXTENSION, "torchlint.vsix") });
}

async function test({ page, port, home, step, until, shot }) {
  const workspace = path.join(home, "examples");
  const code = new Workbench(page);
  const onDisk = (name) => fs.readFileSync(path.join(workspace, name), "utf8");
  const saved = (what, name, pattern) => until(what, async () => {
    await page.keyboard.press("Control+s");
    await page.waitForTimeout(400);
    return pattern.test(onDisk(name));
  });
  const atLeastThree = (names) => {
    if (names.size < 3) throw new Error(`fewer than three rules: ${[...names]}`);
    step(`rules: ${[...names].join(", ")}`);
  };

  await code.load(port, workspace);
  step("the workbench");

  // see
  await code.open("train.py");
  await page.waitForSelector(".editor-instance .view-line");
  await until("squiggles in train.py", async () => (await code.squiggles()) >= 3);
  const rules = await code.problems();
  atLeastThree(rules);

  // what fixes need
  await until("the offer to install what fixes need", async () => (await code.messages()).some((text) => text.includes("libcst")));
  await shot("1-findings-and-offer");
  await page.locator(".notification-toast .monaco-button", { hasText: "Install" }).first().click();
  await until("libcst installed", async () => fs.existsSync(path.join(home, "data", "User", "globalStorage", "torchlint.torchlint"))
    && fs.readdirSync(path.join(home, "data", "User", "globalStorage", "torchlint.torchlint"), { recursive: true }).some((name) => String(name).endsWith("libcst")));
  await until("no message is left", async () => (await code.messages()).length === 0);
  await until("squiggles after the restart", async () => (await code.squiggles()) >= 3);
  await page.waitForTimeout(800);
  await shot("findings");
  await page.keyboard.press("Control+j");

  // understand
  const line = onDisk("train.py").split("\n").findIndex((text) => text.includes("= model.state_dict()")) + 1;
  await code.open("train.py");
  await code.place(line, onDisk("train.py").split("\n")[line - 1].indexOf("model.state_dict") + 2);
  await code.palette("Show or Focus Hover");
  await page.locator(".monaco-hover:not(.hidden)", { hasText: "state-dict-alias-snapshot" }).first().waitFor();
  await page.waitForTimeout(600);
  await shot("hover");
  step("the manual on the squiggle");
  await page.keyboard.press("Escape");

  // fix
  await code.lightBulb("Copy the weights", until);
  await page.waitForTimeout(400);
  await shot("quick-fix");
  await code.take("Copy the weights");
  await saved("the fix on disk", "train.py", /^import copy$[^]*copy\.deepcopy\(model\.state_dict\(\)\)/m);

  await code.open("engine.py");
  await until("squiggles in engine.py", async () => (await code.squiggles()) >= 3);
  await code.palette("torchlint: Fix All Safe Findings in File");
  await saved("all safe fixes on disk", "engine.py", /torch\.zeros\([^)]*device=/);
  await shot("fixed");

  // the same in a notebook
  await code.open("notebook.ipynb");
  await page.waitForSelector(".notebookOverlay .cell.code .view-line");
  await until("squiggles in the notebook", async () => (await code.squiggles(".notebookOverlay")) >= 3);
  atLeastThree(await code.problems());
  await page.keyboard.press("Control+j");
  const stepLine = page.locator(".notebookOverlay .view-line", { hasText: "optimizer.step" }).locator("span span").first();
  await stepLine.click();
  await page.waitForTimeout(400);
  await code.palette("Show or Focus Hover");
  await page.locator(".monaco-hover:not(.hidden)", { hasText: "missing-zero-grad" }).first().waitFor();
  await page.waitForTimeout(600);
  await shot("notebook");
  step("the manual on the squiggle in a cell");
  await page.keyboard.press("Escape");
  await stepLine.click();
  await code.lightBulb("Clear the gradients", until);
  await code.take("Clear the gradients");
  await saved("the fix in the notebook on disk", "notebook.ipynb", /zero_grad\(\)/);
  await code.palette("torchlint: Fix All Safe Findings in File");
  await saved("all safe fixes of the notebook on disk", "notebook.ipynb", /F\.dropout\(x, 0\.5, training=self\.training\)/);

  // explain, restart
  await code.open("train.py");
  await code.palette("torchlint: Explain a Rule…");
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "TL101" }).first().waitFor();
  await page.waitForTimeout(500);
  await shot("rules");
  await page.keyboard.type("TL101");
  await page.locator(".quick-input-list .monaco-list-row.focused", { hasText: "missing-zero-grad" }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.locator(".tab", { hasText: "missing-zero-grad" }).first().waitFor();
  await page.waitForTimeout(1500);
  await shot("explain");
  step("the page of a rule");
  await code.palette("torchlint: Restart Server");
  await page.locator(".tab", { hasText: "train.py" }).first().click();
  await code.place(19, 5);
  await until("squiggles after a restart", async () => (await code.squiggles()) >= 3);
}
