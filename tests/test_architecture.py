"""What is true of every import: layers look one way, and heavy packages are imported where they are needed only."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from torchlint import packs

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "torchlint"

RECORDS = {"findings", "rule", "evidence"}
SOURCE = {"source"} | RECORDS
MODEL = {"model", "torch_api"} | SOURCE
PACK = {"packs", "docs", "hygiene", "rule", "findings"}
CONFIG = {"settings", "selection", "hygiene", "discovery", "torch_version"} | RECORDS
ENGINE = {"engine", "suppress", "fingerprint", "packs", "workspace", "baseline", "cache"} | CONFIG | MODEL
SURFACE = ENGINE | PACK | {"atomic", "comments", "report", "fixes", "docs", "laws", "witness", "cli", "lsp", "__init__"}

ALLOWED: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"cli"},
    "findings": set(),
    "evidence": set(),
    "rule": RECORDS | {"model"},
    "source": SOURCE,
    "torch_api": {"torch_api"},
    "model": MODEL,
    "fixes": {"fixes", "findings", "source"},
    "api": MODEL | RECORDS | {"fixes"},
    "packs": PACK,
    "docs": PACK,
    "hygiene": RECORDS,
    "settings": CONFIG,
    "selection": CONFIG,
    "discovery": CONFIG | {"source"},
    "torch_version": {"torch_version", "settings", "discovery"},
    "suppress": {"suppress", "hygiene", "settings", "fixes", "source"} | RECORDS,
    "fingerprint": {"findings", "source"},
    "atomic": set(),
    "comments": {"comments", "findings", "source", "suppress"},
    "baseline": {"baseline", "fingerprint", "hygiene", "settings"} | RECORDS,
    "engine": ENGINE,
    "workspace": ENGINE,
    "cache": ENGINE | {"atomic"},
    "laws": ENGINE | PACK | {"fixes"},
    "witness": RECORDS | {"report"},
    "report": SURFACE - {"cli", "lsp", "workspace"},
    "cli": SURFACE,
    "lsp": SURFACE,
}
"""Which part of torchlint may import which others; a new part needs a line here."""

HEAVY = {
    "torch",
    "libcst",
    "pygls",
    "lsprotocol",
    "numpy",
    "dataclasses",
    "inspect",
    "logging",
    "multiprocessing",
    "asyncio",
    "pathlib",
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "rules" not in path.relative_to(PACKAGE).parts[:1])


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """The full names of all imported modules, with imported names as if they were modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                holder = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*holder, base]).rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imported(path: Path) -> set[str]:
    package = ".".join(("torchlint", *path.relative_to(PACKAGE).parts[:-1]))
    return set(imports(ast.parse(path.read_text(encoding="utf-8")), package))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_layers(path: Path) -> None:
    part = part_of(path)
    assert part in ALLOWED, f"{part} is a new part: say what it may import"
    wanted = {
        name.split(".")[1] if "." in name else "__init__"
        for name in imported(path)
        if name.split(".")[0] == "torchlint"
    }
    parts = {p.stem for p in PACKAGE.glob("*.py")} | {p.name for p in PACKAGE.iterdir() if p.is_dir()}
    wanted = {name if name in parts else "__init__" for name in wanted}
    assert wanted <= ALLOWED[part] | {part, "__init__"}


@pytest.mark.parametrize(
    ("package", "places"),
    [
        ("libcst", ("fixes/",)),
        ("pygls", ("lsp/",)),
        ("lsprotocol", ("lsp/",)),
        ("torch", ("witness.py", "torch_api/generate.py")),
    ],
)
def test_heavy_packages_have_one_place(package: str, places: tuple[str, ...]) -> None:
    for path in modules():
        inside = path.relative_to(PACKAGE).as_posix()
        if not inside.startswith(places):
            assert not {name for name in imported(path) if name.split(".")[0] == package}, inside


def loaded_after(*arguments: str, cwd: Path) -> set[str]:
    script = (
        "import sys, io, json, contextlib\n"
        "from torchlint.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = main({list(arguments)!r})\n"
        "print(json.dumps([code, sorted(sys.modules)]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=cwd, env=environment
    )
    code, names = json.loads(done.stdout)
    assert code in (0, 1), done.stderr
    return set(names)


BAD = """\
import torch


def train(model: torch.nn.Module, loader, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for x, y in loader:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
"""


def test_a_check_imports_little(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(BAD)
    bare = subprocess.run(
        [sys.executable, "-c", "import ast, argparse, json, re, typing, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    paid = set(bare.stdout.split())
    loaded = loaded_after("check", "--isolated", "--output-format", "concise", "train.py", cwd=tmp_path)
    assert not (HEAVY & loaded) - paid


def test_the_process_that_checks_a_workspace_imports_nothing_of_the_protocol() -> None:
    script = "import torchlint.lsp.worker, sys; print(*{name.split('.')[0] for name in sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert not {"lsprotocol", "pygls", "asyncio", "libcst", "torch"} & set(done.stdout.split())


def test_torch_is_never_imported_by_a_check(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(BAD)
    for arguments in (
        ["check", "train.py"],
        ["check", "--diff", "--unsafe-fixes", "train.py"],
        ["explain", "TL101"],
        ["rules"],
    ):
        assert "torch" not in loaded_after(*arguments, "--isolated", cwd=tmp_path)


def test_libcst_is_not_imported_where_no_edit_is_shown(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(BAD)
    for form in ("concise", "github"):
        assert "libcst" not in loaded_after("check", "--isolated", "--output-format", form, "train.py", cwd=tmp_path)


def test_rules_is_no_package() -> None:
    assert not (ROOT / "rules" / "__init__.py").exists()
    assert not list((ROOT / "rules").glob("*/__init__.py"))


def test_the_wheel_has_the_rules_of_the_checkout(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    script = "from torchlint import packs; print(packs.builtin()); print(*(f'{r.code}:{r.name}' for r in packs.load()))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    place, rules = done.stdout.splitlines()
    assert Path(place) == tmp_path / "installed" / "torchlint" / "rules"
    assert rules.split() == [f"{rule.code}:{rule.name}" for rule in packs.load()]
