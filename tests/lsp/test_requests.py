"""What an editor asks: code actions, hovers, commands, a whole workspace; and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import VSCODE, Client, applied, edits_of
from torchlint import docs, packs
from torchlint.lsp.session import Session, ignore_edit, ignore_file_edit

ROOT = Path(__file__).resolve().parents[2]
AMP = "import torch\n\nwith torch.cuda.amp.autocast():\n    pass\nwith torch.cuda.amp.autocast():\n    print(1)\n"
ALIAS = """\
import torch

optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
best = model.state_dict()
for x, y in loader:
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
model.load_state_dict(best)"""
LOSS = """\
import torch
from torch.nn import functional as F


def loss_of(model, x, y):
    return F.cross_entropy(F.softmax(model(x), dim=-1), y)
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path)
    yield client
    client.process.kill()
    client.process.wait()


# code actions


def test_all_safe_fixes_of_a_rule(client: Client) -> None:
    uri = client.open("amp.py", AMP)
    first, _ = client.wait(uri, 1)
    (action,) = [a for a in client.actions(uri, first) if a["title"].startswith("Fix all 2 safe")]
    client.change(uri, applied(AMP, edits_of(action["edit"], uri)), 2)
    assert client.codes(uri, 2) == []


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (["source.fixAll"], ["source.fixAll.torchlint"]),
        (["source"], ["source.fixAll.torchlint"]),
        (["source.fixAll.torchlint"], ["source.fixAll.torchlint"]),
        (["notebook.source.fixAll"], ["notebook.source.fixAll.torchlint"]),
        (["source.organizeImports"], []),
        (["source.fixAll.ruff"], []),
        (["refactor"], []),
        ([], []),
    ],
)
def test_what_is_asked_for_by_kind(client: Client, only: list[str], kinds: list[str]) -> None:
    uri = client.open("amp.py", AMP)
    client.wait(uri, 1)
    assert [action["kind"] for action in client.actions(uri, only=only)] == kinds


def test_a_client_that_names_no_finding_gets_the_actions_of_its_range(client: Client) -> None:
    """As ALE for Vim does, which sends the word under the cursor."""
    uri = client.open("amp.py", AMP)
    first, second = client.wait(uri, 1)
    mine = client.actions(uri, first)

    def at(start: tuple[int, int], end: tuple[int, int], *foreign: dict[str, Any]) -> list[dict[str, Any]]:
        where = {key: {"line": at[0], "character": at[1]} for key, at in (("start", start), ("end", end))}
        params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": list(foreign)}}
        return client.request("textDocument/codeAction", params) or []

    assert mine and at((2, 7), (2, 9)) == mine
    assert at((2, 7), (2, 9), {**first, "source": "other"}) == mine
    assert at((2, 0), (2, 2)) == [] == at((3, 0), (3, 8))
    assert at((0, 0), (9, 0)) == mine + client.actions(uri, second)


def test_edits_carry_the_version_and_old_findings_have_no_actions(client: Client) -> None:
    uri = client.open("amp.py", AMP)
    items = client.wait(uri, 1)
    edits = [action["edit"] for action in client.actions(uri, items[0]) if "edit" in action]
    assert all(change["textDocument"]["version"] == 1 for edit in edits for change in edit["documentChanges"])
    client.insert(uri, 2, {"line": 0, "character": 0}, "# a new first line\n")
    assert client.actions(uri, items[0]) == [], "the edits would be one line off"
    client.wait(uri, 2)
    assert client.actions(uri, items[0]) == []
    assert client.actions(uri, client.diagnostics[uri][0])


def test_fix_all_in_a_notebook_is_one_edit_over_its_cells(client: Client) -> None:
    texts = ["import torch\n", "%time\nwith torch.cuda.amp.autocast():\n    pass", "print(1)", AMP.split("\n", 2)[2]]
    (client.folder / "torchlint.toml").write_text('select = ["TL902"]\n')
    names = client.open_notebook("amp.ipynb", texts)
    assert [len(client.wait(name)) for name in names] == [0, 1, 0, 2]
    (action,) = client.actions(names[0], only=["notebook.source.fixAll.torchlint"])
    new = [applied(text, edits_of(action["edit"], name)) for text, name in zip(texts, names, strict=True)]
    assert [text.count("torch.amp.autocast(") for text in new] == [0, 1, 0, 2]
    assert new[1].startswith("%time\nwith torch.amp")
    (ignore,) = [
        a
        for a in client.actions(names[3], client.diagnostics[names[3]][0])
        if a["title"].endswith("in this file") and "Ignore" in a["title"]
    ]
    assert edits_of(ignore["edit"], names[3])[0]["range"]["start"] == {"line": 0, "character": 0}


LATE = """\
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    optimizer.step()
    loss.backward()"""
IN_ORDER = LATE.replace("    optimizer.step()\n", "") + "\n    optimizer.step()"


@pytest.mark.parametrize("end", ["", "\n", "\n\n# so much for that"])
@pytest.mark.parametrize("after", [[], ["print(1)"], ["%%bash\nls", "for x in y:\n    pass"], [""]])
def test_what_is_put_at_the_end_of_a_cell_stays_in_it(client: Client, end: str, after: list[str]) -> None:
    setup = "import torch\nfrom torch import nn"
    model = "model = nn.Linear(2, 2)\ncriterion = nn.MSELoss()\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)"
    names = client.open_notebook("late.ipynb", [setup, model, LATE + end, *after])
    (finding,) = [item for item in client.wait(names[2]) if item["code"] == "step-before-backward"]
    (fix,) = [action for action in client.actions(names[2], finding) if action["title"].startswith("Step after")]
    touched = [name for name in names if edits_of(fix["edit"], name)]
    assert touched == [names[2]]
    assert applied(LATE + end, edits_of(fix["edit"], names[2])) == IN_ORDER + end


def test_an_import_at_the_start_of_a_notebook(client: Client) -> None:
    texts = ["from torch import nn\n\nmodel = nn.Linear(2, 2)\nloader = ()", ALIAS]
    names = client.open_notebook("alias.ipynb", texts)
    (finding,) = [item for item in client.wait(names[1]) if item["code"] == "state-dict-alias-snapshot"]
    (fix,) = [action for action in client.actions(names[1], finding) if action["title"].startswith("Copy the weights")]
    new = [applied(text, edits_of(fix["edit"], name)) for text, name in zip(texts, names, strict=True)]
    assert new[0] == f"import copy\n\n{texts[0]}"
    assert "copy.deepcopy(model.state_dict())" in new[1]


def test_every_way_to_ignore_silences(tmp_path: Path) -> None:
    """For each finding of all examples: the comment on the line, and the one for the file."""
    session = Session([str(tmp_path)])
    (tmp_path / "torchlint.toml").write_text('select = ["ALL"]\npreview = true\n')
    seen = 0
    for rule in packs.load():
        for number, example in enumerate(docs.doc_of(rule).of("bad")):
            folder = tmp_path / f"{rule.code}_{number}"
            folder.mkdir()
            for name, text in example.plain.files:
                (folder / name).write_text(text)
            for name, text in example.plain.files:
                path = str(folder / name)
                result = session.check(path, text)
                for finding in result.outcome.findings:
                    seen += 1
                    for edit in (
                        ignore_edit(result.lines, finding, "because"),
                        ignore_file_edit(result.lines, finding, "because", None),
                    ):
                        at = result.lines.offset(edit.line, edit.column)
                        now = session.check(path, text[:at] + edit.text + text[at:])
                        shift = edit.text.count("\n")
                        left = [(f.code, f.place.span.line) for f in now.outcome.findings]
                        assert now.outcome.complete
                        assert (finding.code, finding.place.span.line + shift) not in left, (path, edit)
                        assert "unused-ignore" not in {f.name for f in now.outcome.findings}, (path, edit)
                session.drop(path)
    assert seen > 100


# hovers


def test_hover_tells_of_every_finding_at_a_place(client: Client) -> None:
    for path in (ROOT / "examples").glob("*.py"):
        (client.folder / path.name).write_bytes(path.read_bytes())
    uri = client.open("train.py", (ROOT / "examples" / "train.py").read_text(encoding="utf-8"))
    assert len(client.wait(uri, 1)) > 5
    said = client.hover(uri, 33, 20)
    assert said.count("### ") == 3
    assert "softmax-before-cross-entropy (TL201)" in said and "train-mode-not-restored (TL407)" in said


def test_hover_on_names_in_the_configuration(client: Client) -> None:
    text = (
        '[project]\nname = "missing-zero-grad"\n[tool.torchlint]\n'
        'ignore = ["host-sync-in-step", "TL101"]\n[tool.torchlint.rules.missing-warmup]\n[tool.other]\nx = "TL101"\n'
    )
    uri = client.open("pyproject.toml", text)
    assert client.hover(uri, 1, 12) == ""
    assert "host-sync-in-step (TL603)" in client.hover(uri, 3, 14)
    assert "missing-zero-grad (TL101)" in client.hover(uri, 3, 34)
    assert "more specific selector" in client.hover(uri, 3, 2)
    assert "missing-warmup (TL108)" in client.hover(uri, 4, 26)
    assert client.hover(uri, 6, 6) == ""
    assert uri not in client.diagnostics, "a configuration file is no program"


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('[tool]\ntorchlint = { ignore = ["TL101"] }\n', 1, 26, "missing-zero-grad"),
        ('[tool]\ntorchlint.ignore = [\n  "TL101",\n]\n', 2, 4, "missing-zero-grad"),
        ('[tool]\ntorchlint.ignore = []\nother = ["TL101"]\n', 2, 11, ""),
        ('tool.torchlint.ignore = ["TL101"]\n', 0, 27, "missing-zero-grad"),
    ],
)
def test_hover_on_names_in_other_spellings(client: Client, text: str, line: int, column: int, said: str) -> None:
    assert said in (told := client.hover(client.open("pyproject.toml", text), line, column))
    assert bool(told) == bool(said)


def test_hover_on_a_name_behind_wide_characters(client: Client) -> None:
    text = "import torch; x = '😀😀'  # torchlint: ignore[host-sync-in-step] reason\n"
    uri = client.open("train.py", text)
    client.wait(uri)
    params = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 52}}
    found = client.request("textDocument/hover", params)
    units = len(text[: text.index("host")].encode("utf-16-le")) // 2
    assert found["range"]["start"]["character"] == units
    assert found["range"]["end"]["character"] == units + len("host-sync-in-step")


def test_explain_opens_the_manual_where_the_editor_shows_documents(client: Client) -> None:
    uri = client.open("loss.py", LOSS)
    (item,) = client.wait(uri, 1)
    (action,) = [action for action in client.actions(uri, item) if action["title"].startswith("Explain")]
    command = action["command"]
    params = {"command": command["command"], "arguments": command["arguments"]}
    assert "## When it is fine" in client.request("workspace/executeCommand", params)["markdown"]
    client.until(lambda: bool(client.documents), "the manual to be shown")
    assert client.documents[0].endswith("softmax_before_cross_entropy.py")
    client.command("explain", "TL201")
    assert len(client.documents) == 1


# documents


@pytest.mark.parametrize("name", ["my file.py", "größe/é x.py", "100%.py", "a#b.py", "a+b&c.py"])
def test_any_file_name(client: Client, name: str) -> None:
    uri = client.open(name, LOSS)
    assert client.codes(uri, 1) == ["softmax-before-cross-entropy"]
    client.change(uri, LOSS.replace("F.softmax(model(x), dim=-1)", "model(x)"), 2)
    assert client.codes(uri, 2) == []
    client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": {}}})
    client.change(uri, LOSS, 3)
    assert client.codes(uri, 3) == ["softmax-before-cross-entropy"]


def test_an_unsaved_text_is_checked(client: Client) -> None:
    item = {"uri": "untitled:Untitled-1", "languageId": "python", "version": 1, "text": LOSS}
    client.notify("textDocument/didOpen", {"textDocument": item})
    assert client.codes("untitled:Untitled-1", 1) == ["softmax-before-cross-entropy"]


def test_what_is_excluded_or_installed_is_left_alone(client: Client) -> None:
    (client.folder / "torchlint.toml").write_text('extend-exclude = ["old"]\n')
    for name in ("old/loss.py", "lib/python3.12/site-packages/torch/loss.py"):
        assert client.codes(client.open(name, LOSS), 1) == []
    assert client.codes(client.open("new/loss.py", LOSS), 1) != []


def test_line_ends_of_the_protocol(client: Client) -> None:
    """Form feeds and Unicode's separators end no line, for the protocol and for Python."""
    text = "import torch\n\x0c\nx = '\x1c\u2028\x85'  # 😀\r\ny = 1\rz = 2\n"
    uri = client.open("ends.py", text)
    client.insert(uri, 2, {"line": 3, "character": 4}, "1")
    client.insert(uri, 3, {"line": 99, "character": 9}, "# end")
    client.insert(uri, 4, {"line": 2, "character": 99}, "!")
    wanted = "import torch\n\x0c\nx = '\x1c\u2028\x85'  # 😀!\r\ny = 11\rz = 2\n# end"
    there = json.loads(client.command("debugInformation"))["open"][uri]
    assert there["checksum"] == zlib.crc32(wanted.encode())


def test_old_results_are_never_published(client: Client) -> None:
    uri = client.open("loss.py", LOSS)
    client.wait(uri, 1)
    for version in range(2, 30):
        client.change(uri, LOSS if version % 2 else LOSS.replace("F.softmax(model(x), dim=-1)", "model(x)"), version)
    client.published.clear()
    assert client.codes(uri, 29) == ["softmax-before-cross-entropy"]
    assert client.published.count(uri) <= 2, "typing puts the check off"


def test_a_new_file_gives_imports_a_meaning(client: Client) -> None:
    uri = client.open(
        "train.py",
        LOSS.replace("F.softmax(model(x), dim=-1)", "head(model, x)").replace(
            "from torch.nn", "from heads import head\nfrom torch.nn"
        ),
    )
    assert client.codes(uri, 1) == []
    (client.folder / "heads.py").write_text(
        "from torch.nn import functional as F\n\n\ndef head(model, x):\n    return F.softmax(model(x), dim=-1)\n"
    )
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": client.uri("heads.py"), "type": 1}]})
    client.until(lambda: len(client.diagnostics[uri]) == 1, "the finding that rests on the new file")
    (client.folder / "heads.py").unlink()
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": client.uri("heads.py"), "type": 3}]})
    client.until(lambda: not client.diagnostics[uri], "no finding")


# a whole workspace


def test_the_whole_workspace_with_progress(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"loss{number}.py").write_text(LOSS)
    (tmp_path / "other.py").write_text("from loss0 import loss_of\n")
    options: dict[str, Any] = {"settings": {"diagnosticMode": "workspace", "severity": {"TL201": "info"}}}
    client = Client(tmp_path, VSCODE["capabilities"], initializationOptions=options)
    client.until(lambda: bool(client.ended), "the end of the progress")
    uris = [client.uri(f"loss{number}.py") for number in range(5)]
    assert [[item["severity"] for item in client.diagnostics[uri]] for uri in uris] == [[3]] * 5
    uri = client.open("loss0.py", LOSS)
    client.change(uri, "import torch\n", 2)
    assert client.codes(uri, 2) == []
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    client.until(lambda: len(client.diagnostics[uri]) == 1, "the file on disk to be shown again")
    (tmp_path / "loss1.py").write_text("import torch\n")
    (tmp_path / "loss2.py").unlink()
    changes = [{"uri": uris[1], "type": 2}, {"uri": uris[2], "type": 3}]
    client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
    client.until(lambda: not client.diagnostics[uris[1]] and not client.diagnostics[uris[2]], "no findings")
    client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": {"diagnosticMode": "openFilesOnly"}}})
    client.until(lambda: not any(client.diagnostics[uri] for uri in uris), "nothing for what is not open")
    assert client.close() == 0


WHOLE = {"settings": {"diagnosticMode": "workspace"}}
ODD = '''"""It does something odd."""

import os
import time
from torchlint.api import *  # noqa


@rule("ZZ103", "odd", Category.SUSPICIOUS, since="0.1")
def check(module):
    {does}
    yield from ()
'''


def with_an_odd_rule(folder: Path, does: str) -> None:
    (folder / "lint").mkdir()
    (folder / "lint" / "odd.py").write_text(ODD.format(does=does))
    (folder / "torchlint.toml").write_text('packs = ["lint"]\nextend-select = ["odd"]\nexclude = ["lint"]\n')


def processes_in(file: Path) -> list[int]:
    """The processes that have written their number to a file and are still there."""
    numbers = [int(line) for line in file.read_text().split()] if file.exists() else []
    return [number for number in numbers if not _gone(number)]


def _gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


def test_what_is_open_counts_while_the_workspace_is_checked(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"loss{number}.py").write_text(LOSS)
    client = Client(tmp_path, VSCODE["capabilities"], initializationOptions=WHOLE)
    uri = client.open("loss1.py", "import torch\n")
    client.until(lambda: bool(client.ended), "the end of the progress")
    assert [len(client.wait(client.uri(f"loss{number}.py"))) for number in range(3)] == [1, 0, 1]
    client.change(uri, LOSS, 2)
    assert len(client.wait(uri, 2)) == 1
    assert client.close() == 0


def test_a_check_of_the_workspace_that_falls_over_is_told_once(tmp_path: Path) -> None:
    with_an_odd_rule(tmp_path, "module.path.endswith('b.py') and os._exit(3)")
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text(LOSS)
    client = Client(tmp_path, VSCODE["capabilities"], initializationOptions=WHOLE)
    client.until(lambda: bool(client.ended), "the end of the progress")
    client.until(lambda: bool(client.logs), "a message")
    assert client.codes(client.uri("a.py")) == ["softmax-before-cross-entropy"]
    assert client.codes(client.open("c.py", LOSS), 1) == ["softmax-before-cross-entropy"]
    assert client.logs == ["checking the workspace ended after 1 of 3 files"]
    assert client.close() == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("size", [0, 100_000], ids=["one process", "several"])
def test_a_check_of_the_workspace_makes_room_and_ends_when_it_is_not_wanted(tmp_path: Path, size: int) -> None:
    pids = tmp_path / "pids"
    with_an_odd_rule(tmp_path, f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)")
    for number in range(20):
        (tmp_path / f"loss{number}.py").write_text(LOSS + "#" * size + "\n")
    wanted = min(2, len(os.sched_getaffinity(0))) if size else 1
    client = Client(tmp_path, VSCODE["capabilities"], initializationOptions=WHOLE)
    for settings in ({"diagnosticMode": "workspace", "ignore": ["TL101"]}, {"diagnosticMode": "openFilesOnly"}):
        _until(lambda: len(processes_in(pids)) == wanted, "the processes of the check")
        before = processes_in(pids)
        assert all(os.getpriority(os.PRIO_PROCESS, number) > os.getpriority(os.PRIO_PROCESS, 0) for number in before)
        assert {os.getsid(number) for number in before} == {os.getsid(client.process.pid)}
        client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": settings}})
        _until(lambda before=before: all(map(_gone, before)), "the end of the former check")  # type: ignore[misc]
    time.sleep(0.5)
    assert not processes_in(pids)
    assert client.close() == 0


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


# what goes wrong


def test_a_rule_that_crashes_costs_its_own_findings_only(tmp_path: Path) -> None:
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "falls_over.py").write_text(
        '"""It falls over."""\n\nfrom torchlint.api import *  # noqa\n\n\n'
        '@rule("ZZ101", "falls-over", Category.SUSPICIOUS, since="0.1")\n'
        'def check(module):\n    raise KeyError("gone")\n    yield\n'
    )
    (tmp_path / "torchlint.toml").write_text('packs = ["lint"]\nextend-select = ["falls-over"]\n')
    client = Client(tmp_path)
    uri = client.open("loss.py", LOSS)
    items = client.wait(uri, 1)
    assert [item["code"] for item in items] == ["rule-crashed", "softmax-before-cross-entropy"]
    assert "`falls-over` (ZZ101) failed at lint/falls_over.py:8: KeyError: 'gone'" in items[0]["message"]
    client.change(uri, LOSS + "\n", 2)
    assert len(client.wait(uri, 2)) == 2
    assert client.close() == 0


def test_without_libcst_findings_are_shown_and_one_line_says_what_fixes_need(tmp_path: Path) -> None:
    block = tmp_path / "block"
    block.mkdir()
    (block / "sitecustomize.py").write_text("import sys\nsys.modules['libcst'] = None\n")
    root = str(Path(packs.__file__).parents[1])
    client = Client(tmp_path, environment={"PYTHONPATH": f"{block}:{root}"})
    uri = client.open("amp.py", AMP)
    items = client.wait(uri, 1)
    assert [item["data"]["fixable"] for item in items] == [True, True]
    for _ in range(3):
        actions = client.actions(uri, *items)
    reasons = {action["disabled"]["reason"] for action in actions if "disabled" in action}
    assert len(reasons) == 1 and "pip install libcst" in reasons.pop()
    assert any(action["title"].startswith("Ignore") for action in actions)
    assert sum("libcst" in line for line in client.logs) == 1
    assert '"fixes": false' in client.command("debugInformation")
    assert client.close() == 0


def test_a_broken_configuration_is_shown_in_its_file_and_told_once(client: Client) -> None:
    file = client.folder / "pyproject.toml"
    file.write_text('[tool.torchlint]\nselect = ["correctness"]\nignore = ["mising-zero-grad"]\n')
    uri = client.open("loss.py", LOSS)
    assert client.wait(uri, 1) == []
    (item,) = client.wait(client.uri("pyproject.toml"))
    assert item["range"]["start"]["line"] == 2
    assert "mising-zero-grad" in item["message"] and "missing-zero-grad" in item["message"]
    for version in range(2, 5):
        client.change(uri, LOSS + "\n" * version, version)
        client.wait(uri, version)
    assert len(client.shown) == 1 and "pyproject.toml:3" in client.shown[0]
    file.write_text("[tool.torchlint]\n")
    client.notify("textDocument/didSave", {"textDocument": {"uri": client.uri("pyproject.toml")}})
    client.until(lambda: client.diagnostics[client.uri("pyproject.toml")] == [], "the mistake to be gone")
    client.until(lambda: len(client.diagnostics[uri]) == 1, "findings again")


def test_settings_that_name_no_rule_are_told(tmp_path: Path) -> None:
    client = Client(tmp_path, initializationOptions={"settings": {"ignore": ["no-such-thing"]}})
    client.wait(client.open("loss.py", LOSS), 1)
    client.until(lambda: bool(client.shown), "a message")
    assert len(client.shown) == 1 and "`no-such-thing`" in client.shown[0]
    assert client.close() == 0


def test_severities_take_any_selector(client: Client) -> None:
    uri = client.open("loss.py", LOSS)
    for selector, level in (("TL2", 3), ("correctness", 2), ("softmax-before-cross-entropy", 3)):
        settings = {"severity": {selector: "info" if level == 3 else "warning"}}
        client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": settings}})
        client.until(lambda level=level: [i["severity"] for i in client.diagnostics.get(uri, ())] == [level], selector)  # type: ignore[misc]
    client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": {"severity": {"TL21x": "info"}}}})
    client.until(lambda: bool(client.shown), "a message")
    assert "settings of the editor: `severity` names `TL21x`" in client.shown[0]


def test_a_python_that_does_not_run_is_told(client: Client) -> None:
    for python in ("/no/such/python", "/bin/false"):
        answer = client.command("prove", "TL101", python)
        assert answer["ok"] is False
    assert "/no/such/python cannot be run" in client.command("prove", "TL101", "/no/such/python")["text"]


def test_requests_that_make_no_sense_get_an_answer(client: Client) -> None:
    for method, params in (
        ("textDocument/hover", {"textDocument": 3}),
        ("textDocument/codeAction", None),
        ("workspace/executeCommand", {"command": "torchlint.explain", "arguments": [{"a": 1}, 2, 3]}),
        ("no/suchMethod", {}),
    ):
        try:
            assert client.request(method, params) is None
        except RuntimeError as error:
            assert "code" in str(error)
    assert client.codes(client.open("loss.py", LOSS), 1) == ["softmax-before-cross-entropy"]


def test_a_folder_with_modules_of_any_name(tmp_path: Path) -> None:
    """The processes that the server starts take no module from the folder that they check."""
    for name in ("pickle", "types", "ast", "re", "logging", "torch", "argparse", "torchlint"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from the folder')\n")
    (tmp_path / "loss.py").write_text(LOSS)
    client = Client(tmp_path, initializationOptions={"settings": {"diagnosticMode": "workspace"}})
    assert client.codes(client.uri("loss.py")) == ["softmax-before-cross-entropy"]
    assert "taken from the folder" not in client.command("prove", "no-such-rule")["text"]
    assert client.close() == 0


def test_nothing_is_pulled(client: Client) -> None:
    assert "diagnosticProvider" not in client.capabilities
    assert client.capabilities["codeActionProvider"]["codeActionKinds"][1:] == [
        "source.fixAll.torchlint",
        "notebook.source.fixAll.torchlint",
    ]


def test_nothing_but_messages_on_standard_output(tmp_path: Path) -> None:
    """The reader of the tests fails on anything else; a pack that prints must not get there."""
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "prints.py").write_text(
        '"""It prints."""\n\nfrom torchlint.api import *  # noqa\n\nprint("loaded")\n\n'
        '@rule("ZZ102", "prints", Category.SUSPICIOUS, since="0.1")\n'
        'def check(module):\n    print("checking")\n    yield from ()\n'
    )
    (tmp_path / "torchlint.toml").write_text('packs = ["lint"]\nextend-select = ["prints"]\n')
    client = Client(tmp_path)
    assert client.codes(client.open("loss.py", LOSS), 1) == ["softmax-before-cross-entropy"]
    assert client.close() == 0


def test_the_server_ends_with_its_editor(client: Client) -> None:
    client.wait(client.open("loss.py", LOSS), 1)
    assert client.process.stdin is not None
    client.process.stdin.close()
    assert client.process.wait(20) == 1
