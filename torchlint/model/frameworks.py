"""Who does what: whether a framework takes a duty of training over from the code that is read.

The object decides, not the import: `accelerator.prepare(loader)` settles that loader and no other, an `Accelerator` the
losses that it is given, a `LightningModule` its own hooks. A plain loop beside a framework is a plain loop.
`torchlint.torch_api.frameworks` holds what is known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from torchlint.model.syntax import Function, Scope, Source, dotted
from torchlint.model.trace import Event, Trace, is_optimizer, is_scaler, is_scheduler
from torchlint.model.values import NONE, UNKNOWN, Frame, Value, is_module, union, unwrapped, value_class
from torchlint.torch_api import frameworks
from torchlint.torch_api.frameworks import Duty

if TYPE_CHECKING:
    from torchlint.model.classes import ClassModel
    from torchlint.model.project import Project

__all__ = ["managed", "optimizes_by_hand", "own_words", "runs_for_each_batch", "scale_of", "takes_over"]

_OF_THE_CODE = frozenset({"modes", "no-grad"})  # settled by where code stands, not by the objects in it
_OPEN = ("unknown", "param", "attribute", "item", "element", "call", "apply")


def takes_over(duty: Duty, what: Event | Value) -> bool | None:
    """Whether a framework takes a duty over, for an event or for an object (an optimizer, a loader, a schedule...).

    An event is settled by the hook that it happens in, and by its object: the manager of a backward pass or of a
    clipping, the subject of all others. `None` if it cannot be told.
    """
    if isinstance(what, Event):
        answers = [_around(duty, what.frame)]
        if duty not in _OF_THE_CODE:
            ours = what.kind in ("backward", "clip")
            value = what.manager if ours else what.subject
            if value is not None:
                answers.append(_by_object(duty, value, _sources(what.trace, value), manages=ours))
    else:
        answers = [_by_object(duty, what, _sources(None, what), manages=False)]
    return True if True in answers else None if None in answers else False


def managed(backward: Event) -> bool | None:
    """Whether something that may own the step computes these gradients: an engine, a plugin, not a GradScaler.

    Accelerate, Fabric and the manual optimization of Lightning leave clearing to the loop; whatever is not known may do
    anything.
    """
    return takes_over("zero-grad", backward)


def runs_for_each_batch(trace: Trace) -> bool | None:
    """Whether a trace starts at a hook that Lightning runs anew for each batch, and that does the whole step itself."""
    function = trace.function
    if function is None or function.cls is None or function.name != "training_step":
        return False
    return optimizes_by_hand(trace.frame.project.class_model(function.cls))


def optimizes_by_hand(owner: ClassModel) -> bool | None:
    """Whether a class is a `LightningModule` that is told to leave the optimization to the user."""
    if owner.derives_from(*frameworks.LIGHTNING_MODULES) is not True:
        return False
    automatic = _is_on(owner.self_value, "automatic_optimization")
    return None if automatic is None else not automatic


def scale_of(backward: Event) -> Value | None:
    """The Accelerator or Fabric that certainly sends a scaled loss backward, by the precision that it was made with."""
    manager = backward.manager
    known = frameworks.OBJECTS.get(_maker(manager)) if manager is not None else None
    if manager is None or known is None:
        return None
    position, keyword, values = known[0].scales
    given = manager.argument(position, keyword)
    return manager if given is not None and given.kind == "const" and given.const in values else None


def own_words(owner: ClassModel) -> frozenset[str] | None:
    """What the methods of a class call or define, by last name; `None` if a base is neither known nor a framework's."""
    words: set[str] = set()
    for base in owner.lineage:
        known = base.kind == "class" or base.name in _BASES or base.name in ("object", "torch.nn.Module", "abc.ABC")
        if not known:
            return None
    for cls in owner.family:
        words.update(cls.methods)
        words.update(word for method in cls.methods.values() for word in method.words)
    return frozenset(words)


_BASES = frozenset(base for framework in frameworks.WITH_HOOKS for base in framework.bases)


def _by_object(duty: Duty, value: Value, sources: Iterable[Source], *, manages: bool) -> bool | None:
    answers = {_by_one(duty, one, sources, manages) for one in value.options if one.key != NONE.key}
    return answers.pop() if len(answers) == 1 else None if answers else False


def _by_one(duty: Duty, value: Value, sources: Iterable[Source], manages: bool) -> bool | None:
    if duty == "label-shift":
        return shifts_labels(unwrapped(value))
    known = frameworks.OBJECTS.get(_maker(value))
    if known is not None:
        framework, duties = known
        return duty in duties and _is_asked_for(framework.only_if.get(duty), value)
    if _is_handed_over(duty, value, sources):
        return True
    if value.kind in _OPEN and not (is_scheduler(value) or is_optimizer(value) or is_module(value)):
        return None
    if not manages or is_scaler(value) is True:
        return False
    if value.kind == "instance" and value.target is not None:
        return False if value_class(value).derives_from(*frameworks.LIGHTNING_MODULES) is True else None
    return None


def shifts_labels(model: Value) -> bool | None:
    """Whether a model is one of Hugging Face that moves the labels one token on by itself."""
    name = model.name
    if model.kind == "call" and name.endswith((".from_pretrained", ".from_config")):
        name = name.rpartition(".")[0]
    elif model.kind != "instance":
        return None if model.kind in _OPEN else False
    return model.target is None and name.startswith("transformers.") and name.endswith(frameworks.SHIFTS_LABELS)


def _maker(value: Value) -> str:
    """The name of what made an object, with the index where it is an item of a result."""
    if value.kind in ("instance", "call") and value.target is None:
        return value.name
    if value.kind == "item" and value.base is not None and value.base.kind == "call" and value.items:
        return f"{value.base.name}[{value.items[0].const}]"
    return ""


def _is_asked_for(arguments: tuple[tuple[int | None, str], ...] | None, value: Value) -> bool | None:
    """Whether an object is made with one of the arguments that make it do a duty."""
    if arguments is None:
        return True
    if not isinstance(value.node, ast.Call):
        return None
    given = [value.argument(position, keyword) for position, keyword in arguments]
    asked = [one for one in given if one is not None and not (one.kind == "const" and one.const in (None, 1))]
    return False if not asked else None if any(one is UNKNOWN for one in asked) else True


# objects that are handed to a framework


def _is_handed_over(duty: Duty, value: Value, sources: Iterable[Source]) -> bool:
    """Whether a call in one of the files hands the object to a framework that takes the duty over."""
    node = value.node
    if node is None or value.frame is None:
        return False
    project = value.frame.project
    for source in sources:
        for call, function, duties in _taking_calls(project, source):
            if duty in duties:
                given = _given(call, project.frame(source, function))
                if any(part.node is node or part.key == value.key for part in given):
                    return True
    return False


def _taking_calls(project: Project, source: Source) -> list[tuple[ast.Call, Function | None, frozenset[Duty]]]:
    """The calls of a file that hand objects to a framework, with the function around and the duties; found once."""
    found: list[tuple[ast.Call, Function | None, frozenset[Duty]]] | None = source.models.get(_TAKING_CALLS)
    if found is not None:
        return found
    found = source.models[_TAKING_CALLS] = []
    renamed = {
        local: definition.dotted.rpartition(".")[2]
        for local, definitions in source.scope.names.items()
        for definition in definitions
        if definition.kind == "import" and definition.dotted.rpartition(".")[2] in frameworks.TAKERS
    }
    for cls in source.classes:
        for base in cls.node.bases:
            written = (dotted(base) or "").rpartition(".")[2]
            if renamed.get(written, written) in frameworks.TAKERS:
                renamed[cls.name] = renamed.get(written, written)
    for local, last in {**dict.fromkeys(frameworks.TAKERS), **renamed}.items():
        for call, scope in source.by_name.get(local, ()):
            function = scope.function
            duties = frameworks.TAKERS[last or local].get(_callee(call, project.frame(source, function)))
            if duties is not None:
                found.append((call, function, duties))
    return found


_TAKING_CALLS = "calls that hand objects to a framework"


def _callee(call: ast.Call, frame: Frame) -> str:
    """The canonical name of what is called: a function, a class, or a method of an outside class."""
    callee = frame.value(call.func)
    if callee.kind == "ref":
        return callee.name
    if callee.kind == "attribute" and callee.base is not None and callee.base.kind == "instance":
        return f"{callee.base.name}.{callee.name}"
    if callee.kind == "class":  # a subclass of the project
        model = frame.project.class_model(callee.target)
        return next((base.name for base in model.lineage if base.kind == "ref" and base.name in _TAKING_CLASSES), "")
    return ""


_TAKING_CLASSES = frozenset(name for takers in frameworks.TAKERS.values() for name in takers)


def _given(call: ast.Call, frame: Frame) -> Iterator[Value]:
    """The objects in the arguments of a call, those in lists, tuples and dicts too, and the sampler of a loader."""
    stack = [frame.value(a.value if isinstance(a, ast.Starred) else a) for a in call.args]
    stack += [frame.value(keyword.value) for keyword in call.keywords]
    while stack:
        value = stack.pop()
        yield value
        if value.kind in ("list", "tuple", "dict", "union", "set"):
            stack.extend(value.items)


def _sources(trace: Trace | None, value: Value) -> list[Source]:
    """The files in sight: those of a trace, and those on the way to where a value is made."""
    found: dict[int, Source] = {}
    for event in trace.events if trace is not None else ():
        found[id(event.frame.source)] = event.frame.source
    for option in value.options:
        frame = option.frame
        while frame is not None:
            found[id(frame.source)] = frame.source
            frame = frame.parent
    return list(found.values())


# hooks


def _around(duty: Duty, frame: Frame | None) -> bool | None:
    """Whether the code of a frame runs in a hook of a framework, called directly or from other functions."""
    answer: bool | None = False
    while frame is not None:
        function = _method(frame.function)
        found = _hooked(duty, function, frame) if function is not None else False
        if found is True:
            return True
        answer = None if found is None else answer
        frame = frame.parent
    return answer


def _method(function: Function | None) -> Function | None:
    """The method that a function is, or stands in."""
    while function is not None and function.cls is None:
        scope: Scope | None = function.scope.parent
        while scope is not None and scope.function is None:
            scope = scope.parent
        function = scope.function if scope is not None else None
    return function


def _hooked(duty: Duty, function: Function, frame: Frame) -> bool | None:
    cls = function.cls
    assert cls is not None
    receiver = frame.receiver
    if receiver is not None and receiver.kind == "instance" and receiver.target is not None:
        cls = receiver.target
    model = frame.project.class_model(cls)
    answer: bool | None = False
    for framework in frameworks.WITH_HOOKS:
        duties = framework.hooks.get(function.name)
        under = model.derives_from(*framework.bases)
        if under is None and duties is not None and duty in duties:
            answer = None
        if under is not True:
            continue
        if duties is None:
            return None  # a method of the user's own, which a hook may call
        attribute, handed_back = framework.manual
        if duty in duties and duty in handed_back:
            return _is_on(model.self_value, attribute)
        return duty in duties
    return answer


def _is_on(instance: Value, attribute: str) -> bool | None:
    """Whether a switch of the framework that is on by default was left on."""
    model = value_class(instance)
    stored = [*model.stores(attribute)]
    value = model.attribute(instance, attribute) if stored else model.class_attribute(attribute)
    if value is None:
        return True
    if value.kind == "function" and value.target is not None and value.target.returns:  # a property
        value = union([model.frame(value.target, instance).value(r) for r in value.target.returns])
    return bool(value.const) if value.kind == "const" else None


# what Lightning hands to the user


def configured_optimizers(owner: Value) -> Value | None:
    """What `self.optimizers()` of a `LightningModule` gives back: the one optimizer, or the list of several."""
    model = value_class(owner)
    function = model.method("configure_optimizers")
    if function is None or model.derives_from(*frameworks.LIGHTNING_MODULES) is not True:
        return None
    frame = model.frame(function, owner)
    found = [_configured(option) for returned in function.returns for option in frame.value(returned).options]
    known = [value for value in found if value is not None]
    return union(known) if known and len(known) == len(found) else None


def _configured(value: Value) -> Value | None:
    if value.kind == "dict":
        named = zip(value.keys, value.items, strict=True)
        value = next((item for key, item in named if key is not None and key.const == "optimizer"), UNKNOWN)
    if value.kind not in ("tuple", "list"):
        return value if is_optimizer(value) is True else None
    items = value.items
    if len(items) == 2 and items[0].kind in ("list", "tuple"):
        items = items[0].items
    optimizers = [_configured(item) if item.kind not in ("list", "tuple") else None for item in items]
    known = [optimizer for optimizer in optimizers if optimizer is not None]
    if not known or len(known) != len(optimizers):
        return None
    return known[0] if len(known) == 1 else Value("list", items=tuple(known), node=value.node, frame=value.frame)
