"""Findings while somebody types: they stay where they belong while the code around them does not parse."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.lsp.client import Client
from torchlint.findings import Span
from torchlint.lsp.keeping import change_between
from torchlint.lsp.session import Result, Session
from torchlint.source.text import Lines

TEXT = """\
import torch
from torch import nn


def train(loader):
    model = nn.Linear(4, 2)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()


class Net(nn.Module):
    def forward(self, x):
        x = nn.functional.dropout(x, 0.3)
        return x


def later(model, x, y):
    return nn.functional.cross_entropy(nn.functional.softmax(model(x), -1), y)
"""


def names(result: Result) -> list[str]:
    return [finding.name for finding in result.outcome.findings]


@pytest.mark.parametrize(
    "typed",
    [
        "        grown = {'a': [1, (2, 3)]}\n",
        '        print(f\'{loss.item():.3f}\', """text\n        more""")\n',
        "        if loss > 3:\n            break\n",
        "        for _ in range(2):\n            with torch.no_grad():\n                pass\n",
    ],
)
@pytest.mark.parametrize("before", ["        optimizer.step()", "        loss.backward()", "        loss = criterion"])
def test_no_finding_flickers_while_a_line_is_typed(typed: str, before: str, tmp_path: Path) -> None:
    session = Session([str(tmp_path)])
    path = str(tmp_path / "train.py")
    at = TEXT.index(before)
    wanted = names(session.check(path, TEXT))
    assert wanted == ["missing-zero-grad", "functional-dropout-always-on", "softmax-before-cross-entropy"]
    complete = 0
    for end in range(1, len(typed) + 1):
        text = TEXT[:at] + typed[:end] + TEXT[at:]
        result = session.check(path, text)
        complete += result.outcome.complete
        assert [name for name in names(result) if name != "syntax-error"] == wanted, text
        for finding, said in zip(
            (f for f in result.outcome.findings if f.name != "syntax-error"),
            ("optimizer.step", "dropout(", "softmax("),
            strict=True,
        ):
            assert said in result.lines.line(finding.place.span.line)
    assert complete


def test_the_rest_of_a_broken_file_is_checked(tmp_path: Path) -> None:
    session, path = Session([str(tmp_path)]), str(tmp_path / "train.py")
    broken = TEXT.replace("        loss.backward()\n", "        loss.backward(\n")
    assert "missing-zero-grad" not in names(session.check(path, broken)), "nothing to keep, and nothing certain"
    session.check(path, TEXT)
    result = session.check(path, broken)
    assert "missing-zero-grad" in names(result)
    assert not any(finding.fixes for finding in result.outcome.findings if finding.name == "missing-zero-grad")
    mended = broken.replace("dropout(x, 0.3)", "dropout(x, 0.3, self.training)")
    assert names(session.check(path, mended)) == ["syntax-error", "missing-zero-grad", "softmax-before-cross-entropy"]
    again = mended.replace("loss.backward(\n", "optimizer.zero_grad(); loss.backward()\n")
    assert names(session.check(path, again)) == ["softmax-before-cross-entropy"]


def test_a_finding_goes_with_its_text(tmp_path: Path) -> None:
    session, path = Session([str(tmp_path)]), str(tmp_path / "train.py")
    session.check(path, TEXT)
    gone = TEXT.replace("        optimizer.step()\n", "").replace("loss.backward()", "loss.backward(")
    assert "missing-zero-grad" not in names(session.check(path, gone))


def test_notebooks_keep_their_findings_too(tmp_path: Path) -> None:
    session, path = Session([str(tmp_path)]), str(tmp_path / "train.ipynb")
    cells = [TEXT[: TEXT.index("def train")], "%matplotlib inline", TEXT[TEXT.index("def train") :]]
    wanted = names(session.check_cells(path, cells))
    cells[2] = cells[2].replace("loss.backward()", "loss.backward(")
    result = session.check_cells(path, cells)
    assert [name for name in names(result) if name != "syntax-error"] == wanted
    assert result.cells is not None


def test_what_moves_and_what_stays() -> None:
    random.seed(5)
    letters = "ab\n😀"
    for _ in range(2000):
        old = "".join(random.choices(letters, k=random.randrange(12)))
        start, end = sorted(random.choices(range(len(old) + 1), k=2))
        new = old[:start] + "".join(random.choices(letters, k=random.randrange(4))) + old[end:]
        change = change_between(old, new)
        assert old[: change.start] == new[: change.start]
        assert old[change.end :] == new[change.now :]
        for index in range(len(old) + 1):
            low, high = change.moved(index, last=False), change.moved(index, last=True)
            assert min(low, high) >= 0 and max(low, high) <= len(new)
            if index < change.start:
                assert low == high == index
            if index > change.end:
                assert new[low:] == old[index:]
    lines = Lines("é = 1\r\nb\n")
    for index in range(len(lines.text) + 1):
        line, column = lines.place(index)
        assert lines.offset(line, column) == index or lines.text[index - 1 : index + 1] == "\r\n"
    assert lines.slice(Span(1, 0, 1, 2)) == "é"


def test_the_editor_sees_no_flicker(tmp_path: Path) -> None:
    client = Client(tmp_path)
    uri = client.open("train.py", TEXT)
    wanted = client.codes(uri, 1)
    client.insert(uri, 2, {"line": 11, "character": 0}, "        print(\n")
    items = client.wait(uri, 2)
    assert [item["code"] for item in items if item["code"] != "syntax-error"] == wanted
    (step,) = [item for item in items if item["code"] == "missing-zero-grad"]
    assert step["range"]["start"] == {"line": 12, "character": 8}
    assert client.actions(uri, step), "it can still be explained and ignored"
    assert client.actions(uri, only=["source.fixAll"]) == []
    assert client.close() == 0
