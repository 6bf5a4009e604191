"""What module classes keep in their attributes, and whether something else may register it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from torchlint.model.classes import ClassModel
from torchlint.model.steps import layers
from torchlint.model.syntax import AttributeStore, Function, Source, walk
from torchlint.model.values import Frame, Value, is_module, value_class

PARAMETER = "torch.nn.Parameter"

_PARAMETRIC = frozenset(
    f"torch.nn.{name}"
    for name in (
        "Linear", "LazyLinear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d",
        "ConvTranspose3d", "LazyConv1d", "LazyConv2d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm",
        "LayerNorm", "GroupNorm", "RMSNorm", "Embedding", "EmbeddingBag", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell",
        "GRUCell", "MultiheadAttention", "Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer", "PReLU",
    )
)  # fmt: skip
_REGISTERS = frozenset({"add_module", "register_module", "register_parameter", "setattr", "__setattr__", "vars"})
_READS = frozenset({"append", "extend", "insert", "items", "values", "keys", "get", "pop", "index"})
_WALKS = frozenset({"enumerate", "zip", "reversed"})
_CARED_FOR = frozenset({"load_state_dict", "state_dict", "eval", "requires_grad_", "parameters", "named_parameters"})
_MEASURES = frozenset({"len", "range", "print", "isinstance", "bool"})


class Kept(NamedTuple):
    """A plain container that a module keeps: the attribute, its assignment, and what it was filled with.

    `elements` are the expressions with the frames they stand in; `kind` is `list`, `tuple`, `set` or `dict`.
    """

    attribute: str
    store: AttributeStore
    kind: str
    elements: tuple[Element, ...]

    def are_fresh(self, wanted: str) -> bool:
        """Whether all elements are made in place, and are parameters or modules with parameters (`wanted`)."""
        if not self.elements or not all(isinstance(node, ast.Call) for node, _ in self.elements):
            return False
        return all(_is_fresh(node, frame.value(node), wanted) for node, frame in self.elements)

    @property
    def first(self) -> Value:
        """The first element."""
        node, frame = self.elements[0]
        return frame.value(node)


Element = tuple[ast.expr, Frame]


def _is_fresh(node: ast.expr, value: Value, wanted: str) -> bool:
    if value.kind != "instance" or value.node is not node:
        return False
    return value.name == PARAMETER if wanted == "parameter" else holds_parameters(value) is True


def holds_parameters(module: Value) -> bool | None:
    """Whether a module certainly has parameters of its own or in its layers; `None` if none are seen."""
    for layer in layers(module) or ():
        if layer.name in _PARAMETRIC:
            return True
        if layer.kind == "instance" and layer.target is not None and is_module(layer) is True:
            model = value_class(layer)
            for name in model.cls.stores:
                kept = model.attribute(layer, name)
                if kept is not None and kept.kind == "instance" and kept.name == PARAMETER:
                    return True
    return None


def plain_containers(cls: ClassModel) -> list[Kept]:
    """The lists, tuples and dictionaries that the class stores on `self` once, with all that it puts into them."""
    cache = cls.cls.source.models
    key = id(cls.cls.stores)
    if key not in cache:
        cache[key] = list(_plain_containers(cls))
    found: list[Kept] = cache[key]
    return found


def _plain_containers(cls: ClassModel) -> Iterator[Kept]:
    added: dict[str, list[Element]] | None = None
    for name, stores in cls.cls.stores.items():
        store = stores[0]
        if len(stores) != 1 or store.path or not isinstance(store.statement, ast.Assign | ast.AnnAssign):
            continue
        value = _written(cls, store)
        kind = _kind(value)
        if kind is None or store.function.name == "forward" or len(cls.stores(name)) != 1:
            continue
        if added is None:
            added = _added(cls)
        frame = cls.frame(store.function, cls.self_value)
        filled = _filled(store.value.id, store.function, frame) if isinstance(store.value, ast.Name) else ()
        yield Kept(name, store, kind, (*_elements(value, frame), *filled, *added.get(name, ())))


def class_layers(cls: ClassModel) -> Iterator[tuple[str, Value]]:
    """Modules with parameters that are made in the class body, by the name they have there."""
    if cls.method("__init_subclass__") is not None:
        return
    frame = cls.project.frame(cls.cls.source, None)
    for name, definitions in cls.cls.scope.names.items():
        made = definitions[0].value
        if (
            len(definitions) != 1
            or definitions[0].kind != "assign"
            or not isinstance(made, ast.Call)
            or cls.stores(name)
        ):
            continue
        value = frame.value(made)
        if _is_fresh(made, value, "module"):
            yield name, value


def _written(cls: ClassModel, store: AttributeStore) -> ast.expr | None:
    """The container that is stored: as it stands there, or as a local name that only it is known by."""
    value = store.value
    if not isinstance(value, ast.Name):
        return value
    definitions = store.function.scope.names.get(value.id, ())
    if len(definitions) != 1 or definitions[0].kind != "assign" or _kind(definitions[0].value) is None:
        return None
    source, made = cls.cls.source, None
    for node in walk(store.function.node):
        if not isinstance(node, ast.Name) or node.id != value.id or node is value:
            continue
        parent = source.parent(node)
        if isinstance(node.ctx, ast.Load):
            if not _is_read(source, node):
                return None
        elif made is not None or not isinstance(parent, ast.Assign | ast.AnnAssign):
            return None
        else:
            made = parent.value
    return made


def _filled(name: str, function: Function, frame: Frame) -> Iterator[Element]:
    for call in function.calls:
        func = call.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == name:
            yield from _put_in(call, func.attr, frame)


def _put_in(call: ast.Call, method: str, frame: Frame) -> Iterator[Element]:
    if method in ("append", "insert") and call.args:
        yield call.args[-1], frame
    elif method == "extend" and call.args:
        yield from _elements(call.args[0], frame) if _kind(call.args[0]) else ((call.args[0], frame),)


def _kind(value: ast.expr | None) -> str | None:
    if isinstance(value, ast.List | ast.ListComp):
        return "list"
    if isinstance(value, ast.Dict | ast.DictComp):
        return "dict"
    if isinstance(value, ast.Tuple):
        return "tuple"
    if isinstance(value, ast.Set):
        return "set"
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Mult):
        return "list" if "list" in (_kind(value.left), _kind(value.right)) else None
    return None


def _elements(value: ast.expr | None, frame: Frame) -> Iterator[Element]:
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        for element in value.elts:
            yield element, frame
    elif isinstance(value, ast.Dict):
        for element in value.values:
            yield element, frame
    elif isinstance(value, ast.ListComp):
        yield value.elt, frame
    elif isinstance(value, ast.DictComp):
        yield value.value, frame
    elif isinstance(value, ast.BinOp):
        for side in (value.left, value.right):
            if _kind(side) is not None:
                yield from _elements(side, frame)
            elif isinstance(value.op, ast.Add):
                yield side, frame


def _added(cls: ClassModel) -> dict[str, list[Element]]:
    """What methods put into the containers of `self` after they were stored, by attribute."""
    found: dict[str, list[Element]] = {}
    for method in _methods(cls):
        frame = cls.frame(method, cls.self_value)
        for call in method.calls:
            func = call.func
            if isinstance(func, ast.Attribute) and func.attr in ("append", "insert", "extend"):
                name = _own_name(func.value, method)
                if name is not None:
                    found.setdefault(name, []).extend(_put_in(call, func.attr, frame))
        for node in walk(method.node):
            if isinstance(node, ast.AugAssign):
                name = _own_name(node.target, method)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                name = _own_name(node.targets[0].value, method)
            else:
                continue
            if name is not None:
                found.setdefault(name, []).append((node.value, frame))
    return found


def _own_name(node: ast.expr, method: Function) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) and _is_own(node, node.attr, method) else None


def may_register(cls: ClassModel, name: str) -> bool:
    """Whether anything in the file may register what `self.name` holds: another use than reading, or a helper.

    Reading is iteration, indexing, `len`, a test, and the methods of lists and dictionaries.
    """
    source = cls.cls.source
    methods = _methods(cls)
    if any(not method.words.isdisjoint(_REGISTERS) or _hands_out_parameters(method) for method in methods):
        return True
    own = {id(method) for method in methods}
    for node in walk(source.tree):
        if not isinstance(node, ast.Attribute) or node.attr != name:
            continue
        function = source.function(node)
        is_self = function is not None and _is_own(node, name, function)
        if is_self and id(function) not in own:
            continue
        if not is_self or not _is_read(source, node):
            return True
    return False


def is_used(cls: ClassModel, name: str) -> bool:
    """Whether a method other than the constructor reads `self.name`."""
    return any(
        isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _is_own(node, name, method)
        for method in _methods(cls)
        if method.name != "__init__"
        for node in walk(method.node)
    )


def _methods(cls: ClassModel) -> list[Function]:
    return [method for member in cls.family for method in member.methods.values()]


def _is_own(node: ast.AST, name: str, method: Function) -> bool:
    parameters = method.parameters
    return (
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Name)
        and method.cls is not None
        and bool(parameters)
        and node.value.id == parameters[0].arg
    )


def _hands_out_parameters(method: Function) -> bool:
    if method.name in ("parameters", "named_parameters", "_apply", "state_dict"):
        return True
    for call in method.calls:
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr in ("parameters", "named_parameters"):
            owner = func.value
            if not (isinstance(owner, ast.Name) and owner.id == "self") and not isinstance(owner, ast.Call):
                return True
    return False


def _is_read(source: Source, node: ast.expr) -> bool:
    """Whether the container is only walked, indexed, filled or measured here, and its layers only called."""
    if not isinstance(node, ast.Attribute | ast.Name) or not isinstance(node.ctx, ast.Load):
        return True
    parent = source.parent(node)
    if isinstance(parent, ast.Attribute):
        call = source.parent(parent)
        if not isinstance(call, ast.Call) or call.func is not parent or parent.attr not in _READS:
            return False
        if parent.attr in ("get", "pop"):
            return _is_called(source, call)
        return parent.attr not in ("items", "values") or _is_walked(source, call)
    if isinstance(parent, ast.Subscript):
        return parent.value is node and (not isinstance(parent.ctx, ast.Load) or _is_called(source, parent))
    if isinstance(parent, ast.Call) and parent.func is node:
        return True
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        return parent.func.id in _MEASURES or (parent.func.id in _WALKS and _is_walked(source, parent))
    return isinstance(parent, ast.Compare | ast.If | ast.While | ast.BoolOp | ast.UnaryOp) or _is_walked(source, node)


def _is_walked(source: Source, iterable: ast.expr) -> bool:
    """Whether this is what a loop or comprehension runs over, which only calls what it gets."""
    parent = source.parent(iterable)
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in _WALKS:
        return _is_walked(source, parent)
    body: ast.AST | None = parent
    if isinstance(parent, ast.comprehension):
        body = source.parent(parent)
    elif not isinstance(parent, ast.For):
        return False
    if parent.iter is not iterable or body is None:
        return False
    names = {n.id for n in walk(parent.target) if isinstance(n, ast.Name)}
    uses = (n for n in walk(body) if isinstance(n, ast.Name) and n.id in names and isinstance(n.ctx, ast.Load))
    return all(_is_called(source, use) or _is_label(source, use) for use in uses)


def _is_called(source: Source, node: ast.expr) -> bool:
    parent = source.parent(node)
    if isinstance(parent, ast.Call):
        return parent.func is node
    if isinstance(parent, ast.Subscript):
        return parent.value is node and _is_called(source, parent)
    if isinstance(parent, ast.Attribute):
        return parent.attr not in _CARED_FOR
    return isinstance(parent, ast.Expr)


def _is_label(source: Source, node: ast.expr) -> bool:
    """Whether a loop variable is used as an index, a key, a number, or in a test."""
    parent = source.parent(node)
    if isinstance(parent, ast.Subscript):
        return parent.slice is node
    if isinstance(parent, ast.Dict):
        return node in parent.keys
    if isinstance(parent, ast.DictComp):
        return parent.key is node
    return isinstance(parent, ast.Compare | ast.BinOp | ast.BoolOp | ast.If | ast.IfExp | ast.FormattedValue)


def is_handed_out(cls: ClassModel, name: str) -> bool:
    """Whether `self.name` may reach an optimizer or another object: in a list, as an argument, returned, from outside.

    Operands of arithmetic, receivers of methods, and arguments of torch's functions and of tensor methods stay inside.
    """
    source = cls.cls.source
    methods = _methods(cls)
    if any(not method.words.isdisjoint(_REGISTERS) or _hands_out_parameters(method) for method in methods):
        return True
    own = {id(method) for method in methods}
    for node in walk(source.tree):
        if not isinstance(node, ast.Attribute) or node.attr != name:
            continue
        function = source.function(node)
        if function is None or not _is_own(node, name, function):
            return True
        if id(function) in own and isinstance(node.ctx, ast.Load) and _leaves(cls, node, function):
            return True
    return False


def _leaves(cls: ClassModel, node: ast.expr, function: Function) -> bool:
    parent = cls.cls.source.parent(node)
    if isinstance(parent, ast.keyword):
        parent = cls.cls.source.parent(parent)
    if isinstance(parent, ast.Call):
        if isinstance(parent.func, ast.Attribute):
            callee = cls.frame(function, cls.self_value).value(parent.func)
            return (
                (callee.kind == "ref" and not _stays_inside(callee.name))
                or callee.kind in ("function", "class", "instance")
                or parent.func.attr in _COLLECTS
            )
        callee = cls.frame(function, cls.self_value).value(parent.func)
        return callee.kind != "ref" or not _stays_inside(callee.name)
    if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        return True
    return isinstance(parent, ast.List | ast.Tuple | ast.Set | ast.Dict | ast.Return | ast.Yield | ast.Starred)


def _stays_inside(name: str) -> bool:
    owner, _, last = name.rpartition(".")
    return not owner or (owner.startswith(("torch", "math")) and not last[:1].isupper())


_COLLECTS = frozenset({"append", "extend", "add", "add_param_group", "update", "insert", "setdefault"})


class Operand(NamedTuple):
    """A use of `self.name` as one operand of a tensor operation, and the other operands."""

    method: Function
    node: ast.Attribute
    others: tuple[Value, ...]


def operands(cls: ClassModel, name: str) -> list[Operand] | None:
    """Where `forward` and the methods that it calls combine `self.name` with something else.

    Views, indexing and comparisons with constants on the way are looked through. `None` if some use cannot be followed
    (it gets another name, is passed on, or is moved to a device).
    """
    found: list[Operand] = []
    for method in _methods(cls):
        if method.name == "__init__":
            continue
        inside = _reached(cls, method)
        for node in walk(method.node):
            if (
                not isinstance(node, ast.Attribute)
                or not _is_own(node, name, method)
                or not isinstance(node.ctx, ast.Load)
            ):
                continue
            others = _combined(cls, node, method)
            if others is None:
                return None
            if others and inside:
                found.append(Operand(method, node, others))
    return found


def _reached(cls: ClassModel, method: Function) -> bool:
    reached, waiting = set(), ["forward"]
    while waiting:
        name = waiting.pop()
        if name == method.name:
            return True
        current = cls.method(name)
        if name not in reached and current is not None:
            reached.add(name)
            waiting.extend(current.words)
    return False


def _renamed(cls: ClassModel, node: ast.Assign, method: Function, depth: int) -> tuple[Value, ...] | None:
    """The other operands of all uses of a local name that the tensor is given, if it is the name's only value."""
    target = node.targets[0]
    if len(node.targets) != 1 or not isinstance(target, ast.Name) or depth > 2:
        return None
    found: list[Value] = []
    for use in walk(method.node):
        if not isinstance(use, ast.Name) or use.id != target.id or use is target:
            continue
        others = _combined(cls, use, method, depth + 1) if isinstance(use.ctx, ast.Load) else None
        if others is None:
            return None
        found.extend(others)
    return tuple(found)


def _combined(cls: ClassModel, node: ast.expr, method: Function, depth: int = 0) -> tuple[Value, ...] | None:
    source = cls.cls.source
    frame = cls.frame(method, cls.self_value)
    for _ in range(8):
        parent = source.parent(node)
        if isinstance(parent, ast.Subscript):
            if parent.value is not node:
                return ()
        elif isinstance(parent, ast.Attribute):
            if parent.attr in _ABOUT:
                return ()
            call = source.parent(parent)
            if not isinstance(call, ast.Call) or call.func is not parent:
                return None
            if parent.attr in _TAKES_TWO:
                return tuple(frame.value(a) for a in call.args)
            if parent.attr not in _LOOKED_THROUGH:
                return None
            parent = call
        elif isinstance(parent, ast.Compare):
            others = [o for o in (parent.left, *parent.comparators) if o is not node]
            if not all(isinstance(o, ast.Constant) for o in others):
                return tuple(frame.value(o) for o in others)
        elif isinstance(parent, ast.BinOp):
            above = source.parent(parent)
            if isinstance(above, ast.Attribute):
                return None
            other = parent.right if parent.left is node else parent.left
            if not isinstance(other, ast.Constant):
                return (frame.value(other),)
        elif isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and node in parent.args:
            if parent.func.attr not in _TAKES_TWO:
                return None
            callee = frame.value(parent.func)
            given = [a for a in parent.args if a is not node]
            receiver = () if callee.kind == "ref" else (frame.value(parent.func.value),)
            return (*receiver, *(frame.value(a) for a in given if not isinstance(a, ast.Constant)))
        elif isinstance(parent, ast.Assign) and parent.value is node:
            return _renamed(cls, parent, method, depth)
        elif not isinstance(parent, ast.UnaryOp):
            return None
        node = parent
    return None


_ABOUT = frozenset(
    {"shape", "size", "dtype", "device", "ndim", "dim", "numel", "item", "tolist", "is_cuda", "requires_grad"}
)
_LOOKED_THROUGH = frozenset(
    {
        "view", "reshape", "unsqueeze", "squeeze", "expand", "float", "bool", "long", "t", "transpose", "permute",
        "repeat", "flatten", "contiguous",
    }
)  # fmt: skip
_TAKES_TWO = frozenset(
    {
        "masked_fill", "masked_fill_", "matmul", "mm", "bmm", "mul", "add", "sub", "div", "where", "einsum",
        "logical_and", "logical_or", "eq", "ne", "lt", "gt", "le", "ge", "dot", "mv",
    }
)  # fmt: skip
