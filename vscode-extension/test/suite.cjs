// Runs inside the extension host of VS Code, with its real API; `run` is what VS Code calls (extensionTestsPath).
const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");

const { TORCHLINT_TEST_PYTHON: PYTHON, TORCHLINT_TEST_BARE: BARE, TORCHLINT_TEST_FIX_ON_SAVE: FIX_ON_SAVE } = process.env;
const { Workspace, Global } = { Workspace: vscode.ConfigurationTarget.Workspace, Global: vscode.ConfigurationTarget.Global };
const { Error: ERROR, Warning: WARNING, Information: INFORMATION } = vscode.DiagnosticSeverity;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (what, condition, patience = 45_000) => {
  for (const deadline = Date.now() + patience; ; await pause(50)) {
    const seen = await condition();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
  }
};
const root = () => vscode.workspace.workspaceFolders[0].uri;
const file = (name) => vscode.Uri.joinPath(root(), name);
const onDisk = (name) => fs.readFileSync(file(name).fsPath, "utf8");
const found = (uri) => vscode.languages.getDiagnostics(uri).filter((item) => item.source === "torchlint");
const nameOf = (item) => String(item.code?.value ?? item.code);
const names = (uri) => found(uri).map(nameOf).sort();
const open = async (name) => {
  const document = await vscode.workspace.openTextDocument(file(name));
  await vscode.window.showTextDocument(document);
  return document;
};
const finding = (uri, name) => until(`${name}`, () => found(uri).find((item) => nameOf(item) === name));
const actions = (uri, range, kind) => vscode.commands.executeCommand("vscode.executeCodeActionProvider", uri, range, kind);
const set = (key, value) => vscode.workspace.getConfiguration("torchlint", root()).update(key, value, Workspace);
const debug = async () => JSON.parse(await vscode.commands.executeCommand("torchlint.debugInformation"));
const tabs = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs.map((tab) => tab.label));
/** Runs something with settings that are taken back. */
const having = async (values, body) => {
  for (const [key, value] of Object.entries(values)) await set(key, value);
  try { await body(); } finally { for (const key of Object.keys(values)) await set(key, undefined); }
};

let api;
const extension = () => vscode.extensions.getExtension("torchlint.torchlint");

const tests = {
  async "findings in a file, each once"() {
    const { uri } = await open("train.py");
    api = await extension().activate();
    await until("findings", () => found(uri).length);
    const all = found(uri);
    assert.ok(new Set(all.map(nameOf)).size >= 3, names(uri).join());
    assert.equal(new Set(all.map((item) => `${nameOf(item)} ${item.range.start.line}`)).size, all.length);
    assert.ok(all.some((item) => item.relatedInformation?.some((place) => place.location.uri.path.endsWith("engine.py"))), "no place in another file");
    this.count = all.length;
  },
  async "every command that the extension declares exists"() {
    const known = await vscode.commands.getCommands(true);
    const declared = extension().packageJSON.contributes.commands.map(({ command }) => command);
    assert.deepEqual(declared.filter((command) => !known.includes(command)), []);
  },
  async "the Python of the Python extension runs the server, and a switch restarts it"() {
    assert.deepEqual(api.interpreter().command, [PYTHON]);
    assert.equal((await debug()).executable, PYTHON);
    assert.equal((await debug()).fixes, true);
    assert.equal(api.status().severity, vscode.LanguageStatusSeverity.Information);
    await vscode.commands.executeCommand("double.python.select", BARE);
    await until("the other Python", () => api.interpreter()?.command[0] === BARE);
  },
  async "where libcst is missing, findings stay, and a fix offers to install it"() {
    const { uri } = await open("train.py");
    await until("the status", () => api.status().severity === vscode.LanguageStatusSeverity.Warning);
    assert.match(api.status().detail, /libcst/);
    const alias = await finding(uri, "state-dict-alias-snapshot");
    const offered = await until("the offer", async () => (await actions(uri, alias.range)).find((action) => action.title.includes("libcst")));
    assert.equal(offered.command.command, "torchlint.installFixes");
    assert.equal(found(uri).length, this.count);
  },
  async "the newer Python Environments extension goes first"() {
    await vscode.commands.executeCommand("double.environments.select", PYTHON);
    await until("its Python", () => api.interpreter()?.command[0] === PYTHON);
    await until("fixes", () => api.status().severity === vscode.LanguageStatusSeverity.Information);
  },
  async "the setting goes before all of them, and one that is no Python gets one sentence"() {
    const { uri } = await open("train.py");
    await having({ interpreter: [BARE] }, () => until("the Python of the setting", () => api.interpreter()?.command[0] === BARE));
    await until("the selected Python again", () => api.interpreter()?.command[0] === PYTHON);
    await having({ interpreter: ["/bin/false"] }, async () => {
      await until("the status", () => api.status().severity === vscode.LanguageStatusSeverity.Error);
      assert.match(api.status().detail, /torchlint\.interpreter names `\/bin\/false`, which is no Python\..*3\.10/);
      assert.equal(api.interpreter(), undefined);
      await until("no findings of a server that is gone", () => found(uri).length === 0);
    });
    await having({ interpreter: ["/bin/sh", "-c", "echo 3 8"] }, () => until("the sentence", () => /which is Python 3\.8\. .*3\.10 or newer/.test(api.status().detail)));
    await until("findings again", () => found(uri).length === this.count);
  },
  async "import strategy: the bundled torchlint or that of the environment"() {
    assert.match((await debug()).location, /bundled/);
    await having({ importStrategy: "fromEnvironment" }, () =>
      until("the environment's torchlint", async () => { try { return !/bundled/.test((await debug()).location); } catch { return false; } }));
    await until("the bundled one again", async () => { try { return /bundled/.test((await debug()).location); } catch { return false; } });
  },
  async "restarts in a row leave one server"() {
    await Promise.all([1, 2, 3].map(() => vscode.commands.executeCommand("torchlint.restart")));
    const { uri } = await open("train.py");
    await until("findings", () => found(uri).length === this.count);
    const servers = () => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n").filter((line) => line.includes(path.join(extension().extensionPath, "bundled", "tool")));
    await until("one server", () => servers().length === 1);
  },
  async "settings work at once: enable, select, ignore, severity, configuration"() {
    const { uri } = await open("train.py");
    await having({ enable: false }, () => until("nothing", () => found(uri).length === 0));
    await having({ select: ["state-dict-alias-snapshot"] }, () => until("one rule", () => names(uri).join() === "state-dict-alias-snapshot"));
    await having({ ignore: ["TL702"] }, () => until("all but one", () => found(uri).length === this.count - 1));
    await having({ severity: { "state-dict-alias-snapshot": "info" } }, () =>
      until("another severity", () => found(uri).some((item) => nameOf(item) === "state-dict-alias-snapshot" && item.severity === INFORMATION)));
    const other = path.join(path.dirname(root().fsPath), "other.toml");
    fs.writeFileSync(other, 'select = ["TL703"]\n');
    await having({ configuration: other }, () => until("the other configuration", () => names(uri).join() === "strict-false-result-ignored"));
    await until("all findings again", () => found(uri).length === this.count);
    assert.ok(found(uri).some((item) => item.severity === WARNING) && found(uri).some((item) => item.severity === ERROR));
  },
  async "every folder has its own settings"() {
    const { uri } = await open("train.py");
    const other = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(vscode.workspace.workspaceFolders[1].uri, "train.py"));
    await until("one finding less in the other folder", () => found(other.uri).length === this.count - 1);
    assert.ok(!names(other.uri).includes("state-dict-alias-snapshot"));
    assert.equal(found(uri).length, this.count);
  },
  async "a configuration file that is saved counts at once"() {
    const { uri } = await open("train.py");
    fs.writeFileSync(file("torchlint.toml").fsPath, 'ignore = ["TL702"]\n');
    await until("one finding less", () => found(uri).length === this.count - 1);
    fs.rmSync(file("torchlint.toml").fsPath);
    await until("all findings again", () => found(uri).length === this.count);
  },
  async "the whole workspace, where that is wanted"() {
    const closed = file("pretrain.py");
    assert.deepEqual(found(closed), []);
    await having({ diagnosticMode: "workspace" }, () => until("findings in a file that nobody opened", () => found(closed).length > 0));
    await until("none again", () => found(closed).length === 0);
  },
  async "what the light bulb offers can be chosen"() {
    const { uri } = await open("train.py");
    const alias = await finding(uri, "state-dict-alias-snapshot");
    const titles = async () => (await actions(uri, alias.range)).map((action) => action.title).join("\n");
    await until("all", async () => /Copy the weights/.test(await titles()) && /Ignore/.test(await titles()));
    await having({ "codeAction.disableRuleComment": { enable: false } }, () => until("no ignore", async () => /Copy/.test(await titles()) && !/Ignore/.test(await titles())));
    await having({ "codeAction.fixViolation": { enable: false } }, () => until("no fix", async () => !/Copy/.test(await titles()) && /Ignore/.test(await titles())));
  },
  async "an unsafe fix is not preferred, says so, and is applied"() {
    const document = await open("train.py");
    const alias = await finding(document.uri, "state-dict-alias-snapshot");
    const fix = await until("the fix", async () => (await actions(document.uri, alias.range, "quickfix")).find((action) => action.title.startsWith("Copy the weights")));
    assert.ok(!fix.isPreferred && /unsafe/.test(fix.title), fix.title);
    assert.ok(await vscode.workspace.applyEdit(fix.edit));
    await until("one finding less", () => found(document.uri).length === this.count - 1);
    assert.match(document.getText(), /copy\.deepcopy\(model\.state_dict\(\)\)/);
    await vscode.commands.executeCommand("undo");
    await until("it comes back with an undo", () => found(document.uri).length === this.count);
  },
  async "a finding is ignored with a reason"() {
    const document = await open("train.py");
    const alias = await finding(document.uri, "state-dict-alias-snapshot");
    const ignore = await until("ignore", async () => (await actions(document.uri, alias.range, "quickfix")).find((action) => /^Ignore .* line/.test(action.title)));
    await vscode.workspace.applyEdit(ignore.edit);
    await until("one finding less", () => found(document.uri).length === this.count - 1);
    assert.match(document.getText(), /# torchlint: ignore\[state-dict-alias-snapshot\]/);
    await vscode.commands.executeCommand("undo");
    await until("it comes back with an undo", () => found(document.uri).length === this.count);
    await document.save();
  },
  async "safe fixes on save, with the settings of the page"() {
    const document = await open("engine.py");
    const cpu = await finding(document.uri, "tensor-created-on-cpu");
    const fix = await until("the fix", async () => (await actions(document.uri, cpu.range, "quickfix")).find((action) => action.isPreferred));
    assert.ok(!/unsafe/.test(fix.title), fix.title);
    const before = document.getText();
    for (const [key, value] of Object.entries(JSON.parse(FIX_ON_SAVE))) await vscode.workspace.getConfiguration().update(key, value, Global);
    const type = (text) => { const edit = new vscode.WorkspaceEdit(); edit.insert(document.uri, new vscode.Position(document.lineCount - 1, 0), text); return vscode.workspace.applyEdit(edit); };
    await having({ fixAll: false }, async () => {
      await type("# a\n");
      await document.save();
      assert.equal(document.getText().replace("# a\n", ""), before, "fixAll is off");
    });
    await type("# b\n");
    await pause(1500);
    await document.save();
    assert.notEqual(document.getText().replace(/# [ab]\n/g, ""), before);
    assert.equal(onDisk("engine.py"), document.getText());
    await until("its findings are gone", () => !names(document.uri).includes("tensor-created-on-cpu"));
  },
  async "the command that fixes all"() {
    const document = await open("distill.py");
    await finding(document.uri, "graph-accumulation");
    await vscode.commands.executeCommand("torchlint.fixAll");
    await until("the fix", () => /total \+= loss\.(item|detach)\(\)/.test(document.getText()));
    await until("its finding is gone", () => !names(document.uri).includes("graph-accumulation"));
  },
  async "hover: the manual of the rule, on the squiggle and in an ignore comment"() {
    const { uri } = await open("train.py");
    const alias = await finding(uri, "state-dict-alias-snapshot");
    const manual = async (where, at) => (await vscode.commands.executeCommand("vscode.executeHoverProvider", where, at)).flatMap((hover) => hover.contents.map((part) => part.value)).join();
    await until("the manual", async () => /TL702/.test(await manual(uri, alias.range.start)));
    const untitled = await vscode.workspace.openTextDocument({ language: "python", content: "import torch  # torchlint: ignore[TL101]\n" });
    await until("the manual of a named rule", async () => /missing-zero-grad/.test(await manual(untitled.uri, new vscode.Position(0, 35))));
  },
  async "the code action that explains shows the page of the rule, and it is nothing to be saved"() {
    const { uri } = await open("train.py");
    const alias = await finding(uri, "state-dict-alias-snapshot");
    const explain = await until("explain", async () => (await actions(uri, alias.range, "quickfix")).find((action) => action.title.startsWith("Explain")));
    await vscode.commands.executeCommand(explain.command.command, ...explain.command.arguments);
    await until("the page", () => tabs().some((label) => label.includes("state-dict-alias-snapshot")));
    assert.ok(!vscode.workspace.textDocuments.some((document) => document.isUntitled && document.isDirty && document.languageId === "markdown"));
  },
  async "every rule can be picked from a list, those under the cursor first"() {
    const { uri } = await open("train.py");
    const alias = await finding(uri, "state-dict-alias-snapshot");
    vscode.window.activeTextEditor.selection = new vscode.Selection(alias.range.start, alias.range.start);
    const rules = await vscode.commands.executeCommand("torchlint.rules");
    assert.ok(rules.length > 50 && rules.every(({ code, name, category, title }) => code && name && category && title));
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    await open("train.py");
    vscode.window.activeTextEditor.selection = new vscode.Selection(alias.range.start, alias.range.start);
    void vscode.commands.executeCommand("torchlint.explainRule");
    await pause(2000);
    await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
    await until("the page", () => tabs().some((label) => label.includes("state-dict-alias-snapshot")));
  },
  async "debug information is a page"() {
    await vscode.commands.executeCommand("torchlint.showDebugInformation");
    const page = await until("the page", () => vscode.workspace.textDocuments.find((document) => document.uri.scheme === "torchlint" && document.uri.path.endsWith(".json")));
    const about = JSON.parse(page.getText());
    assert.equal(about.extension, extension().packageJSON.version);
    assert.equal(about.server.torchlint, extension().packageJSON.version);
  },
  async "a text that was never saved"() {
    const content = "import torch\nfrom torch import nn\nmodel = nn.Linear(2, 2)\nbest = model.state_dict\nloss = nn.CrossEntropyLoss()(nn.Softmax(1)(model(torch.ones(2, 2))), torch.ones(2).long())\n";
    const { uri } = await vscode.workspace.openTextDocument({ language: "python", content });
    await finding(uri, "softmax-before-cross-entropy");
  },
  async "a notebook is one program"() {
    const notebook = await vscode.workspace.openNotebookDocument(file("notebook.ipynb"));
    await vscode.window.showNotebookDocument(notebook);
    const cells = () => notebook.getCells().map((cell) => names(cell.document.uri).join("+")).join("|");
    await until("findings in two cells", () => cells() === "functional-dropout-always-on||missing-zero-grad+softmax-before-cross-entropy");
    const second = notebook.cellAt(1).document;
    const edit = new vscode.WorkspaceEdit();
    edit.replace(second.uri, new vscode.Range(1, 12, 1, 31), "nn.MSELoss()");
    await vscode.workspace.applyEdit(edit);
    await until("one finding less after an edit of another cell", () => cells() === "functional-dropout-always-on||missing-zero-grad");
    await pause(1500);
    await notebook.save(); // fixes on save are still on
    await until("the safe fix on disk", () => onDisk("notebook.ipynb").includes("F.dropout(x, 0.5, training=self.training)"));
    await until("its finding is gone", () => cells() === "||missing-zero-grad");
  },
  async "what a fix puts at the end of a cell stays in that cell"() {
    const late = "for x, y in loader:\n    optimizer.zero_grad()\n    loss = nn.MSELoss()(model(x), y)\n    optimizer.step()\n    loss.backward()";
    const sources = ["import torch\nfrom torch import nn\nmodel = nn.Linear(2, 2)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)", late, "print(model)"];
    const cells = sources.map((source) => new vscode.NotebookCellData(vscode.NotebookCellKind.Code, source, "python"));
    const notebook = await vscode.workspace.openNotebookDocument("jupyter-notebook", new vscode.NotebookData(cells));
    await vscode.window.showNotebookDocument(notebook);
    const { uri } = notebook.cellAt(1).document;
    const early = await finding(uri, "step-before-backward");
    const fix = await until("the fix", async () => (await actions(uri, early.range, "quickfix")).find((action) => action.title.startsWith("Step after")));
    assert.ok(await vscode.workspace.applyEdit(fix.edit));
    assert.deepEqual(notebook.getCells().map((cell) => cell.document.getText()), [sources[0], late.replace("    optimizer.step()\n", "") + "\n    optimizer.step()", sources[2]]);
    await until("its finding is gone", () => !names(uri).includes("step-before-backward"));
  },
  async "a server of one's own, and one that does not start"() {
    const { uri } = await open("train.py");
    await having({ path: [path.join(path.dirname(PYTHON), "torchlint"), "server"] }, async () => {
      await until("it runs", async () => { try { return !api.interpreter() && !/bundled/.test((await debug()).location); } catch { return false; } });
      await until("its findings", () => found(uri).length === this.count);
    });
    for (const path of ["/nonexistent/torchlint", "/bin/false"])
      await having({ path: [path] }, () => until("the status", () => api.status().detail?.includes(`torchlint.path names \`${path}\``)));
    await until("the bundled one again", () => found(uri).length === this.count && api.status().severity === vscode.LanguageStatusSeverity.Information);
  },
};

exports.run = async () => {
  const shared = {};
  let passed = 0, failed = 0;
  for (const [name, body] of Object.entries(tests)) {
    const started = Date.now();
    try {
      await body.call(shared);
      passed++;
      console.log(`ok   ${name} (${Date.now() - started} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}: ${error.stack}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed) throw new Error(`${failed} tests failed`);
};
