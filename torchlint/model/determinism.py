"""Whether the program that a file belongs to wants equal runs: asks for deterministic algorithms, or sets seeds."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

from torchlint.model.syntax import Source

if TYPE_CHECKING:
    from torchlint.findings import Place
    from torchlint.model import Module
    from torchlint.model.project import Project
    from torchlint.model.values import Frame

_ASKS = "torch.use_deterministic_algorithms"
_SEEDS = frozenset(
    {
        *("torch.manual_seed", "torch.random.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"),
        *("lightning.seed_everything", "lightning.pytorch.seed_everything", "pytorch_lightning.seed_everything"),
        *("transformers.set_seed", "accelerate.utils.set_seed"),
    }
)
_MOST_FILES = 300
_DEEPEST = 4
_CONDITIONS = (ast.If, ast.IfExp, ast.Try, ast.While, ast.ExceptHandler)


class Asked(NamedTuple):
    """A call that turns deterministic algorithms on: where it is, and whether it only warns (`None`: cannot tell)."""

    place: Place
    warn_only: bool | None


def asked_for_determinism(module: Module) -> Asked | None:
    """The call that certainly turns deterministic algorithms on in a program that this file is part of.

    A call under a condition, in a helper that nobody calls, in a test of something else, or turned off again does not
    count. The program is the script that leads to the call, with all that it imports.
    """
    project = module.project
    for node, frame in _certain_calls(module, (_ASKS,)):
        asked = _request(node, frame)
        for entry in _entries(frame, 0) if asked is not None else ():
            if entry == module.path or (not _is_test(entry) and module.path in _imports(project, entry)):
                return asked
    return None


def is_seeded(module: Module) -> bool:
    """Whether this file is a script that certainly sets the seed of torch, itself or through what it calls."""
    return any(module.path in _entries(frame, 0) for _, frame in _certain_calls(module, _SEEDS))


def _certain_calls(module: Module, names: Collection[str]) -> Iterator[tuple[ast.Call, Frame]]:
    """The calls of outside functions, anywhere in the project, that no condition in their own function guards.

    Each with the frame of the function around it, looked at alone.
    """
    project = module.project
    for word in sorted({name.rpartition(".")[2] for name in names}):
        for path in project.mentioning(word) if project.mentions(word) else ():
            source = module.source if path == module.path else project.load(path)
            if source is None:
                continue
            for node, scope in source.by_name.get(word, ()):
                frame = project.frame(source, scope.function)
                callee = frame.value(node.func)
                if callee.kind == "ref" and callee.name in names and not _conditional(source, node):
                    yield node, frame


def _request(node: ast.Call, frame: Frame) -> Asked | None:
    from torchlint.model.trace import place_of

    if _is_toggled(frame):
        return None
    value = frame.value(node)
    mode, warn_only = value.argument(0, "mode"), value.argument(None, "warn_only")
    if mode is None or mode.kind != "const" or mode.const is not True:
        return None
    only = False if warn_only is None else bool(warn_only.const) if warn_only.kind == "const" else None
    return Asked(place_of(node, frame, frame.source), only)


def _is_toggled(frame: Frame) -> bool:
    """Whether a function sets the mode more than once, as around a measurement."""
    calls = frame.source.by_name["use_deterministic_algorithms"]
    return sum(scope.function is frame.function for _, scope in calls) > 1


def _entries(frame: Frame, depth: int) -> Iterator[str]:
    """The files whose run leads to a function without a condition."""
    if frame.function is None:
        yield frame.source.path
        return
    sites = frame.project.call_sites(frame.function) if depth < _DEEPEST else None
    if not sites:
        if depth:
            yield frame.source.path
        return
    for call, around in sites:
        if not _conditional(around.source, call):
            yield from _entries(around, depth + 1)


def _conditional(source: Source, node: ast.AST) -> bool:
    child, parent = node, source.parent(node)
    while parent is not None and not isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        if isinstance(parent, _CONDITIONS) and not _is_main(parent) and child is not getattr(parent, "test", None):
            return True
        child, parent = parent, source.parent(parent)
    return False


def _is_test(path: str) -> bool:
    return "/test" in path or posixpath.basename(path).startswith(("test_", "conftest"))


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _imports(project: Project, entry: str) -> set[str]:
    """The project's files that a script imports, directly or not."""
    known: set[str] = set()
    queue = [entry]
    while queue and len(known) < _MOST_FILES:
        source = project.load(queue.pop())
        if source is None:
            continue
        for scope in source.scopes:
            names = [d.dotted for definitions in scope.names.values() for d in definitions if d.kind == "import"]
            for name in (*names, *scope.stars):
                place = project.locate(source.path, name)
                for path in _with_packages(place[0]) if place is not None else ():
                    if path not in known and path.endswith(".py"):
                        known.add(path)
                        queue.append(path)
    return known


def _with_packages(path: str) -> Iterator[str]:
    yield path
    if not path.endswith("__init__.py"):
        yield posixpath.join(posixpath.dirname(path), "__init__.py")
