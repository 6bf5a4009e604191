"""The client's settings: what a person can set in the editor, read from whatever shape a client sends it in."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from torchlint.findings import Severity
from torchlint.workspace import Overrides

DEBOUNCE = 0.15  # seconds without a key press before a text is checked


class Options(NamedTuple):
    """The client's settings, as far as the server needs them.

    `diagnostic_mode` is `openFilesOnly` or `workspace`; `show_ignore` and `show_fixes` switch code actions; `isolated`
    (a workspace that is not trusted) leaves its configuration and its rule packs, which are code, alone.
    """

    enable: bool = True
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    configuration: str | None = None
    diagnostic_mode: str = "openFilesOnly"
    severity: tuple[tuple[str, Severity], ...] = ()
    show_fixes: bool = True
    show_ignore: bool = True
    interpreter: tuple[str, ...] = ()
    isolated: bool = False

    @property
    def overrides(self) -> Overrides:
        """What these settings mean for a check."""
        return Overrides(
            isolated=self.isolated,
            config=self.configuration or None,
            select=self.select,
            extend_select=self.extend_select,
            ignore=self.ignore,
        )


class Scoped(NamedTuple):
    """The options of a session: those of each folder that has its own, by its path, and those for all else."""

    general: Options = Options()
    folders: tuple[tuple[str, Options], ...] = ()

    def of(self, path: str) -> Options:
        """The options for a file: those of the innermost folder around it."""
        inside = [(folder, options) for folder, options in self.folders if within(path, folder)]
        return max(inside, key=lambda pair: len(pair[0]))[1] if inside else self.general


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def given(options: Any) -> Any:
    """The settings in a client's initialization options, as it would send them later."""
    options = options if isinstance(options, dict) else {}
    settings = options.get("settings", options) or None
    if isinstance(options.get("globalSettings"), dict) and isinstance(settings, list):
        settings = [options["globalSettings"], *settings]
    return settings


def scoped(settings: Any, path_of: Callable[[str], str]) -> Scoped:
    """The options in a client's settings: one object, or a list with one object for each folder.

    An object of a list names its folder in `workspace` (a uri) or `cwd` (a path); one that names none holds for all.
    """
    if not isinstance(settings, list):
        return Scoped(options_of(settings))
    general = Options()
    folders: list[tuple[str, Options]] = []
    for item in settings:
        if not isinstance(item, dict):
            continue
        place = item.get("workspace") or item.get("cwd")
        if isinstance(place, str) and place:
            folder = path_of(place) if "://" in place else place.replace(os.sep, "/")
            folders.append((folder.rstrip("/"), options_of(item)))
        else:
            general = options_of(item)
    return Scoped(folders[0][1] if folders and general == Options() else general, tuple(folders))


def options_of(settings: Any) -> Options:
    """The options in one settings object; whatever has a wrong type is left at its default."""
    if not isinstance(settings, dict):
        return Options()

    def words(key: str) -> tuple[str, ...] | None:
        value = settings.get(key)
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else None

    def flag(key: str, section: str = "") -> bool:
        holder = settings.get(section) if section else settings
        value = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(value, dict):
            value = value.get("enable")
        return value if isinstance(value, bool) else True

    configuration = settings.get("configuration")
    severities = settings.get("severity")
    known = {severity.value: severity for severity in Severity}
    return Options(
        enable=flag("enable"),
        select=words("select") or None,
        extend_select=words("extendSelect") or (),
        ignore=words("ignore") or (),
        configuration=os.path.expanduser(configuration) if isinstance(configuration, str) and configuration else None,
        diagnostic_mode="workspace" if settings.get("diagnosticMode") == "workspace" else "openFilesOnly",
        severity=tuple(
            (name, known[value])
            for name, value in (severities.items() if isinstance(severities, dict) else ())
            if isinstance(value, str) and value in known
        ),
        show_fixes=flag("fixViolation", "codeAction"),
        show_ignore=flag("disableRuleComment", "codeAction"),
        interpreter=words("interpreter") or (),
        isolated=settings.get("isolated") is True,
    )
