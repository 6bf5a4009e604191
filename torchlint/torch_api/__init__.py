"""What is known of torch, as data; nothing here imports torch, and each file is read when it is first asked for.

The files are written by `python -m torchlint.torch_api.generate` from an installed torch and the tables in `curated/`.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

HERE = os.path.dirname(__file__)


class Parameter(NamedTuple):
    """One parameter of a signature; `default` is `...` where it is no plain constant, `None` also where there is none."""

    name: str
    required: bool
    default: Any = None


class Signature(NamedTuple):
    """What a callable takes: positional parameters in order, keyword-only ones, and whether its ends are open."""

    positional: tuple[Parameter, ...]
    keyword_only: tuple[Parameter, ...]
    any_positional: bool
    any_keyword: bool


class Deprecated(NamedTuple):
    """A symbol or keyword that torch has removed, deprecated, or only documents as obsolete.

    `status` is `"removed"`, `"deprecated"` (it warns) or `"documented"` (it is silent). Versions are text such as `"2.4"`.
    """

    name: str
    status: str
    since: str
    removed: str = ""
    new: str = ""
    new_since: str = ""
    edit: str = ""
    safe: bool = True
    note: str = ""
    device: str = ""
    positional: tuple[str, ...] = ()
    arguments: int | None = None
    unless_edit: tuple[str, ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    only_called: bool = False
    on: str = ""
    keyword: str = ""
    arity: int = 0


class Nondeterministic(NamedTuple):
    """An operation without a deterministic CUDA implementation.

    `passes` is `"forward"` or `"backward"`, `device` is `"cuda"` or `"any"`, `mode` is `"raises"` or `"silent"` (under
    `warn_only=True`). Each condition of `when` and `unless` is (argument, position, values...), where the value
    `"given"` means that the argument is there at all. `dtype` and `rank` are what must be known of the tensor. `swap` is
    (argument, value, deterministic value), `rename` the class that takes its place.
    """

    name: str
    passes: str
    device: str
    mode: str
    when: tuple[tuple[Any, ...], ...]
    unless: tuple[tuple[Any, ...], ...]
    dtype: str
    rank: int
    instead: str
    swap: tuple[str, ...] = ()
    rename: str = ""


class ModuleClass(NamedTuple):
    """A module class of torch: whether its modes differ, or else the argument whose value decides it."""

    mode_dependent: bool
    decided_by: str


def canonical(qualname: str) -> str:
    """The documented name of a torch symbol, `torch.nn.modules.loss.CrossEntropyLoss` -> `torch.nn.CrossEntropyLoss`.

    A name that is not a known second name comes back unchanged.
    """
    return _table("aliases").get(qualname, qualname) if qualname.startswith("torch.") else qualname


def exists(qualname: str) -> bool | None:
    """Whether the torch of `made_from()` has this public name; `None` where its parent is not a known module."""
    parent, _, name = qualname.rpartition(".")
    listed = _names().get(parent)
    if listed is None or name.startswith("_"):
        return None
    return name in listed or qualname in _names()


@functools.lru_cache(1024)
def signatures(qualname: str) -> tuple[Signature, ...]:
    """Every known way to call a torch symbol, empty if unknown; `self` of a tensor method is left out."""
    return tuple(_signature(overload) for overload in _overloads(canonical(qualname)))


def signature(qualname: str) -> Signature | None:
    """The way to call a torch symbol, or `None` if it is unknown or overloaded."""
    found = signatures(qualname)
    return found[0] if len(found) == 1 else None


def module_classes() -> Mapping[str, ModuleClass]:
    """Every public subclass of `torch.nn.Module` in torch, by its documented name."""
    return _module_classes()


def pure_tensor_methods() -> frozenset[str]:
    """Tensor methods that return a tensor (or several) and change nothing."""
    return _pure()


@functools.cache
def with_status(*statuses: str) -> Mapping[str, Deprecated]:
    """All symbols that are `removed`, `deprecated` or `documented`, by name; tensor methods included."""
    return {name: entry for name, entry in _deprecated().items() if entry.status in statuses}


@functools.cache
def keywords_with_status(status: str) -> Mapping[str, Deprecated]:
    """All keywords that are `removed` or `deprecated`, with the callable that they belong to in `on`."""
    return {name: entry for name, entry in _keywords().items() if entry.status == status}


def missing_keywords() -> Mapping[str, Deprecated]:
    """The callables of which a call should spell out a keyword, by name."""
    return _missing()


def scalar_first_methods() -> Mapping[str, Deprecated]:
    """The tensor methods with an obsolete overload that takes a number before its tensors, by name."""
    return _scalar_first()


def deprecated_keywords(keyword: str) -> Deprecated | None:
    """A keyword that some callable (`on`) no longer takes, or takes with a warning."""
    return _keywords().get(keyword)


def nondeterministic(qualname: str) -> Nondeterministic | None:
    """What is known of an operation that deterministic mode refuses; `None` for all others."""
    return _nondeterministic().get(qualname)


def nondeterministic_names() -> frozenset[str]:
    """The names of all operations that `nondeterministic` knows."""
    return frozenset(_nondeterministic())


def made_from() -> dict[str, str]:
    """The torch version and the date that the data were made with."""
    return dict(_table("made_from"))


@functools.cache
def _table(name: str) -> dict[str, Any]:
    with open(os.path.join(HERE, name + ".json"), encoding="utf-8") as file:
        table: dict[str, Any] = json.load(file)
    return table


@functools.cache
def _overloads(name: str) -> list[list[list[Any]]]:
    """The entry of a symbol among the signatures: the file is large, and its lines are one entry each."""
    text = _signatures()
    start = text.find(f'\n"{name}":') + 1
    if not start:
        return []
    entry: dict[str, list[list[list[Any]]]] = json.loads(f"{{{text[start : text.index(chr(10), start)].rstrip(',')}}}")
    return entry[name]


@functools.cache
def _signatures() -> str:
    with open(os.path.join(HERE, "signatures.json"), encoding="utf-8") as file:
        return file.read()


@functools.cache
def _names() -> dict[str, frozenset[str]]:
    return {module: frozenset(listed.split()) for module, listed in _table("names").items()}


def _signature(parameters: list[list[Any]]) -> Signature:
    groups: tuple[list[Parameter], list[Parameter]] = ([], [])
    any_positional = any_keyword = after_star = False
    for name, *default in parameters:
        if name.startswith("**"):
            any_keyword = True
        elif name.startswith("*"):
            after_star = True
            any_positional |= len(name) > 1
        else:
            value = default[0] if default else None
            groups[after_star].append(Parameter(name, not default, ... if value == "..." else value))
    return Signature(tuple(groups[0]), tuple(groups[1]), any_positional, any_keyword)


@functools.cache
def _module_classes() -> dict[str, ModuleClass]:
    return {name: ModuleClass(*fields) for name, fields in _table("modules").items()}


@functools.cache
def _pure() -> frozenset[str]:
    return frozenset(_table("tensor")["pure"].split())


@functools.cache
def _deprecated() -> dict[str, Deprecated]:
    return {
        name: _entry(name, section, fields)
        for section in ("documented", "deprecated", "removed")
        for name, fields in _table("deprecations")[section].items()
    }


@functools.cache
def _keywords() -> dict[str, Deprecated]:
    return {
        name: _entry(name, section.split("_")[0], fields)
        for section in ("deprecated_keywords", "removed_keywords")
        for name, fields in _table("deprecations")[section].items()
    }


@functools.cache
def _missing() -> dict[str, Deprecated]:
    return {
        name: _entry(name, "deprecated", fields) for name, fields in _table("deprecations")["missing_keywords"].items()
    }


@functools.cache
def _scalar_first() -> dict[str, Deprecated]:
    return {name: _entry(name, "deprecated", fields) for name, fields in _table("deprecations")["scalar_first"].items()}


@functools.cache
def _nondeterministic() -> dict[str, Nondeterministic]:
    return {
        name: Nondeterministic(
            name,
            fields["pass"],
            fields.get("device", "cuda"),
            fields.get("mode", "raises"),
            _frozen(fields.get("when", ())),
            _frozen(fields.get("unless", ())),
            fields.get("dtype", ""),
            fields.get("rank", 0),
            fields["instead"],
            tuple(fields.get("swap", ())),
            fields.get("rename", ""),
        )
        for name, fields in _table("nondeterministic").items()
    }


def _entry(name: str, status: str, fields: dict[str, Any]) -> Deprecated:
    fixed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Deprecated(name, status, **{**fixed, "add": tuple(fields.get("add", {}).items())})


def _frozen(conditions: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(tuple(part) if isinstance(part, list) else part for part in one) for one in conditions)
