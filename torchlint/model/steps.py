"""The step of training: which parameters an optimizer, a clearing or a clipping concerns, and what else may touch them.

All answers are about objects of one trace. `None` means that it cannot be decided; what cannot be decided is never
evidence for a mistake.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlint.model.frameworks import managed
from torchlint.model.syntax import Source, walk
from torchlint.model.tensors import parameters_of
from torchlint.model.trace import Event, Guard, Loop, Trace, is_optimizer
from torchlint.model.values import NONE, Frame, Key, Value, is_module, sequential_layers, union, unwrapped, value_class
from torchlint.torch_api import pure_tensor_methods, roles

if TYPE_CHECKING:
    from torchlint.model import ClassModel, Module
    from torchlint.model.syntax import Function

__all__ = [
    "InVain",
    "attribute_uses",
    "clearing",
    "common_loop",
    "concerns",
    "depends_on_mode",
    "differentiated",
    "filling",
    "forward_methods",
    "given_to",
    "gives_parameters",
    "gradients_by_hand",
    "has_parameters",
    "holds",
    "is_plain_base",
    "layers",
    "made_inside",
    "may_touch",
    "mode_layer",
    "name_uses",
    "one_shot",
    "opposed",
    "optimizer_of",
    "parts",
    "step_in_vain",
    "this",
    "trained_by",
]

_MOST_PARTS = 400
_HARMLESS_OWNERS = (
    "torch.", "numpy.", "math.", "os.", "sys.", "time.", "json.", "random.", "itertools.", "functools.", "collections.",
    "tqdm.", "logging.", "wandb.", "warnings.", "copy.", "pathlib.", "torchvision.transforms.", "matplotlib.",
    "apex.amp.",
)  # fmt: skip
_HARMLESS_METHODS = frozenset(
    {
        "parameters", "named_parameters", "modules", "named_modules", "children", "named_children", "buffers",
        "named_buffers", "state_dict", "get_last_lr", "get_lr", "numel", "size", "dim", "format", "append", "items",
        "keys", "values", "get", "info", "debug", "warning", "add_scalar", "set_postfix", "set_description", "write",
        "join", "mean", "sum", "detach", "clone", "item", "max", "min", "argmax", "view", "reshape", "float", "long",
        "backward", "unsqueeze", "squeeze", "extend", "zeros", "ones", "update_parameters", "log", "log_dict",
        "log_metrics", "optimizers", "lr_schedulers", "toggle_optimizer", "untoggle_optimizer",
    }
)  # fmt: skip
_BUILTIN_ACTORS = frozenset({"setattr", "delattr", "map", "exec", "eval", "next"})


def optimizer_of(event: Event) -> Value | None:
    """The optimizer that is certainly stepped, cleared or unscaled by an event, else `None`.

    Where a configuration chooses among several, it is their union, if each choice is an optimizer.
    """
    if event.subject is None:
        return None
    chosen = _present(event.subject)
    if any(is_optimizer(option) is not True or option.kind != "instance" for option in chosen.options):
        return None
    return chosen


def _present(value: Value) -> Value:
    """A value without a `None` among its possibilities."""
    return value if value.kind != "union" else union([option for option in value.items if option.key != NONE.key])


def trained_by(optimizer: Value) -> tuple[Value, ...] | None:
    """The modules (or parameters) that an optimizer was given; `None` if that is not known or depends on a choice."""
    found: tuple[Value, ...] | None = None
    for option in optimizer.options:
        given = option.argument(0, "params")
        modules = parameters_of(given) if given is not None else None
        if modules is None:
            return None
        inner = tuple(unwrapped(module) for module in modules)
        if found is not None and {m.key for m in found} != {m.key for m in inner}:
            return None
        found = inner
    return found


def parts(value: Value) -> Iterator[Value]:
    """A value, what it is made of, and what was passed to the calls that made it."""
    seen: set[int] = set()
    stack = [value]
    while stack and len(seen) < _MOST_PARTS:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        stack.extend(current.items)
        if current.base is not None:
            stack.append(current.base)
        if current.kind in ("call", "apply", "instance"):
            stack.extend(given_to(current))


def given_to(value: Value) -> tuple[Value, ...]:
    """All arguments of the call that made a value, keyword arguments included."""
    if not isinstance(value.node, ast.Call) or value.frame is None:
        return ()
    return _passed(value.node, value.frame)


def _passed(node: ast.Call, frame: Frame) -> tuple[Value, ...]:
    expressions = [a.value if isinstance(a, ast.Starred) else a for a in node.args]
    expressions.extend(keyword.value for keyword in node.keywords)
    return tuple(frame.value(expression) for expression in expressions)


def holds(holder: Value, module: Value) -> bool | None:
    """Whether a module is another one or a part of it."""
    holder, module = unwrapped(holder), unwrapped(module)
    base: Value | None = module
    while base is not None:
        if base.key == holder.key:
            return True
        base = base.base if base.kind in ("attribute", "item", "element") else None
    if "union" in (holder.kind, module.kind):
        return None
    inside = layers(holder)
    if inside is None:
        return None
    if any(layer.key == module.key for layer in inside):
        return True
    return None if module.kind != "instance" or _open(inside) else False


def layers(module: Value) -> list[Value] | None:
    """All modules inside a module, itself first, as far as construction spells them out.

    What is not spelled out is in the list as it is (a call, a parameter, an unknown value). `None` if nothing is known.
    """
    found: dict[Key, Value] = {}
    stack = [unwrapped(module)]
    while stack and len(found) < _MOST_PARTS:
        current = unwrapped(stack.pop())
        if current.key in found or is_module(current) is False:
            if current.kind in ("list", "tuple", "dict"):
                stack.extend(current.items)
            continue
        if current.name.endswith("OrderedDict"):
            stack.extend(given_to(current))
            continue
        found[current.key] = current
        if current.kind == "union":
            stack.extend(current.items)
        elif current.kind == "instance" and current.target is not None:
            cls = value_class(current)
            for name in cls.stored:
                attribute = cls.attribute(current, name)
                if attribute is not None and _may_be_module(attribute):
                    stack.append(attribute)
        elif current.name == roles.SEQUENTIAL:
            inner = sequential_layers(current)
            stack.extend(inner if inner is not None else given_to(current))
        elif current.kind == "instance" and current.name in ("torch.nn.ModuleList", "torch.nn.ModuleDict"):
            for given in given_to(current):
                stack.extend(given.items if given.kind in ("list", "tuple", "dict") else (given,))
        elif current.kind == "call" and current.name == "[for]":
            stack.extend(current.items)
    return list(found.values()) or None


def _may_be_module(value: Value) -> bool:
    if value.kind in ("list", "tuple", "dict", "union"):
        return any(_may_be_module(item) for item in value.items)
    return is_module(value) is not False and value.kind not in (
        "binary",
        "compare",
        "unary",
        "unknown",
        "param",
        "item",
    )


def _open(inside: Iterable[Value]) -> bool:
    return any(not _spelled_out(layer) for layer in inside)


def _spelled_out(layer: Value) -> bool:
    if layer.kind == "union" or (layer.kind == "call" and layer.name == "[for]"):
        return True
    if layer.kind != "instance":
        return False
    if layer.target is not None:
        return all(is_plain_base(base) for base in value_class(layer).lineage)
    return layer.name.startswith("torch.nn.")


def is_plain_base(base: Value) -> bool:
    """Whether a base class brings nothing of its own: one of the project, `nn.Module`, `ABC`, `Generic`..."""
    return base.kind == "class" or base.name in ("object", roles.MODULE) or base.name.startswith(("abc.", "typing."))


_FREE_CONTAINERS = frozenset({roles.SEQUENTIAL, "torch.nn.ModuleList", "torch.nn.ModuleDict"})
_WITH_BATCH_NORM = tuple(
    f"torchvision.models.{name}"
    for name in (
        "resnet", "resnext", "wide_resnet", "densenet", "mobilenet", "efficientnet", "regnet", "shufflenet", "mnasnet",
    )
)  # fmt: skip
_RECURRENT = frozenset({"torch.nn.LSTM", "torch.nn.GRU", "torch.nn.RNN"})
_WITHOUT_PARAMETERS = frozenset(
    f"torch.nn.{name}"
    for name in (
        "ReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softmax", "LogSoftmax", "LeakyReLU", "ELU", "Softplus",
        "Flatten", "Unflatten", "Identity", "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d",
        "AvgPool3d", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "AdaptiveAvgPool1d",
        "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool2d", "Upsample", "PixelShuffle", "ZeroPad2d",
        "ReflectionPad2d", "Hardtanh", "ReLU6", "Hardswish", "Mish", "Softsign", "Hardsigmoid", "LogSigmoid",
        "Softmax2d", "CosineSimilarity",
    )
)  # fmt: skip


def mode_layer(module: Value) -> Value | None:
    """A layer inside a module that certainly behaves differently in training and evaluation, if one is there."""
    return next((layer for layer in layers(module) or () if depends_on_mode(layer) is True), None)


def depends_on_mode(layer: Value) -> bool | None:
    """Whether a layer of torch behaves differently in training and evaluation; dropout with an unknown rate: `None`."""
    if layer.kind == "call" and layer.name.startswith(_WITH_BATCH_NORM):
        return True
    if layer.kind != "instance" or layer.target is not None:
        return None
    if layer.name in _RECURRENT:
        rate = layer.argument(None, "dropout")
        return False if rate is None else _is_on(rate)
    if layer.name not in roles.MODE_DEPENDENT:
        return False if layer.name in roles.MODE_FREE or layer.name in _FREE_CONTAINERS else None
    if "Dropout" in layer.name or "Transformer" in layer.name:
        rate = layer.argument(0 if "Dropout" in layer.name else None, "p" if "Dropout" in layer.name else "dropout")
        return True if rate is None else _is_on(rate)
    return True


def _is_on(rate: Value) -> bool | None:
    return bool(rate.const) if rate.kind == "const" else None


def has_parameters(module: Value) -> bool | None:
    """Whether a module has parameters of its own or in its layers."""
    answer: bool | None = False
    for layer in layers(module) or (module,):
        if layer.kind == "instance" and layer.target is None and layer.name.startswith("torch.nn."):
            if layer.name in roles.CRITERIA or layer.name in _WITHOUT_PARAMETERS or layer.name in _FREE_CONTAINERS:
                continue
            return True
        if layer.kind == "instance" and layer.target is not None:
            continue
        if layer.kind in ("union",) or (layer.kind == "call" and layer.name == "[for]"):
            continue
        if is_module(layer) is True:
            return True
        answer = None
    return answer


def concerns(event: Event, optimizer: Value) -> bool | None:
    """Whether a clearing or clipping concerns all parameters of an optimizer (`True`) or none (`False`).

    Concerning some of them counts as `None`, cannot be told.
    """
    if event.subject is None:
        return None
    subject = _present(event.subject)
    if unwrapped(subject).key == optimizer.key:
        return True
    own = trained_by(optimizer)
    if is_optimizer(subject) is True and all(option.kind == "instance" for option in subject.options):
        modules = trained_by(subject)
    elif is_module(subject) is True and subject.kind != "union":
        modules = (unwrapped(subject),)
    else:
        modules = parameters_of(subject)
        if modules is None and event.kind == "zero_grad" and subject.kind in ("param", "attribute", "element", "item"):
            modules = (subject,)
    if own is None or modules is None:
        return None
    answers = [_covered(target, modules) for target in own]
    if all(answer is True for answer in answers):
        return True
    if all(answer is False for answer in answers):
        return False
    return None


def _covered(target: Value, modules: Iterable[Value]) -> bool | None:
    answer: bool | None = False
    for module in modules:
        inside = holds(module, target)
        if inside is True:
            return True
        if inside is None or holds(target, module) is not False:
            answer = None
    return answer


def opposed(one: Event, other: Event, loop: Loop) -> bool:
    """Whether two events stand in opposite branches of a test whose outcome cannot change while the loop runs."""
    for guard in one.guards:
        against = next((g for g in other.guards if g.frame is guard.frame and _is_same_test(g, guard)), None)
        if against is not None and against.outcome is not guard.outcome and _is_fixed(guard, loop):
            return True
    return False


def _is_same_test(one: Guard, other: Guard) -> bool:
    """Whether two tests are one, or ask the same of the same value."""
    if one.test is other.test:
        return True
    if ast.dump(one.test) != ast.dump(other.test):
        return False
    value = one.value
    return value.kind not in ("unknown", "call", "union") and value.key == other.value.key


def _is_fixed(guard: Guard, loop: Loop) -> bool:
    """Whether nothing that a test reads is assigned in a loop of the same function."""
    if guard.frame is not loop.frame:
        return False
    if any(isinstance(node, ast.Call | ast.Subscript | ast.Await | ast.NamedExpr) for node in walk(guard.test)):
        return False
    read = {n.id for n in walk(guard.test) if isinstance(n, ast.Name)}
    read |= {n.attr for n in walk(guard.test) if isinstance(n, ast.Attribute)}
    return bool(read) and read.isdisjoint(loop.assigned)


class InVain(NamedTuple):
    """A step that never finds gradients: the `backward` whose gradients are lost, and the clearing that loses them."""

    step: Event
    backward: Event
    clear: Event


def this(event: Event) -> Callable[[Event], bool]:
    """The test for one certain event, for questions about paths."""
    return lambda other: other is event


def step_in_vain(trace: Trace, step: Event) -> InVain | None:
    """The reason why a step never finds a gradient, if that is certain: each `backward` is cleared before it."""
    optimizer = optimizer_of(step) or _acts_as_optimizer(trace, step)
    if optimizer is None or not trace.complete or (step.manager is None and step.argument(0, "closure") is not None):
        return None
    clears = clearing(trace, optimizer)
    reaching = [clear for clear in clears if trace.path(clear, this(step), lambda e: e.kind == "backward") is not None]
    if not reaching:
        return None
    fills = filling(trace, optimizer)
    if optimizer_of(step) is None:  # whose parameters it holds is not known either: any call may fill their gradients
        fills = [*fills, *(call for call in trace.of("call") if call not in fills and not _is_harmless(call))]
    if any(managed(fill) is not False for fill in fills if fill.kind == "backward"):
        return None
    if any(trace.path(fill, this(step), lambda e: e in clears) is not None for fill in fills):
        return None
    if gradients_by_hand(trace, None):
        return None
    for clear in reaching:
        if trace.path(clear, this(step), lambda e: e in fills) is None:
            continue
        for fill in fills:
            if fill.kind == "backward" and trace.path(fill, this(clear), this(step)) is not None:
                return InVain(step, fill, clear)
    return None


def _acts_as_optimizer(trace: Trace, step: Event) -> Value | None:
    """What is stepped without arguments, if the trace also clears its gradients: an optimizer, whoever made it."""
    subject = step.subject
    if subject is None or subject.kind not in ("param", "attribute") or not isinstance(step.node, ast.Call):
        return None
    if step.node.args or step.node.keywords or step.manager is not None:
        return None
    cleared = any(clear.subject is not None and clear.subject.key == subject.key for clear in trace.of("zero_grad"))
    return subject if cleared else None


def clearing(trace: Trace, optimizer: Value) -> list[Event]:
    """The events that certainly clear all gradients of an optimizer."""
    return [event for event in trace.of("zero_grad") if concerns(event, optimizer) is True]


def filling(trace: Trace, optimizer: Value) -> list[Event]:
    """The events that may give gradients to an optimizer's parameters: each `backward`, and what is not followed."""
    objects = (optimizer, *(trained_by(optimizer) or ()))
    return [e for e in trace.events if e.kind == "backward" or may_touch(e, objects, deep=True)]


def may_touch(event: Event, objects: Sequence[Value], *, deep: bool = False) -> bool:
    """Whether a call that is not followed may do something to one of the objects (or to what holds it).

    Calling one of the objects itself (a model whose class is not known) is taken for its forward pass. With `deep`, so
    does a call that is given a tensor computed by one of them: it may run the backward pass.
    """
    if event.kind != "call":
        return False
    node = event.node
    if not isinstance(node, ast.Call):
        return True
    cache = event.frame.source.models
    asked = ("in hand", id(node), event.frame.key)
    if asked not in cache:
        cache[asked] = _in_hand(event, node)
    called, given = cache[asked]
    if not called and not given:
        return False
    callee = event.subject
    if callee is not None and any(callee.key == one.key for one in objects):
        return False
    keys = _reach(objects, event.frame)
    if not keys.isdisjoint(called):
        return True
    if not deep:
        return not keys.isdisjoint(given)
    return any(part.key in keys for value in _passed(node, event.frame) for part in parts(value))


def _in_hand(event: Event, node: ast.Call) -> tuple[frozenset[Key], frozenset[Key]]:
    """What a call that is not followed certainly has in hand: by what is called, and by its arguments."""
    func = node.func
    callee = event.subject
    name = callee.name if callee is not None and callee.kind == "ref" else ""
    if _is_harmless(event):
        return _NOTHING
    if callee is not None and callee.kind == "class" and _is_constructed_in_sight(callee, event):
        return _NOTHING
    own: Value | None = callee if not name else None
    if callee is not None and _is_handed_in(callee):
        own = None
    elif isinstance(func, ast.Attribute) and not name:
        own = event.frame.value(func.value)
    if own is not None and own.kind == "instance" and own.name in roles.PREPARERS:
        return _NOTHING
    called = frozenset(part.key for part in _near(own)) if own is not None else frozenset()
    return called, frozenset(part.key for value in _passed(node, event.frame) for part in _near(value))


def _is_harmless(event: Event) -> bool:
    """Whether a call certainly does nothing to modules and optimizers, by the name of the function or method."""
    callee, func = event.subject, getattr(event.node, "func", None)
    name = callee.name if callee is not None and callee.kind == "ref" else ""
    if name:
        return name.startswith(_HARMLESS_OWNERS) or ("." not in name and name not in _BUILTIN_ACTORS)
    if not isinstance(func, ast.Attribute):
        return False
    return func.attr in _HARMLESS_METHODS or func.attr in pure_tensor_methods()


def _is_handed_in(callee: Value) -> bool:
    """Whether a constructor was given what is called, so that it is no method of the object that keeps it."""
    if callee.kind == "attribute" and callee.base is not None:
        holder = callee.base
        return holder.kind == "instance" and holder.target is not None and callee.name in value_class(holder).fields
    return callee.kind == "param"


def _is_constructed_in_sight(cls: Value, event: Event) -> bool:
    """Whether what happens when a project class is called has been followed: its `__init__`, or nothing at all."""
    model = event.frame.project.class_model(cls.target)
    return model.method("__init__") is not None or all(is_plain_base(base) for base in model.lineage)


def _near(value: Value) -> Iterator[Value]:
    """A value and what it certainly still refers to: not the inputs of a tensor, but the arguments of an object."""
    seen: set[int] = set()
    stack = [value]
    while stack and len(seen) < _MOST_PARTS:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        yield unwrapped(current)
        if current.kind in ("tuple", "list", "set", "dict", "union"):
            stack.extend(current.items)
        if current.kind in ("attribute", "item", "function") and current.base is not None:
            stack.append(current.base)
        if current.kind == "instance" or (current.kind == "call" and not current.name.startswith(".")):
            stack.extend(given_to(current))
        elif current.kind == "call" and current.base is not None and current.name[1:] in _HARMLESS_METHODS:
            stack.append(current.base)


_NOTHING: tuple[frozenset[Key], frozenset[Key]] = (frozenset(), frozenset())


def _reach(objects: Sequence[Value], frame: Frame) -> set[Key]:
    """The identities of objects, of what they wrap, and of what certainly holds them."""
    cache = frame.source.models
    asked = ("reach", *map(id, objects))
    known: tuple[Sequence[Value], set[Key]] | None = cache.get(asked)
    if known is None:
        known = cache[asked] = (objects, _holders(objects))  # the objects are held, so that their ids stay theirs
    return known[1]


def _holders(objects: Iterable[Value]) -> set[Key]:
    keys: set[Key] = set()
    for value in (option for whole in objects for option in (whole, *whole.options)):
        keys.add(value.key)
        inner = unwrapped(value)
        keys.add(inner.key)
        for one in (value, inner):
            frame = one.frame
            while frame is not None:
                if frame.receiver is not None:
                    keys.add(frame.receiver.key)
                frame = frame.parent
            if one.kind in ("attribute", "item") and one.base is not None:
                keys.add(one.base.key)
    return keys


def one_shot(value: Value) -> bool:
    """Whether a value certainly is an iterator that can be read once (`m.parameters()`, `filter`, `map`...)."""
    if value.kind == "call" and value.name == "[for]":
        return isinstance(value.node, ast.GeneratorExp)
    if value.method("parameters", "named_parameters") is not None:
        return value.base is not None and is_module(value.base) is not False
    return value.kind in ("call", "instance") and value.name in ("filter", "map", "itertools.chain", "iter", "zip")


def common_loop(first: Event, second: Event) -> Loop | None:
    """The innermost loop that holds both events."""
    found: Loop | None = None
    for one, other in zip(first.loops, second.loops, strict=False):
        if one is not other:
            break
        found = one
    return found


def made_inside(value: Value, loop: Loop) -> bool:
    """Whether an object is made anew in the iterations of a loop, by the loop's own code or by what it calls."""
    for option in value.options:
        node, frame = option.node, option.frame
        while frame is not None and node is not None:
            line = getattr(node, "lineno", 0)
            if frame.key == loop.frame.key and loop.node.lineno <= line <= (loop.node.end_lineno or 0):
                return True
            node, frame = frame.call, frame.parent
    return False


def gradients_by_hand(trace: Trace, loop: Loop | None) -> bool:
    """Whether `.grad` is used by hand in a loop (in the whole trace without one), followed calls included."""
    bodies: dict[int, tuple[Source, ast.AST]] = {}
    if loop is not None:
        bodies[id(loop.node)] = loop.frame.source, loop.node
    elif trace.function is not None:
        bodies[id(trace.function.node)] = trace.source, trace.function.node
    else:
        for statement in trace.source.tree.body:
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                bodies[id(statement)] = trace.source, statement
    for event in trace.events:
        function = event.frame.function
        if function is not None and (loop is None or (loop in event.loops and event.frame is not loop.frame)):
            bodies[id(function.node)] = function.source, function.node
    return any(_is_inside(node, body) for source, body in bodies.values() for node in _gradients(source))


def _gradients(source: Source) -> list[ast.Attribute]:
    """Where a file uses the `.grad` of something by hand."""
    known: list[ast.Attribute] | None = source.models.get("gradients")
    if known is None:
        spelled = (node for node in source.spelled(("grad",)) if isinstance(node, ast.Attribute))
        known = source.models["gradients"] = [node for node in spelled if _is_gradient(node)]
    return known


def _is_inside(node: ast.expr, body: Any) -> bool:
    position = (node.lineno, node.col_offset)
    return (body.lineno, body.col_offset) <= position < (body.end_lineno, body.end_col_offset)


def _is_gradient(node: ast.Attribute) -> bool:
    """Whether a node is the `.grad` of something, and not the function `torch.autograd.grad`."""
    owner = node.value
    return (owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")) != "autograd"


def name_uses(module: Module, target: ast.Name, function: Function | None) -> list[ast.AST] | None:
    """What is done with a local name wherever it is read: the node around each reading.

    `None` if readings may be hidden: the name is declared global, or the module's other functions or files may use it.
    """
    scope = function.scope if function is not None else module.source.scope
    if target.id in scope.outer_names or "locals()" in module.text:
        return None
    root = function.node if function is not None else module.tree
    uses: list[ast.AST] = []
    for node in walk(root):
        if isinstance(node, ast.Name) and node.id == target.id and isinstance(node.ctx, ast.Load):
            uses.append(module.parent(node) or node)
        elif isinstance(node, ast.Global | ast.Nonlocal) and target.id in node.names:
            return None
    return uses


def attribute_uses(module: Module, target: ast.Attribute, function: Function) -> list[ast.AST] | None:
    """What is done with an attribute of `self` wherever an attribute of that name is read in the file.

    `None` if readings may be hidden: in another file of the project, in a base class that is not known, or by name.
    """
    model = module.class_of(function)
    if model is None or not isinstance(target.value, ast.Name):
        return None
    if not all(is_plain_base(base) for base in model.lineage):
        return None
    if any(word in module.text for word in ("getattr(", "__dict__", "vars(")):
        return None
    if any(path != module.path for path in module.project.mentioning("." + target.attr)):
        return None
    return [
        module.parent(node) or node
        for node in walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr == target.attr and isinstance(node.ctx, ast.Load)
    ]


def forward_methods(owner: ClassModel) -> set[Function]:
    """The methods of a module that run in its forward pass: `forward` and what it calls on `self`, step by step."""
    found: set[Function] = set()
    stack = [owner.method("forward")]
    while stack:
        function = stack.pop()
        if function is None or function in found:
            continue
        found.add(function)
        for call in function.calls:
            func = call.func
            if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and function.parameters:
                if func.value.id == function.parameters[0].arg:
                    stack.append(owner.method(func.attr))
    return found


_ADDS = frozenset({".append", ".add_module", ".insert", ".register_module"})
_REPLACES = frozenset(
    {
        "peft.get_peft_model",
        "torch.nn.utils.weight_norm",
        "torch.nn.utils.parametrizations.weight_norm",
        "torch.distributed.fsdp.fully_shard",
        "torch.distributed._composable.fsdp.fully_shard",
    }
)


def gives_parameters(event: Event) -> Value | None:
    """The module that certainly has parameters after an event that it did not have before; `None` otherwise.

    A layer or parameter that is put in the place of another, adapters, `weight_norm`, sharding, `assign=True`.
    """
    if event.kind == "store":
        value = event.value
        fresh = value.kind == "instance" and (value.name == "torch.nn.Parameter" or has_parameters(value) is True)
        frozen = "requires_grad" in ast.unparse(event.node)
        return event.subject if fresh and not frozen else None
    if event.kind == "call" and event.name in _REPLACES:
        return event.argument(0)
    if event.kind == "call" and event.name in _ADDS and isinstance(event.node, ast.Call):
        receiver = event.subject.base if event.subject is not None else None
        added = event.argument(1 if event.name != ".append" else 0)
        if receiver is not None and is_module(receiver) is True and added is not None and has_parameters(added) is True:
            return receiver
        return None
    if event.kind == "wrap" and event.name == "torch.distributed.fsdp.FullyShardedDataParallel":
        kept = event.argument(None, "use_orig_params")
        return event.argument(0) if kept is None or (kept.kind == "const" and not kept.const) else None
    if event.kind == "load_state_dict":
        assign = event.argument(None, "assign")
        return event.subject if assign is not None and assign.kind == "const" and assign.const is True else None
    return None


def differentiated(loss: Value) -> list[Value]:
    """The applications of modules (`apply` values) through which gradients of a loss flow, as far as the term shows."""
    found: list[Value] = []
    seen: set[int] = set()
    stack = [loss]
    while stack and len(seen) < _MOST_PARTS:
        value = stack.pop()
        if id(value) in seen or (value.kind == "call" and value.name in _CUTS):
            continue
        seen.add(id(value))
        if value.kind == "apply":
            found.append(value)
        stack.extend(value.items)
        if value.base is not None and value.kind in ("call", "item", "element", "attribute"):
            stack.append(value.base)
        if value.kind in ("call", "apply"):
            stack.extend(given_to(value))
    return found


_CUTS = frozenset(
    {
        ".detach", ".item", ".numpy", ".tolist", ".argmax", ".long", ".int", ".bool", ".data", "torch.argmax", "float",
        "int", "len", "torch.tensor", "torch.as_tensor",
    }
)  # fmt: skip
