"""One pass over a tree: scopes, definitions, functions, classes and calls, indexed for whoever asks later.

Nothing is resolved here; names, values and events are computed on demand from what this pass collects.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Path = tuple[int, ...]

_SKIPPED_FIELDS = {"ctx", "kind", "type_comment", "op", "ops", "level", "id", "attr", "returns", "type_params"}
_NO_NODES = {"ctx", "kind", "type_comment", "op", "ops", "level", "id", "attr", "arg", "module", "conversion"}
_FIELDS: dict[type, tuple[str, ...]] = {}
_NODE_FIELDS: dict[type, tuple[str, ...]] = {}
_LEAVES = (ast.Constant, ast.Name)
_ENDS = frozenset(_LEAVES)
_CHAINED = (ast.Attribute, ast.Subscript)


class Def:
    """One binding of a name.

    `kind` is one of `import`, `assign`, `param`, `function`, `class`, `for`, `with`, `except`, `augment`, `delete`,
    `declare`, `comprehension`; `value` the expression it takes its value from, and `path` the position inside that
    value for unpacked targets (`-1` stands for a starred target and everything after it). `dotted` is the imported
    name, with leading dots if relative.
    """

    __slots__ = ("dotted", "kind", "node", "path", "scope", "target", "value")

    def __init__(
        self,
        kind: str,
        node: ast.AST,
        scope: Scope,
        value: ast.expr | None = None,
        path: Path = (),
        dotted: str = "",
        target: Function | Class | None = None,
    ) -> None:
        self.kind = kind
        self.node = node
        self.scope = scope
        self.value = value
        self.path = path
        self.dotted = dotted
        self.target = target


class Scope:
    """A namespace: a module, a class body, a function, or a comprehension."""

    __slots__ = ("cls", "function", "kind", "names", "node", "outer_names", "parent", "stars")

    def __init__(self, kind: str, parent: Scope | None, node: ast.AST) -> None:
        self.kind = kind
        self.parent = parent
        self.node = node
        self.names: dict[str, list[Def]] = {}
        self.outer_names: dict[str, str] = {}  # name -> "global" | "nonlocal"
        self.stars: list[str] = []
        self.function: Function | None = parent.function if parent is not None else None
        self.cls: Class | None = None

    def define(self, name: str, definition: Def) -> None:
        """Add a definition of a name to the scope that owns it."""
        scope: Scope = self
        where = self.outer_names.get(name)
        if where == "global":
            while scope.parent is not None:
                scope = scope.parent
        elif where == "nonlocal" and self.parent is not None:
            scope = self.parent
        found = scope.names.get(name)
        if found is None:
            scope.names[name] = [definition]
        else:
            found.append(definition)


class AttributeStore:
    """An assignment to an attribute of `self` inside a method."""

    __slots__ = ("function", "node", "path", "statement", "value")

    def __init__(
        self, function: Function, node: ast.Attribute, value: ast.expr | None, path: Path, statement: ast.stmt
    ) -> None:
        self.function = function
        self.node = node
        self.value = value
        self.path = path
        self.statement = statement


class Function:
    """A function, method or lambda as written."""

    __slots__ = (
        "calls",
        "cls",
        "inner",
        "is_generator",
        "name",
        "node",
        "returns",
        "scope",
        "source",
        "stored",
        "words",
    )

    def __init__(self, node: FunctionNode, name: str, scope: Scope, source: Source, cls: Class | None) -> None:
        self.node = node
        self.name = name
        self.scope = scope
        self.source = source
        self.cls = cls
        self.calls: list[ast.Call] = []
        self.returns: list[ast.expr | None] = []
        self.words: set[str] = set()
        self.inner: set[str] = set()  # names that comprehensions bind
        self.stored: set[str | None] = set()  # names of whose attributes or items something is assigned
        self.is_generator = False

    @property
    def parameters(self) -> list[ast.arg]:
        """Positional parameters, in order."""
        return [*self.node.args.posonlyargs, *self.node.args.args]

    @property
    def decorators(self) -> list[ast.expr]:
        """The decorators as written; none for a lambda."""
        return [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list

    @property
    def body(self) -> list[ast.stmt]:
        """The statements; a lambda's body is given by `returns`."""
        return [] if isinstance(self.node, ast.Lambda) else self.node.body

    def default(self, name: str) -> ast.expr | None:
        """The default of a parameter, if it has one."""
        args = self.node.args
        positional = [*args.posonlyargs, *args.args]
        offset = len(positional) - len(args.defaults)
        for i, arg in enumerate(positional):
            if arg.arg == name:
                return args.defaults[i - offset] if i >= offset else None
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if arg.arg == name:
                return default
        return None

    def binds(self, name: str) -> bool:
        """Whether anything in the function may bind a name."""
        return name in self.scope.names or name in self.inner

    def stores_in(self, node: ast.Attribute | ast.Subscript) -> bool:
        """Whether anything in the function may assign to this attribute or item, as far as its first name tells."""
        return first_name(node) in self.stored

    def has_decorator(self, last_name: str) -> bool:
        """Whether a decorator's last dotted part is `last_name`, called or not."""
        for decorator in self.decorators:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            text = dotted(target)
            if text is not None and text.rpartition(".")[2] == last_name:
                return True
        return False


class Class:
    """A class as written; `torchlint.model.classes` says what it means."""

    __slots__ = ("attributes", "methods", "name", "node", "scope", "source", "stores")

    def __init__(self, node: ast.ClassDef, scope: Scope, source: Source) -> None:
        self.node = node
        self.name = node.name
        self.scope = scope
        self.source = source
        self.methods: dict[str, Function] = {}
        self.stores: dict[str, list[AttributeStore]] = {}

    def __repr__(self) -> str:
        return f"<class {self.name} of {self.source.path}>"


class Source:
    """A parsed file with its indexes. Knows nothing of other files."""

    __slots__ = (
        "_bound",
        "_calls",
        "_parents",
        "by_name",
        "classes",
        "discarded",
        "flows",
        "frames",
        "function_of",
        "functions",
        "has_walrus",
        "imports",
        "item_stores",
        "keywords",
        "models",
        "operators",
        "path",
        "scope",
        "scopes",
        "stored",
        "text",
        "tree",
    )

    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.text = text
        self.tree = tree
        self.scope = Scope("module", None, tree)
        self.scopes = [self.scope]
        self.function_of: dict[int, Function] = {}
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.imports: list[tuple[str, Def]] = []  # with the names that they bind, of all scopes
        self.keywords: set[str | None] = set()  # names of the keyword arguments of all calls
        self.by_name: dict[str, list[tuple[ast.Call, Scope]]] = {}
        self.has_walrus = False
        self.discarded: list[tuple[ast.Call | ast.Attribute, Function | None]] = []  # statements that are expressions
        self.item_stores: dict[str, list[tuple[ast.Subscript, Function | None, ast.expr | None]]] = {}  # x[..] = value
        self.stored: dict[str, list[tuple[ast.Attribute, Function | None]]] = {}  # assigned attributes by their name
        self.flows: dict[int, Any] = {}
        self.frames: dict[Any, Any] = {}
        self.models: dict[Any, Any] = {}
        self.operators: dict[type[ast.operator], list[tuple[ast.BinOp | ast.AugAssign, Function | None]]] = {}
        self._parents: dict[int, ast.AST] = {}
        self._calls: dict[int, list[ast.Call | ast.IfExp]] = {}
        self._bound: dict[str, set[str]] | None = None
        _Lowering(self).run()

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds `node`; the map is made for one statement at a time, with those around it."""
        found = self._parents.get(id(node))
        if found is None and hasattr(node, "lineno"):
            self._map_around(node)
            found = self._parents.get(id(node))
            if found is None and node is not self.tree:  # a node whose position does not lie in its parent's
                self._map(self.tree, whole=True)
                found = self._parents.get(id(node))
        return found

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """What holds a node in its function, from the inside out; a lambda is not the end."""
        current = self.parent(node)
        while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
            yield current
            current = self.parent(current)

    def _map_around(self, node: Any) -> None:
        position = (node.lineno, node.col_offset)
        holder: ast.AST = self.tree
        part = _part_at(holder, position)
        while part is not None:
            self._parents[id(part)] = holder
            if part is node:
                return
            holder = part
            part = _part_at(holder, position)
        self._map(holder, whole=isinstance(holder, ast.Match))

    def _map(self, top: ast.AST, *, whole: bool) -> None:
        """Note the parents of what is below a node, of the statements that it holds only if the `whole` is wanted."""
        parents = self._parents
        stack = [top]
        while stack:
            current = stack.pop()
            for child in every_child(current):
                parents[id(child)] = current
                if child.__class__ not in _ENDS and (whole or not isinstance(child, ast.stmt | ast.ExceptHandler)):
                    stack.append(child)

    def spelled(self, words: Collection[str]) -> list[ast.Name | ast.Attribute]:
        """The names and attributes whose last part is one of the words; looked for where the text has them."""
        holders: dict[int, ast.AST] = {}
        for position in self._positions(words):
            holder: ast.AST = self.tree
            part = _part_at(holder, position)
            while part is not None:
                holder, part = part, _part_at(part, position)
            holders[id(holder)] = holder
        return [node for holder in holders.values() for node in _spelled_in(holder, words)]

    def _positions(self, words: Iterable[str]) -> Iterator[tuple[int, int]]:
        """Where the text has one of the words, by line and column as `ast` counts them."""
        text = self.text
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        for word in words:
            offset = text.find(word)
            while offset >= 0:
                end = offset + len(word)
                if not (_continues(text[offset - 1 : offset]) or _continues(text[end : end + 1])):
                    start = text.rfind("\n", 0, offset) + 1
                    yield text.count("\n", 0, offset) + 1, len(text[start:offset].encode(errors="replace"))
                offset = text.find(word, end)

    def calls_in(self, node: ast.AST) -> Sequence[ast.Call | ast.IfExp]:
        """The calls of an expression in the order in which they are made; a conditional expression is one item."""
        if node.__class__ in _CLOSED:
            return ()
        known = self._calls.get(id(node))
        if known is None:
            known = self._calls[id(node)] = []
            _collect(node, known)
        return known

    def bound_to(self, last_names: Set[str]) -> set[str]:
        """The names of the module that an import binds to something with one of these last names."""
        if self._bound is None:
            self._bound = {}
            for name, definition in self.imports:
                if definition in self.scope.names.get(name, ()):
                    self._bound.setdefault(definition.dotted.rpartition(".")[2], set()).add(name)
        return {name for last in self._bound.keys() & last_names for name in self._bound[last]}

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement that holds `node` (itself, if it is one)."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            current = self.parent(current)
        return current

    def function(self, node: ast.AST) -> Function | None:
        """The innermost function whose body holds `node`."""
        current = self.parent(node)
        while current is not None:
            if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                return self.function_of[id(current)]
            current = self.parent(current)
        return None

    def forget(self) -> None:
        """Drop everything that was worked out on demand."""
        self.flows.clear()
        self.frames.clear()
        self.models.clear()
        self._parents.clear()
        self._calls.clear()

    def dispose(self) -> None:
        """Break reference cycles, so that the tree is freed without a garbage collection."""
        for function in self.functions:
            function.calls.clear()
            function.returns.clear()
        for cls in self.classes:
            cls.methods.clear()
            cls.stores.clear()
        self.forget()
        self.imports.clear()
        self.by_name.clear()
        self.operators.clear()
        self.discarded.clear()
        self.stored.clear()
        self.item_stores.clear()
        for scope in self.scopes:
            scope.names.clear()
            scope.function = scope.cls = None
        self.scopes.clear()
        self.function_of.clear()
        self.functions.clear()
        self.classes.clear()
        self._parents.clear()


def _continues(character: str) -> bool:
    """Whether a character (or none) belongs to the name beside it."""
    return character.isalnum() or character == "_"


def _spelled_in(holder: ast.AST, words: Collection[str]) -> Iterator[ast.Name | ast.Attribute]:
    """Names and attributes in a statement, those of the statements inside left out."""
    stack = [holder]
    while stack:
        for child in every_child(stack.pop()):
            if isinstance(child, ast.stmt | ast.ExceptHandler) and not isinstance(holder, ast.Match):
                continue
            stack.append(child)
            if isinstance(child, ast.Name):
                if child.id in words:
                    yield child
            elif isinstance(child, ast.Attribute) and child.attr in words:
                yield child


def _part_at(holder: ast.AST, position: tuple[int, int]) -> ast.stmt | ast.ExceptHandler | None:
    """The statement (or handler) directly in a block of `holder` that a position lies in."""
    for field in ("body", "handlers", "orelse", "finalbody"):
        block = getattr(holder, field, None)
        if block.__class__ is list and block and _start(block[0]) <= position:
            part = block[bisect_right(block, position, key=_start) - 1]
            if position < (part.end_lineno or 0, part.end_col_offset or 0):
                return part  # type: ignore[no-any-return]
    return None


def _start(node: Any) -> tuple[int, int]:
    decorators = getattr(node, "decorator_list", None)
    first = decorators[0] if decorators else node
    return first.lineno, first.col_offset - (1 if decorators else 0)


def children(node: ast.AST) -> Sequence[ast.AST]:
    """The child nodes that can hold expressions or statements, in the order of evaluation as far as `ast` keeps it."""
    known = _CHILDREN.get(node.__class__)
    return known(node) if known is not None else _nodes_in(node, _FIELDS, _SKIPPED_FIELDS)


def every_child(node: ast.AST) -> Sequence[ast.AST]:
    """The child nodes without contexts and operators, in the order of `ast.iter_child_nodes`."""
    known = _CHILDREN.get(node.__class__)
    return known(node) if known is not None else _nodes_in(node, _NODE_FIELDS, _NO_NODES)


def _nodes_in(node: ast.AST, fields: dict[type, tuple[str, ...]], without: Set[str]) -> list[ast.AST]:
    names = fields.get(node.__class__)
    if names is None:
        names = fields[node.__class__] = tuple(name for name in node._fields if name not in without)
    found: list[ast.AST] = []
    for name in names:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found.extend([item for item in value if isinstance(item, ast.AST)])
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


_NONE: Sequence[ast.AST] = ()
_CHILDREN: dict[type, Callable[[Any], Sequence[ast.AST]]] = {
    ast.Name: lambda _: _NONE,
    ast.Constant: lambda _: _NONE,
    ast.Attribute: lambda node: (node.value,),
    ast.Call: lambda node: [node.func, *node.args, *node.keywords],
    ast.keyword: lambda node: (node.value,),
    ast.Expr: lambda node: (node.value,),
    ast.Assign: lambda node: [*node.targets, node.value],
    ast.BinOp: lambda node: (node.left, node.right),
    ast.Compare: lambda node: [node.left, *node.comparators],
    ast.BoolOp: lambda node: node.values,
    ast.UnaryOp: lambda node: (node.operand,),
    ast.Subscript: lambda node: (node.value, node.slice),
    ast.Tuple: lambda node: node.elts,
    ast.List: lambda node: node.elts,
    ast.If: lambda node: [node.test, *node.body, *node.orelse],
    ast.For: lambda node: [node.target, node.iter, *node.body, *node.orelse],
    ast.While: lambda node: [node.test, *node.body, *node.orelse],
    ast.With: lambda node: [*node.items, *node.body],
}
"""The children of the commonest nodes, spelled out because most of a walk is spent in finding them."""


_CLOSED = frozenset({ast.Name, ast.Constant, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})


def _collect(node: ast.AST, found: list[ast.Call | ast.IfExp]) -> None:
    cls = node.__class__
    if cls is ast.IfExp:
        found.append(node)  # type: ignore[arg-type]
        return
    for child in children(node):
        if child.__class__ not in _CLOSED:
            _collect(child, found)
    if cls is ast.Call:
        found.append(node)  # type: ignore[arg-type]


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, in the order of `ast.walk`, without contexts and operators."""
    level: Sequence[ast.AST] = (node,)
    while level:
        yield from level
        level = [child for parent in level for child in every_child(parent)]


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements below a node, in the order of the text; those of nested functions and classes among them."""
    for field in _BLOCKS:
        for part in getattr(node, field, ()):
            if isinstance(part, ast.stmt):
                yield part
            if part.__class__ not in _SIMPLE:
                yield from statements(part)


_BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")
_SIMPLE = frozenset({ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Pass})


def first_name(node: ast.AST) -> str | None:
    """The `a` of `a.b[c].d`; `None` where such a chain does not start at a name."""
    while isinstance(node, _CHAINED):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` for a chain of attributes on a name, else `None`."""
    if isinstance(node, ast.Name):
        return node.id
    if not isinstance(node, ast.Attribute):
        return None
    parts = [node.attr]
    value: ast.AST = node.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    if not isinstance(value, ast.Name):
        return None
    parts.append(value.id)
    return ".".join(reversed(parts))


class _Lowering:
    """The one pass. A class and not closures, so that no reference cycle keeps the tree alive."""

    __slots__ = ("function", "pending", "scope", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scope = source.scope
        self.function: Function | None = None
        self.pending: list[tuple[Function, Scope]] = []

    def run(self) -> None:
        self.visit_body(self.source.tree.body)
        for function, inner in self.pending:
            self.scope = inner
            self.function = function
            args = function.node.args
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs):
                inner.names[arg.arg] = [Def("param", arg, inner)]
            for extra in (args.vararg, args.kwarg):
                if extra is not None:
                    inner.names[extra.arg] = [Def("param", extra, inner)]
            if isinstance(function.node, ast.Lambda):
                self.visit(function.node.body)
            else:
                self.visit_body(function.node.body)

    def visit(self, node: ast.AST) -> None:
        handler = _HANDLERS.get(node.__class__)
        if handler is None:
            self.generic(node)
        else:
            handler(self, node)

    def bind(self, target: ast.expr, kind: str, value: ast.expr | None, node: ast.AST, path: Path = ()) -> None:
        cls = target.__class__
        if cls is ast.Name:
            self.scope.define(target.id, Def(kind, node, self.scope, value, path))  # type: ignore[attr-defined]
            if self.scope.kind == "comprehension" and self.function is not None:
                self.function.inner.add(target.id)  # type: ignore[attr-defined]
        elif cls is ast.Tuple or cls is ast.List:
            starred = False
            for i, element in enumerate(target.elts):  # type: ignore[attr-defined]
                starred = starred or isinstance(element, ast.Starred)
                self.bind(element, kind, value, node, (*path, -1 if starred else i))
        elif cls is ast.Starred:
            self.bind(target.value, kind, value, node, path)  # type: ignore[attr-defined]
        else:
            owner = first_name(target)
            if owner is not None and self.function is not None:
                self.function.stored.add(owner)
            if cls is ast.Subscript:
                self.on_item_store(target, None if path else value)  # type: ignore[arg-type]
            if cls is ast.Attribute:
                self.source.stored.setdefault(target.attr, []).append((target, self.function))  # type: ignore[attr-defined,arg-type]
            if cls is ast.Attribute and target.attr == "grad" and self.function is not None:  # type: ignore[attr-defined]
                self.function.words.add("grad")
            if cls is ast.Attribute and self.function is not None and _is_parameter(target.value, self.function):  # type: ignore[attr-defined]
                self.function.words.add("setattr")
            if cls is ast.Attribute and self.function is not None and self.function.cls is not None:
                base = target.value  # type: ignore[attr-defined]
                parameters = self.function.node.args.args
                if base.__class__ is ast.Name and parameters and parameters[0].arg == base.id:
                    store = AttributeStore(self.function, target, value, path, node)  # type: ignore[arg-type]
                    self.function.cls.stores.setdefault(target.attr, []).append(store)  # type: ignore[attr-defined]
            self.visit(target)

    def on_item_store(self, target: ast.Subscript, value: ast.expr | None) -> None:
        base = target.value
        name = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else None
        if name is not None:
            self.source.item_stores.setdefault(name, []).append((target, self.function, value))

    def on_attribute(self, node: ast.Attribute) -> None:
        if node.value.__class__ not in _ENDS:
            self.visit(node.value)

    def on_if(self, node: ast.If) -> None:
        self.visit(node.test)
        self.visit_body(node.body)
        self.visit_body(node.orelse)

    def on_call(self, node: ast.Call) -> None:
        func = node.func
        cls = func.__class__
        name = None
        if cls is ast.Name:
            name = func.id  # type: ignore[attr-defined]
        elif cls is ast.Attribute:
            name = func.attr  # type: ignore[attr-defined]
            if func.value.__class__ is not ast.Name:  # type: ignore[attr-defined]
                self.visit(func.value)  # type: ignore[attr-defined]
        else:
            self.visit(func)
        for arg in node.args:
            if arg.__class__ not in _LEAVES:
                self.visit(arg)
        for keyword in node.keywords:
            self.source.keywords.add(keyword.arg)
            if keyword.value.__class__ not in _LEAVES:
                self.visit(keyword.value)
        if self.function is not None:
            self.function.calls.append(node)
            if name is not None:
                self.function.words.add(name)
        if name is not None:
            found = self.source.by_name.get(name)
            if found is None:
                self.source.by_name[name] = [(node, self.scope)]
            else:
                found.append((node, self.scope))

    def on_comprehension(self, node: Any) -> None:
        outer = self.scope
        self.visit(node.generators[0].iter)
        self.scope = Scope("comprehension", outer, node)
        self.source.scopes.append(self.scope)
        for i, generator in enumerate(node.generators):
            if i:
                self.visit(generator.iter)
            self.bind(generator.target, "comprehension", generator.iter, node)
            for test in generator.ifs:
                self.visit(test)
        if node.__class__ is ast.DictComp:
            self.visit(node.key)
            self.visit(node.value)
        else:
            self.visit(node.elt)
        self.scope = outer

    def on_lambda(self, node: ast.Lambda) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        inner = Scope("function", self.scope, node)
        self.source.scopes.append(inner)
        function = Function(node, "<lambda>", inner, self.source, None)
        function.returns.append(node.body)
        inner.function = function
        self.source.functions.append(function)
        self.source.function_of[id(node)] = function
        self.pending.append((function, inner))

    def on_walrus(self, node: ast.NamedExpr) -> None:
        self.source.has_walrus = True
        self.visit(node.value)
        self.bind(node.target, "assign", node.value, node)

    def on_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for expression in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if expression is not None:
                self.visit(expression)
        cls = self.scope.cls if self.scope.kind == "class" else None
        inner = Scope("function", self.scope, node)
        self.source.scopes.append(inner)
        function = Function(node, node.name, inner, self.source, cls)
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            function.words.add(called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", ""))
        inner.function = function
        self.scope.define(node.name, Def("function", node, self.scope, target=function))
        if cls is not None:
            cls.methods.setdefault(node.name, function)
        self.source.functions.append(function)
        self.source.function_of[id(node)] = function
        self.pending.append((function, inner))

    def on_class(self, node: ast.ClassDef) -> None:
        for expression in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.visit(expression)
        inner = Scope("class", self.scope, node)
        self.source.scopes.append(inner)
        cls = Class(node, inner, self.source)
        inner.cls = cls
        self.source.classes.append(cls)
        self.scope.define(node.name, Def("class", node, self.scope, target=cls))
        outer, self.scope = self.scope, inner
        self.visit_body(node.body)
        self.scope = outer

    def on_import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self.define_import(alias.asname, Def("import", node, self.scope, dotted=alias.name))
            else:
                name = alias.name.partition(".")[0]
                self.define_import(name, Def("import", node, self.scope, dotted=name))

    def on_import_from(self, node: ast.ImportFrom) -> None:
        prefix = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.scope.stars.append(prefix)
                continue
            separator = "" if prefix.endswith(".") or not prefix else "."
            definition = Def("import", node, self.scope, dotted=f"{prefix}{separator}{alias.name}")
            self.define_import(alias.asname or alias.name, definition)

    def define_import(self, name: str, definition: Def) -> None:
        self.scope.define(name, definition)
        self.source.imports.append((name, definition))

    def on_assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.bind(target, "assign", node.value, node)

    def on_annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.bind(node.target, "assign", node.value, node)
        else:
            self.bind(node.target, "declare", None, node)

    def on_operation(self, node: ast.BinOp) -> None:
        self.visit(node.left)
        self.visit(node.right)
        self.source.operators.setdefault(node.op.__class__, []).append((node, self.function))

    def on_augmented(self, node: ast.AugAssign) -> None:
        self.source.operators.setdefault(node.op.__class__, []).append((node, self.function))
        self.visit(node.value)
        self.bind(node.target, "augment", node.value, node)

    def on_for(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.bind(node.target, "for", node.iter, node)
        self.visit_body(node.body)
        self.visit_body(node.orelse)

    def on_with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, "with", item.context_expr, node)
        self.visit_body(node.body)

    def on_expression(self, node: ast.Expr) -> None:
        if node.value.__class__ is ast.Call or node.value.__class__ is ast.Attribute:
            self.source.discarded.append((node.value, self.function))
        self.visit(node.value)

    def on_return(self, node: ast.Return) -> None:
        if self.function is not None:
            self.function.returns.append(node.value)
        if node.value is not None:
            self.visit(node.value)

    def on_yield(self, node: Any) -> None:
        if self.function is not None:
            self.function.is_generator = True
        if node.value is not None:
            self.visit(node.value)

    def on_handler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self.scope.define(node.name, Def("except", node, self.scope))
        self.visit_body(node.body)

    def on_outer_names(self, node: ast.Global | ast.Nonlocal) -> None:
        where = "global" if node.__class__ is ast.Global else "nonlocal"
        for name in node.names:
            self.scope.outer_names[name] = where

    def on_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if target.__class__ is not ast.Name:
                self.visit(target)

    def on_capture(self, node: Any) -> None:
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            self.scope.define(name, Def("declare", node, self.scope))
        self.generic(node)

    def generic(self, node: ast.AST) -> None:
        for child in children(node):
            if child.__class__ not in _ENDS:
                self.visit(child)

    def skip(self, _: ast.AST) -> None:
        pass

    def visit_body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)


_HANDLERS: dict[type, Callable[[_Lowering, Any], None]] = {
    ast.Call: _Lowering.on_call,
    ast.Name: _Lowering.skip,
    ast.Constant: _Lowering.skip,
    ast.Pass: _Lowering.skip,
    ast.Break: _Lowering.skip,
    ast.Continue: _Lowering.skip,
    ast.ListComp: _Lowering.on_comprehension,
    ast.SetComp: _Lowering.on_comprehension,
    ast.DictComp: _Lowering.on_comprehension,
    ast.GeneratorExp: _Lowering.on_comprehension,
    ast.Lambda: _Lowering.on_lambda,
    ast.NamedExpr: _Lowering.on_walrus,
    ast.FunctionDef: _Lowering.on_function,
    ast.AsyncFunctionDef: _Lowering.on_function,
    ast.ClassDef: _Lowering.on_class,
    ast.Import: _Lowering.on_import,
    ast.ImportFrom: _Lowering.on_import_from,
    ast.Assign: _Lowering.on_assign,
    ast.AnnAssign: _Lowering.on_annotated,
    ast.AugAssign: _Lowering.on_augmented,
    ast.BinOp: _Lowering.on_operation,
    ast.For: _Lowering.on_for,
    ast.AsyncFor: _Lowering.on_for,
    ast.With: _Lowering.on_with,
    ast.AsyncWith: _Lowering.on_with,
    ast.Expr: _Lowering.on_expression,
    ast.Return: _Lowering.on_return,
    ast.Yield: _Lowering.on_yield,
    ast.YieldFrom: _Lowering.on_yield,
    ast.ExceptHandler: _Lowering.on_handler,
    ast.Global: _Lowering.on_outer_names,
    ast.Nonlocal: _Lowering.on_outer_names,
    ast.Delete: _Lowering.on_delete,
    ast.MatchAs: _Lowering.on_capture,
    ast.MatchStar: _Lowering.on_capture,
    ast.MatchMapping: _Lowering.on_capture,
    ast.Attribute: _Lowering.on_attribute,
    ast.If: _Lowering.on_if,
}


def _is_parameter(node: ast.AST, function: Function) -> bool:
    """Whether an expression is a parameter of a function, `self` left out."""
    if not isinstance(node, ast.Name):
        return False
    parameters = function.parameters[1:] if function.cls is not None else function.parameters
    return any(parameter.arg == node.id for parameter in parameters)
