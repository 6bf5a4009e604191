"""Values: what an expression can be at one place of the program, as a symbolic term that is worked out on demand.

A value never guesses. It knows how it came about (a constant, an imported name, an instance of a class, the result of a
call, an element of a loader, an unknown parameter...), and properties are questions to that term, answered with `None`
where they cannot be decided. Calls of project functions and `forward` methods are followed into their bodies, across
files, with their parameters bound; recursion is cut.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from torchlint.model.flow import ENTRY, Flow
from torchlint.model.syntax import Class, Def, Function, Path, Scope, Source, dotted
from torchlint.torch_api import canonical, roles

if TYPE_CHECKING:
    from torchlint.model.classes import ClassModel
    from torchlint.model.project import Project

DEEPEST = 5  # calls inside calls that are followed for what they return
_MOST_DEFINITIONS = 32  # of one name, where the place of the use does not say which one it is
_MOST_OPTIONS = 6


class Key:
    """An identity made of parts, some of them identities; its hash is worked out once, however deep it is."""

    __slots__ = ("_hash", "parts")

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Key) and self._hash == other._hash and self.parts == other.parts)

    def __repr__(self) -> str:
        return repr(self.parts)


class Value:
    """One symbolic term. `kind` decides which fields mean something:

    - `unknown`: nothing is known
    - `const`: a literal, in `const`
    - `ref`: something imported from outside the project, canonical dotted `name` (also builtins: `len`)
    - `function` / `class`: of the project, in `target`; a bound method has its receiver in `base`
    - `package`: a module of the project, in `target`
    - `instance`: made by calling a class; `name` for outside classes, `target` for the project's; `node` is the call
      (`None` for `self` while its class is looked at alone, an `ast.arg` for a parameter whose annotation says so)
    - `param`: parameter `name` of `target`, not known
    - `attribute`: attribute `name` of `base`
    - `item`: `base[items[0]]`
    - `element`: what iterating over `base` yields
    - `call`: result of an outside function `name`, of a method (`name` starts with a dot, `base` is the receiver), or
      of something not known (`name` is `()`, `base` the callee)
    - `apply`: result of calling the module instance `base`; `result` looks into its `forward`
    - `binary`, `unary`, `compare`: operator's ast class name in `name`, operands in `items`
    - `tuple`, `list`, `set`: elements in `items`; `dict`: values in `items`, keys in `keys`
    - `slice`: start, stop and step in `items`
    - `union`: several possible values in `items`
    """

    __slots__ = ("_key", "_result", "base", "const", "frame", "items", "keys", "kind", "name", "node", "target")

    def __init__(
        self,
        kind: str,
        *,
        name: str = "",
        const: Any = None,
        target: Any = None,
        base: Value | None = None,
        items: tuple[Value, ...] = (),
        keys: tuple[Value | None, ...] = (),
        node: ast.AST | None = None,
        frame: Frame | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.const = const
        self.target = target
        self.base = base
        self.items = items
        self.keys = keys
        self.node = node
        self.frame = frame
        self._key: Key | None = None
        self._result: Value | None = None

    @property
    def known(self) -> bool:
        """Whether anything at all is known."""
        return self.kind != "unknown"

    @property
    def options(self) -> tuple[Value, ...]:
        """The possible values: the items of a union, else the value itself."""
        return self.items if self.kind == "union" else (self,)

    @property
    def key(self) -> Key:
        """The identity: two values with equal keys are the same object, made at the same place.

        Different keys do not prove different objects.
        """
        if self._key is None:
            self._key = Key(self._identity())
        return self._key

    def _identity(self) -> tuple[Any, ...]:
        kind = self.kind
        if kind == "const":
            return ("const", type(self.const).__name__, repr(self.const))
        if kind == "ref" or (kind == "unknown" and self.name):
            return (kind, self.name)
        if kind in ("function", "class", "package"):
            return (kind, id(self.target), self.base.key if self.base is not None else None)
        if kind == "instance" and self.node is None:
            return ("self", id(self.target))
        if kind == "param":
            return ("param", id(self.target), self.name)
        if kind in ("attribute", "item", "element") and self.base is not None:
            return (kind, self.base.key, self.name, *(i.key for i in self.items))
        if kind in ("binary", "unary", "compare", "tuple", "slice"):
            return (kind, self.name, *(i.key for i in self.items))
        if kind == "union":
            return ("union", frozenset(i.key for i in self.items))
        if self.node is not None:
            base = self.base.key if self.base is not None else None
            target = id(self.target) if self.target is not None else None
            return (kind, self.name, target, base, id(self.node), self.frame.key if self.frame is not None else None)
        return (kind, id(self))

    # calls and instances

    def argument(self, position: int | None, keyword: str | None = None) -> Value | None:
        """The argument of the call that made this value, by position or keyword; `None` if it was not passed.

        An argument that may hide in `*args` or `**kwargs` is `UNKNOWN`.
        """
        node = self.node
        if isinstance(node, ast.arg):
            return UNKNOWN
        if not isinstance(node, ast.Call) or self.frame is None:
            return None
        expression = argument(node, position, keyword)
        if expression is not None:
            return self.frame.value(expression)
        hidden = any(isinstance(a, ast.Starred) for a in node.args) and position is not None
        if hidden or any(k.arg is None for k in node.keywords):
            return UNKNOWN
        return None

    @property
    def arguments(self) -> tuple[Value, ...]:
        """All positional arguments of the call that made this value."""
        if not isinstance(self.node, ast.Call) or self.frame is None:
            return ()
        return tuple(self.frame.value(a) for a in self.node.args)

    @property
    def result(self) -> Value:
        """For `apply` of a project's module: what its `forward` returns, parameters bound; else the value itself."""
        if self.kind != "apply":
            return self
        if self._result is None:
            self._result = UNKNOWN
            result = _forward(self)
            self._result = ITSELF if result is self else result
        return self if self._result is ITSELF else self._result

    # questions

    def is_instance(self, *names: str) -> bool | None:
        """Whether this is an instance of one of the outside classes (canonical names), or of a subclass of them."""
        verdicts = {self._is_instance(option, names) for option in self.options}
        return verdicts.pop() if len(verdicts) == 1 else None

    @staticmethod
    def _is_instance(value: Value, names: tuple[str, ...]) -> bool | None:
        if value.kind == "instance":
            if value.target is not None:
                return value_class(value).derives_from(*names)
            if value.name in names:
                return True
            return roles.derives_from(value.name, names)
        if value.kind in ("const", "ref", "function", "class", "tuple", "list", "dict", "set", "binary", "compare"):
            return False
        return None

    def call_of(self, *names: str) -> bool:
        """Whether this certainly is the result of one of the functions (canonical name, or `.method`)."""
        return self.kind in ("call", "instance") and self.name in names

    def method(self, *names: str) -> Value | None:
        """The receiver, if this is the result of calling one of the methods (without dot) on it; else `None`."""
        if self.kind == "call" and self.name.startswith(".") and self.name[1:] in names:
            return self.base
        return None

    def walk(self) -> Iterator[Value]:
        """This value and all terms it is made of, each once; call arguments included."""
        seen: set[int] = set()
        stack: list[Value] = [self]
        while stack:
            value = stack.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield value
            stack.extend(value.items)
            if value.base is not None:
                stack.append(value.base)
            if value.kind in ("call", "apply"):
                stack.extend(value.arguments)

    def __repr__(self) -> str:
        if self.kind == "const":
            return f"const({self.const!r})"
        inner = self.name or (getattr(self.target, "name", "") if self.target is not None else "")
        parts = [inner] if inner else []
        if self.base is not None:
            parts.append(f"of {self.base!r}")
        parts.extend(repr(i) for i in self.items)
        return f"{self.kind}({', '.join(parts)})"


UNKNOWN = Value("unknown")
ITSELF = Value("unknown", name="itself")  # stands for a value in its own field, which must not refer to itself
_PENDING = Value("unknown", name="pending")
NONE = Value("const", const=None)


def union(values: Iterator[Value] | list[Value]) -> Value:
    """One value that stands for several possibilities; equal ones collapse, an unknown one stays among them."""
    found: dict[Key, Value] = {}
    for value in values:
        for option in value.options:
            if option is not _PENDING:
                found.setdefault(option.key, option)
    if not found:
        return UNKNOWN
    if len(found) == 1:
        return next(iter(found.values()))
    if len(found) > _MOST_OPTIONS:
        return UNKNOWN
    return Value("union", items=tuple(found.values()))


def argument(call: ast.Call, position: int | None, keyword: str | None = None) -> ast.expr | None:
    """The expression passed to a call by position or keyword, if it is written there."""
    if keyword is not None:
        for item in call.keywords:
            if item.arg == keyword:
                return item.value
    if position is not None and position < len(call.args):
        before = call.args[: position + 1]
        if not any(isinstance(a, ast.Starred) for a in before):
            return before[-1]
    return None


def _is_spelled_out(call: ast.Call) -> bool:
    """Whether no argument hides in `*args` or `**kwargs`."""
    return not any(isinstance(a, ast.Starred) for a in call.args) and all(k.arg for k in call.keywords)


def _is_none(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and expression.value is None


Bound: TypeAlias = "Value | tuple[Frame, ast.expr]"
"""What a parameter is bound to: a value, or an expression of another frame that is worked out when it is asked for."""


class Frame:
    """A function (or module body) in one context: its parameters bound by one call, or not known at all.

    `value(expression)` is the one question: what can this expression be here? Answers are kept.
    """

    __slots__ = (
        "_flow",
        "_values",
        "bindings",
        "call",
        "closure",
        "depth",
        "function",
        "key",
        "parent",
        "project",
        "receiver",
        "source",
    )

    def __init__(
        self,
        project: Project,
        source: Source,
        function: Function | None,
        *,
        bindings: Mapping[str, Bound] | None = None,
        parent: Frame | None = None,
        call: ast.Call | None = None,
        receiver: Value | None = None,
        closure: Frame | None = None,
    ) -> None:
        self.project = project
        self.source = source
        self.function = function
        self.bindings: dict[str, Bound] = dict(bindings or {})
        self.parent = parent
        self.call = call
        self.receiver = receiver
        self.closure = closure
        self.depth: int = parent.depth + 1 if parent is not None else 0
        place = id(function) if function is not None else id(source)
        context = (id(call), parent.key) if parent is not None and call is not None else None
        self.key: int = project.number((place, context))
        self._flow: Flow | None = None
        self._values: dict[int, Value] = {}
        project.open(self)

    @property
    def flow(self) -> Flow:
        """The reaching definitions of this function."""
        if self._flow is None:
            self._flow = flow_of(self.source, self.function)
        return self._flow

    def close(self) -> None:
        """Forget all answers, so that no reference cycle outlives the check."""
        self._values.clear()
        self.bindings = {}
        self.parent = self.closure = self.receiver = self._flow = None

    @property
    def scope(self) -> Scope:
        """The namespace of this function or module."""
        return self.function.scope if self.function is not None else self.source.scope

    def calls(self, function: Function) -> bool:
        """Whether `function` is already being followed in this chain of calls."""
        frame: Frame | None = self
        while frame is not None:
            if frame.function is function:
                return True
            frame = frame.parent
        return False

    def value(self, node: ast.AST | None) -> Value:
        """What the expression can be at its place in this frame."""
        if node is None:
            return NONE
        known = self._values.get(id(node))
        if known is not None:
            return known
        self._values[id(node)] = _PENDING
        handler = _EXPRESSIONS.get(node.__class__)
        result = UNKNOWN if handler is None else handler(self, node)
        self._values[id(node)] = result
        return result

    def name(self, node: ast.Name) -> Value:
        """The value of a name that is read."""
        function = self.function
        if function is not None:
            definitions = function.scope.names.get(node.id)
            if definitions is None:
                if node.id not in function.inner:
                    return self.lookup(node.id)
            elif len(definitions) == 1 and node.id not in function.inner and not function.scope.outer_names:
                return self._changed(node, self.definition(definitions[0]))
        reaching = self.flow.reaching.get(id(node))
        if reaching is None:
            return self.lookup(node.id)
        return self._changed(node, self._any_of(reaching, node))

    def _changed(self, node: ast.Name, value: Value) -> Value:
        """What a local value has become by what was done to it."""
        if value.kind in _CHANGEABLE:
            from torchlint.model import changes

            return changes.local(self, node, value)
        return value

    def lookup(self, name: str) -> Value:
        """The value of a name without regard to the place: the function's, its closures', the module's, builtins."""
        frame: Frame | None = self
        while frame is not None:
            scope = frame.function.scope if frame.function is not None else frame.source.scope
            if name not in scope.outer_names:
                definitions = scope.names.get(name)
                if definitions:
                    if len(definitions) == 1:
                        return frame.definition(definitions[0])
                    if len(definitions) > _MOST_DEFINITIONS:
                        return UNKNOWN
                    return union([frame.definition(d) for d in definitions])
            if frame.function is None:
                break
            outer = frame.closure
            if outer is None:
                outer = frame._enclosing()
            frame = outer
        source = self.source
        for star in source.scope.stars:
            found = self.project.star(source, star, name)
            if found is not None:
                return found
        return Value("ref", name=name) if name in _BUILTINS else Value("unknown", name=name)

    def _enclosing(self) -> Frame | None:
        assert self.function is not None
        scope: Scope | None = self.function.scope.parent
        while scope is not None:
            if scope.kind == "module":
                return self.project.frame(self.source, None)
            if scope.kind == "function" and scope.function is not None:
                return self.project.frame(self.source, scope.function)
            scope = scope.parent
        return None

    def _any_of(self, definitions: tuple[Def, ...], node: ast.expr) -> Value:
        if len(definitions) == 1 and definitions[0] is not ENTRY:
            return self.definition(definitions[0])
        return union([self._entry(node) if d is ENTRY else self.definition(d) for d in definitions])

    def _entry(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Attribute):
            return self._attribute_of(self.value(node.value), node.attr, node)
        if isinstance(node, ast.Subscript):
            return self._item_of(self.value(node.value), self.value(node.slice), node)
        return UNKNOWN

    def definition(self, definition: Def) -> Value:
        """The value that a definition gives to its name in this frame."""
        kind = definition.kind
        if kind == "assign":
            return self._unpack(self.value(definition.value), definition.path)
        if kind == "param":
            return self._parameter(definition)
        if kind == "import":
            return self.project.imported(self.source, definition.dotted)
        if kind == "function":
            return Value("function", target=definition.target, frame=self)
        if kind == "class":
            return Value("class", target=definition.target)
        if kind in ("for", "comprehension"):
            return self._unpack(_element(self.value(definition.value)), definition.path)
        if kind == "with":
            return self._unpack(self.value(definition.value), definition.path)
        if kind == "augment" and isinstance(definition.node, ast.AugAssign):
            return self._augmented(definition.node)
        return UNKNOWN

    def _augmented(self, node: ast.AugAssign) -> Value:
        known = self._values.get(id(node))
        if known is not None:
            return known
        self._values[id(node)] = _PENDING
        before = self.flow.reaching.get(id(node.target))
        if before is not None:
            left = self._any_of(before, node.target)
        elif isinstance(node.target, ast.Name):
            left = UNKNOWN
        else:
            left = self._entry(node.target)
        right = self.value(node.value)
        once = before is not None and len(before) == 1
        if once and left.kind == "list" and right.kind in ("list", "tuple") and isinstance(node.op, ast.Add):
            result = Value("list", items=left.items + right.items, node=node, frame=self)
        else:
            result = Value("binary", name=type(node.op).__name__, items=(left, right), node=node, frame=self)
        self._values[id(node)] = result
        return result

    def _parameter(self, definition: Def) -> Value:
        assert isinstance(definition.node, ast.arg)
        name = definition.node.arg
        bound = self.bindings.get(name)
        if isinstance(bound, tuple):
            frame, expression = bound
            bound = self.bindings[name] = frame.value(expression)
        if bound is not None:
            return bound
        function = self.function
        if function is None or definition.scope is not function.scope:
            return UNKNOWN
        parameters = function.node.args.args
        if self.receiver is not None and parameters and parameters[0].arg == name:
            return self.receiver
        args = function.node.args
        if definition.node is args.vararg or definition.node is args.kwarg:
            return UNKNOWN
        annotated = self._annotated(definition.node, function)
        if annotated is not None:
            return annotated
        return Value("param", name=name, target=function, node=definition.node, frame=self)

    def _annotated(self, node: ast.arg, function: Function) -> Value | None:
        """A parameter that its annotation makes an instance of a known class (and that is never `None`)."""
        if node.annotation is None or not isinstance(node.annotation, ast.Name | ast.Attribute):
            return None
        default = function.default(node.arg)
        if isinstance(default, ast.Constant) and default.value is None:
            return None
        annotation = self.project.frame(self.source, None).value(node.annotation)
        if annotation.kind == "class":
            return Value("instance", target=annotation.target, node=node, frame=self)
        if annotation.kind == "ref" and annotation.name in roles.ANNOTATIONS:
            return Value("instance", name=annotation.name, node=node, frame=self)
        return None

    def _unpack(self, value: Value, path: Path) -> Value:
        for index in path:
            if index < 0:
                return UNKNOWN
            value = self._item_of(value, Value("const", const=index), None)
        return value

    # expressions

    def _constant(self, node: ast.Constant) -> Value:
        return Value("const", const=node.value, node=node)

    def _attribute(self, node: ast.Attribute) -> Value:
        function = self.function
        followed = function is None or (function.stored and function.stores_in(node))
        reaching = self.flow.reaching.get(id(node)) if followed else None
        if reaching is None:
            return self._attribute_of(self.value(node.value), node.attr, node)
        value = self._any_of(reaching, node)
        if value.kind in _CHANGEABLE:
            from torchlint.model import changes

            return changes.attribute(self.source, node.attr, value)
        return value

    def _attribute_of(self, base: Value, name: str, node: ast.AST | None) -> Value:
        kind = base.kind
        if kind == "ref":
            return Value("ref", name=canonical(f"{base.name}.{name}"))
        if kind == "package":
            return self.project.member(base.target, name)
        if kind == "union":  # not `None`, which has no attributes
            present = [option for option in base.items if option.key != NONE.key] or base.items
            return union([self._attribute_of(option, name, node) for option in present])
        if kind == "instance" and base.target is not None:
            if name == "__class__":
                return Value("class", target=base.target)
            found = value_class(base).attribute(base, name)
            if found is not None:
                return found
        if name == "module" and kind == "instance" and base.name in roles.WRAPPERS:
            return base.argument(0, "module") or UNKNOWN
        if kind == "instance" and base.name == "torch.nn.ModuleDict":
            found = _entry(base, name)
            if found is not None:
                return found
        if kind == "class":
            found = class_model(self.project, base.target).class_attribute(name)
            if found is not None:
                return found
        if base is UNKNOWN or base is _PENDING:
            return Value("attribute", name=name, base=UNKNOWN, node=node, frame=self) if node is not None else UNKNOWN
        return Value("attribute", name=name, base=base, node=node, frame=self)

    def _subscript(self, node: ast.Subscript) -> Value:
        function = self.function
        followed = function is None or function.stores_in(node)
        reaching = self.flow.reaching.get(id(node)) if followed else None
        if reaching is not None:
            return self._any_of(reaching, node)
        return self._item_of(self.value(node.value), self.value(node.slice), node)

    def _item_of(self, base: Value, index: Value, node: ast.AST | None) -> Value:
        kind = base.kind
        if kind == "union":
            return union([self._item_of(option, index, node) for option in base.items])
        if kind == "apply":
            inner = base.result
            if inner.kind in ("tuple", "list", "dict", "union"):
                return self._item_of(inner, index, node)
        if index.kind == "const":
            if kind == "instance" and base.name == "torch.nn.ModuleDict" and isinstance(index.const, str):
                return _entry(base, index.const) or UNKNOWN
            if kind in ("tuple", "list") and isinstance(index.const, int):
                if -len(base.items) <= index.const < len(base.items):
                    return base.items[index.const]
                return UNKNOWN
            if kind == "dict":
                for key, value in zip(base.keys, base.items, strict=True):
                    if key is not None and key.kind == "const" and key.const == index.const:
                        return value
                return UNKNOWN
        elif kind == "dict" and 0 < len(base.items) <= _MOST_CHOICES and all(i.kind in _CALLABLE for i in base.items):
            return union(list(base.items))  # a table of classes
        return Value("item", base=base, items=(index,), node=node, frame=self)

    def _call(self, node: ast.Call) -> Value:
        func = node.func
        if isinstance(func, ast.Name) and func.id == "super":
            return self._super(node)
        callee = self.value(func)
        if callee.kind != "union":
            return self._called(callee, node)
        return union([self._called(option, node) for option in callee.items])

    def _called(self, callee: Value, node: ast.Call) -> Value:
        kind = callee.kind
        if kind == "function":
            return self.returned(callee, node)
        if kind == "class":
            return Value("instance", target=callee.target, node=node, frame=self)
        if kind == "ref":
            return self._outside(callee.name, node)
        if kind == "instance":
            return self._applied(callee, node)
        if kind == "attribute" and callee.base is not None:
            return self._method(callee.base, callee.name, node)
        if is_module(callee) is True:
            return Value("apply", base=callee, node=node, frame=self)
        return Value("call", name="()", base=callee, node=node, frame=self)

    def _method(self, base: Value, name: str, node: ast.Call) -> Value:
        if name in roles.RETURNS_SELF and is_module(base) is True:
            return base
        if name in roles.PREPARES and base.kind == "instance" and base.name in roles.PREPARERS and node.args:
            return self._prepared(node.args, node)
        if name == "optimizers" and base.kind == "instance" and base.target is not None:
            from torchlint.model import frameworks

            configured = frameworks.configured_optimizers(base)
            if configured is not None:
                return configured
        if name == "forward" and is_module(base) is True:
            return Value("apply", base=base, name="forward", node=node, frame=self)
        return Value("call", name="." + name, base=base, node=node, frame=self)

    def _outside(self, name: str, node: ast.Call) -> Value:
        if name == "getattr" and len(node.args) >= 2:
            attribute_name = self.value(node.args[1])
            if attribute_name.kind == "const" and isinstance(attribute_name.const, str):
                return self._attribute_of(self.value(node.args[0]), attribute_name.const, node)
            if self.value(node.args[0]).name == "torch.optim":
                return Value("ref", name=roles.OPTIMIZER)  # whichever it is, an optimizer
        if name in _TRANSPARENT and node.args:
            return self.value(node.args[0])
        if name in roles.PREPARING_FUNCTIONS:
            given = [argument(node, *at) for at in enumerate(roles.PREPARING_FUNCTIONS[name])]
            if all(given) or _is_spelled_out(node):
                return self._prepared([one for one in given if one is not None and not _is_none(one)], node)
        kind = "instance" if roles.is_class(name) else "call"
        return Value(kind, name=name, node=node, frame=self)

    def _prepared(self, given: list[ast.expr], node: ast.Call) -> Value:
        """What a framework returns for what it makes ready: one thing alone, several in a tuple."""
        prepared = tuple(self.value(one) for one in given)
        return prepared[0] if len(prepared) == 1 else Value("tuple", items=prepared, node=node, frame=self)

    def _applied(self, callee: Value, node: ast.Call) -> Value:
        if callee.target is not None and not value_class(callee).is_module:
            method = value_class(callee).method("__call__")
            if method is not None:
                return self.returned(Value("function", target=method, base=callee, frame=None), node)
            if value_class(callee).is_module is None:
                return Value("call", name="()", base=callee, node=node, frame=self)
        return Value("apply", base=callee, node=node, frame=self)

    def _super(self, node: ast.Call) -> Value:
        function = self.function
        if function is None or function.cls is None or self.receiver is None:
            return UNKNOWN
        return Value("attribute", name="super", base=self.receiver, node=node, frame=self)

    def enter(self, callee: Value, node: ast.Call) -> Frame | None:
        """The frame of a project function called at `node` with its parameters bound; `None` if it is not followed."""
        function: Function = callee.target
        if self.depth >= DEEPEST or self.calls(function) or not self.project.may_follow():
            return None
        return Frame(
            self.project,
            function.source,
            function,
            bindings=self._bind(function, callee.base, node),
            parent=self,
            call=node,
            receiver=callee.base,
            closure=callee.frame if callee.frame is not None and callee.frame.function is not None else None,
        )

    def _bind(self, function: Function, receiver: Value | None, node: ast.Call) -> dict[str, Bound]:
        args = function.node.args
        names = [a.arg for a in (*args.posonlyargs, *args.args)]
        bindings: dict[str, Bound] = {}
        bound_first = receiver is not None and not function.has_decorator("staticmethod") and bool(names)
        if bound_first and receiver is not None:
            bindings[names[0]] = receiver
            names = names[1:]
        spread = False
        for i, expression in enumerate(node.args):
            if isinstance(expression, ast.Starred):
                spread = True
                break
            if i < len(names):
                bindings[names[i]] = (self, expression)
        for keyword in node.keywords:
            if keyword.arg is None:
                spread = True
            else:
                bindings[keyword.arg] = (self, keyword.value)
        for name in (*names, *(a.arg for a in args.kwonlyargs)):
            if name not in bindings:
                default = function.default(name)
                if spread:
                    bindings[name] = UNKNOWN
                elif default is not None:
                    bindings[name] = (self.project.frame(function.source, None), default)
        return bindings

    def returned(self, callee: Value, node: ast.Call) -> Value:
        """What a call of a project function returns."""
        function: Function = callee.target
        if function.is_generator:
            return Value("call", name="()", base=callee, node=node, frame=self)
        if any(_opaque_decorator(d) for d in function.decorators):
            return Value("call", name="()", base=callee, node=node, frame=self)
        inner = self.enter(callee, node)
        if inner is None:
            return Value("call", name="()", base=callee, node=node, frame=self)
        if not function.returns:
            return NONE
        return union([inner.value(r) for r in function.returns])

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        name = type(node.op).__name__
        if left.kind == right.kind == "const":
            folded = _fold(name, left.const, right.const)
            if folded is not None:
                return Value("const", const=folded, node=node)
        if left.kind == right.kind and left.kind in ("list", "tuple") and name == "Add":
            return Value(left.kind, items=left.items + right.items, node=node, frame=self)
        return Value("binary", name=name, items=(left, right), node=node, frame=self)

    def _unary(self, node: ast.UnaryOp) -> Value:
        operand = self.value(node.operand)
        if operand.kind == "const" and isinstance(operand.const, int | float):
            if isinstance(node.op, ast.USub):
                return Value("const", const=-operand.const, node=node)
            if isinstance(node.op, ast.Not):
                return Value("const", const=not operand.const, node=node)
        return Value("unary", name=type(node.op).__name__, items=(operand,), node=node, frame=self)

    def _compare(self, node: ast.Compare) -> Value:
        items = (self.value(node.left), *(self.value(c) for c in node.comparators))
        return Value("compare", name=type(node.ops[0]).__name__, items=items, node=node, frame=self)

    def _boolean(self, node: ast.BoolOp) -> Value:
        return union([self.value(v) for v in node.values])

    def _conditional(self, node: ast.IfExp) -> Value:
        return union([self.value(node.body), self.value(node.orelse)])

    def _sequence(self, node: ast.Tuple | ast.List | ast.Set) -> Value:
        items: list[Value] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                inner = self.value(element.value)
                if inner.kind not in ("tuple", "list"):
                    return Value("call", name="[*]", node=node, frame=self)
                items.extend(inner.items)
            else:
                items.append(self.value(element))
        kind = {ast.Tuple: "tuple", ast.List: "list", ast.Set: "set"}[type(node)]
        return Value(kind, items=tuple(items), node=node, frame=self)

    def _dict(self, node: ast.Dict) -> Value:
        keys = tuple(None if k is None else self.value(k) for k in node.keys)
        return Value("dict", keys=keys, items=tuple(self.value(v) for v in node.values), node=node, frame=self)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        return Value("call", name="[for]", items=(self.value(node.elt),), node=node, frame=self)

    def _walrus(self, node: ast.NamedExpr) -> Value:
        return self.value(node.value)

    def _await(self, node: ast.Await) -> Value:
        return self.value(node.value)

    def _lambda(self, node: ast.Lambda) -> Value:
        return Value("function", target=self.source.function_of[id(node)], frame=self)

    def _slice(self, node: ast.Slice) -> Value:
        parts = (node.lower, node.upper, node.step)
        return Value("slice", items=tuple(NONE if p is None else self.value(p) for p in parts), node=node, frame=self)

    def _formatted(self, node: ast.JoinedStr) -> Value:
        return Value("call", name="str", node=node, frame=self)


_EXPRESSIONS: dict[type, Any] = {
    ast.Name: Frame.name,
    ast.Constant: Frame._constant,
    ast.Attribute: Frame._attribute,
    ast.Subscript: Frame._subscript,
    ast.Call: Frame._call,
    ast.BinOp: Frame._binary,
    ast.UnaryOp: Frame._unary,
    ast.Compare: Frame._compare,
    ast.BoolOp: Frame._boolean,
    ast.IfExp: Frame._conditional,
    ast.Tuple: Frame._sequence,
    ast.List: Frame._sequence,
    ast.Set: Frame._sequence,
    ast.Dict: Frame._dict,
    ast.ListComp: Frame._comprehension,
    ast.SetComp: Frame._comprehension,
    ast.GeneratorExp: Frame._comprehension,
    ast.NamedExpr: Frame._walrus,
    ast.Await: Frame._await,
    ast.Lambda: Frame._lambda,
    ast.Slice: Frame._slice,
    ast.JoinedStr: Frame._formatted,
}

_CALLABLE = ("ref", "class")
_MOST_CHOICES = 12
_CHANGEABLE = ("list", "dict", "set", "apply", "union", "binary")
_BUILTINS = frozenset(dir(builtins))
_WRAPPINGS = 8  # `self.model = torch.compile(self.model)` wraps itself as far as can be seen
_TRANSPARENT = frozenset({"tqdm.tqdm", "tqdm.auto.tqdm", "tqdm.notebook.tqdm", "iter", "reversed"})


def _entry(modules: Value, name: str) -> Value | None:
    """The module that an `nn.ModuleDict` was made with under a name; `None` if that is not spelled out."""
    given = modules.argument(0, "modules")
    if given is None or given.frame is None:
        return None
    if given.kind == "call" and given.name == "dict":
        return given.argument(None, name)
    if given.kind != "dict":
        return None
    for key, value in zip(given.keys, given.items, strict=True):
        if key is not None and key.kind == "const" and key.const == name:
            return value
    return None


def is_module(value: Value) -> bool | None:
    """Whether a value is an `nn.Module`: of the project, of torch, or made by a known factory."""
    return _are_modules(value, 0)


def _are_modules(value: Value, depth: int) -> bool | None:
    verdicts = {_is_module(option, depth) for option in value.options}
    return verdicts.pop() if len(verdicts) == 1 else None


def _is_module(value: Value, depth: int) -> bool | None:
    kind = value.kind
    if kind == "instance":
        return value_class(value).is_module if value.target is not None else roles.is_module_class(value.name)
    if kind == "call":
        if roles.makes_module(value.name):
            return True
        if value.name in ("copy.deepcopy", "copy.copy", "torch.compile"):
            inner = value.argument(0) if depth < DEEPEST else None
            return _are_modules(inner, depth + 1) if inner is not None else None
        return None
    if kind in ("const", "ref", "function", "class", "tuple", "list", "dict", "set", "binary", "compare", "package"):
        return False
    return None


def unwrapped(value: Value) -> Value:
    """The module inside DDP, FSDP, DataParallel or `torch.compile`; the value itself otherwise.

    A module that is wrapped under a condition is the same module either way.
    """
    if value.kind == "union":
        wrapped = any(option.name in roles.WRAPPERS or option.name == "torch.compile" for option in value.items)
        return (_same_inside(value) or value) if wrapped else value
    for _ in range(_WRAPPINGS):
        wrapper = value.kind == "instance" and value.name in roles.WRAPPERS
        if not wrapper and not value.call_of("torch.compile"):
            return value
        inner = value.argument(0, "module" if wrapper else "model")
        if inner is None or inner is UNKNOWN:
            return value
        value = inner
    return value


def _same_inside(value: Value) -> Value | None:
    """The one module that all possibilities come to once their wrappers are taken off, `None` if there are several."""
    found: Value | None = None
    for one in unwrapped_options(value):
        if found is None:
            found = one
        elif one.key != found.key:
            return None
    return found


def unwrapped_options(value: Value) -> Iterator[Value]:
    """The possible values with their wrappers taken off, also where unions and wrappers stand inside each other."""
    stack, seen = [value], set[int]()
    while stack:
        one = stack.pop()
        if one.kind != "union":
            one = unwrapped(one)
        if id(one) in seen:  # a wrapper in a loop may hold itself
            continue
        seen.add(id(one))
        if one.kind == "union":
            stack.extend(one.items)
        else:
            yield one


def flow_of(source: Source, function: Function | None) -> Flow:
    """The reaching definitions of a function, computed once."""
    key = id(function) if function is not None else 0
    flow: Flow | None = source.flows.get(key)
    if flow is None:
        flow = source.flows[key] = Flow(source, function)
    return flow


def _fold(name: str, left: Any, right: Any) -> Any:
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        if name == "Add" and isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < 1000:
            return left + right
        return None
    try:
        if name == "Add":
            return left + right
        if name == "Sub":
            return left - right
        if name == "Mult":
            return left * right
        if name == "Div":
            return left / right
        if name == "FloorDiv":
            return left // right
        if name == "Mod":
            return left % right
        if name == "Pow" and abs(right) < 64 and abs(left) < 1e6:
            return left**right
    except (ArithmeticError, ValueError):
        return None
    return None


def _element(iterable: Value) -> Value:
    kind = iterable.kind
    if kind == "union":
        return union([_element(option) for option in iterable.items])
    if kind in ("tuple", "list", "set") and iterable.items:
        return union(list(iterable.items))
    if kind == "call" and iterable.name == "[for]":
        return iterable.items[0]
    if kind in ("call", "instance") and iterable.name in ("enumerate", "zip") and iterable.arguments:
        if iterable.name == "zip":
            return Value("tuple", items=tuple(_element(a) for a in iterable.arguments))
        index = Value("element", name="index", base=iterable, node=iterable.node, frame=iterable.frame)
        return Value("tuple", items=(index, _element(iterable.arguments[0])))
    if iterable is UNKNOWN or iterable is _PENDING:
        return UNKNOWN
    if kind == "call" and iterable.name == ".items" and iterable.base is not None:
        key = Value("element", name="key", base=iterable.base, node=iterable.node, frame=iterable.frame)
        return Value("tuple", items=(key, Value("element", name="value", base=iterable.base, frame=iterable.frame)))
    return Value("element", base=iterable, node=iterable.node, frame=iterable.frame)


def _opaque_decorator(decorator: ast.expr) -> bool:
    text = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return text is None or text.rpartition(".")[2] not in _TRANSPARENT_DECORATORS


_TRANSPARENT_DECORATORS = frozenset(
    {
        "no_grad",
        "inference_mode",
        "enable_grad",
        "staticmethod",
        "classmethod",
        "property",
        "cached_property",
        "compile",
        "autocast",
        "custom_fwd",
        "custom_bwd",
        "wraps",
        "abstractmethod",
        "override",
        "jit",
        "script",
        "ignore",
        "unused",
        "export",
        "lru_cache",
        "cache",
        "final",
        "typechecked",
        "jaxtyped",
        "script_method",
        "main",
        "command",
        "record",
    }
)


def _forward(value: Value) -> Value:
    if value.base is None or value.frame is None or not isinstance(value.node, ast.Call):
        return UNKNOWN
    callee = unwrapped(value.base)
    if callee.target is not None and callee.kind == "instance":
        forward = value_class(callee).method("forward")
        if forward is not None:
            return value.frame.returned(Value("function", target=forward, base=callee), value.node)
        if not is_sequential(callee):
            return UNKNOWN
    if is_sequential(callee):
        layers = sequential_layers(callee)
        if layers is None:
            return UNKNOWN
        inputs = value.arguments
        current = inputs[0] if inputs else UNKNOWN
        for layer in layers:
            current = applied(layer, current, value)
        return current
    return value


def applied(layer: Value, to: Value, at: Value) -> Value:
    """The value of `layer(to)`, as it happens inside the call `at`."""
    step = Value("apply", base=layer, items=(to,), node=layer.node, frame=layer.frame)
    if is_sequential(layer):
        step._result = UNKNOWN
        layers = sequential_layers(layer)
        if layers is not None:
            for inner_layer in layers:
                to = applied(inner_layer, to, at)
            return to
    elif layer.kind == "instance" and layer.target is not None:
        step._result = UNKNOWN
        forward = value_class(layer).method("forward") if at.frame is not None else None
        if forward is not None and len(forward.parameters) >= 2 and at.frame and not at.frame.calls(forward):
            inner = Frame(
                at.frame.project,
                forward.source,
                forward,
                bindings={forward.parameters[0].arg: layer, forward.parameters[1].arg: to},
                parent=at.frame,
                call=layer.node if isinstance(layer.node, ast.Call) else None,
                receiver=layer,
            )
            if inner.depth <= DEEPEST and forward.returns:
                step._result = union([inner.value(r) for r in forward.returns])
    else:
        step._result = ITSELF
    return step


def is_sequential(value: Value) -> bool:
    """Whether this is an `nn.Sequential`, or an instance of a class that is one and leaves `forward` as it is."""
    if value.kind != "instance" or value.target is None:
        return value.kind == "instance" and value.name == roles.SEQUENTIAL
    model = value_class(value)
    return model.method("forward") is None and model.derives_from(roles.SEQUENTIAL) is True


def _construction(value: Value) -> tuple[ast.Call, Frame] | None:
    """The call that hands an `nn.Sequential` its layers: its own, or the one of `super().__init__`."""
    if not isinstance(value.node, ast.Call) or value.frame is None:
        return None
    init = value_class(value).method("__init__") if value.target is not None else None
    if init is None:
        return value.node, value.frame
    found: ast.Call | None = None
    for call in init.calls:
        func = call.func
        if not isinstance(func, ast.Attribute):
            if isinstance(func, ast.Name) and func.id == "setattr":
                return None
        elif isinstance(func.value, ast.Name) and func.value.id == init.parameters[0].arg:
            return None
        elif func.attr == "__init__" and isinstance(func.value, ast.Call):
            found = call
    return (found, value_class(value).frame(init, value)) if found is not None else None


def sequential_layers(value: Value) -> tuple[Value, ...] | None:
    """The layers of an `nn.Sequential` in order; `None` if they cannot be told.

    Where only the last layers are sure, the first item is the value that stands for all before them.
    """
    from torchlint.model import changes

    construction = _construction(value)
    added = changes.added_layers(value) if construction is not None and changes.is_changed(value) else ()
    if construction is None or added is None:
        return None
    call, frame = construction
    layers: list[Value] = []
    for expression in call.args:
        if isinstance(expression, ast.Starred):
            inner = frame.value(expression.value)
            if inner.kind in ("tuple", "list"):
                layers.extend(inner.items)
            elif inner.kind == "call" and inner.name == changes.GROWN:
                layers = [inner, *inner.items]
            else:
                layers = [inner]
        else:
            inner = frame.value(expression)
            if inner.kind == "instance" and inner.name.endswith("OrderedDict") and isinstance(inner.node, ast.Call):
                pairs = inner.arguments[0] if inner.arguments else UNKNOWN
                if pairs.kind not in ("tuple", "list"):
                    return None
                for pair in pairs.items:
                    if pair.kind != "tuple" or len(pair.items) != 2:
                        return None
                    layers.append(pair.items[1])
            else:
                layers.append(inner)
    return (*layers, *added)


def value_class(value: Value) -> ClassModel:
    """What is known of the project class of an instance."""
    frame = value.frame
    cls: Class = value.target
    assert frame is not None
    return class_model(frame.project, cls)


def class_model(project: Project, cls: Class) -> ClassModel:
    """What is known of a class of the project, computed once."""
    return project.class_model(cls)
