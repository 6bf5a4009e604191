"""Notebooks: found, checked as one program, and written back with every other byte as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from torchlint import packs
from torchlint.cli import main
from torchlint.discovery import NotText, decode
from torchlint.docs import doc_of
from torchlint.findings import Category
from torchlint.laws import files_of
from torchlint.report import FORMATS
from torchlint.source import notebook

TRAINING = [
    ("markdown", "# Training"),
    ("code", "%matplotlib inline\n!pip install torch\nimport torch\nfrom torch import nn"),
    ("code", "%%time\nmodel = nn.Linear(2, 2)\nopt = torch.optim.SGD(model.parameters(), lr=0.1)"),
    ("code", "%%bash\nfor f in *; do echo $f; done"),
    (
        "code",
        "for x, y in loader:\n    !nvidia-smi\n    loss = ((model(x) - y) ** 2).mean()\n    loss.backward()\n    opt.step()",
    ),
    ("code", "files = !ls\nmodel?"),
]


def document(cells: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
    made = []
    for number, (kind, source) in enumerate(cells):
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": f"c{number}",
            "metadata": {},
            "source": source.splitlines(True),
        }
        if kind == "code":
            outputs = [{"name": "stdout", "output_type": "stream", "text": ['"source": ["x"]\n', "}]\n"]}]
            cell |= {"execution_count": None, "outputs": outputs}
        made.append(cell)
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["check", "--isolated", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


STYLES: dict[str, Any] = {
    "as nbformat writes": lambda d: json.dumps(d, indent=1, ensure_ascii=False) + "\n",
    "wide and escaped": lambda d: json.dumps(d, indent=4),
    "in one line": lambda d: json.dumps(d, separators=(",", ":")),
    "windows": lambda d: json.dumps(d, indent=2).replace("\n", "\r\n"),
    "sources as strings": lambda d: json.dumps(
        d | {"cells": [c | {"source": "".join(c["source"])} for c in d["cells"]]}, indent=1
    ),
    "with a mark": lambda d: "\ufeff" + json.dumps(d, indent=1),
}


@pytest.mark.parametrize("style", STYLES)
def test_a_fix_changes_the_source_and_no_other_byte(style: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [*TRAINING, ("code", "name = 'ü \\u00fc 😀'  # é")]
    before = STYLES[style](document(cells))
    path = here / "train.ipynb"
    path.write_bytes(before.encode())
    code, out, _ = run(capsys, "--fix", "--unsafe-fixes", ".")
    assert (code, out) == (0, "Made 1 fix in 1 file.\nNo findings left.\n")
    after = path.read_bytes().decode()
    fixed = [(kind, source.replace("    !nvidia", "    opt.zero_grad()\n    !nvidia")) for kind, source in cells]
    assert after == STYLES[style](document(fixed))


def test_a_fixed_notebook_is_valid(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nbformat = pytest.importorskip("nbformat")
    (here / "train.ipynb").write_text(json.dumps(document(TRAINING)))
    assert run(capsys, "--fix", "--unsafe-fixes", ".")[0] == 0
    nbformat.validate(nbformat.read(here / "train.ipynb", as_version=nbformat.NO_CONVERT))


def test_nothing_is_written_where_nothing_is_fixed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / "train.ipynb"
    path.write_text(json.dumps(document(TRAINING)))
    before = path.stat()
    assert run(capsys, "--fix", ".")[0] == 1
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_findings_name_the_cell_in_every_format(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = STYLES["as nbformat writes"](document(TRAINING))
    (here / "train.ipynb").write_text(text)
    line = next(n for n, line in enumerate(text.splitlines(), 1) if '"    opt.step()"' in line)
    for name in FORMATS:
        out = run(capsys, f"--output-format={name}", "train.ipynb")[1]
        where = '"cell": 5' if name in ("json", "json-lines") else "cell 5:5"
        assert where in out, name
        assert "\ue07a" not in out and "\ue07b" not in out, name
        if name in ("github", "gitlab", "sarif", "junit", "rdjson"):
            assert str(line) in out, name


def test_frames_stay_in_the_cell_and_count_in_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "train.ipynb").write_text(json.dumps(document(TRAINING)))
    out = run(capsys, "train.ipynb")[1]
    assert "  --> train.ipynb:cell 5:5:5\n" in out
    assert "5 |     opt.step()\n" in out
    assert "2 |     !nvidia-smi\n" in out
    assert "6 |" not in out


def test_a_patch_of_a_notebook_applies(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / "train.ipynb"
    path.write_text(STYLES["as nbformat writes"](document(TRAINING)))
    out = run(capsys, "--diff", "--unsafe-fixes", ".")[1]
    assert '\n+    "    opt.zero_grad()\\n",\n' in out
    assert out.count("\n+") == 2  # the header's and one


def test_comments_in_cells_suppress(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for comment, where in (("ignore", 4), ("file-ignore", 1)):
        cells = list(TRAINING)
        kind, source = cells[where]
        said = f"# torchlint: {comment}[missing-zero-grad] sums are wanted"
        cells[where] = (kind, source + f"  {said}" if comment == "ignore" else f"{said}\n{source}")
        (here / "train.ipynb").write_text(json.dumps(document(cells)))
        assert run(capsys, ".")[:2] == (0, "No findings.\n")


def test_drafts_are_told_what_is_certainly_wrong(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = next(rule for rule in packs.load() if rule.default and rule.category is Category.SUSPICIOUS)
    source = files_of(doc_of(rule).of("bad")[0])[0][1]
    (here / "draft.ipynb").write_text(json.dumps(document([("code", source)])))
    (here / "script.py").write_text(source)

    def reported(*select: str) -> set[str]:
        out = run(capsys, *select, "--output-format=concise", "-q", ".")[1]
        return {line.split(":")[0] for line in out.splitlines() if rule.code in line}

    assert reported() == {"script.py"}
    for select in (("--select", rule.code), ("--extend-select", rule.code), ("--config", "select=['suspicious']")):
        assert reported(*select) == {"script.py", "draft.ipynb"}


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b'{"cells": [}', "the notebook is not valid JSON: Expecting value", 1),
        (b"[]", "the file is not a notebook: its JSON is no object", 1),
        (b'{\n"a": "\xff"}', "the notebook is not valid UTF-8 (byte 0xff)", 2),
    ],
)
def test_what_is_no_notebook_is_said(data: bytes, message: str, line: int) -> None:
    with pytest.raises(NotText) as wrong:
        decode(data, "a.ipynb")
    assert (wrong.value.message, wrong.value.line) == (message, line)


@pytest.mark.parametrize(
    "language", [{"language_info": {"name": "R"}}, {"kernelspec": {"language": "julia", "name": "julia-1.9"}}]
)
def test_other_languages_are_left_alone(language: dict[str, Any]) -> None:
    assert decode(json.dumps(document(TRAINING, metadata=language)).encode(), "a.ipynb").text == ""


@pytest.mark.parametrize(
    "source",
    [
        "%%time\nx = 1",
        "%%bash\necho 1\n\necho 2",
        "if x:\n\t!ls \\\n\t  -la\ny = 2\n",
        "a, b = !ls\r\nc = %who\r\n",
        "f??\n?f\nf.g[0]?",
        "\n\n%%html\n<b>",
        "%pip install a\n\n",
        "",
    ],
)
def test_what_is_set_aside_comes_back(source: str) -> None:
    blank = notebook.blanked(source)
    compile(blank, "cell", "exec")
    assert "".join(notebook.as_written(line) for line in notebook.split(blank)) == source
    assert len(notebook.split(blank)) == len(notebook.split(source))


def _cut() -> Iterator[Any]:
    """Programs of examples whose fix changes several statements, cut into cells at every statement of the module."""
    import ast

    for rule in packs.load():
        doc = doc_of(rule)
        for number, (bad, good) in enumerate(zip(doc.of("bad"), doc.of("fixed"), strict=False)):
            if len(files_of(bad)) > 1:
                continue
            text, fixed = files_of(bad)[0][1], files_of(good)[0][1]
            lines = notebook.split(text)
            cuts = [0, *(_first(node) for node in ast.parse(text).body[1:]), len(lines)]
            cells = ["".join(lines[a:b]).rstrip("\n") for a, b in pairwise(cuts)]
            yield pytest.param(rule, cells, fixed, id=f"{rule.code}-{number}")


def _first(node: Any) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]) - 1


@pytest.mark.parametrize(("rule", "cells", "fixed"), list(_cut()))
def test_fixes_land_in_the_cell_of_what_they_repair(
    rule: Any, cells: list[str], fixed: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = here / "cut.ipynb"
    path.write_text(json.dumps(document([("code", source) for source in cells]), indent=1))
    main(
        [
            "check",
            "--isolated",
            "--config=preview=true",
            "--select",
            rule.code,
            "--fix",
            "--unsafe-fixes",
            "--exit-zero",
            ".",
        ]
    )
    said = capsys.readouterr()
    assert not said.err
    after = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    for source in after:
        compile(source, "cell", "exec")
    without_blank = [line for source in after for line in source.splitlines() if line.strip()]
    wanted = [line for line in fixed.splitlines() if line.strip()]
    assert sorted(without_blank) == sorted(wanted)
