"""The cache: never another answer than without it, whatever happens to the files and to the cache itself."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from torchlint import cache as caching
from torchlint.cli import main
from torchlint.workspace import Workspace

LOOP = """\
import torch
from {module} import {name}

model = {name}()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in data:
    {clear}
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    opt.step()
"""
MODEL = "import torch\n\n\nclass {name}(torch.nn.Linear):\n    def __init__(self):\n        super().__init__(2, 2)\n"
LONG_AGO = time.time() - 86400


def loop(clear: str = "pass", module: str = "lib.model", name: str = "Net") -> str:
    return LOOP.format(clear=clear, module=module, name=name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of some files that were written long ago, with a cache of its own, as the working directory."""
    root = tmp_path / "project"
    put(root / "pyproject.toml", "[project]\nname = 'p'\n")
    put(root / "train.py", loop())
    put(root / "good.py", loop("opt.zero_grad()"))
    put(root / "lib/__init__.py", "")
    put(root / "lib/model.py", MODEL.format(name="Net"))
    put(root / "plain.py", "print('nothing')\n")
    put(root / "draft.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    old(root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("TORCHLINT_CACHE_DIR", str(tmp_path / "cache"))
    return root


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def old(root: Path) -> None:
    """Let everything have been written long ago, as far as times of contents tell."""
    for path in (root, *root.rglob("*")):
        os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str, int]]:
    """A check: exit code, output, errors, and the number of files that were looked into."""
    # Times are believed as if the run was much later: a test cannot wait, and the change of an inode cannot be put back.
    monkeypatch.setattr(caching, "_DOUBT", -10_000_000_000)
    looked = []
    check = Workspace.check
    monkeypatch.setattr(Workspace, "check", lambda self, file: (looked.append(file), check(self, file))[1])

    def run(*words: str) -> tuple[int, str, str, int]:
        looked.clear()
        code = main(["check", "--output-format=concise", "-j1", *words])
        said = capsys.readouterr()
        return code, said.out, said.err, len(looked)

    return run


def test_unchanged_files_are_not_looked_into(project: Path, run: Callable[..., tuple[int, str, str, int]]) -> None:
    first, second = run(), run()
    assert first[:3] == second[:3] == run("--no-cache")[:3]
    assert "train.py:10:5: TL101" in first[1]
    assert (first[3], second[3]) == (6, 0)


@pytest.mark.parametrize(
    ("change", "looked"),
    [
        (lambda root: put(root / "train.py", loop("opt.zero_grad()")), 1),
        (lambda root: put(root / "train.py", loop("paas")), 1),  # the same size
        (lambda root: os.utime(root / "train.py"), 0),
        (lambda root: put(root / "lib/model.py", "\n" + MODEL.format(name="Net")), 3),  # the two loops use it
        (lambda root: (root / "lib/model.py").unlink(), 2),
        (lambda root: put(root / "lib/other.py", "x = 1\n"), 1),
        (lambda root: put(root / "lib.py", MODEL.format(name="Net")), 3),  # nearer than the directory `lib`
        (lambda root: put(root / "torchvision.py", ""), 1),
        (lambda root: put(root / "new.py", loop()), 1),
        (lambda root: (root / "train.py").rename(root / "moved.py"), 1),
        (lambda root: put(root / "plain.py", "import torch\n"), 1),
        (lambda root: put(root / ".gitignore", "train.py\n"), 0),
        (lambda root: put(root / "pyproject.toml", "[project]\nname = 'q'\n"), 0),
        (lambda root: put(root / "pyproject.toml", "[project]\ndependencies = ['torch>=2.6']\n"), 6),
        (lambda root: put(root / "pyproject.toml", "[tool.torchlint]\nignore = ['TL101']\n"), 6),
        (lambda root: put(root / "lib/torchlint.toml", "ignore = ['TL101']\n"), 2),
    ],
)
def test_only_what_a_change_concerns_is_looked_into(
    change: Callable[[Path], object], looked: int, project: Path, run: Callable[..., tuple[int, str, str, int]]
) -> None:
    run()
    change(project)
    after = run()
    assert after[:3] == run("--no-cache")[:3]
    assert after[3] == looked
    assert run()[3] == 0


def test_words_of_the_whole_project_count(project: Path, run: Callable[..., tuple[int, str, str, int]]) -> None:
    put(
        project / "net.py",
        "import torch\n\n\nclass A(torch.nn.Module):\n    def forward(self, x):\n        return x + torch.ones(3)\n",
    )
    old(project)
    words = ("--select", "ALL", "--config", "preview=true")
    run(*words)
    assert run(*words)[3] == 0
    put(project / "far.py", "import torch\n\ntorch.set_default_device('cuda')\n")
    after = run(*words)
    assert after[:3] == run(*words, "--no-cache")[:3]
    assert after[3] > 1


def test_any_history_gives_the_same_answers(project: Path, run: Callable[..., tuple[int, str, str, int]]) -> None:
    """Random edits, moves and configurations; after each the cache must agree with a run that knows nothing."""
    rng = random.Random(7)
    texts = [loop(), loop("opt.zero_grad()"), loop(module="model"), loop(module=".lib.model"), "import torch\n", "(", "",
             MODEL.format(name="Net"), MODEL.format(name="Other"), "from .model import *\nimport torch\n",
             "import torch\ntorch.use_deterministic_algorithms(True)\n# optimizer.step()\n", "x = 1  # torchlint: ignore[TL101]\n"]  # fmt: skip
    names = [
        "train.py",
        "good.py",
        "model.py",
        "lib.py",
        "lib/model.py",
        "lib/__init__.py",
        "lib/sub/a.py",
        "src/model.py",
    ]
    configurations = [
        "",
        "[tool.torchlint]\nselect = ['ALL']\npreview = true\n",
        "[tool.torchlint]\nextend-exclude = ['lib']\n",
    ]
    looked = 0
    for step in range(80):
        path = project / rng.choice(names)
        match rng.randrange(8):
            case 0 | 1 | 2 | 3:
                if not path.parent.is_file():
                    shutil.rmtree(path, ignore_errors=True)
                    put(path, rng.choice(texts))
            case 4:
                path.unlink(missing_ok=True)
            case 5:
                shutil.rmtree(project / rng.choice(["lib", "lib/sub", "src"]), ignore_errors=True)
            case 6:
                put(project / "pyproject.toml", rng.choice(configurations))
            case 7:
                put(project / ".gitignore", rng.choice(["", "lib/sub/\n", "good.py\n"]))
                (project / ".git").mkdir(exist_ok=True)
        paths = rng.choice([["."], ["."], ["train.py", "lib"], ["lib", "train.py"], ["train.py"]])
        paths = [word for word in paths if (project / word).exists()]
        with_cache = run(*paths)
        without = run(*paths, "--no-cache")
        assert with_cache[:3] == without[:3], (step, paths)
        looked += without[3] - with_cache[3]
    assert looked > 80


@pytest.mark.parametrize("jobs", ["1", "2", "3"])
@pytest.mark.parametrize("paths", [["."], ["lib", "train.py", "good.py", "plain.py", "draft.ipynb"]])
def test_processes_and_orders_give_the_same_bytes(
    paths: list[str], jobs: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        put(project / f"lib/many{number}.py", loop("opt.zero_grad()" if number % 3 else "pass"))
    said = set()
    for order in (paths, paths[::-1]):
        for options in (["--no-cache"], [], []):
            for form in ("full", "json"):
                main(["check", f"--output-format={form}", "-j", jobs, *options, *order])
                said.add((form, capsys.readouterr().out))
    assert len(said) == 2


def test_named_files_are_told_from_walked_ones(project: Path, run: Callable[..., tuple[int, str, str, int]]) -> None:
    for change in (
        lambda: (project / "train.py").rename(project / "hidden"),
        lambda: (project / "hidden").rename(project / "train.py"),
        lambda: put(project / "lib/torchlint.toml", "ignore = ['TL101']\n"),
        lambda: put(project / "lib/loop.py", loop()),
        lambda: (project / "lib/torchlint.toml").unlink(),
        lambda: put(project / "torchlint.toml", "ignore = ['TL101']\n"),
    ):
        change()
        paths = ("train.py", "lib/model.py", "lib/loop.py")
        assert run(*paths)[:3] == run(*paths, "--no-cache")[:3] == run(*paths)[:3]


def test_a_named_file_that_is_no_text_is_told_from_a_walked_one(
    project: Path, run: Callable[..., tuple[int, str, str, int]]
) -> None:
    (project / "data.py").write_bytes(b"\0\0")
    put(project / "other.ipynb", "{")
    old(project)
    for paths in (("data.py", "other.ipynb"), (), ("other.ipynb", "data.py"), ()):
        assert run(*paths)[:3] == run(*paths, "--no-cache")[:3] == run(*paths)[:3]


def damaged(file: Path, how: str) -> None:
    data = file.read_bytes()
    match how:
        case "garbage":
            file.write_bytes(bytes(random.Random(1).randbytes(len(data))))
        case "cut off":
            file.write_bytes(data[: len(data) // 2])
        case "empty":
            file.write_bytes(b"")
        case "one bit":
            file.write_bytes(data[:100] + bytes([data[100] ^ 4]) + data[101:])
        case "a directory":
            file.unlink()
            file.mkdir()
        case "other content":
            import marshal
            import zlib

            body = marshal.dumps(["something", 1, {}, 2])
            file.write_bytes(caching._MAGIC + zlib.crc32(body).to_bytes(4, "big") + body)


@pytest.mark.parametrize("how", ["garbage", "cut off", "empty", "one bit", "a directory", "other content"])
def test_damage_costs_time_only(how: str, project: Path, run: Callable[..., tuple[int, str, str, int]]) -> None:
    first = run()
    (file,) = (project.parent / "cache").iterdir()
    damaged(file, how)
    again = run()
    assert again[:3] == first[:3]
    assert again[3] == 6
    assert run()[3] == (6 if how == "a directory" else 0)


def test_another_version_keeps_a_cache_of_its_own(
    project: Path, run: Callable[..., tuple[int, str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    with monkeypatch.context() as patch:
        patch.setattr(caching, "__version__", "0.0.1")
        assert run()[3] == 6
        assert run()[3] == 0
    assert run()[3] == 0


def test_a_place_that_cannot_be_written_to_is_no_error(
    project: Path, run: Callable[..., tuple[int, str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("--no-cache")
    put(project.parent / "file", "")
    monkeypatch.setenv("TORCHLINT_CACHE_DIR", str(project.parent / "file" / "cache"))
    assert run()[:3] == run()[:3] == first[:3]
    if os.path.exists("/dev/full"):
        real = open

        def full(path: str, *rest: str, **more: str) -> object:
            if str(path).endswith(f".torchlint-{os.getpid()}"):
                return real("/dev/full", "wb")
            return real(path, *rest, **more)

        monkeypatch.setenv("TORCHLINT_CACHE_DIR", str(project.parent / "full"))
        monkeypatch.setattr("builtins.open", full)
        assert run()[:3] == first[:3]
        monkeypatch.undo()
        assert list((project.parent / "full").iterdir()) == []


def test_recent_times_are_not_believed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "train.py"
    status = path.stat()
    main(["check", "-q"])
    assert "TL101" in capsys.readouterr().out
    put(path, loop("opt.zero_grad()").replace("opt.step()\n", "o.step()\n"))
    path.write_text(path.read_text().ljust(status.st_size)[: status.st_size])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the time of the inode tells, or that it is recent
    main(["check", "-q"])
    assert "TL101" not in capsys.readouterr().out


def test_two_runs_at_once_and_a_killed_one(project: Path) -> None:
    for number in range(40):
        put(project / f"lib/many{number}.py", loop("opt.zero_grad()" if number % 3 else "pass"))
    command = [sys.executable, "-m", "torchlint", "check", "--output-format=concise", "-j1"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    wanted = subprocess.run([*command, "--no-cache"], env=environment, capture_output=True, check=False).stdout
    for _ in range(2):
        runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
        runs[3].kill()
        assert [each.communicate()[0] for each in runs[:3]] == [wanted] * 3
        runs[3].communicate()
        put(project / "lib/model.py", "\n" + MODEL.format(name="Net"))
    assert subprocess.run(command, env=environment, capture_output=True, check=False).stdout == wanted


def test_clean_removes_what_was_kept(
    project: Path, run: Callable[..., tuple[int, str, str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    put(project.parent / "cache" / f"{'0' * 16}.cache.torchlint-123", "left by a killed run")
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == f"Removed 1 cache in {project.parent / 'cache'}.\n"
    assert not (project.parent / "cache").exists()
    assert main(["clean"]) == 0
    assert run("--cache-dir", str(project.parent / "elsewhere"))[3] == 6
    assert (project.parent / "elsewhere").is_dir()
    assert not (project.parent / "cache").exists()
