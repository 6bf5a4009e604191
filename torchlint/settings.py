"""What a user may configure: one table of keys, and the settings read from the nearest configuration file.

Files are `.torchlint.toml`, `torchlint.toml` and `pyproject.toml` (table `[tool.torchlint]`), searched in this order in
the directory of the checked path and then upwards; the first one found is read, and the file that it extends. From the
bottom to the top the layers are: defaults, the extended file, the profile, the file, the command line.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from torchlint.findings import Severity

COMMAND_LINE = "the command line"
FILES = (".torchlint.toml", "torchlint.toml", "pyproject.toml")
BASELINE = ".torchlint-baseline.json"
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
    `origins` has the files that the layers of each key come from, or words (`COMMAND_LINE`, a profile), the uppermost
    last; a default has none.
    """

    root: str
    file: str | None = None
    extend: str | None = None
    required_version: str | None = None
    profile: str = "default"
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
    extend_safe_fixes: tuple[str, ...] = ()
    extend_unsafe_fixes: tuple[str, ...] = ()
    baseline: str | None = None
    noqa: bool = False
    origins: Mapping[str, tuple[str, ...]] = {}

    def where(self, key: str, inner: str | None = None, word: str | None = None) -> str:
        """Where a key stands, for messages about its value: `file:line`, or words; empty for a default.

        `inner` is a name inside the key's table; of several layers, one that has `word` among its strings comes first.
        """
        origins = list(reversed(self.origins.get(key, ())))
        if word is not None and len(origins) > 1:
            quotes = f'"{word}"', f"'{word}'"
            origins.sort(key=lambda origin: not (os.path.isabs(origin) and any(q in _text(origin) for q in quotes)))
        places = [self._place(origin, key, inner) for origin in origins]
        named = [place for place in places if not place.endswith(":?")]
        return (named or [place.replace(":?", ":1") for place in places] or [""])[0]

    def origin(self, key: str) -> str:
        """Where all layers of a key's value come from; empty for a default."""
        return ", ".join(self._place(origin, key, None) for origin in self.origins.get(key, ()))

    @staticmethod
    def _place(origin: str, key: str, inner: str | None) -> str:
        if not os.path.isabs(origin):
            return origin
        return f"{_shown(origin)}:{_line(_text(origin), inner or key) or '?'}"


class Kind(NamedTuple):
    """What values a key takes: in words, as a JSON schema, and how a TOML value becomes that of `Settings`.

    `read` raises `ValueError` with what is allowed. What depends on the rules is left to `torchlint.cli.schema`, which
    defines `selector` and `rules`.
    """

    words: str
    schema: Mapping[str, Any]
    read: Callable[[Any], Any]


class Key(NamedTuple):
    """One configuration key: what values it takes, its default (TOML, or words), what it does, and an example.

    A key of an extending file replaces that of the extended one; lists whose name begins with `extend-` are added up,
    and tables are merged.
    """

    name: str
    kind: Kind
    default: str
    doc: str
    example: str

    @property
    def field(self) -> str:
        """The name of the field of `Settings`."""
        return self.name.replace("-", "_")

    @property
    def is_added(self) -> bool:
        """Whether a layer adds to the layers below instead of replacing them."""
        return self.name.startswith("extend-") or self.default == "{}"

    def onto(self, below: Any, value: Any) -> Any:
        """The value of this key in a layer, together with that of the layers below."""
        if not self.is_added:
            return value
        return {**below, **value} if isinstance(value, dict) else (*below, *value)


def _text_value(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a string")
    return value


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


_BOUND = r"\s*(>=|<=|==|!=|~=|>|<|)\s*(\d+(?:\.\d+)*)\s*"


def _requirement(value: Any) -> str:
    if not isinstance(value, str) or not all(re.fullmatch(_BOUND, part) for part in value.split(",")):
        raise ValueError('a version, or bounds of it such as ">=0.2,<1"')
    return value


def allows(requirement: str, running: str) -> bool:
    """Whether a value of `required-version` allows a version of torchlint; a bare version allows itself only."""
    have = _release(running)
    for part in requirement.split(","):
        found = re.fullmatch(_BOUND, part)
        if found is None:
            return False
        sign, want = found.group(1), _release(found.group(2))
        answers = {
            ">=": have >= want,
            "<=": have <= want,
            ">": have > want,
            "<": have < want,
            "!=": have != want,
            "~=": have >= want and have[: found.group(2).count(".")] == want[: found.group(2).count(".")],
        }
        if not answers.get(sign, have == want):
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in numbers.group().split(".")] if numbers else []
    return (*parts, 0, 0, 0)[:4]


def _profile(value: Any) -> str:
    if value not in PROFILES:
        known = ", ".join(f"`{name}`" for name in PROFILES)
        raise ValueError(f"one of {known}{nearest(value, PROFILES) if isinstance(value, str) else ''}")
    return str(value)


def _levels(value: Any) -> str:
    if value not in ("error", "warning", "info", "never"):
        raise ValueError("`error`, `warning`, `info` or `never`")
    return str(value)


def _options(value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(options, dict) for options in value.values()):
        raise ValueError("a table of options for each rule")
    return value


PROFILES: dict[str, dict[str, Any]] = {
    "default": {"select": list(CATEGORIES_ON)},
    "deterministic": {
        "select": [*CATEGORIES_ON, "reproducibility"],
        "severity": {"reproducibility": "error"},
        "rules": {"nondeterministic-op": {"seeded": True}},
    },
    "performance": {"select": list(CATEGORIES_ON), "severity": {"performance": "error"}},
    "strict": {"select": ["ALL"], "fail-on": "info"},
}
"""Named layers of settings: what they set, as a configuration file would."""

_STRING = {"type": "string"}
_STRINGS = {"type": "array", "items": _STRING}
_SELECTOR = {"$ref": "#/definitions/selector"}
_SELECTORS = {"type": "array", "items": _SELECTOR}
_LOUDNESS = {"enum": [severity.value for severity in Severity]}

BOOLEAN = Kind("true or false", {"type": "boolean"}, _yes_or_no)
PATH = Kind("path", _STRING, _text_value)
PACKS = Kind("list of paths and names", _STRINGS, _words)
GLOBS = Kind("list of glob patterns", _STRINGS, _patterns)
SELECTORS = Kind("list of selectors", _SELECTORS, _words)
IGNORES = Kind(
    "table from glob patterns to lists of selectors",
    {"type": "object", "additionalProperties": _SELECTORS},
    _ignores,
)
SEVERITIES = Kind(
    "table from selectors to `error`, `warning` or `info`",
    {"type": "object", "propertyNames": _SELECTOR, "additionalProperties": _LOUDNESS},
    _severities,
)
VERSION = Kind("string", {"type": "string", "pattern": r"^\d+\.\d+([.+].*)?$"}, version)
REQUIREMENT = Kind("string", {"type": "string", "pattern": r"^[0-9.,<>=!~ ]+$"}, _requirement)
PROFILE = Kind(", ".join(f"`{name}`" for name in PROFILES), {"enum": list(PROFILES)}, _profile)
LEVEL = Kind(
    "`error`, `warning`, `info` or `never`", {"enum": [*(severity.value for severity in Severity), "never"]}, _levels
)
OPTIONS = Kind("table of tables", {"$ref": "#/definitions/rules"}, _options)

KEYS = (
    Key(
        "extend",
        PATH,
        "nothing",
        "A configuration file to build on. Its patterns count from the directory of the file that extends it, its "
        "paths from its own. Keys of this file replace those of the extended one; `extend-...` lists are added up, and "
        "tables are merged.",
        'extend = "../torchlint.toml"',
    ),
    Key(
        "required-version",
        REQUIREMENT,
        "any",
        "The versions of torchlint that this configuration is written for; any other refuses to run.",
        'required-version = ">=0.1,<1"',
    ),
    Key(
        "profile",
        PROFILE,
        '"default"',
        "A named set of settings that this file builds on. `deterministic` adds the category `reproducibility`, "
        "makes its findings errors, and takes a seed anywhere as a wish for equal runs; `performance` makes what "
        "costs time or memory an error; `strict` selects every proven rule and lets `info` findings fail the run too.",
        'profile = "deterministic"',
    ),
    Key(
        "select",
        SELECTORS,
        '["correctness", "suspicious", "performance"]',
        "The rules that are on. A selector is a code (`TL101`), a prefix (`TL1`), a name, a category or `ALL`.",
        'select = ["correctness", "TL7"]',
    ),
    Key(
        "extend-select",
        SELECTORS,
        "[]",
        "Rules that are on besides those of `select`.",
        'extend-select = ["reproducibility"]',
    ),
    Key(
        "ignore",
        SELECTORS,
        "[]",
        "Rules that are off. Where `select` and `ignore` both name a rule, the more specific selector wins.",
        'ignore = ["host-sync-in-step"]',
    ),
    Key(
        "per-file-ignores",
        IGNORES,
        "{}",
        "Rules that are off in the files that match. Patterns are relative to the configuration file.",
        'per-file-ignores = { "tests/**" = ["performance"] }',
    ),
    Key(
        "severity",
        SEVERITIES,
        "{}",
        "How loudly findings are shown, where it differs from the rule's category.",
        'severity = { missing-warmup = "info" }',
    ),
    Key(
        "preview",
        BOOLEAN,
        "false",
        "Whether prefixes, categories and `ALL` also select rules that are still unproven.",
        "preview = true",
    ),
    Key(
        "torch-version",
        VERSION,
        "the lower bound in the project's dependencies, else its lock file, else the installed torch",
        "The oldest torch that the project runs on. Rules about removed or changed interfaces depend on it.",
        'torch-version = "2.4"',
    ),
    Key(
        "exclude",
        GLOBS,
        "[" + ", ".join(f'"{pattern}"' for pattern in EXCLUDED) + "]",
        "Files and directories that are skipped when directories are searched. Setting it replaces the default.",
        'exclude = ["third_party", "**/generated_*.py"]',
    ),
    Key(
        "extend-exclude",
        GLOBS,
        "[]",
        "Files and directories that are skipped besides those of `exclude`.",
        'extend-exclude = ["notebooks/old"]',
    ),
    Key(
        "respect-gitignore",
        BOOLEAN,
        "true",
        "Whether files that git ignores are skipped when directories are searched.",
        "respect-gitignore = false",
    ),
    Key(
        "packs",
        PACKS,
        "[]",
        "Rules of your own: directories, relative to the configuration file, or names of installed packs. Their "
        "code is run by torchlint.",
        'packs = ["tools/lint"]',
    ),
    Key(
        "rules",
        OPTIONS,
        "{}",
        "Options of single rules, under the rule's name; `torchlint explain RULE` lists them.",
        "[tool.torchlint.rules.host-sync-in-step]\nevery = 100",
    ),
    Key(
        "fail-on",
        LEVEL,
        '"warning"',
        "The least severity of a finding that makes `torchlint check` exit with 1.",
        'fail-on = "error"',
    ),
    Key(
        "extend-safe-fixes",
        SELECTORS,
        "[]",
        "Rules whose unsafe fixes count as safe in this project, so that `--fix` applies them. Sketches stay sketches.",
        'extend-safe-fixes = ["missing-zero-grad"]',
    ),
    Key(
        "extend-unsafe-fixes",
        SELECTORS,
        "[]",
        "Rules whose safe fixes count as unsafe in this project. Where both lists name a rule, the more specific "
        "selector wins.",
        'extend-unsafe-fixes = ["TL6"]',
    ),
    Key(
        "baseline",
        PATH,
        "the nearest `.torchlint-baseline.json` upwards from the checked file, up to the top of its repository",
        "The file with the findings that were there before, which are not reported again. `torchlint baseline` "
        "writes it.",
        'baseline = "ci/torchlint-baseline.json"',
    ),
    Key(
        "noqa",
        BOOLEAN,
        "false",
        "Whether `# noqa: TL101` suppresses findings too. Ruff deletes codes that it does not know unless its own "
        '`lint.external = ["TL"]` names them; `# torchlint: ignore[TL101]` needs nothing of the kind.',
        "noqa = true",
    ),
)


def load(
    directory: str, cache: dict[str, Settings] | None = None, has: Callable[[str, str], bool] | None = None
) -> Settings:
    """The settings for files in `directory`, from the nearest configuration file at or above it.

    `cache` remembers the answer for every directory on the way; `has` tells whether a directory may hold a name.
    Without any file patterns start from the working directory.

    Raises:
        SettingsError: for a file that cannot be read, an unknown key or a value of the wrong type.
    """
    cache = {} if cache is None else cache
    passed = []
    current = os.path.abspath(directory)
    while current not in cache:
        passed.append(current)
        file = _config_in(current, has)
        if file is not None:
            cache[current] = from_file(file)
            break
        parent = os.path.dirname(current)
        if parent == current:
            cache[current] = Settings(root=os.getcwd())
            break
        current = parent
    found = cache[current]
    for path in passed:
        cache[path] = found
    return cache[passed[0]] if passed else found


def baseline_of(
    settings: Settings,
    directory: str,
    cache: dict[str, str | None] | None = None,
    has: Callable[[str, str], bool] | None = None,
) -> str | None:
    """The baseline of a directory: the configured one, else the nearest `BASELINE` upwards, up to the repository's top.

    `cache` remembers what was found in each directory; `has` tells whether a directory may hold a name.
    """
    if settings.baseline is not None:
        return os.path.abspath(settings.baseline)
    cache = {} if cache is None else cache
    if directory not in cache:
        path = os.path.join(directory, BASELINE)
        parent = os.path.dirname(directory)
        if (has is None or has(directory, BASELINE)) and os.path.isfile(path):
            cache[directory] = path
        elif parent == directory or (has or _has)(directory, ".git"):
            cache[directory] = None
        else:
            cache[directory] = baseline_of(settings, parent, cache, has)
    return cache[directory]


def _has(directory: str, name: str) -> bool:
    return os.path.exists(os.path.join(directory, name))


def _config_in(directory: str, has: Callable[[str, str], bool] | None) -> str | None:
    for name in FILES:
        if has is not None and not has(directory, name):
            continue
        path = os.path.join(directory, name)
        if not os.path.isfile(path):
            continue
        if name != "pyproject.toml" or _has_table(path):
            return path
    return None


def _has_table(path: str) -> bool:
    """Whether a `pyproject.toml` configures torchlint, in whichever way TOML spells that."""
    text = _text(path)
    if "[tool.torchlint" in text:
        return True
    if "torchlint" not in text:
        return False
    try:
        tools = _toml(text).get("tool")
    except ValueError:
        return True  # which tells the user what is wrong with it
    return isinstance(tools, dict) and "torchlint" in tools


def from_file(path: str, extending: Sequence[str] = ()) -> Settings:
    """The settings of one configuration file and of those that it extends; `extending` are the files that lead to it.

    Raises:
        SettingsError: as `load`.
    """
    path = os.path.abspath(path)
    table = table_of(path)
    settings = Settings(root=os.path.dirname(path), file=path)

    def where(key: str) -> str:
        return f"{_shown(path)}:{_line(_text(path), key) or 1}"

    _require_version(table, where)
    base = table.get("extend")
    if isinstance(base, str):
        inner = _beside(path, base)
        if inner in (*extending, path):
            raise SettingsError(where("extend"), f"`extend` comes back to `{_shown(inner)}`")
        if not os.path.isfile(inner):
            raise SettingsError(where("extend"), f"`extend` names `{base}`, which is no file")
        settings = from_file(inner, (*extending, path))._replace(root=settings.root, file=path)
    return read(table, settings, where, path)


def table_of(path: str) -> dict[str, Any]:
    """The keys of a configuration file, as they stand there.

    Raises:
        SettingsError: for a file that cannot be read or is not TOML.
    """
    try:
        table = _toml(_text(path, strict=True))
    except ValueError as error:
        place = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.S)
        if place is not None:
            raise SettingsError(f"{_shown(path)}:{place[2]}", f"not valid TOML: {place[1]}") from None
        raise SettingsError(_shown(path), f"not valid TOML: {error}") from None
    if os.path.basename(path) != "pyproject.toml":
        return table
    tools = table.get("tool", {})
    own = tools.get("torchlint", {}) if isinstance(tools, dict) else {}
    if not isinstance(own, dict):
        raise SettingsError(_shown(path), "`tool.torchlint` must be a table")
    return own


def _beside(file: str, path: str) -> str:
    """A path that stands in a file, as an absolute one."""
    return os.path.normpath(os.path.join(os.path.dirname(file), os.path.expanduser(path)))


def _pack(file: str, pack: str) -> str:
    """The path of a pack that a file names; a bare word that is no directory is the name of an installed one."""
    path = _beside(file, pack)
    return pack if "/" not in pack and os.sep not in pack and not os.path.isdir(path) else path


def _require_version(table: Mapping[str, Any], where: Callable[[str], str]) -> None:
    """Before anything else: another version knows other keys."""
    from torchlint import __version__

    wanted = table.get("required-version")
    if (
        isinstance(wanted, str)
        and all(re.fullmatch(_BOUND, one) for one in wanted.split(","))
        and not allows(wanted, __version__)
    ):
        message = f"torchlint {__version__} is running, but `required-version` is `{wanted}`"
        raise SettingsError(where("required-version"), message)


def override(settings: Settings, assignments: Iterable[str]) -> Settings:
    """Settings changed by `KEY=VALUE` words of the command line; a value that is not TOML is taken as a string.

    Raises:
        SettingsError: for an unknown key or a value of the wrong type.
    """
    for assignment in assignments:
        key, _, value = assignment.partition("=")
        if key.strip() == "extend":
            raise SettingsError("--config", "`extend` has its place in a file; `--config PATH` reads one")
        text = f"{key}={quoted(value.strip())}"
        try:
            settings = read(_assigned(assignment, text), settings, lambda _: "--config")
        except SettingsError:
            try:
                settings = read(_assigned(text, text), settings, lambda _: "--config")
            except SettingsError:
                settings = read(_assigned(assignment, text), settings, lambda _: "--config")
    return settings


def _assigned(assignment: str, otherwise: str) -> dict[str, Any]:
    """The table of an assignment; where it is not TOML, that of the other one. A switch needs no TOML parser."""
    switch = re.fullmatch(r"\s*([a-z-]+)\s*=\s*(true|false)\s*", assignment)
    if switch:
        return {switch[1]: switch[2] == "true"}
    try:
        return _toml(assignment)
    except ValueError:
        try:
            return _toml(otherwise)
        except ValueError as error:
            raise SettingsError("--config", f"`{assignment}` is not KEY=VALUE: {error}") from None


def read(
    table: Mapping[str, Any], settings: Settings, where: Callable[[str], str], origin: str = COMMAND_LINE
) -> Settings:
    """`settings` with the values of a TOML table laid over them; the layer's profile comes first.

    `where` tells the place of a key for messages, `origin` is what `Settings.origins` keeps: the absolute path of a
    file, which relative paths of the table start from, or words.

    Raises:
        SettingsError: for an unknown key or a value of the wrong type.
    """
    keys = {key.name: key for key in KEYS}
    if table.get("profile") in PROFILES:
        profile = PROFILES[table["profile"]]
        settings = _laid_over(profile, settings, keys, where, f"profile `{table['profile']}`")
    return _laid_over(table, settings, keys, where, origin)


def _laid_over(
    table: Mapping[str, Any], settings: Settings, keys: Mapping[str, Key], where: Callable[[str], str], origin: str
) -> Settings:
    changed: dict[str, Any] = {}
    origins = dict(settings.origins)
    for name, value in table.items():
        key = keys.get(name)
        if key is None:
            hint = nearest(name, keys)
            if name == "tool":
                hint = "; outside of `pyproject.toml` the keys stand at the top, without `[tool.torchlint]`"
            raise SettingsError(where(name), f"unknown key `{name}`{hint}")
        try:
            known = key.kind.read(value)
        except ValueError as error:
            raise SettingsError(where(name), f"`{name}` is {quoted(value)}, but must be {error}") from None
        if os.path.isabs(origin) and key.kind is PACKS:
            known = tuple(_pack(origin, pack) for pack in known)
        elif os.path.isabs(origin) and key.kind is PATH:
            known = _beside(origin, known)
        changed[key.field] = key.onto(getattr(settings, key.field), known)
        origins[name] = (*origins.get(name, ()), origin) if key.is_added else (origin,)
    return settings._replace(**changed, origins=origins)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` with the nearest known word, or nothing."""
    import difflib

    words = sorted(set(known))
    found = [candidate for candidate in words if candidate.lower() == word.lower()]
    found = found or difflib.get_close_matches(word, words, n=1, cutoff=0.5)
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


def matches(path: str, root: str, patterns: Sequence[str]) -> bool:
    """Whether an absolute path matches one of the glob patterns, which start from `root`."""
    relative = path[len(root) :].lstrip("/\\") if path.startswith(root) else path
    relative = relative.replace(os.sep, "/")
    names, others = _sorted_out(tuple(patterns))
    return not names.isdisjoint(relative.split("/")) or any(glob(pattern).match(relative) for pattern in others)


@functools.cache
def _sorted_out(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Patterns that are plain names, which need no expression, and the others."""
    names = frozenset(pattern for pattern in patterns if not set(pattern) & set("*?[]/\\"))
    return names, tuple(pattern for pattern in patterns if pattern not in names)


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
    """The line of a key, as well as it can be told without a parser that keeps positions; 0 if it is not found."""
    own = r"(?:tool\s*\.\s*)?torchlint"
    table = re.search(r"^\[tool\.torchlint", text, re.M) or re.search(rf"^\s*\[?\s*{own}\b", text, re.M)
    start = table.start() if table is not None else 0
    name = rf"""["']?{re.escape(key)}["']?\s*"""
    on_a_line = rf"^\s*\[?\s*(?:{own}\s*\.\s*)?{name}[=.\]]"
    inline = rf"[{{,]\s*{name}[=.]"
    found = re.compile(on_a_line, re.M).search(text, start) or re.compile(inline).search(text, start)
    return text.count("\n", 0, found.end()) + 1 if found else 0


def quoted(value: Any) -> str:
    """A value as it would stand in a TOML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Severity):
        return quoted(value.value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(quoted, value)) + "]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_bare(name)} = {quoted(item)}" for name, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return repr(value)


def _bare(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else quoted(name)
