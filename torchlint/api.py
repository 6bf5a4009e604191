"""All that a rule may import: the one promise that torchlint makes to rule authors.

A rule is a generator `check(module)` decorated with `@rule(...)`. It asks the model (`torchlint.model` says what can be
asked) and yields `finding(...)` for what is certain.
"""

from __future__ import annotations

from collections.abc import Iterable

from torchlint import torch_api
from torchlint.evidence import Evidence, Measured
from torchlint.findings import Category, Finding, Fix, Place, Related, Safety, Severity, Span, Verb
from torchlint.fixes import verbs
from torchlint.fixes.verbs import *  # noqa: F403
from torchlint.model import (
    UNKNOWN,
    Call,
    ClassModel,
    Event,
    Frame,
    LossCall,
    Module,
    Reference,
    Trace,
    Value,
    frameworks,
    modes,
    rates,
    scaling,
    schedules,
    steps,
    warmups,
)
from torchlint.model.accumulation import Accumulation, accumulations
from torchlint.model.determinism import Asked, asked_for_determinism, is_seeded
from torchlint.model.frameworks import *  # noqa: F403
from torchlint.model.lifecycle import Use, guarded, import_guarded, imports, reaches, removed_symbols, starts_at, uses
from torchlint.model.members import (
    PARAMETER,
    Kept,
    Operand,
    class_layers,
    is_handed_out,
    is_used,
    may_register,
    operands,
    plain_containers,
)
from torchlint.model.modes import *  # noqa: F403
from torchlint.model.offsets import (
    Score,
    alignment,
    is_causal_model,
    paired_at,
    part_of_sample,
    passed,
    scores,
    shift_inside,
    stretch_of,
)
from torchlint.model.placement import (
    CONSTANT_FACTORIES,
    FROM_HOST,
    RANDOM_FACTORIES,
    Move,
    is_cpu,
    is_device,
    is_tensor,
    made_on_cpu,
    move_of,
    on_device,
)
from torchlint.model.ranges import Range, range_of
from torchlint.model.ranks import lonely_collectives
from torchlint.model.rates import *  # noqa: F403
from torchlint.model.reductions import (
    Operation,
    Reduced,
    Total,
    is_batch_size,
    is_unreduced,
    operations,
    reduced,
    reduction_of_call,
    summand_unit,
    total_of,
)
from torchlint.model.scaling import *  # noqa: F403
from torchlint.model.schedules import *  # noqa: F403
from torchlint.model.shapes import Shape, is_batch, shape_of
from torchlint.model.steps import *  # noqa: F403
from torchlint.model.syntax import Class, Function, dotted, statements, walk
from torchlint.model.tensors import cut_of, difference_of, first_input, loss_call, operand_node, parameters_of
from torchlint.model.trace import Guard, Loop, bare_iterable, is_optimizer, is_scaler, is_scheduler, truth
from torchlint.model.values import Key, is_module, sequential_layers, union, unwrapped, value_class
from torchlint.model.warmups import *  # noqa: F403
from torchlint.rule import Findings, Rule, rule
from torchlint.torch_api import roles

VERSION = "2.1"
"""Of the words in `__all__`: a word that goes or changes its meaning raises the first number, a new one the second."""

__all__ = [
    "CONSTANT_FACTORIES",
    "FROM_HOST",
    "PARAMETER",
    "RANDOM_FACTORIES",
    "UNKNOWN",
    "Accumulation",
    "Asked",
    "Call",
    "Category",
    "Class",
    "ClassModel",
    "Event",
    "Evidence",
    "Finding",
    "Findings",
    "Fix",
    "Frame",
    "Function",
    "Guard",
    "Kept",
    "Key",
    "Loop",
    "LossCall",
    "Measured",
    "Module",
    "Move",
    "Operand",
    "Operation",
    "Place",
    "Range",
    "Reduced",
    "Reference",
    "Related",
    "Rule",
    "Safety",
    "Score",
    "Severity",
    "Shape",
    "Span",
    "Total",
    "Trace",
    "Use",
    "Value",
    "Verb",
    "accumulations",
    "alignment",
    "asked_for_determinism",
    "bare_iterable",
    "class_layers",
    "cut_of",
    "difference_of",
    "dotted",
    "finding",
    "first_input",
    "guarded",
    "import_guarded",
    "imports",
    "is_batch",
    "is_batch_size",
    "is_causal_model",
    "is_cpu",
    "is_device",
    "is_handed_out",
    "is_module",
    "is_optimizer",
    "is_scaler",
    "is_scheduler",
    "is_seeded",
    "is_tensor",
    "is_unreduced",
    "is_used",
    "lonely_collectives",
    "loss_call",
    "made_on_cpu",
    "may_register",
    "move_of",
    "on_device",
    "operand_node",
    "operands",
    "operations",
    "paired_at",
    "parameters_of",
    "part_of_sample",
    "passed",
    "plain_containers",
    "range_of",
    "reaches",
    "reduced",
    "reduction_of_call",
    "removed_symbols",
    "roles",
    "rule",
    "scores",
    "sequential_layers",
    "shape_of",
    "shift_inside",
    "starts_at",
    "statements",
    "stretch_of",
    "summand_unit",
    "torch_api",
    "total_of",
    "truth",
    "union",
    "unwrapped",
    "uses",
    "value_class",
    "walk",
]
__all__ += verbs.__all__
__all__ += frameworks.__all__
__all__ += modes.__all__
__all__ += steps.__all__
__all__ += rates.__all__
__all__ += schedules.__all__
__all__ += scaling.__all__
__all__ += warmups.__all__

_DRAFT = ("", "")


def finding(
    where: Event | Call | Place | Value,
    message: str,
    *,
    see: Iterable[tuple[Event | Call | Place | Value, str]] = (),
    fix: Fix | Iterable[Fix] | None = None,
    severity: Severity | None = None,
) -> Finding:
    """What a rule yields: a place, a sentence, places that explain it, and fixes.

    `where` is an event, a call, a place (`module.place(node)`), or a value with a node. An event in another file is
    reported at the call in the checked file that leads there, and its own place is added to `see`. The engine adds the
    rule's code and name.
    """
    related = [Related(_place(item), text) for item, text in see]
    if isinstance(where, Event) and not where.is_local:
        related.insert(0, Related(where.own_place, "it happens here"))
    fixes = () if fix is None else (fix,) if isinstance(fix, Fix) else tuple(fix)
    if isinstance(where, Event) and not where.is_local:
        fixes = ()
    return Finding(
        *_DRAFT,
        place=_own(where),
        message=message,
        related=tuple(dict.fromkeys(related)),
        fixes=fixes,
        severity=severity,
    )


def _own(where: Event | Call | Place | Value) -> Place:
    if isinstance(where, Place):
        return where
    if isinstance(where, Value):
        return _place(where)
    return where.place


def _place(where: Event | Call | Place | Value) -> Place:
    if isinstance(where, Place):
        return where
    if isinstance(where, Event):
        return where.own_place
    if isinstance(where, Call):
        return where.place
    if where.node is None or where.frame is None:
        raise ValueError("a value without a node has no place")
    return Place(where.frame.source.path, Span.of(where.node))
