"""Rule packs: directories of rule files, loaded by path under a private namespace.

`rules/` is the first pack; a user's own is loaded by the same code. A rule file never becomes an importable module, so
the name of its directory cannot collide with anything installed, and byte-code is used as for any import. A built-in
rule is executed when its check, its manual or its experiment is first asked for; a user's own at once, which finds its
mistakes.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

from torchlint.findings import Category, Severity
from torchlint.rule import SOURCE_URL, Body, Check, Rule, rule

SUBJECTS = {
    "optimization": "TL1",
    "losses": "TL2",
    "sequences": "TL3",
    "modules": "TL4",
    "data": "TL5",
    "speed": "TL6",
    "reproducibility": "TL7",
    "scale": "TL8",
    "api": "TL9",
}
"""The directory of each subject in the built-in pack, and how its codes begin; `TL0` is torchlint itself."""

ENTRY_POINTS = "torchlint.packs"
"""The group under which a distribution offers its packs: a name, and the package whose directory is the pack."""

_CODE = re.compile(r"[A-Z]{2,}[0-9]{3}")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_OWN_PREFIX = "TL"


class PackError(Exception):
    """A pack that cannot be loaded: the file, the line (`None` if it concerns the whole file) and what is wrong."""

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        super().__init__(file, line, reason)
        self.file = file
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.reason}"


def load(extra: Sequence[str] = ()) -> list[Rule]:
    """All rules of the built-in pack and of the packs at the given paths, sorted by code.

    Raises:
        PackError: for the first file that fails to import or breaks a law of packs.
    """
    rules, errors = read(extra)
    if errors:
        raise errors[0]
    return rules


def read(extra: Sequence[str] = ()) -> tuple[list[Rule], list[PackError]]:
    """Like `load`, but with every error beside the rules that could be loaded, instead of the first one raised."""
    rules: list[Rule] = []
    errors: list[PackError] = []
    for named in (builtin(), *extra):
        try:
            pack = directory(named)
        except PackError as error:
            errors.append(error)
            continue
        for file in files(pack):
            try:
                rules.append(_rule_of(pack, file, own=named == builtin()))
            except PackError as error:
                errors.append(error)
    errors.extend(_collisions(rules))
    return sorted(rules, key=lambda rule: rule.code), errors


@functools.cache
def builtin() -> str:
    """The directory of the built-in pack: inside the installed package, else beside it in a checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join(here, "rules")
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(here), "rules")


def directory(pack: str) -> str:
    """The directory of a pack: of a path, or of the name under which an installed distribution offers one.

    A distribution names a package of its own in the entry-point group `torchlint.packs`; the package itself is not
    imported, its directory is a pack like any other.

    Raises:
        PackError: if there is no such directory and no such name.
    """
    if os.path.isdir(pack):
        return os.path.abspath(pack)
    if os.path.isabs(pack) or "/" in pack or os.sep in pack:
        raise PackError(os.path.abspath(pack), None, "this rule pack is not a directory")
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    installed = {point.name: point.module for point in entry_points(group=ENTRY_POINTS)}
    if pack not in installed:
        known = f" (installed: {', '.join(sorted(installed))})" if installed else ""
        raise PackError(pack, None, f"this rule pack is neither a directory nor installed{known}")
    try:
        found = find_spec(installed[pack])
    except ImportError:
        found = None
    if found is None or not found.submodule_search_locations:
        raise PackError(pack, None, f"this rule pack is said to be the package `{installed[pack]}`, which is not there")
    return os.path.abspath(next(iter(found.submodule_search_locations)))


def files(pack: str) -> Iterator[str]:
    """The rule files of a pack: `*.py` in it and in its directories, except names that start with `_` or `.`."""
    for entry in sorted(os.listdir(pack)):
        path = os.path.join(pack, entry)
        if entry.startswith(("_", ".")):
            continue
        if entry.endswith(".py"):
            yield path
        elif os.path.isdir(path):
            for name in sorted(os.listdir(path)):
                if name.endswith(".py") and not name.startswith(("_", ".")):
                    yield os.path.join(path, name)


def _rule_of(pack: str, file: str, *, own: bool) -> Rule:
    read = functools.cache(functools.partial(_executed, pack, file))
    facts = (_declared(file) if own else None) or _facts(read().check)
    rule = Rule(file=file, body=read, **facts)
    for reason in _broken_laws(rule, own=own):
        raise PackError(file, rule.check.__code__.co_firstlineno, reason)
    return rule._replace(url=rule.url or _page(pack, file)) if own else rule


def _declared(file: str) -> dict[str, Any] | None:
    """The facts that the decorator in a built-in rule file states, without executing the file.

    Most files that are checked need few rules, and executing all takes as long as checking one. `None` if the decorator
    is not written in plain values.
    """
    with open(file, "rb") as stream:
        text = stream.read()
    start = text.find(b"\n@rule(")
    end = text.find(b"\ndef check(", start)
    if start < 0 or end < 0:
        return None
    try:
        declare = eval(text[start + 2 : end].strip(), {"rule": rule, "Category": Category, "Severity": Severity})
    except Exception:
        return None
    return _facts(declare(lambda module: iter(())))


def _facts(check: Check) -> dict[str, Any]:
    facts: dict[str, Any] = check.__torchlint_rule__  # type: ignore[attr-defined]
    return facts


def _page(pack: str, file: str) -> str:
    return f"{SOURCE_URL}/rules/{_inside(pack, file).replace(os.sep, '/')}"


def _inside(pack: str, file: str) -> str:
    return file[len(pack) :].lstrip(os.sep)


def _executed(pack: str, file: str) -> Body:
    name = _private_name(pack, file)
    loader = SourceFileLoader(name, file)
    module = ModuleType(name)
    module.__file__ = file
    module.__loader__ = loader
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        reason = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        raise PackError(file, _line_of(error, file), reason) from error
    check: Check | None = getattr(module, "check", None)
    if check is None or not hasattr(check, "__torchlint_rule__"):
        raise PackError(file, None, "a rule file needs a function `check` decorated with `@rule(...)`")
    return Body(check, module.__doc__ or "", getattr(module, "evidence", None))


def _private_name(pack: str, file: str) -> str:
    parts = _inside(pack, file).removesuffix(".py").split(os.sep)
    label = "builtin" if pack == builtin() else re.sub(r"\W", "_", pack)
    return ".".join(("torchlint_packs", label, *parts))


def _line_of(error: BaseException, file: str) -> int | None:
    if isinstance(error, SyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _broken_laws(rule: Rule, *, own: bool) -> Iterator[str]:
    stem = os.path.basename(rule.file)[: -len(".py")]
    subject = os.path.basename(os.path.dirname(rule.file))
    if not _CODE.fullmatch(rule.code):
        yield f"the code {rule.code!r} is not two or more capital letters and three digits"
    if not _NAME.fullmatch(rule.name):
        yield f"the name {rule.name!r} is not kebab-case"
    if stem != rule.name.replace("-", "_"):
        yield f"the rule {rule.name!r} belongs in a file called {rule.name.replace('-', '_')}.py"
    if own and SUBJECTS.get(subject) != rule.code[:3]:
        yield f"{rule.code} does not belong in {subject!r}: {_homes(rule.code)}"
    if not own and rule.code.rstrip("0123456789") == _OWN_PREFIX:
        yield f"{rule.code}: codes that begin with {_OWN_PREFIX} are torchlint's own; choose another prefix"


def _homes(code: str) -> str:
    homes = [subject for subject, prefix in SUBJECTS.items() if code.startswith(prefix)]
    return f"its directory is {homes[0]!r}" if homes else "no directory has codes like this"


def _collisions(rules: Iterable[Rule]) -> Iterator[PackError]:
    seen: dict[str, Rule] = {}
    for one in rules:
        for word in (one.code, one.name, *one.formerly):
            other = seen.setdefault(word, one)
            if other is not one:
                yield PackError(one.file, None, f"{word!r} is taken by the rule in {other.file}")
