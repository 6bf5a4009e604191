"""Training and evaluation mode: which events set the mode of a module, and in which mode it runs."""

from __future__ import annotations

import ast

from torchlint.model.steps import depends_on_mode, holds, is_plain_base, layers, may_touch, mode_layer
from torchlint.model.syntax import walk
from torchlint.model.trace import Event, Trace
from torchlint.model.values import Value, unwrapped, value_class

__all__ = ["knows_modes", "made_in", "mode_events", "mode_setters", "runs_of", "sets_mode_of"]


def sets_mode_of(event: Event, module: Value) -> bool | None:
    """Whether a `train`, `eval` or `mode` event sets the mode of a whole module (`None`: perhaps, or of a part)."""
    if event.subject is None:
        return None
    subject, module = unwrapped(event.subject), unwrapped(module)
    if subject.key == module.key:
        return True
    inside = holds(subject, module)
    if inside is True:
        return True
    return None if inside is None or holds(module, subject) is not False else False


def mode_events(trace: Trace, module: Value) -> list[Event]:
    """The `train`, `eval` and `mode` events that may set the mode of a module or of a part of it."""
    return [event for event in trace.of("train", "eval", "mode") if sets_mode_of(event, module) is not False]


def mode_setters(trace: Trace, module: Value) -> list[Event]:
    """All events that may change the mode of a module or of a part of it, calls that are not followed included."""
    calls = [event for event in trace.of("call") if may_touch(event, (module,))]
    return sorted((*mode_events(trace, module), *calls), key=lambda event: event.index)


_MAY_WRAP = ("union", "instance", "call")


def runs_of(trace: Trace, module: Value) -> list[Event]:
    """The events that run a module itself: its forward passes."""
    module = unwrapped(module)
    found: list[Event] = []
    for event in trace.of("forward", "call"):
        subject = event.subject
        if subject is None or (
            subject.kind not in _MAY_WRAP and (subject.kind, subject.name) != (module.kind, module.name)
        ):
            continue  # told apart without working out who they are
        if event.key != module.key:
            continue
        if event.kind == "forward" or isinstance(event.node, ast.Call):
            found.append(event)
    return found


def knows_modes(module: Value) -> bool | None:
    """Whether a module behaves differently in training and evaluation mode; `None` if its layers are not all known."""
    module = unwrapped(module)
    if module.kind == "union":
        answers = {None if unwrapped(option).kind == "union" else knows_modes(option) for option in module.items}
        return answers.pop() if len(answers) == 1 else None
    if mode_layer(module) is not None:
        return True
    inside = layers(module)
    if inside is None or module.kind != "instance":
        return None
    for layer in inside:
        if layer.kind == "union" or (layer.kind == "call" and layer.name == "[for]"):
            continue
        if layer.kind != "instance":
            return None
        if layer.target is not None:
            model = value_class(layer)
            if not all(is_plain_base(base) for base in model.lineage):
                return None
            if any(_looks_at_mode(function.node) for function in model.methods.values()):
                return True
        elif depends_on_mode(layer) is not False:
            return None
    return False


def _looks_at_mode(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in ("training", "dropout") for n in walk(node))


def made_in(trace: Trace, value: Value) -> bool:
    """Whether an object is made on the way from the trace's start, so that all that happens to it is seen."""
    frame = value.frame
    while frame is not None:
        if frame.key == trace.frame.key:
            return isinstance(value.node, ast.Call)
        frame = frame.parent
    return False
