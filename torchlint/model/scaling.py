"""Gradient scaling: which gradients carry the scale of a GradScaler, and what takes it off again.

All answers are about events of one trace. `None` means that it cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.model.trace import Event, Trace, is_scaler
from torchlint.model.values import NONE, Value

__all__ = ["on_the_way_to_step", "same_scaler", "scaled_backwards", "scaler_of"]


def scaler_of(event: Event, trace: Trace) -> Value | None:
    """The gradient scaler that takes part in a `backward` or `step`; `None` if there is none for certain.

    An object counts as a scaler if it is made from torch's class and not switched off, or if the code both scales a
    loss and steps an optimizer through it: nothing else has these two methods.
    """
    manager = event.manager
    if manager is None or (event.kind == "backward" and not _scales(event)):
        return None
    options = [option for option in manager.options if option.key != NONE.key]
    if not options or any(is_scaler(option) is False or _is_off(option) for option in options):
        return None
    if all(is_scaler(option) for option in options):
        return manager
    steps = any(e.manager is not None and same_scaler(e.manager, manager) for e in trace.of("step"))
    return manager if steps and any(_scales(e) for e in trace.of("backward")) else None


def scaled_backwards(trace: Trace) -> Iterator[tuple[Event, Value]]:
    """The backward passes of scaled losses, with their scalers."""
    for event in trace.of("backward"):
        scaler = scaler_of(event, trace)
        if scaler is not None:
            yield event, scaler


def on_the_way_to_step(event: Event) -> bool:
    """Whether an event between a scaled backward pass and the step changes what can be said of the gradients."""
    if event.kind == "backward":
        return not _scales(event)
    return event.kind in ("unscale", "zero_grad") or (event.kind == "store" and event.name == "grad")


def same_scaler(one: Value, other: Value) -> bool:
    """Whether two scalers are one object on some path; a `None` among the possibilities does not count."""
    keys = {option.key for option in other.options if option.key != NONE.key}
    return any(option.key in keys for option in one.options)


def _scales(event: Event) -> bool:
    """Whether a backward pass is written `scaler.scale(loss).backward()`."""
    receiver = getattr(getattr(event.node, "func", None), "value", None)
    return receiver is not None and any(o.method("scale") is not None for o in event.frame.value(receiver).options)


def _is_off(scaler: Value) -> bool:
    enabled = scaler.argument(None, "enabled") if scaler.kind == "instance" else None
    return enabled is not None and enabled.kind == "const" and not enabled.const
