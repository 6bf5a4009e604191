"""Findings that were there before, and which of the findings of now are new.

The two are compared as multisets of identities (see `torchlint.fingerprint`): a bug that is gone pays for no other, not
even for an equal one elsewhere. What an edit has moved is not new: an entry whose file or definition no longer exists
stands for a finding of the same rule on the same statement in the same file, in a definition of the same name elsewhere
or, outside of definitions, in a file of the same name.
"""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from torchlint import hygiene
from torchlint.findings import Finding, Place, Span
from torchlint.fingerprint import Identities, Identity, Outline
from torchlint.settings import Settings, SettingsError, baseline_of

VERSION = 1
_NEVER = (hygiene.RULE_CRASHED.code, hygiene.STALE_BASELINE_ENTRY.code)


class Split(NamedTuple):
    """The findings of a file that are new, and those that were there before."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]


class Baseline:
    """Earlier findings, and how far those of now account for them.

    Args:
        root: the directory that the entries' paths are relative to.
        entries: the earlier findings; equal ones count. They are known by their keys from here on.
        text_of: the text that a path (absolute) has now, `None` if it is gone.
    """

    def __init__(self, root: str, entries: Iterable[Identity], text_of: Callable[[str], str | None]) -> None:
        self.root = root
        self.entries = Counter(entry.key for entry in entries)
        self._text_of = text_of
        self._identities = Identities(root)
        self._by_statement: dict[tuple[str, str], list[Identity]] = {}
        for entry in self.entries:
            self._by_statement.setdefault((entry.code, entry.statement), []).append(entry)
        self._homeless: dict[tuple[str, str], list[Identity]] = {}
        self._claims: dict[str, Counter[Identity]] = {}
        self._claimed: Counter[Identity] = Counter()
        self._scopes: dict[str, frozenset[str] | None] = {}

    def split(self, path: str, text: str, findings: Sequence[Finding]) -> Split:
        """What is new among the findings of a file; asking again for the same file replaces the first answer."""
        for entry, count in self._claims.pop(path, Counter()).items():
            self._claimed[entry] -= count
        if not findings or not self.entries:
            return Split(tuple(findings), ())
        own = self._claims[path] = Counter()
        identities = [self._identities.of(finding, text).key for finding in findings]
        paid: list[bool] = []
        for finding, identity in zip(findings, identities, strict=True):
            paid.append(finding.code not in _NEVER and self._claim(identity, own))
        for number, identity in enumerate(identities):
            if not paid[number] and findings[number].code not in _NEVER:
                paid[number] = any(self._claim(entry, own) for entry in self._moved(identity))
        new = tuple(finding for finding, known in zip(findings, paid, strict=True) if not known)
        return Split(new, tuple(finding for finding, known in zip(findings, paid, strict=True) if known))

    def left(self) -> Counter[Identity]:
        """The entries that no finding has accounted for yet, by their keys."""
        return self.entries - self._claimed

    def _claim(self, entry: Identity, own: Counter[Identity]) -> bool:
        if self._claimed[entry] >= self.entries[entry]:
            return False
        self._claimed[entry] += 1
        own[entry] += 1
        return True

    def _moved(self, identity: Identity) -> list[Identity]:
        """Entries that may stand for a finding which has come from elsewhere, the nearest first."""
        key = (identity.code, identity.statement)
        homeless = self._homeless.get(key)
        if homeless is None:
            homeless = [entry for entry in self._by_statement.get(key, ()) if self._is_homeless(entry)]
            self._homeless[key] = homeless
        found = [entry for entry in homeless if entry != identity and _may_be_from(entry, identity)]
        return sorted(found, key=lambda entry: (entry.path != identity.path, entry))

    def _is_homeless(self, entry: Identity) -> bool:
        """Whether the file or the definition of an entry no longer exists."""
        if entry.path not in self._scopes:
            text = self._text_of(os.path.normpath(os.path.join(self.root, entry.path)))
            self._scopes[entry.path] = None if text is None else Outline(text).scopes
        scopes = self._scopes[entry.path]
        return scopes is None or bool(entry.scope and entry.scope not in scopes)


def _may_be_from(entry: Identity, identity: Identity) -> bool:
    """Whether the places of two equal statements are such that the one may have become the other."""
    if entry.path == identity.path:
        return True
    if entry.scope != identity.scope:
        return False
    return bool(entry.scope) or entry.path.rpartition("/")[2] == identity.path.rpartition("/")[2]


class Stored(NamedTuple):
    """A baseline file: its path, its entries with multiplicity, and the line on which each of them stands."""

    file: str
    entries: tuple[Identity, ...]
    lines: tuple[int, ...]

    @property
    def root(self) -> str:
        """What the entries' paths are relative to."""
        return os.path.dirname(self.file)


def load(file: str, data: bytes | None = None) -> Stored:
    """Read a baseline file, or its content where that is given.

    Raises:
        SettingsError: if it cannot be read or is no baseline.
    """
    shown = os.path.relpath(file) if file.startswith(os.getcwd() + os.sep) else file
    if data is None:
        try:
            with open(file, "rb") as stream:
                data = stream.read()
        except FileNotFoundError:
            raise SettingsError(shown, "there is no such baseline; `torchlint baseline` writes it") from None
        except OSError as error:
            raise SettingsError(shown, f"the baseline cannot be read: {error.strerror or error}") from None
    try:
        table = json.loads(data)
        if table["version"] != VERSION:
            raise SettingsError(shown, f"a baseline of version {table['version']!r}; this torchlint reads {VERSION}")
        entries = tuple(_entry(item) for item in table["findings"])
    except json.JSONDecodeError as error:
        raise SettingsError(f"{shown}:{error.lineno}", f"the baseline is not valid JSON: {error.msg}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(shown, f"this is no baseline of torchlint ({type(error).__name__}: {error})") from None
    return Stored(file, entries, _lines(data.decode(errors="replace"), len(entries)))


def _entry(item: dict[str, Any]) -> Identity:
    values = (item["path"], item["rule"].partition(" ")[0], item["in"], item["code"])
    if not all(isinstance(value, str) for value in values):
        raise ValueError("a finding has four strings")
    return Identity(*values)


def _lines(text: str, count: int) -> tuple[int, ...]:
    """The line of each entry: one a line, as we write them; line 1 if somebody has laid the file out differently."""
    found = [number for number, line in enumerate(text.split("\n"), 1) if line.lstrip().startswith('{"path"')]
    return tuple(found) if len(found) == count else (1,) * count


def known_before(
    path: str, text: str, findings: Sequence[Finding], settings: Settings, text_of: Callable[[str], str | None]
) -> frozenset[Finding]:
    """For editors: those of the findings in one text that the baseline of its directory has.

    A baseline that is not there has none; the last one that was read is remembered until its file changes.

    Raises:
        SettingsError: for a damaged baseline.
    """
    file = baseline_of(settings, os.path.dirname(path)) if findings else None
    try:
        mark = os.stat(file) if file is not None else None
    except OSError:
        return frozenset()
    if file is None or mark is None:
        return frozenset()
    stored = _remembered(file, mark.st_mtime_ns, mark.st_size)
    return frozenset(Baseline(stored.root, stored.entries, text_of).split(path, text, findings).known)


@functools.lru_cache(maxsize=2)
def _remembered(file: str, changed: int, size: int) -> Stored:
    return load(file)


def without(stored: Stored, dead: Counter[Identity]) -> list[Identity]:
    """The entries that are left when some (by their keys) are taken out; of equal ones the last go."""
    rest = dead.copy()
    kept = []
    for entry in reversed(stored.entries):
        if rest[entry.key] > 0:
            rest[entry.key] -= 1
        else:
            kept.append(entry)
    return kept


def dump(entries: Iterable[Identity], names: Callable[[str], str]) -> bytes:
    """The content of a baseline file: sorted, one finding a line; `names` gives a rule's name by its code."""
    rows = [
        json.dumps(
            {
                "path": entry.path,
                "rule": f"{entry.code} {names(entry.code)}".strip(),
                "in": entry.scope,
                "code": entry.statement,
            },
            ensure_ascii=False,
        )
        for entry in sorted(entries)
    ]
    body = ",\n".join(rows)
    head = f'{{"version": {VERSION}, "findings": ['
    return (f"{head}\n{body}\n]}}\n" if rows else f"{head}]}}\n").encode("utf-8", "surrogatepass")


def stale(stored: Stored, dead: Counter[Identity], names: Callable[[str], str]) -> list[Finding]:
    """Findings about entries that stand for nothing any more; of equal entries the last ones are named."""
    rest = dead.copy()
    found = []
    for entry, line in zip(reversed(stored.entries), reversed(stored.lines), strict=True):
        if rest[entry.key] > 0:
            rest[entry.key] -= 1
            where = f"`{entry.scope}` of {entry.path}" if entry.scope else entry.path
            message = f"`{names(entry.code) or entry.code}` is no longer found at `{entry.statement}` in {where}"
            rule = hygiene.STALE_BASELINE_ENTRY
            found.append(Finding(rule.code, rule.name, Place(stored.file, Span(line, 0, line, 0)), message))
    return found[::-1]
