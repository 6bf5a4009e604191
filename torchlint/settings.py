"""What a user may configure: one table of keys, and the settings read from the nearest configuration file.

Files are `.torchlint.toml`, `torchlint.toml` and `pyproject.toml` (table `[tool.torchlint]`), searched in this order in
the directory of the checked path and then upwards; the first one found is the only one read.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from torchlint.findings import Severity

FILES = (".torchlint.toml", "torchlint.toml", "pyproject.toml")
CATEGORIES_ON = ("correctness", "suspicious", "performance")
EXCLUDED = (
    *(
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".git-rewrite",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pants.d",
    ),
    *(".pyenv", ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode", "__pycache__"),
    *("__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages", "venv"),
)


class SettingsError(Exception):
    """A mistake in the configuration: where it is, and one sentence about it."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(where, message)
        self.where = where
        self.message = message

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class Settings(NamedTuple):
    """The configuration that holds for a file, as plain values.

    `root` is the directory that relative patterns start from; `file` is the configuration file, if there is one.
    `torch_version` is `None` where nobody has set it. Selectors are checked against the rules by `torchlint.selection`.
    """

    root: str
    file: str | None = None
    select: tuple[str, ...] = CATEGORIES_ON
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = {}
    severity: Mapping[str, Severity] = {}
    preview: bool = False
    torch_version: tuple[int, int] | None = None
    exclude: tuple[str, ...] = EXCLUDED
    extend_exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    packs: tuple[str, ...] = ()
    rules: Mapping[str, Mapping[str, Any]] = {}
    fail_on: str = "warning"

    def where(self, key: str) -> str:
        """`file:line` of a key, for messages about its value; the command line if no file has it."""
        if self.file is None:
            return ""
        return f"{_shown(self.file)}:{_line(_text(self.file), key)}"


class Key(NamedTuple):
    """One configuration key: its type in words, its default as TOML, what it does, an example, and how it is read.

    `read` turns a TOML value into the value in `Settings`, or raises `ValueError` with what is allowed.
    """

    name: str
    type: str
    default: str
    doc: str
    example: str
    read: Callable[[Any], Any]

    @property
    def field(self) -> str:
        """The name of the field of `Settings`."""
        return self.name.replace("-", "_")


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _patterns(value: Any) -> tuple[str, ...]:
    words = _words(value)
    for word in words:
        glob(word)
    return words


def _ignores(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError("a table from glob patterns to lists of rules")
    for pattern in value:
        glob(pattern)
    try:
        return {pattern: _words(words) for pattern, words in value.items()}
    except ValueError:
        raise ValueError("a table from glob patterns to lists of rules") from None


def _severities(value: Any) -> dict[str, Severity]:
    allowed = {severity.value: severity for severity in Severity}
    if not isinstance(value, dict) or not all(isinstance(word, str) and word in allowed for word in value.values()):
        raise ValueError("a table from rules to `error`, `warning` or `info`")
    return {selector: allowed[word] for selector, word in value.items()}


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def version(value: Any) -> tuple[int, int]:
    """`"2.4"` or `"2.4.1"` as `(2, 4)`.

    Raises:
        ValueError: for anything else, with what is allowed.
    """
    found = re.fullmatch(r"(\d+)\.(\d+)(?:[.+].*)?", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('a version of torch such as "2.4"')
    return int(found.group(1)), int(found.group(2))


def _levels(value: Any) -> str:
    if value not in ("error", "warning", "info", "never"):
        raise ValueError("`error`, `warning`, `info` or `never`")
    return str(value)


def _options(value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(options, dict) for options in value.values()):
        raise ValueError("a table of options for each rule")
    return value


KEYS = (
    Key(
        "select",
        "list of selectors",
        '["correctness", "suspicious", "performance"]',
        "The rules that are on. A selector is a code (`TL101`), a prefix (`TL1`), a name, a category or `ALL`.",
        'select = ["correctness", "TL7"]',
        _words,
    ),
    Key(
        "extend-select",
        "list of selectors",
        "[]",
        "Rules that are on besides those of `select`.",
        'extend-select = ["reproducibility"]',
        _words,
    ),
    Key(
        "ignore",
        "list of selectors",
        "[]",
        "Rules that are off. Where `select` and `ignore` both name a rule, the more specific selector wins.",
        'ignore = ["host-sync-in-step"]',
        _words,
    ),
    Key(
        "per-file-ignores",
        "table from glob patterns to lists of selectors",
        "{}",
        "Rules that are off in the files that match. Patterns are relative to the configuration file.",
        'per-file-ignores = { "tests/**" = ["performance"] }',
        _ignores,
    ),
    Key(
        "severity",
        "table from selectors to `error`, `warning` or `info`",
        "{}",
        "How loudly findings are shown, where it differs from the rule's category.",
        'severity = { missing-warmup = "info" }',
        _severities,
    ),
    Key(
        "preview",
        "true or false",
        "false",
        "Whether prefixes, categories and `ALL` also select rules that are still unproven.",
        "preview = true",
        _yes_or_no,
    ),
    Key(
        "torch-version",
        "string",
        "the lower bound in the project's dependencies, else its lock file, else the installed torch",
        "The oldest torch that the project runs on. Rules about removed or changed interfaces depend on it.",
        'torch-version = "2.4"',
        version,
    ),
    Key(
        "exclude",
        "list of glob patterns",
        "[" + ", ".join(f'"{pattern}"' for pattern in EXCLUDED) + "]",
        "Files and directories that are skipped when directories are searched. Setting it replaces the default.",
        'exclude = ["third_party", "**/generated_*.py"]',
        _patterns,
    ),
    Key(
        "extend-exclude",
        "list of glob patterns",
        "[]",
        "Files and directories that are skipped besides those of `exclude`.",
        'extend-exclude = ["notebooks/old"]',
        _patterns,
    ),
    Key(
        "respect-gitignore",
        "true or false",
        "true",
        "Whether files that git ignores are skipped when directories are searched.",
        "respect-gitignore = false",
        _yes_or_no,
    ),
    Key(
        "packs",
        "list of paths and names",
        "[]",
        "Rules of your own: directories, relative to the configuration file, or names of installed packs. Their "
        "code is run by torchlint.",
        'packs = ["tools/lint"]',
        _words,
    ),
    Key(
        "rules",
        "table of tables",
        "{}",
        "Options of single rules, under the rule's name; `torchlint explain RULE` lists them.",
        "[tool.torchlint.rules.host-sync-in-step]\nevery = 100",
        _options,
    ),
    Key(
        "fail-on",
        "`error`, `warning`, `info` or `never`",
        '"warning"',
        "The least severity of a finding that makes `torchlint check` exit with 1.",
        'fail-on = "error"',
        _levels,
    ),
)


def load(directory: str, cache: dict[str, Settings] | None = None) -> Settings:
    """The settings for files in `directory`, from the nearest configuration file at or above it.

    `cache` remembers the answer for every directory on the way.

    Raises:
        SettingsError: for a file that cannot be read, an unknown key or a value of the wrong type.
    """
    cache = {} if cache is None else cache
    passed = []
    current = os.path.abspath(directory)
    while current not in cache:
        passed.append(current)
        file = _config_in(current)
        if file is not None:
            cache[current] = from_file(file)
            break
        parent = os.path.dirname(current)
        if parent == current:
            cache[current] = Settings(root=os.path.abspath(directory))
            break
        current = parent
    found = cache[current]
    for path in passed:
        cache[path] = found if found.file else found._replace(root=path)
    return cache[passed[0]] if passed else found


def _config_in(directory: str) -> str | None:
    for name in FILES:
        path = os.path.join(directory, name)
        if not os.path.isfile(path):
            continue
        if name != "pyproject.toml" or "tool.torchlint" in _text(path):
            return path
    return None


def from_file(path: str) -> Settings:
    """The settings of one configuration file.

    Raises:
        SettingsError: as `load`.
    """
    text = _text(path, strict=True)
    try:
        table = _toml(text)
    except ValueError as error:
        raise SettingsError(_shown(path), f"not valid TOML: {error}") from None
    if os.path.basename(path) == "pyproject.toml":
        table = table.get("tool", {}).get("torchlint", {})
    root = os.path.dirname(os.path.abspath(path))
    settings = Settings(root=root, file=path)
    settings = read(table, settings, lambda key: f"{_shown(path)}:{_line(text, key)}")
    return settings._replace(packs=tuple(_pack(root, pack) for pack in settings.packs))


def _pack(root: str, pack: str) -> str:
    """The path of a pack; a bare word that is no directory is the name of an installed one."""
    path = os.path.join(root, pack)
    return pack if "/" not in pack and os.sep not in pack and not os.path.isdir(path) else path


def override(settings: Settings, assignments: Iterable[str]) -> Settings:
    """Settings changed by `KEY=VALUE` words of the command line; a value that is not TOML is taken as a string.

    Raises:
        SettingsError: for an unknown key or a value of the wrong type.
    """
    for assignment in assignments:
        key, _, value = assignment.partition("=")
        quoted = f"{key}={_quoted(value.strip())}"
        try:
            settings = read(_assigned(assignment, quoted), settings, lambda _: "--config")
        except SettingsError:
            try:
                settings = read(_assigned(quoted, quoted), settings, lambda _: "--config")
            except SettingsError:
                settings = read(_assigned(assignment, quoted), settings, lambda _: "--config")
    return settings


def _assigned(assignment: str, otherwise: str) -> dict[str, Any]:
    """The table of an assignment; where it is not TOML, that of the other one."""
    try:
        return _toml(assignment)
    except ValueError:
        try:
            return _toml(otherwise)
        except ValueError as error:
            raise SettingsError("--config", f"`{assignment}` is not KEY=VALUE: {error}") from None


def read(table: Mapping[str, Any], settings: Settings, where: Callable[[str], str]) -> Settings:
    """`settings` with the values of a TOML table; `where` tells the place of a key for messages.

    Raises:
        SettingsError: for an unknown key or a value of the wrong type.
    """
    keys = {key.name: key for key in KEYS}
    changed: dict[str, Any] = {}
    for name, value in table.items():
        key = keys.get(name)
        if key is None:
            raise SettingsError(where(name), f"unknown key `{name}`{nearest(name, keys)}")
        try:
            changed[key.field] = key.read(value)
        except ValueError as error:
            raise SettingsError(where(name), f"`{name}` is {_quoted(value)}, but must be {error}") from None
    return settings._replace(**changed)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` with the nearest known word, or nothing."""
    import difflib

    words = sorted(set(known))
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if not found:
        lowered = {candidate.lower(): candidate for candidate in words}
        found = [lowered[near] for near in difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)]
    return f"; did you mean `{found[0]}`?" if found else ""


def glob(pattern: str) -> re.Pattern[str]:
    """A glob pattern as an expression for relative paths with forward slashes.

    `**` matches across directories; a pattern without a slash matches at any depth; a pattern that matches a directory
    matches everything in it.

    Raises:
        ValueError: with what is allowed, for an unfinished character class.
    """
    known = _globs.get(pattern)
    if known is None:
        known = _globs[pattern] = re.compile(_expression(pattern))
    return known


_globs: dict[str, re.Pattern[str]] = {}


def _expression(pattern: str) -> str:
    text = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
    anchored = "/" in text
    parts = ["" if anchored else "(?:.*/)?"]
    text = text.lstrip("/")
    at = 0
    while at < len(text):
        if text.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif text.startswith("**", at):
            parts.append(".*")
            at += 2
        elif text[at] == "*":
            parts.append("[^/]*")
            at += 1
        elif text[at] == "?":
            parts.append("[^/]")
            at += 1
        elif text[at] == "[":
            end = text.find("]", at + 2)
            if end < 0:
                raise ValueError(f"valid glob patterns: `{pattern}` has an unclosed `[`")
            inner = text[at + 1 : end].replace("\\", "\\\\")
            parts.append(f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]")
            at = end + 1
        else:
            parts.append(re.escape(text[at]))
            at += 1
    return "".join(parts) + "(?:/.*)?$"


def matches(path: str, root: str, patterns: Iterable[str]) -> bool:
    """Whether an absolute path matches one of the glob patterns, which start from `root`."""
    relative = path[len(root) :].lstrip("/\\") if path.startswith(root) else path
    relative = relative.replace(os.sep, "/")
    return any(glob(pattern).match(relative) for pattern in patterns)


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    table: dict[str, Any] = tomllib.loads(text)
    return table


def _text(path: str, strict: bool = False) -> str:
    try:
        with open(path, encoding="utf-8-sig", errors="strict" if strict else "replace") as file:
            return file.read()
    except (OSError, ValueError) as error:
        if not strict:
            return ""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8"
        raise SettingsError(_shown(path), f"cannot be read: {reason}") from None


def _shown(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _line(text: str, key: str) -> int:
    """The line of a key, as well as it can be told without a parser that keeps positions; 1 if it is not found."""
    start = text.find("[tool.torchlint")
    name = re.escape(key)
    found = re.compile(rf"""^\s*(?:\[tool\.torchlint\.|tool\.torchlint\.|\[)?["']?{name}["']?\s*[=.\]]""", re.M).search(
        text, max(start, 0)
    )
    return text.count("\n", 0, found.end()) + 1 if found else 1


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
