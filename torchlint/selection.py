"""Which rules run, from selectors: codes (`TL101`), prefixes (`TL1`), names, former names, categories and `ALL`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from torchlint import hygiene
from torchlint.findings import Category, Safety, Severity
from torchlint.rule import Rule
from torchlint.settings import Settings, SettingsError, matches, nearest

_PREFIX = re.compile(r"[A-Z]+[0-9]{0,2}")
_CATEGORIES = {category.value: category for category in Category}
_NOT_NAMED, _EVERYTHING, _CATEGORY, _SUBJECT, _EXACT = 0, 1, 2, 3, 10  # how specific a selector is


class Ruleset(NamedTuple):
    """The rules of one run: all that are known, those that are on, and what the configuration says about them.

    `known` has every code, name and former name; `ignores` are the rules that are off in some files, by pattern;
    `options` are the values of the rules' options, by rule name, with the defaults filled in. `noqa` says whether
    `# noqa: CODE` suppresses findings; `safeties` is what safe and unsafe fixes of a rule count as instead.
    """

    known: Mapping[str, Rule]
    selected: tuple[Rule, ...]
    severities: Mapping[str, Severity]
    ignores: tuple[tuple[str, frozenset[str]], ...] = ()
    options: Mapping[str, Mapping[str, Any]] = {}
    root: str = ""
    noqa: bool = False
    safeties: Mapping[str, Safety] = {}

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the rules that are on."""
        return frozenset(rule.code for rule in self.selected)

    def off_in(self, path: str) -> frozenset[str]:
        """The codes that `per-file-ignores` switches off in a file; `path` is absolute."""
        off: frozenset[str] = frozenset()
        for pattern, codes in self.ignores:
            negated = pattern.startswith("!")
            if matches(path, self.root, (pattern.removeprefix("!"),)) != negated:
                off |= codes
        return off


def build(
    settings: Settings,
    rules: Sequence[Rule],
    select: Sequence[str] | None = None,
    extend_select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Ruleset:
    """The rules that the settings select, changed by the selectors of the command line.

    `select` replaces the configured selection; `extend_select` adds to it and `ignore` takes from it.

    Raises:
        SettingsError: for a selector, a rule or an option that does not exist, with the nearest name.
    """
    everything = (*hygiene.RULES, *rules)
    known = {word: rule for rule in everything for word in (*rule.formerly, rule.name, rule.code)}
    on = _selected(everything, known, settings, select, extend_select, ignore)
    return Ruleset(
        known=known,
        selected=tuple(rule for rule in everything if rule.code in on),
        severities=_severities(everything, known, settings),
        ignores=tuple(
            (pattern, _codes(everything, known, selectors, settings, "per-file-ignores"))
            for pattern, selectors in settings.per_file_ignores.items()
        ),
        options=_options(known, settings),
        root=settings.root,
        noqa=settings.noqa,
        safeties=_safeties(everything, known, settings),
    )


def _selected(
    rules: Sequence[Rule],
    known: Mapping[str, Rule],
    settings: Settings,
    select: Sequence[str] | None,
    extend_select: Sequence[str],
    ignore: Sequence[str],
) -> set[str]:
    for key in ("select", "extend_select", "ignore"):
        _verify(known, getattr(settings, key), settings, key.replace("_", "-"))
    for option, selectors in (("--select", select or ()), ("--extend-select", extend_select), ("--ignore", ignore)):
        _verify(known, selectors, None, option)
    wanted = settings.select if select is None else tuple(select)
    added = (*settings.extend_select, *extend_select) if select is None else tuple(extend_select)
    taken = (*settings.ignore, *ignore) if select is None else tuple(ignore)
    on = set()
    for rule in rules:
        yes = _level(rule, known, (*wanted, *added), settings.preview)
        if rule.default and rule.code.startswith("TL0"):
            yes = max(yes, _EVERYTHING)
        if yes > _level(rule, known, taken, preview=True):
            on.add(rule.code)
    return on


def _level(rule: Rule, known: Mapping[str, Rule], selectors: Iterable[str], preview: bool) -> int:
    """How specifically a rule is named by one of the selectors; 0 if it is not."""
    level = _NOT_NAMED
    for selector in selectors:
        if known.get(selector) is rule:
            return _EXACT
        if rule.preview and not preview:
            continue
        if selector == "ALL":
            level = max(level, _EVERYTHING)
        elif selector in _CATEGORIES:
            if _CATEGORIES[selector] is rule.category:
                level = max(level, _CATEGORY)
        elif _PREFIX.fullmatch(selector) and rule.code.startswith(selector):
            level = max(level, _SUBJECT + len(selector))
    return level


def _verify(known: Mapping[str, Rule], selectors: Iterable[str], settings: Settings | None, key: str) -> None:
    for selector in selectors:
        if selector in known or selector in _CATEGORIES or selector == "ALL":
            continue
        if _PREFIX.fullmatch(selector) and any(rule.code.startswith(selector) for rule in known.values()):
            continue
        where = settings.where(key, word=selector) if settings else ""
        near = nearest(selector, (*known, *{rule.code[:-2] for rule in known.values()}, *_CATEGORIES, "ALL"))
        raise SettingsError(where, f"`{key}` names `{selector}`, which is no rule, prefix or category{near}")


def chosen(settings: Settings, rules: Sequence[Rule], selectors: Sequence[str], key: str) -> frozenset[str]:
    """The codes of all rules that some selectors name; `key` is the option that they come from.

    Raises:
        SettingsError: for a selector that names nothing.
    """
    everything = (*hygiene.RULES, *rules)
    known = {word: rule for rule in everything for word in (*rule.formerly, rule.name, rule.code)}
    return _codes(everything, known, selectors, settings, key)


def _codes(
    rules: Sequence[Rule], known: Mapping[str, Rule], selectors: Sequence[str], settings: Settings, key: str
) -> frozenset[str]:
    _verify(known, selectors, settings, key)
    return frozenset(rule.code for rule in rules if _level(rule, known, selectors, preview=True))


def _severities(rules: Sequence[Rule], known: Mapping[str, Rule], settings: Settings) -> dict[str, Severity]:
    """The severity that the configuration gives to a rule; the most specific selector wins."""
    _verify(known, settings.severity, settings, "severity")
    chosen: dict[str, Severity] = {}
    for rule in rules:
        levels = {selector: _level(rule, known, (selector,), preview=True) for selector in settings.severity}
        best = max(levels, key=lambda selector: levels[selector], default=None)
        if best is not None and levels[best]:
            chosen[rule.code] = settings.severity[best]
    return chosen


def _safeties(rules: Sequence[Rule], known: Mapping[str, Rule], settings: Settings) -> dict[str, Safety]:
    """The safety that the configuration gives to the fixes of a rule; of equal selectors the careful one wins."""
    if not (settings.extend_safe_fixes or settings.extend_unsafe_fixes):
        return {}
    for key in ("extend-safe-fixes", "extend-unsafe-fixes"):
        _verify(known, getattr(settings, key.replace("-", "_")), settings, key)
    chosen: dict[str, Safety] = {}
    for rule in rules:
        safe = _level(rule, known, settings.extend_safe_fixes, preview=True)
        unsafe = _level(rule, known, settings.extend_unsafe_fixes, preview=True)
        if safe or unsafe:
            chosen[rule.code] = Safety.SAFE if safe > unsafe else Safety.UNSAFE
    return chosen


def _options(known: Mapping[str, Rule], settings: Settings) -> dict[str, dict[str, Any]]:
    chosen: dict[str, dict[str, Any]] = {}
    for word, values in settings.rules.items():
        rule = known.get(word)
        if rule is None:
            names = {rule.name for rule in known.values()}
            raise SettingsError(settings.where("rules", word), f"`rules.{word}` is no rule{nearest(word, names)}")
        for option, value in values.items():
            where = settings.where("rules", option)
            if option not in rule.options:
                allowed = nearest(option, rule.options) if rule.options else "; it has none"
                raise SettingsError(where, f"`{rule.name}` has no option `{option}`{allowed}")
            if not _fits(value, rule.options[option]):
                kind = type(rule.options[option]).__name__
                raise SettingsError(where, f"`rules.{rule.name}.{option}` is {value!r}, but must be of type {kind}")
        chosen[rule.name] = {**rule.options, **values}
    return chosen


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, (list, tuple)):
        return isinstance(value, list)
    return default is None or isinstance(value, type(default))
