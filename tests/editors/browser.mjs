// What all tests in a browser share: a server on a port of its own, Chromium on its page, steps, screenshots, and an end that
// leaves no process and no file behind.
import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";

export const CACHE = process.env.TORCHLINT_EDITORS ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache"), "torchlint-editors");
export const PATIENCE = Number(process.env.PATIENCE_MS ?? 90_000);
const { chromium } = createRequire(path.join(CACHE, "playwright", "x.js"))("playwright-core");

/** A notebook with findings of three rules: one in its first cell with a safe fix, two in its last that rest on the cells before. */
export const NOTEBOOK = notebook([
  "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n" +
    "        self.out = nn.Linear(4, 2)\n\n    def forward(self, x):\n        return torch.softmax(self.out(F.dropout(x, 0.5)), dim=1)",
  "model = Net()\ncriterion = nn.CrossEntropyLoss()\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n" +
    "loader = [(torch.randn(8, 4), torch.zeros(8).long()) for _ in range(10)]",
  "for x, y in loader:\n    loss = criterion(model(x), y)\n    loss.backward()\n    optimizer.step()",
]);

export function notebook(cells) {
  const cell = (source, index) => ({ cell_type: "code", execution_count: null, id: `c${index}`, metadata: {}, outputs: [], source });
  const language = { name: "python", file_extension: ".py", mimetype: "text/x-python" };
  const metadata = { kernelspec: { display_name: "Python 3", language: "python", name: "python3" }, language_info: language };
  return JSON.stringify({ cells: cells.map(cell), metadata, nbformat: 4, nbformat_minor: 5 });
}

export function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => { const { port } = probe.address(); probe.close(() => resolve(port)); });
  });
}

/**
 * Runs a test and ends the process: 0 if it came to its end.
 *
 * @param name what the verdict is called
 * @param out the folder of screenshots and logs
 * @param start gives a new home folder and a port: {command, args, options, ready} of the server; `ready` is the path that
 *     answers when it is up
 * @param test gets {page, newPage, port, home, step, until, shot}; throws if anything is not as it should be
 * @param trouble gives the home folder: what to print after a failure
 */
export async function run(name, out, start, test, trouble = () => "") {
  fs.mkdirSync(out, { recursive: true });
  const started = Date.now();
  const step = (message) => console.log(`  [${((Date.now() - started) / 1000).toFixed(1)} s] ${message}`);
  const home = fs.mkdtempSync(path.join(os.tmpdir(), `torchlint-${name}-`));
  let browser, server, page;
  let code = 1;
  try {
    const port = await freePort();
    const { command, args, options, ready } = await start(home, port);
    const log = fs.openSync(path.join(out, "server.log"), "w");
    server = spawn(command, args, { ...options, stdio: ["ignore", log, log], detached: true });
    for (const deadline = Date.now() + PATIENCE; ; ) {
      try { await fetch(`http://127.0.0.1:${port}${ready}`); break; } catch { if (Date.now() > deadline || server.exitCode !== null) throw new Error("the server did not start"); }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    const newPage = async () => {
      const made = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
      page = made; // the latest one, for the picture of a failure
      made.setDefaultTimeout(PATIENCE);
      await made.route((url) => !["127.0.0.1", "localhost"].includes(url.hostname) && url.protocol.startsWith("http"), (route) => route.abort());
      return made;
    };
    const until = async (what, condition) => {
      for (const deadline = Date.now() + PATIENCE; ; ) {
        const seen = await condition();
        if (seen) { step(what); return seen; }
        if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    };
    await newPage();
    const shot = (called) => page.screenshot({ path: path.join(out, `${called}.png`) });
    await test({ page, newPage, port, home, step, until, shot });
    code = 0;
    console.log(`${name}: PASS`);
  } catch (error) {
    console.error(`${name}: FAIL ${error.stack ?? error}`);
    await page?.screenshot({ path: path.join(out, "failure.png") }).catch(() => {});
    console.error(trouble(home));
  } finally {
    await browser?.close().catch(() => {});
    for (const signal of ["SIGTERM", "SIGKILL"]) {
      try { process.kill(-server.pid, signal); } catch { break; }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  process.exit(code);
}
