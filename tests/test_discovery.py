"""Which files are read, and how."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from surface import PRINTS, Cli

from torchlint.cli import main
from torchlint.discovery import NotText, decode, files, project_root
from torchlint.settings import Settings
from torchlint.workspace import Workspace


def listed(directory: Path, *paths: str, **settings: object) -> list[str]:
    problems: list[str] = []
    here = Settings(str(directory), **settings)  # type: ignore[arg-type]
    found = files([str(directory / path) for path in paths or (".",)], lambda _: here, problems.append)
    return [os.path.relpath(file.path, directory) for file in found] + problems


def make(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if not name.endswith(".gitignore") else path.read_text() if path.exists() else "")


@pytest.mark.parametrize(
    ("names", "settings", "expected"),
    [
        (["b.py", "a.py", "sub/c.py", "x.txt", "y.pyi", "z.pyw"], {}, ["a.py", "b.py", "z.pyw", "sub/c.py"]),
        ([".venv/a.py", "venv/b.py", "node_modules/c.py", "build/d.py", "a/dist/e.py", "f.py"], {}, ["f.py"]),
        (["site-packages/a.py", "__pycache__/a.py", ".git/a.py", ".tox/a.py", ".ok/a.py"], {}, [".ok/a.py"]),
        (["a.py", "b/a.py", "b/c.py"], {"extend_exclude": ("a.py",)}, ["b/c.py"]),
        (["build/a.py", "skip/b.py"], {"exclude": ("skip",)}, ["build/a.py"]),
        (["a/gen/x.py", "a/y.py"], {"extend_exclude": ("a/gen",)}, ["a/y.py"]),
        (["gen/x.py", "a/gen/y.py"], {"extend_exclude": ("/gen/",)}, ["a/gen/y.py"]),
    ],
)
def test_directories(tmp_path: Path, names: list[str], settings: dict[str, object], expected: list[str]) -> None:
    make(tmp_path, *names)
    assert listed(tmp_path, **settings) == expected


@pytest.mark.parametrize(
    ("ignores", "names", "expected"),
    [
        ({"": "data/\n*_gen.py\n"}, ["a.py", "b_gen.py", "data/c.py", "sub/data/d.py"], ["a.py"]),
        ({"": "*.py\n!keep.py\n"}, ["a.py", "keep.py", "sub/keep.py"], ["keep.py", "sub/keep.py"]),
        ({"": "/top.py\n"}, ["top.py", "sub/top.py"], ["sub/top.py"]),
        ({"": "x.py\n", "sub": "!x.py\ny.py\n"}, ["x.py", "y.py", "sub/x.py", "sub/y.py"], ["y.py", "sub/x.py"]),
        ({"": "# note\n\n\\#a.py\n"}, ["a.py", "#a.py"], ["a.py"]),
        ({"": "!\n/\na.py\n"}, ["a.py", "b.py"], ["b.py"]),
        ({"": "[\n"}, ["a.py"], ["a.py"]),
    ],
)
def test_gitignore(tmp_path: Path, ignores: dict[str, str], names: list[str], expected: list[str]) -> None:
    make(tmp_path, *names, ".git/HEAD")
    for directory, text in ignores.items():
        (tmp_path / directory / ".gitignore").write_text(text)
    assert listed(tmp_path) == expected
    assert sorted(listed(tmp_path, respect_gitignore=False)) == sorted(names)


def test_gitignore_above_the_checked_directory_counts(tmp_path: Path) -> None:
    make(tmp_path, ".git/HEAD", "sub/a.py", "sub/b.py")
    (tmp_path / ".gitignore").write_text("sub/a.py\n")
    assert listed(tmp_path, "sub") == ["sub/b.py"]


def test_named_files_are_always_taken_and_once(tmp_path: Path) -> None:
    make(tmp_path, "build/a.py", "script", ".git/HEAD")
    (tmp_path / ".gitignore").write_text("script\n")
    assert listed(tmp_path, "build/a.py", "script", ".", "script") == ["script", "build/a.py"]


def test_links(tmp_path: Path) -> None:
    make(tmp_path, "a/x.py")
    (tmp_path / "a/loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert listed(tmp_path) == ["a/x.py"]


def test_missing_and_closed_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.py", "closed/b.py")
    usual = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return usual(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.chdir(tmp_path)
    assert listed(tmp_path) == ["a.py", "closed: cannot be entered: Permission denied"]
    assert listed(tmp_path, "nope") == [f"{tmp_path}/nope: no such file or directory"]


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"x = 1\n", "x = 1\n", "utf-8"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n", "utf-8"),
        ("# -*- coding: latin-1 -*-\nx = 'ä'\n".encode("latin-1"), "# -*- coding: latin-1 -*-\nx = 'ä'\n", "latin-1"),
        (
            "#!/bin/sh\n# vim: set fileencoding=cp1252 :\n'ü'".encode("cp1252"),
            "#!/bin/sh\n# vim: set fileencoding=cp1252 :\n'ü'",
            "cp1252",
        ),
        ("x = 1\n# coding: latin-1\n'ä'".encode(), "x = 1\n# coding: latin-1\n'ä'", "utf-8"),
        (b"a\r\nb\rc\n", "a\r\nb\rc\n", "utf-8"),
    ],
)
def test_decoding_and_back(data: bytes, text: str, encoding: str) -> None:
    decoded = decode(data)
    assert (decoded.text, decoded.encoding) == (text, encoding)
    assert decoded.encoded(decoded.text) == data


@pytest.mark.parametrize(
    ("data", "said", "line"),
    [
        (b"x\n\xe4\n", "not valid UTF-8 (byte 0xe4)", 2),
        (b"x\n\ny\0", "null bytes", 3),
        (b"# coding: klingon\n", "unknown encoding `klingon`", 1),
        (b"# coding: ascii\n\n\xc3\xa4", "not valid ascii (byte 0xc3)", 3),
        (b"# coding: hex\n\nzz", "unknown encoding `hex`", 1),
    ],
)
def test_bytes_that_are_no_text(data: bytes, said: str, line: int) -> None:
    with pytest.raises(NotText) as caught:
        decode(data)
    assert said in caught.value.message
    assert caught.value.line == line


def test_bad_files_cost_one_clear_line_each(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("good.py", PRINTS)
    cli.write("latin.py", "import torch\nx = 'ä'\n".encode("latin-1"))
    cli.write("null.py", b"import torch\n\0\n")
    cli.write("broken.py", "import torch\n\ndef f(:\n")
    cli.write("closed.py", PRINTS)
    usual = open

    def opened(path: object, *arguments: object, **options: object) -> object:
        if str(path).endswith("closed.py"):
            raise PermissionError(13, "Permission denied")
        return usual(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", opened)
    ran = cli.check()
    assert ran.code == 2
    assert ran.lines == [
        "broken.py:3:7: TL000 syntax-error the file does not parse: invalid syntax",
        "good.py:3:1: XX101 print-call [*] `print` is called",
        "latin.py:2:1: TL000 syntax-error the file is not valid UTF-8 (byte 0xe4)",
        "null.py:2:1: TL000 syntax-error the file contains null bytes",
    ]
    assert ran.err == "torchlint: closed.py: cannot be read: Permission denied\n"


def test_files_without_torch_are_skipped_unless_they_are_named_and_unreadable(cli: Cli) -> None:
    cli.write("a.py", "print(1)\n")
    cli.write("b.py", b"\0")
    cli.write("c.py", "print(\n")
    assert cli.check().lines == []
    assert cli.check("a.py", "b.py", "c.py").lines == ["b.py:1:1: TL000 syntax-error the file contains null bytes"]


@pytest.mark.parametrize(
    ("marks", "checked", "file", "root"),
    [
        (["pyproject.toml"], ["src/p"], "src/p/a.py", "."),
        (["setup.py", "lib/setup.py"], ["."], "lib/p/a.py", "lib"),
        ([".git/HEAD"], ["p/q"], "p/q/a.py", "."),
    ],
)
def test_project_roots(tmp_path: Path, marks: list[str], checked: list[str], file: str, root: str) -> None:
    make(tmp_path, *marks, file)
    found = project_root(str(tmp_path / file), [str(tmp_path / path) for path in checked])
    assert os.path.relpath(found, tmp_path) == root


def test_a_lone_script_does_not_make_its_directory_a_project(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "b.py", "deep/c.py", "p/setup.py", "p/q/r.py")
    names = {}
    for name in ("a.py", "p/setup.py"):
        path = str(tmp_path / name)
        workspace = Workspace(checked=[path])
        project = workspace.project(path, workspace.settings(str(tmp_path)))
        names[name] = sorted(os.path.relpath(file, tmp_path) for file in project.files())
    assert names == {"a.py": ["a.py", "b.py"], "p/setup.py": ["p/q/r.py", "p/setup.py"]}


def test_named_pipes_are_not_waited_for(cli: Cli) -> None:
    os.mkfifo(cli.directory / "pipe.py")
    cli.write("a.py", PRINTS)
    assert len(cli.check().lines) == 1


def test_what_is_excluded_is_skipped_by_name_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, "build/a.py", "b.py", "third/c.py", "third/deep/d.py")
    (tmp_path / "torchlint.toml").write_text('extend-exclude = ["third"]\n')
    monkeypatch.chdir(tmp_path)

    def shown(*words: str) -> list[str]:
        main(["check", "--show-files", *words])
        return [os.path.relpath(line, tmp_path) for line in capsys.readouterr().out.splitlines()]

    named = ("build/a.py", "b.py", "third/c.py", "third/deep")
    assert shown(*named) == ["b.py", "build/a.py", "third/c.py"]
    assert shown("--force-exclude", *named) == ["b.py"]
    assert shown("--force-exclude", ".") == ["b.py"]


def test_the_order_of_paths_does_not_matter(tmp_path: Path) -> None:
    make(tmp_path, "z.py", "a/b.py", "a/c/d.py", "e.py")
    assert listed(tmp_path, "a", "z.py", "e.py") == listed(tmp_path, "z.py", "e.py", "a") == listed(tmp_path, ".")
