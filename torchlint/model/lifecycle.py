"""Uses of torch symbols across versions: where a name is used, and whether a check of the version guards it."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from torchlint.model.syntax import Def, Function, Scope, dotted, walk
from torchlint.model.values import Frame
from torchlint.torch_api import Deprecated, canonical, with_status

if TYPE_CHECKING:
    from torchlint.model import Module

Version = tuple[int, ...]

_ASKS_VERSION = (
    r"version|hasattr|signature|getattr|torch_?(ge|gt|lt|le|greater|less|after|before|at_least|\d)|pytorch_after"
    r"|is_torch|has_native|native_amp|compat|legacy|sys\.modules"
)
_MISSING = frozenset(
    {"ImportError", "ModuleNotFoundError", "AttributeError", "TypeError", "RuntimeError", "NotImplementedError"}
)
_ANY = frozenset({"Exception", "BaseException"})
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Use(NamedTuple):
    """One use of an outside symbol.

    `written` is its dotted name after following imports, `name` the entry of the list that it falls under, `call` the
    call that it is the callee of.
    """

    node: ast.expr
    written: str
    name: str
    call: ast.Call | None
    function: Function | None
    decorates: bool = False


@functools.cache
def version(text: str) -> Version:
    """`"2.4"` as numbers."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def reaches(module: Module, text: str) -> bool:
    """Whether the project may run on this torch version or a later one; without an upper bound it takes the newest."""
    below = module.project.torch_below
    return below is None or below > version(text)


def removed_symbols(module: Module) -> Mapping[str, Deprecated]:
    """The symbols that torch removed up to the newest version that the project allows, by name."""
    return _removed(module.project.torch_below)


@functools.cache
def _removed(below: Version | None) -> Mapping[str, Deprecated]:
    removed = with_status("removed").items()
    return {name: entry for name, entry in removed if below is None or below > version(entry.removed)}


def starts_at(module: Module, text: str) -> bool | None:
    """Whether every torch that the project allows is of this version or later; `None` if no lower end is known."""
    lowest = module.torch_version
    return None if lowest is None else lowest >= version(text)[:2]


def uses(
    module: Module, names: Collection[str], uncalled: Collection[str] = (), owners: Collection[str] = ()
) -> Iterator[Use]:
    """Certain uses of outside symbols, in the order of the text; what lies below a listed module counts too.

    Calls and decorators are found by their last name, cheaply. Listed names with a piece of `uncalled` are searched for
    in other uses as well, where the file has one of the pieces; a file with a word of `owners` is searched for all uses
    of what lies below listed names. A name that may mean
    several things (imported in `try` and again in `except`) is left out.
    """
    wanted = frozenset(names)
    words = _last_parts(wanted)
    found: dict[int, Use] = {}
    for node, call, function in _candidates(module, words):
        use = _use(module, wanted, node, call, function)
        if use is not None:
            found[id(node)] = use
    below = any(word in module.text for word in owners)
    if below or any(word in module.text for word in uncalled):
        for reference in module.references(None if below else _last_parts(_with_pieces(wanted, tuple(uncalled)))):
            name = _listed(reference.written, wanted) or _listed(reference.name, wanted)
            if name and id(reference.node) not in found:
                found[id(reference.node)] = Use(
                    reference.node, reference.written, name, reference.call, reference.function
                )
    yield from sorted(found.values(), key=lambda use: (use.node.lineno, use.node.col_offset))


@functools.lru_cache(64)
def _last_parts(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for name in names)


@functools.lru_cache(64)
def _with_pieces(names: frozenset[str], pieces: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for name in names if any(piece in name for piece in pieces))


def imports(module: Module, names: Collection[str]) -> Iterator[tuple[ast.stmt, str]]:
    """Import statements of listed symbols, or of something below a listed module, with the imported name."""
    wanted = frozenset(names)
    for _, definition in module.source.imports:
        if isinstance(definition.node, ast.stmt):
            for name in _imported(definition):
                if _listed(name, wanted):
                    yield definition.node, name


def guarded(module: Module, node: ast.AST) -> bool:
    """Whether code stands where it is only reached under some condition about versions or the presence of a symbol."""
    child: ast.AST = node
    parent = module.parent(node)
    while parent is not None:
        if isinstance(parent, ast.If | ast.IfExp) and child is not parent.test and _asks(module, parent.test):
            return True
        if isinstance(parent, ast.BoolOp) and any(
            _asks(module, value) for value in parent.values if value is not child
        ):
            return True
        if isinstance(parent, ast.Try) and _survives(parent, child):
            return True
        if isinstance(parent, ast.With | ast.AsyncWith) and any(
            "raises" in ast.unparse(i.context_expr) for i in parent.items
        ):
            return True
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if any("skip" in ast.unparse(decorator) for decorator in parent.decorator_list):
                return True
        if isinstance(child, ast.stmt) and _left_before(module, parent, child):
            return True
        child, parent = parent, module.parent(parent)
    return False


def import_guarded(module: Module, use: Use) -> bool:
    """Whether the symbol itself is imported, and that import is guarded; a guarded `import torch` says nothing."""
    root: ast.expr = use.node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return False
    scope: Scope | None = use.function.scope if use.function is not None else module.source.scope
    while scope is not None:
        definitions = scope.names.get(root.id)
        if definitions:
            return any(_listed(d.dotted, frozenset({use.name})) and guarded(module, d.node) for d in definitions)
        scope = scope.parent
    return False


def _listed(name: str, wanted: frozenset[str]) -> str:
    while name:
        if name in wanted:
            return name
        name = name.rpartition(".")[0]
    return ""


def _candidates(module: Module, words: frozenset[str]) -> Iterator[tuple[ast.expr, ast.Call | None, Function | None]]:
    local = module.source.bound_to(words)
    for word in (words | local) & module.source.by_name.keys():
        for call, scope in module.source.by_name[word]:
            yield call.func, call, scope.function
    for function in module.source.functions:
        for decorator in function.decorators:
            text = dotted(decorator)
            if text is not None and text.rpartition(".")[2] in words | local:
                yield decorator, None, module.function(function.node)


def _use(
    module: Module, wanted: frozenset[str], node: ast.expr, call: ast.Call | None, function: Function | None
) -> Use | None:
    text = dotted(node)
    written = module.written(text, function) if text is not None else None
    if written is None:
        return None
    name = _listed(written, wanted) or _listed(canonical(written), wanted)
    if not name or module.frame(function).value(node).kind != "ref":
        return None
    return Use(node, written, name, call, function, decorates=call is None)


def _imported(definition: Def) -> list[str]:
    if isinstance(definition.node, ast.Import):
        return [alias.name for alias in definition.node.names if alias.name.startswith(definition.dotted)]
    return [definition.dotted]


def _asks(module: Module, test: ast.expr) -> bool:
    text = ast.unparse(test).lower()
    if re.search(_ASKS_VERSION, text):
        return True
    frame: Frame = module.frame(module.function(test))
    for name in walk(test):
        if isinstance(name, ast.Name):
            scope: Scope | None = frame.scope
            while scope is not None:
                for definition in scope.names.get(name.id, ()):
                    if definition.value is not None and re.search(_ASKS_VERSION, ast.unparse(definition.value).lower()):
                        return True
                    if definition.kind == "assign" and guarded_by_import(module, definition):
                        return True
                scope = scope.parent
    return False


def guarded_by_import(module: Module, definition: Def) -> bool:
    """Whether a flag is set in a `try` around an import (`HAS_X = True`)."""
    parent = module.parent(definition.node)
    handler = parent if isinstance(parent, ast.Try | ast.ExceptHandler) else None
    return handler is not None and isinstance(definition.value, ast.Constant)


def _survives(node: ast.Try, child: ast.AST) -> bool:
    if child in node.body or child in node.orelse:
        return any(_catches(handler) for handler in node.handlers)
    return isinstance(child, ast.ExceptHandler) and _catches(child)


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {ast.unparse(kind).rpartition(".")[2] for kind in kinds}
    return bool(names & (_MISSING | _ANY))


def _left_before(module: Module, parent: ast.AST, child: ast.stmt) -> bool:
    """Whether an earlier statement of the same block leaves it under a condition about versions."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(parent, field, None)
        if isinstance(block, list) and child in block:
            for earlier in block[: block.index(child)]:
                if (
                    isinstance(earlier, ast.If)
                    and isinstance(earlier.body[-1], _LEAVES)
                    and _asks(module, earlier.test)
                ):
                    return True
                if isinstance(earlier, ast.Assert) and _asks(module, earlier.test):
                    return True
    return False
