"""Warm-ups: whether a learning rate starts low, by its schedule, by hand, or by the settings of a `Trainer`.

What cannot be told is no evidence that a warm-up is missing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from torchlint.model.frameworks import configured_optimizers, optimizes_by_hand, own_words, takes_over
from torchlint.model.rates import certain_layers, is_adapter, is_rate_written, rate_of
from torchlint.model.schedules import handed_to_lightning
from torchlint.model.values import NONE, UNKNOWN, Frame, Value
from torchlint.torch_api import frameworks, roles

if TYPE_CHECKING:
    from torchlint.model import Call, Module
    from torchlint.model.syntax import Source
    from torchlint.model.trace import Trace

__all__ = [
    "ColdModule",
    "ColdTrainer",
    "cold_modules",
    "cold_trainers",
    "may_be_frozen",
    "starts_at_the_top",
    "warmup_is_read",
]

_FALLS_FROM_THE_TOP = frozenset(
    f"torch.optim.lr_scheduler.{name}"
    for name in (
        "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "PolynomialLR",
        "ReduceLROnPlateau",
    )
)  # fmt: skip


def starts_at_the_top(schedule: Value) -> bool:
    """Whether a schedule certainly begins with the full rate: it only falls, or its factor at step 0 is one."""
    if schedule.name in roles.SCHEDULER_FACTORIES:
        position = roles.SCHEDULER_FACTORIES[schedule.name].horizon.get("num_warmup_steps")
        steps = schedule.argument(position, "num_warmup_steps")
        return steps is not None and steps.kind == "const" and steps.const == 0
    if schedule.name == "torch.optim.lr_scheduler.LambdaLR":
        factor = schedule.argument(1, "lr_lambda")
        return factor is not None and _at_zero(factor) == 1
    return schedule.name in _FALLS_FROM_THE_TOP


def _at_zero(function: Value) -> object:
    """What a function of the project returns for 0, where that is a constant."""
    target = function.target
    if function.kind != "function" or target is None or function.base is not None or len(target.parameters) != 1:
        return None
    if len(target.returns) != 1 or function.frame is None:
        return None
    start = {target.parameters[0].arg: Value("const", const=0)}
    frame = Frame(function.frame.project, target.source, target, bindings=start, closure=function.frame)
    result = frame.value(target.returns[0])
    return result.const if result.kind == "const" else None


# hand-made warm-ups


def warmup_is_read(trace: Trace, optimizer: Value) -> bool:
    """Whether code on the way from an optimizer to its steps, or in the same class, reads something called warm-up.

    A setting, a function, an argument: what is only declared, described or mentioned does not count.
    """
    bodies: dict[int, ast.AST] = {}
    frames = {event.frame.key: event.frame for event in trace.events}
    current = optimizer.frame
    for frame in (trace.frame, *frames.values(), *(() if current is None else (current,))):
        function = frame.function
        holder: ast.AST = frame.source.tree if function is None else function.node
        if function is not None and function.cls is not None:
            holder = function.cls.node
        bodies[id(holder)] = holder
    return any(_reads_warmup(body) for body in bodies.values())


def _reads_warmup(body: ast.AST) -> bool:
    stack = [body]
    while stack:
        node = stack.pop()
        stack.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            word = node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.keyword):
            word = node.arg or ""
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            word = str(node.slice.value)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            word = str(node.args[0].value) if getattr(node.func, "attr", "") in ("get", "pop") else ""
        else:
            continue
        if "warmup" in word.lower().replace("_", "").replace("-", ""):
            return True
    return False


# weights that are not trained


def may_be_frozen(model: Value, sources: Iterable[Source]) -> bool:
    """Whether some weights of a model may be kept out of training: adapters, `requires_grad`, a call that freezes."""
    if is_adapter(model) or takes_over("freezing", model) is True:
        return True
    files = {id(source): source for source in sources}
    for layer in certain_layers(model):
        if layer.kind == "instance" and layer.target is not None:
            files[id(layer.target.source)] = layer.target.source
    return any(
        "requires_grad" in source.stored
        or "requires_grad_" in source.by_name
        or any(word in name.lower() for name in source.by_name for word in ("freez", "lora", "peft", "adapter"))
        for source in files.values()
    )


# modules of Lightning


class ColdModule(NamedTuple):
    """The one optimizer of a `LightningModule`, with its schedules, that certainly starts at the full rate."""

    optimizer: Value
    schedules: tuple[Value, ...]


_MAY_WARM_UP = frozenset({"optimizer_step", "lr_scheduler_step", "configure_callbacks", "lr_schedulers", "optimizers"})
_FINDS_A_RATE = ("lr_find", "LearningRateFinder")


def cold_modules(module: Module) -> Iterator[ColdModule]:
    """The LightningModules of a file that return an optimizer without a warm-up, and whose rate nobody else sets."""
    for owner in module.classes:
        configure = owner.methods.get("configure_optimizers")
        if configure is None or len(configure.returns) != 1 or optimizes_by_hand(owner) is not False:
            continue
        words = own_words(owner)
        if words is None or not words.isdisjoint(_MAY_WARM_UP) or _reads_warmup(owner.cls.node):
            continue
        optimizer = configured_optimizers(owner.self_value)
        if optimizer is None or optimizer.kind != "instance":
            continue
        returned = owner.frame(configure, owner.self_value).value(configure.returns[0])
        schedules = _handed_over(returned)
        if schedules is None or not all(starts_at_the_top(schedule) for schedule in schedules):
            continue
        if not is_rate_written(module.project) and not module.project.calls(*_FINDS_A_RATE):
            yield ColdModule(optimizer, schedules)


def _handed_over(returned: Value) -> tuple[Value, ...] | None:
    """The schedules in what `configure_optimizers` returns; `None` if some cannot be told."""
    schedules = tuple(schedule for schedule, _ in handed_to_lightning(returned))
    if returned.kind == "instance":
        return ()
    if returned.kind == "dict":
        names = [key.const for key in returned.keys if key is not None]
        return schedules if len(names) == len(returned.keys) and len(schedules) == names.count("lr_scheduler") else None
    if returned.kind not in ("tuple", "list") or len(returned.items) > 2:
        return None
    first, *rest = returned.items
    if first.kind == "instance":
        return () if not rest else None
    nested = rest[0].items if rest and rest[0].kind in ("tuple", "list") else None
    return schedules if nested is not None and len(nested) == len(schedules) else None


# the Trainer of Hugging Face


class ColdTrainer(NamedTuple):
    """A `Trainer` of Hugging Face that trains with Adam and starts at the full rate: no warm-up in its settings."""

    trainer: Call
    settings: Value
    model: Value
    rate: float


_SCHEDULES = frozenset({"linear", "cosine", "constant", "polynomial", "cosine_with_restarts", "constant_with_warmup"})
_OTHER_SCHEDULE = ("lr_scheduler_kwargs", "deepspeed", "optim_args", "optim_target_modules", "adapter_kwargs")
_OTHER_TRAINING = ("optimizers", "optimizer_cls_and_kwargs", "model_init", "peft_config")
_SETTERS = ("set_lr_scheduler", "set_optimizer", "set_training", "create_optimizer", "create_scheduler", "setattr")


def cold_trainers(module: Module) -> Iterator[ColdTrainer]:
    """The trainers of a file that certainly have no warm-up: the class as it is, settings that nobody changes."""
    if "train" not in module.source.by_name or any(name in module.source.by_name for name in _SETTERS):
        return
    for call in module.calls(*frameworks.TRAINERS):
        model, settings = call.argument(0, "model"), call.argument(1, "args")
        if model is None or settings is None or settings.name not in frameworks.TRAINING_ARGUMENTS:
            continue
        source = settings.frame.source if settings.frame is not None else None
        if source is None or not isinstance(settings.node, ast.Call) or _changes_settings(source, module.source):
            continue
        if any(_given(call.value, name) is not None for name in _OTHER_TRAINING) or not _plain_callbacks(call):
            continue
        rate = rate_of(settings.argument(None, "learning_rate") or NONE)
        if rate is not None and _is_cold(settings):
            yield ColdTrainer(call, settings, model, rate)


def _changes_settings(*sources: Source) -> bool:
    """Whether a file assigns to a setting, or to the optimizer of a trainer, other than that of a class of its own."""
    words = ("warmup_steps", "warmup_ratio", "learning_rate", "lr_scheduler_type", "optim", "optimizer", "lr_scheduler")
    stored = (node.value for source in sources for word in words for node, _ in source.stored.get(word, ()))
    return any(not (isinstance(owner, ast.Name) and owner.id == "self") for owner in stored)


def _given(value: Value, keyword: str) -> Value | None:
    given = value.argument(None, keyword)
    return None if given is None or given.key == NONE.key else given


def _plain_callbacks(trainer: Call) -> bool:
    """Whether the callbacks, if there are any, are those of transformers, none of which sets a rate."""
    given = _given(trainer.value, "callbacks")
    if given is None:
        return True
    return given.kind == "list" and all(one.name.startswith("transformers.") for one in given.items)


def _is_cold(settings: Value) -> bool:
    for name in ("warmup_steps", "warmup_ratio"):
        given = _given(settings, name)
        if given is not None and not (given.kind == "const" and given.const == 0):
            return False
    if any(_given(settings, name) is not None for name in _OTHER_SCHEDULE):
        return False
    schedule, optimizer = _given(settings, "lr_scheduler_type"), _given(settings, "optim")
    if schedule is not None and schedule.const not in _SCHEDULES:
        return False
    adam = optimizer is None or str(optimizer.const).startswith(("adamw", "paged_adamw"))
    return adam and _given(settings, "config_file") is None and settings.argument(None, "learning_rate") is not UNKNOWN
