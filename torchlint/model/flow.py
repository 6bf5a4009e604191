"""Reaching definitions of one function: which bindings can be the value of a name at the place where it is read.

Attributes and literal subscripts of local names (`self.x`, `args.lr`, `batch["labels"]`) are followed like names
as long as their base is not rebound. Loops are walked until nothing changes, so definitions reach over the back edge.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any

from torchlint.model.syntax import Def, Function, Path, Scope, Source, children, dotted, first_name, walk

Env = dict[str, tuple[Def, ...]]

_LARGEST = 12_000  # lines times names / 50; beyond, names are answered without order
_ROUNDS = 3
_SEQUENCES = (ast.Tuple, ast.List)


class Flow:
    """The definitions that reach each read in one function (or in the module body, for `function=None`).

    `reaching[id(node)]` is set for `Name`, `Attribute` and `Subscript` nodes that are read, and for the target of an
    augmented assignment (the definitions before it). A missing key means: bound outside. The definition `ENTRY` in a
    tuple stands for whatever an attribute held when the function was entered, or for what a call may have stored.
    """

    __slots__ = (
        "_calls",
        "_continues",
        "_defs",
        "_env",
        "_exits",
        "_followed",
        "_learning",
        "_places",
        "_scope",
        "_self",
        "_touched",
        "_walruses",
        "coarse",
        "reaching",
    )

    def __init__(self, source: Source, function: Function | None) -> None:
        self.reaching: dict[int, tuple[Def, ...]] = {}
        self._defs: dict[tuple[int, Path], Def] = {}
        self._scope = function.scope if function is not None else source.scope
        self._env: Env | None = {}
        self._followed: dict[str, set[str]] = {}  # the attributes and items that were bound, by their first name
        self._places: dict[int, str | None] = {}
        self._calls: list[tuple[int, int]] = []  # where methods of `self` are called
        self._learning = False  # in the first round of a loop, when only its bindings count
        self._walruses = source.has_walrus
        self._touched: set[str] = set()  # names whose definitions have changed since the ways last parted
        self._exits: list[Env] = []
        self._continues: list[Env] = []
        self._self: str | None = None
        body: list[ast.stmt] = source.tree.body
        if function is not None:
            body = function.body
            args = function.node.args
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
                if arg is not None:
                    self._env[arg.arg] = (self._scope.names[arg.arg][0],)
            if function.cls is not None and args.args:
                self._self = args.args[0].arg
                self._calls = sorted(_places_of_calls(function.calls, self._self))
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        self.coarse = lines * max(1, len(self._scope.names) // 50) > _LARGEST
        if self.coarse:
            return
        if function is not None and isinstance(function.node, ast.Lambda):
            self._read(function.node.body)
        else:
            self._block(body)

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self._env is None:
                return
            handler = _STATEMENTS.get(statement.__class__)
            if handler is None:
                for child in children(statement):
                    self._read(child)
            else:
                handler(self, statement)

    # statements

    def _assign(self, node: ast.Assign) -> None:
        self._read(node.value)
        for target in node.targets:
            self._bind(target, "assign", node.value, node)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._read(node.value)
            self._bind(node.target, "assign", node.value, node)

    def _augmented(self, node: ast.AugAssign) -> None:
        self._read(node.value)
        self._read(node.target)
        self._bind(node.target, "augment", node.value, node)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for expression in node.decorator_list:
            self._read(expression)
        self._rebind(node.name, self._scoped(node.name, node))

    def _imports(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                name = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
                self._rebind(name, self._scoped(name, node))

    def _leave(self, node: ast.Return | ast.Raise) -> None:
        for child in children(node):
            self._read(child)
        self._env = None

    def _break(self, _: ast.Break) -> None:
        if self._env is not None:
            self._exits.append(self._env)
        self._env = None

    def _continue(self, _: ast.Continue) -> None:
        if self._env is not None:
            self._continues.append(self._env)
        self._env = None

    def _if(self, node: ast.If) -> None:
        self._read(node.test)
        assert self._env is not None
        outer, self._touched = self._touched, set()
        before = dict(self._env)
        self._block(node.body)
        taken, self._env = self._env, before
        self._block(node.orelse)
        self._env = _join(taken, self._env, self._touched)
        self._touched |= outer

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        outer_exits, outer_continues = self._exits, self._continues
        if not isinstance(node, ast.While):
            self._read(node.iter)
        assert self._env is not None
        outer, self._touched = self._touched, set()
        entry: Env = self._env
        exits: list[Env] = []
        learning = self._learning
        for number in range(_ROUNDS):
            self._learning = learning or (number == 0 and not self._walruses)
            self._env, self._exits, self._continues = dict(entry), [], []
            if isinstance(node, ast.While):
                self._read(node.test)
            else:
                self._bind(node.target, "for", node.iter, node)
            self._block(node.body)
            exits = self._exits
            again: Env | None = self._env
            for other in self._continues:
                again = _join(again, other, self._touched)
            merged = _join(dict(entry), again, self._touched)
            assert merged is not None
            if learning or (merged == entry and not self._learning):
                entry = merged
                break
            entry = merged
        self._learning = learning
        self._exits, self._continues = outer_exits, outer_continues
        endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        self._env = None if endless else dict(entry)
        if self._env is not None:
            self._block(node.orelse)
        for other in exits:
            self._env = _join(self._env, other, self._touched)
        self._touched |= outer

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self._read(item.context_expr)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, "with", item.context_expr, node)
        self._block(node.body)

    def _try(self, node: ast.Try) -> None:
        assert self._env is not None
        outer, self._touched = self._touched, set()
        before = dict(self._env)
        self._block(node.body)
        after: Env | None = self._env
        if self._env is not None:
            self._env = dict(self._env)
            self._block(node.orelse)
        result: Env | None = self._env
        for handler in node.handlers:
            self._env = _join(dict(before), after, self._touched)
            if handler.type is not None:
                self._read(handler.type)
            if handler.name and self._env is not None:
                self._rebind(handler.name, self._scoped(handler.name, handler))
            self._block(handler.body)
            result = _join(result, self._env, self._touched)
        self._env = result if result is not None or not node.finalbody else before
        self._block(node.finalbody)
        if result is None:
            self._env = None
        self._touched |= outer

    def _match(self, node: ast.Match) -> None:
        self._read(node.subject)
        assert self._env is not None
        outer, self._touched = self._touched, set()
        before = self._env
        result: Env | None = dict(before)
        for case in node.cases:
            self._env = dict(before)
            for pattern in walk(case.pattern):
                name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if isinstance(name, str):
                    self._rebind(name, self._scoped(name, pattern))
            if case.guard is not None:
                self._read(case.guard)
            self._block(case.body)
            result = _join(result, self._env, self._touched)
        self._env = result
        self._touched |= outer

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name) and self._env is not None:
                self._forget(target.id)
                self._env.pop(target.id, None)
                self._touched.add(target.id)
            else:
                self._read(target)

    # expressions

    def _read(self, node: ast.AST) -> None:
        if self._learning:
            self._learn(node)
            return
        cls = node.__class__
        if cls is ast.Constant:
            return
        reader = _EXPRESSIONS.get(cls)
        if reader is not None:
            reader(self, node)
            return
        for child in children(node):
            self._read(child)

    def _learn(self, node: Any) -> None:
        """What reading an expression does to the bindings, where nothing in it binds a name."""
        if self._calls:
            called = bisect_left(self._calls, (node.lineno, node.col_offset))
            if called < len(self._calls) and self._calls[called] < (node.end_lineno, node.end_col_offset):
                self._self_called()

    def _name(self, node: ast.Name) -> None:
        found = self._env.get(node.id) if self._env is not None else None
        if found is not None:
            self.reaching[id(node)] = found

    def _attribute(self, node: ast.Attribute) -> None:
        if self._followed:
            self._follow(node)
        self._read(node.value)

    def _subscript(self, node: ast.Subscript) -> None:
        if self._followed:
            self._follow(node)
        self._read(node.value)
        self._read(node.slice)

    def _walrus(self, node: ast.NamedExpr) -> None:
        self._read(node.value)
        self._bind(node.target, "assign", node.value, node)

    def _call(self, node: ast.Call) -> None:
        func = node.func
        self._read(func)
        for argument in node.args:
            self._read(argument)
        for keyword in node.keywords:
            self._read(keyword.value)
        if self._self is not None and func.__class__ is ast.Attribute:
            owner = func.value
            if owner.__class__ is ast.Name and owner.id == self._self:
                self._self_called()

    def _skip(self, _: ast.AST) -> None:
        pass

    def _follow(self, node: ast.AST) -> None:
        if first_name(node) not in self._followed or self._env is None:
            return
        path = self._places.get(id(node), "")
        if path == "":
            path = self._places[id(node)] = place(node)
        found = self._env.get(path) if path is not None else None
        if found is not None:
            self.reaching[id(node)] = found

    def _comprehension(self, node: ast.AST) -> None:
        assert self._env is not None
        outer = self._env
        self._env = dict(outer)
        for generator in node.generators:  # type: ignore[attr-defined]
            self._read(generator.iter)
            self._bind(generator.target, "comprehension", generator.iter, node)
            for test in generator.ifs:
                self._read(test)
        for field in ("elt", "key", "value"):
            child = getattr(node, field, None)
            if child is not None:
                self._read(child)
        self._env = outer
        self._learn(node)

    # bindings

    def _bind(self, target: ast.expr, kind: str, value: ast.expr | None, node: ast.AST, path: Path = ()) -> None:
        if isinstance(target, _SEQUENCES):
            starred = False
            for i, element in enumerate(target.elts):
                starred = starred or isinstance(element, ast.Starred)
                self._bind(element, kind, value, node, (*path, -1 if starred else i))
            return
        if isinstance(target, ast.Starred):
            self._bind(target.value, kind, value, node, path)
            return
        name = place(target)
        if not isinstance(target, ast.Name):
            for child in children(target):
                self._read(child)
        if name is None:
            return
        key = (id(target), path)
        definition = self._defs.get(key)
        if definition is None:
            definition = self._defs[key] = Def(kind, node, self._scope, value, path)
            if kind == "augment":
                definition.dotted = name
        self._rebind(name, definition)

    def _rebind(self, name: str, definition: Def) -> None:
        if self._env is None or self._scope.outer_names.get(name):
            return
        self._forget(name)
        self._env[name] = (definition,)
        self._touched.add(name)
        if _is_followed(name):
            self._followed.setdefault(_first(name), set()).add(name)

    def _forget(self, name: str) -> None:
        assert self._env is not None
        followed = self._followed.get(_first(name)) if self._followed else None
        for key in followed or ():
            if key.startswith((name + ".", name + "[")) and self._env.pop(key, None) is not None:
                self._touched.add(key)

    def _self_called(self) -> None:
        """A method may store something else in any attribute."""
        assert self._self is not None and self._env is not None
        for key in self._followed.get(self._self, ()):
            definitions = self._env.get(key)
            if definitions is not None and ENTRY not in definitions and key.startswith(self._self + "."):
                self._env[key] = (*definitions, ENTRY)
                self._touched.add(key)

    def _scoped(self, name: str, node: ast.AST) -> Def:
        for definition in self._scope.names.get(name, ()):
            if definition.node is node:
                return definition
        key = (id(node), ())
        if key not in self._defs:
            self._defs[key] = Def("declare", node, self._scope)
        return self._defs[key]


def _places_of_calls(calls: Iterable[ast.Call], owner: str) -> Iterator[tuple[int, int]]:
    """Where methods of a name are called."""
    for call in calls:
        func = call.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == owner:
            yield call.lineno, call.col_offset


ENTRY = Def("entry", ast.Pass(), Scope("module", None, ast.Pass()))


def place(node: ast.AST) -> str | None:
    """The followed name of an expression: `x`, `x.y`, `x["k"]`, `x.y[0]`; `None` for anything else."""
    if isinstance(node, ast.Subscript):
        if not isinstance(node.slice, ast.Constant):
            return None
        base = place(node.value)
        return None if base is None else f"{base}[{node.slice.value!r}]"
    if isinstance(node, ast.Attribute):
        base = place(node.value)
        return None if base is None else f"{base}.{node.attr}"
    return dotted(node)


def _join(first: Env | None, second: Env | None, touched: Set[str]) -> Env | None:
    """What holds after either way; the two differ in touched names alone. The first is changed in place."""
    if first is None:
        return second
    if second is None or first is second:
        return first
    for name in touched:
        one, other = first.get(name), second.get(name)
        if one is other:
            continue
        if one is None or other is None:
            only = one or other
            assert only is not None
            first[name] = (*only, ENTRY) if _is_followed(name) and ENTRY not in only else only
        elif one != other:
            first[name] = one + tuple(definition for definition in other if definition not in one)
    return first


def _first(name: str) -> str:
    return name.partition(".")[0].partition("[")[0]


def _is_followed(name: str) -> bool:
    return "." in name or "[" in name


_EXPRESSIONS: dict[type, Callable[[Flow, Any], None]] = {
    ast.Name: Flow._name,
    ast.Constant: Flow._skip,
    ast.Attribute: Flow._attribute,
    ast.Subscript: Flow._subscript,
    ast.Call: Flow._call,
    ast.NamedExpr: Flow._walrus,
    ast.ListComp: Flow._comprehension,
    ast.SetComp: Flow._comprehension,
    ast.DictComp: Flow._comprehension,
    ast.GeneratorExp: Flow._comprehension,
    ast.Lambda: Flow._skip,
    ast.FunctionDef: Flow._skip,
    ast.AsyncFunctionDef: Flow._skip,
    ast.ClassDef: Flow._skip,
}
_STATEMENTS: dict[type, Callable[[Flow, Any], None]] = {
    ast.Assign: Flow._assign,
    ast.AnnAssign: Flow._annotated,
    ast.AugAssign: Flow._augmented,
    ast.FunctionDef: Flow._definition,
    ast.AsyncFunctionDef: Flow._definition,
    ast.ClassDef: Flow._definition,
    ast.Import: Flow._imports,
    ast.ImportFrom: Flow._imports,
    ast.Return: Flow._leave,
    ast.Raise: Flow._leave,
    ast.Break: Flow._break,
    ast.Continue: Flow._continue,
    ast.If: Flow._if,
    ast.For: Flow._loop,
    ast.AsyncFor: Flow._loop,
    ast.While: Flow._loop,
    ast.With: Flow._with,
    ast.AsyncWith: Flow._with,
    ast.Try: Flow._try,
    ast.Match: Flow._match,
    ast.Delete: Flow._delete,
}
if hasattr(ast, "TryStar"):
    _STATEMENTS[ast.TryStar] = Flow._try
