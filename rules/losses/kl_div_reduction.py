"""The default reduction of `kl_div` divides by the classes too and shrinks the divergence.

`F.kl_div` and `nn.KLDivLoss` average over every element of the input, and not over the batch: with 100 classes the
value and its gradient are 100 times smaller than the divergence that the formula means, and a weight that was tuned
on them depends on the number of classes. `reduction="batchmean"` divides by the batch alone. Torch warns once, on
standard error, at the first call.

```py bad
import torch.nn.functional as F


def distillation_loss(student_logits, teacher_logits, labels, temperature=4.0, alpha=0.9):
    soft = F.kl_div(  # TL208
        F.log_softmax(student_logits / temperature, dim=1),
        F.softmax(teacher_logits / temperature, dim=1),
    )
    hard = F.cross_entropy(student_logits, labels)
    return alpha * temperature**2 * soft + (1 - alpha) * hard
```

```py fixed
import torch.nn.functional as F


def distillation_loss(student_logits, teacher_logits, labels, temperature=4.0, alpha=0.9):
    soft = F.kl_div(
        F.log_softmax(student_logits / temperature, dim=1),
        F.softmax(teacher_logits / temperature, dim=1),
        reduction="batchmean",
    )
    hard = F.cross_entropy(student_logits, labels)
    return alpha * temperature**2 * soft + (1 - alpha) * hard
```

```py bad
import torch
from torch import nn


class LabelSmoothing(nn.Module):
    def __init__(self, classes: int, smoothing: float = 0.1) -> None:
        super().__init__()
        self.criterion = nn.KLDivLoss()  # TL208
        self.classes, self.smoothing = classes, smoothing

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        target = torch.full_like(logits, self.smoothing / (self.classes - 1))
        target.scatter_(1, labels.unsqueeze(1), 1.0 - self.smoothing)
        return self.criterion(logits.log_softmax(dim=1), target)
```

```py good
import torch.nn.functional as F


def distillation_loss(student_logits, teacher_logits, temperature=4.0):
    log_probs = F.log_softmax(student_logits / temperature, dim=-1)
    targets = F.softmax(teacher_logits / temperature, dim=-1)
    return F.kl_div(log_probs, targets, reduction="batchmean") * temperature**2
```

```py good
import torch.nn.functional as F


def token_divergence(log_probs, reference, mask):
    divergence = F.kl_div(log_probs, reference, reduction="none", log_target=True).sum(dim=-1)
    return (divergence * mask).sum() / mask.sum()
```

```py good
import torch.nn.functional as F


def divergence(log_probs, targets):
    return F.kl_div(log_probs, targets) * targets.size(-1)
```

## When it is fine

The mean over all elements is multiplied by the number of classes again, or only the order of values matters. A number that
is printed or asserted, to compare it with another, is not reported.

## Not seen

Inputs of more than two dimensions are reported like any other, but `batchmean` divides by the first dimension alone:
for a batch of sequences, sum over the classes and average over the tokens yourself.

## Fix safety

The value and its gradient grow by the number of classes (by all dimensions after the first). A weight in front of the
term that was tuned with the old reduction has to be tuned again.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Value,
    finding,
    reduction_of_call,
    rule,
    set_keyword,
    walk,
)


@rule("TL208", "kl-div-reduction", Category.SUSPICIOUS, since="0.1", triggers=("kl_div", "KLDivLoss"))
def check(module: Module) -> Findings:
    applied = [(e.subject, e.node) for t in module.traces for e in t.of("loss") if e.name == "torch.nn.KLDivLoss"]
    for call in module.calls("torch.nn.functional.kl_div", "torch.nn.KLDivLoss"):
        value = call.value
        if reduction_of_call(value, value.name) != "mean":
            continue
        if _is_shown(module, call.node):
            continue
        uses = [node for made, node in applied if made is not None and made.key == value.key]
        if any(_times_a_size(module, node) for node in (call.node, *uses)):
            continue
        yield finding(
            call,
            f"`{ast.unparse(call.node.func)}` divides the divergence by the number of classes as well as by the batch",
            fix=_per_sample(call.node),
        )


def _is_shown(module: Module, node: ast.Call) -> bool:
    """Whether the number is only looked at, printed or asserted, as beside another way to reckon it."""
    statement = module.statement(node)
    if isinstance(statement, ast.Assert):
        return True
    shown = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(shown, ast.Call) and shown is not node and module.qualname(shown.func) in _SHOWS


_SHOWS = ("print", "torch.testing.assert_close")


def _times_a_size(module: Module, node: ast.AST) -> bool:
    """Whether the result is multiplied by a size, which may undo the division."""
    inner, outer = node, module.parent(node)
    while isinstance(outer, ast.BinOp | ast.UnaryOp):
        if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Mult):
            other = outer.left if outer.right is inner else outer.right
            if any(_is_size(module.value(part)) for part in walk(other) if isinstance(part, ast.expr)):
                return True
        inner, outer = outer, module.parent(outer)
    return False


def _is_size(value: Value) -> bool:
    if value.kind == "call":
        return value.name in ("len", ".size", ".numel")
    return value.kind == "item" and value.base is not None and value.base.name in ("shape", ".size")


def _per_sample(node: ast.Call) -> Fix | None:
    if len(node.args) > 2:
        return None
    return Fix.unsafe(
        'Reduce with "batchmean", which makes the value and its gradient larger by the number of classes',
        set_keyword(node, "reduction", '"batchmean"'),
    )


def evidence() -> Evidence:
    """The divergence of two random distributions over 100 classes, by formula and by both reductions."""
    import warnings

    import torch
    from torch.nn import functional as F

    torch.manual_seed(0)
    target = torch.randn(32, 100).softmax(1)
    logits = torch.randn(32, 100, requires_grad=True)
    formula = (target * (target.log() - logits.log_softmax(1))).sum(1).mean().item()

    def measure(reduction: str) -> tuple[float, float]:
        logits.grad = None
        loss = F.kl_div(logits.log_softmax(1), target, reduction=reduction)
        loss.backward()
        return loss.item(), float(logits.grad.norm()) if logits.grad is not None else 0.0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad, good = measure("mean"), measure("batchmean")
    return Evidence(
        f"the divergence is {formula:.3f} by formula, {good[0]:.3f} with batchmean and {bad[0]:.4f} with the default",
        (Measured("divergence", bad=bad[0], good=good[0]), Measured("norm of its gradient", bad=bad[1], good=good[1])),
        holds=abs(good[0] - formula) < 1e-4 and abs(good[0] / bad[0] - 100) < 0.1 and abs(good[1] / bad[1] - 100) < 0.1,
    )
