"""No input makes a check crash, hang or print a traceback; all rules are on."""

from __future__ import annotations

import ast
import contextlib
import gc
import os
import random
import sysconfig
import time
from pathlib import Path

import pytest
from harness import check
from surface import program
from test_broken import PATHOLOGICAL

from torchlint import engine, hygiene, packs
from torchlint.model import Project
from torchlint.selection import Ruleset, build
from torchlint.settings import Settings

STDLIB = Path(sysconfig.get_path("stdlib"))
_SLOWEST = 150  # times the parse of the same text, plus a fixed part for small files


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return build(Settings("/", preview=True), packs.read()[0], select=["ALL"])


def sample(count: int) -> list[Path]:
    files = sorted(path for path in STDLIB.rglob("*.py") if "site-packages" not in path.parts)
    files = [path for path in files if 2_000 < path.stat().st_size < 60_000]
    return random.Random(7).sample(files, count)


def variants(text: str, choice: random.Random) -> dict[str, str]:
    lines = text.splitlines(keepends=True)
    holes = [line for line in lines if choice.random() > 0.03]
    cut = choice.randrange(len(text))
    number = choice.randrange(len(lines))
    half = [*lines[:number], lines[number][: len(lines[number]) // 2] + "\n", *lines[number + 1 :]]
    return {"whole": text, "cut off": text[:cut], "with holes": "".join(holes), "half a line": "".join(half)}


def checked(text: str, rules: Ruleset) -> engine.Outcome:
    project = Project("/p", lambda path: None)
    return engine.check("/p/a.py", text, project, rules)


@pytest.mark.parametrize("path", sample(30), ids=lambda path: os.path.relpath(path, STDLIB))
def test_the_standard_library_whole_and_damaged(path: Path, rules: Ruleset) -> None:
    text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    choice = random.Random(path.name)
    for name, variant in variants("import torch\n" + text, choice).items():
        parse = seconds(lambda variant=variant: _parse(variant))
        start = time.process_time()
        outcome = checked(variant, rules)
        taken = time.process_time() - start
        crashes = [finding.message for finding in outcome.findings if finding.code == hygiene.RULE_CRASHED.code]
        assert not crashes, name
        assert outcome.crashes == 0
        assert taken < 1.0 + _SLOWEST * parse, name
        for finding in outcome.findings:
            span = finding.place.span
            assert 1 <= span.line <= variant.count("\n") + variant.count("\r") + 1
            assert finding.place.path == "/p/a.py"


def _parse(text: str) -> None:
    with contextlib.suppress(SyntaxError, ValueError):
        ast.parse(text)


def seconds(call: object) -> float:
    start = time.process_time()
    call()  # type: ignore[operator]
    return time.process_time() - start


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_pathological_code(name: str, rules: Ruleset) -> None:
    start = time.process_time()
    outcome = checked("import torch\n" + PATHOLOGICAL[name], rules)
    assert outcome.crashes == 0
    assert [finding.code for finding in outcome.findings if finding.code == "TL000"]
    assert time.process_time() - start < 15


NESTED = {
    "sums": "x = 1" + " + y" * 900,
    "calls": "x = " + "f(" * 180 + "1" + ")" * 180,
    "attributes": "x = y" + ".a" * 900,
    "chained calls": "x = y" + ".a()" * 450,
    "ifs": "".join("    " * i + "if x:\n" for i in range(90)) + "    " * 90 + "y = 1\n",
    "elifs": "if x:\n    y = 1\n" + "elif z:\n    y = 2\n" * 900,
    "lambdas": "f = " + "lambda x: " * 180 + "x",
    "comparisons": "x = a" + " < b" * 3000,
    "strings": "x = " + " ".join(["'a'"] * 3000),
    "functions": "".join("    " * i + f"def f{i}(x):\n" for i in range(90)) + "    " * 90 + "return x\n",
    "conditionals": "x = " + "a if b else " * 180 + "c",
    "assignments": "x = " * 900 + "1",
    "tuples": "x = " + "(" * 90 + "1" + ",)" * 90,
    "many functions": "def f(x):\n    return f(x)\n" * 3000,
    "many names": "".join(f"x{i} = x{i - 1}\n" for i in range(1, 5000)),
    "one name": "x = f(x)\n" * 5000,
    "loops": "".join("    " * i + "for i in x:\n" for i in range(19)) + "    " * 19 + "x = f(x)\n",
    "mutual calls": "".join(
        f"def f{i}(x):\n    return f{(i * 7) % 500}(x) + f{(i * 3) % 500}(x)\n" for i in range(500)
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_deep_and_long_code_that_parses(name: str, rules: Ruleset) -> None:
    start = time.process_time()
    outcome = checked("import torch\n" + NESTED[name], rules)
    assert outcome.crashes == 0
    assert [finding for finding in outcome.findings if finding.code == "TL002"] == []
    assert time.process_time() - start < 10


TRAINING = """\
def train_{n}(model, loader, optimizer, criterion):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


"""


NETWORK = """\
class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Dropout(0.1))
        self.head = torch.nn.Linear(width, 10)
        self.rest = [torch.nn.Linear(2, 2)]

    def forward(self, x):
        for layer in self.rest:
            x = layer(x)
        return torch.softmax(self.head(self.body(x)), dim=1)


def main(loader):
    model = Net(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(10):
        train_0(model, loader, optimizer, torch.nn.CrossEntropyLoss())


"""


def test_memory_stays_flat(rules: Ruleset) -> None:
    text = "import torch\n\n\n" + "".join(TRAINING.replace("{n}", str(n)) for n in range(10)) + NETWORK
    project = Project("/p", lambda path: text.encode() if path == "/p/b.py" else None)
    engine.check("/p/a.py", text, project, rules)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for number in range(5):
            engine.check(f"/p/a{number % 2}.py", f"from b import *\n{text}", project, rules)
        project.close()
        left = len(gc.get_objects()) - before
        cycles = gc.collect()
    finally:
        gc.enable()
    assert left < 2000
    assert cycles < 20


BAD = {
    "empty": b"",
    "null bytes": b"import torch\n\0\0\0",
    "latin-1": "import torch\n# \xe4\n".encode("latin-1"),
    "utf-16": "import torch\n".encode("utf-16"),
    "random": random.Random(1).randbytes(5000) + b"torch",
    "a long line": b"import torch\nx = [" + b"torch.ones(1), " * 20_000 + b"]\n",
    "only a mark": b"\xef\xbb\xbf",
    "a wrong cookie": b"# coding: nonsense\nimport torch\n",
    "surrogates": b"import torch\nx = '\\ud800'\n# \xed\xa0\x80\n",
}


def test_bad_files_one_after_another(tmp_path: Path) -> None:
    for name, data in BAD.items():
        (tmp_path / f"{name.replace(' ', '_')}.py").write_bytes(data)
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    ran = program("check", "--output-format", "concise", "--select", "ALL", ".", cwd=tmp_path)
    assert ran.code == 1
    assert ran.err == ""
    assert "Traceback" not in ran.out
    names = {line.split(":")[0] for line in ran.out.splitlines() if " TL000 " in line}
    assert names == {"null_bytes.py", "latin-1.py", "random.py", "a_wrong_cookie.py", "surrogates.py"}


def test_a_question_without_an_answer_within_bounds_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that asks it says nothing more of the file, and nothing crashes."""
    text = (
        "import torch\n"
        "def train(model, loader):\n"
        "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "    for x, y in loader:\n"
        "        torch.nn.functional.cross_entropy(model(x), y).backward()\n"
        "        optimizer.step()\n"
    )
    assert [f.code for f in check((("a.py", text),))] == ["TL101"]
    monkeypatch.setattr("torchlint.model.trace._is_consistent", lambda *_: False)  # so that a closer look is needed
    assert [f.code for f in check((("a.py", text),))] == ["TL101"]
    monkeypatch.setattr("torchlint.model.trace._MOST_STATES", 0)
    assert not check((("a.py", text),))
