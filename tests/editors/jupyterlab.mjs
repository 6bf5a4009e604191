// jupyterlab.mjs FOLDER OUT: findings in a file and in the cells of a notebook in JupyterLab, with the configuration of
// docs/editors/jupyterlab.md in FOLDER/config. jupyterlab-lsp has no code actions, so the repair is typed, as its user would.
import fs from "node:fs";
import path from "node:path";
import { CACHE, NOTEBOOK, run } from "./browser.mjs";

const [folder, out] = process.argv.slice(2).map((name) => path.resolve(name));
const bin = path.join(CACHE, "jupyterlab", "venv", "bin");
const SQUIGGLES = ":is(.cm-lintRange-error, .cm-lintRange-warning, .cm-lintRange-info)";

await run("jupyterlab", out, start, test, () => fs.readFileSync(path.join(out, "server.log"), "utf8").split("\n").slice(-30).join("\n"));

function start(home, port) {
  const files = path.join(folder, "examples");
  fs.writeFileSync(path.join(files, "notebook.ipynb"), NOTEBOOK);
  const config = path.join(folder, "config");
  fs.writeFileSync(path.join(config, "jupyter_server_config.json"), JSON.stringify({
    ServerApp: { token: "", password: "", open_browser: false, allow_root: true, ip: "127.0.0.1", root_dir: files },
    LabApp: { news_url: null, check_for_updates_class: "jupyterlab.NeverCheckForUpdate" },
    LanguageServerManager: { autodetect: false },
  }));
  const env = { ...process.env, HOME: home, JUPYTER_CONFIG_DIR: config, JUPYTER_DATA_DIR: path.join(home, "data"), JUPYTER_RUNTIME_DIR: path.join(home, "run"), PATH: `${process.env.PATH}:${bin}` };
  return { command: path.join(bin, "jupyter"), args: ["lab", "--port", String(port), "--no-browser"], options: { cwd: files, env }, ready: "/api" };
}

async function test({ page, port, step, until, shot }) {
  const seen = (inside, what = SQUIGGLES) => page.locator(`${inside} ${what}`).count();

  await page.goto(`http://127.0.0.1:${port}/lab/tree/train.py`);
  await page.waitForSelector(".jp-FileEditor .cm-line");
  // The editor draws what is in sight, and the squiggles of one range on top of each other.
  await until("squiggles in train.py", async () => (await seen(".jp-FileEditor")) >= 3);

  await page.goto(`http://127.0.0.1:${port}/lab/tree/notebook.ipynb`);
  await page.waitForSelector(".jp-Notebook .jp-CodeCell .cm-line");
  await until("squiggles of three rules in the notebook", async () => (await seen(".jp-Notebook")) >= 3);
  await page.locator(".jp-Notebook .cm-lintRange-error", { hasText: "optimizer" }).first().hover();
  await page.locator(".cm-tooltip", { hasText: "nothing in the loop clears them" }).first().waitFor();
  await page.waitForTimeout(300);
  await shot("jupyterlab");
  step("the finding on the squiggle");

  await page.mouse.move(5, 5);
  await page.locator(".jp-Notebook .cm-line", { hasText: "optimizer.step()" }).click();
  await page.keyboard.press("End");
  await page.keyboard.type("\noptimizer.zero_grad()");
  await until("one squiggle less", async () => (await page.locator(".jp-Notebook .cm-lintRange-error", { hasText: "optimizer" }).count()) === 0);
  await page.keyboard.press("Control+s");
  await until("the repair on disk", () => fs.readFileSync(path.join(folder, "examples", "notebook.ipynb"), "utf8").includes("zero_grad()"));
}
