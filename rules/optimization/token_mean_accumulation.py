"""Averaging per micro-batch weighs a token by how few tokens its micro-batch holds.

`cross_entropy(..., ignore_index=pad)` divides by the tokens of *this* micro-batch. Dividing again by the number of
micro-batches gives each micro-batch the same weight, so a token beside few others counts for more: in the evidence a
token of the shortest sequence counts 15 times as much as one of the longest, and the accumulated gradient differs
from that of the one large batch by more than its own length. The loss looks as always.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, pad: int, accumulate: int = 4) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    criterion = nn.CrossEntropyLoss(ignore_index=pad)
    model.train()
    optimizer.zero_grad()
    for i, (tokens, targets) in enumerate(loader):
        logits = model(tokens)
        loss = criterion(logits.flatten(0, 1), targets.flatten()) / accumulate  # TL113
        loss.backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```py good
from torch import nn


def train_step(model, optimizer, micro_batches, pad):
    criterion = nn.CrossEntropyLoss(ignore_index=pad, reduction="sum")
    count = sum((targets != pad).sum() for _, targets in micro_batches)
    model.train()
    optimizer.zero_grad()
    for tokens, targets in micro_batches:
        loss = criterion(model(tokens).flatten(0, 1), targets.flatten()) / count
        loss.backward()
    optimizer.step()
```

```py good
import torch
from torch import nn


def train(model, loader, accumulate=4):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    criterion = nn.CrossEntropyLoss()
    model.train()
    optimizer.zero_grad()
    for i, (images, labels) in enumerate(loader):
        loss = criterion(model(images), labels) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
```

## When it is fine

Chunks of a fixed length without padding, where `ignore_index` never meets a token; a deliberate mean per sequence;
long micro-batches whose token counts hardly differ.

## Not seen

Losses that a model computes by itself (`outputs.loss`), and targets that carry -100 without the loss saying so.

## References

- https://huggingface.co/blog/gradient_accumulation
- https://github.com/huggingface/transformers/issues/34191
"""

import ast

from torchlint.api import (
    Accumulation,
    Category,
    Evidence,
    Findings,
    Measured,
    Module,
    Value,
    accumulations,
    finding,
    reduced,
    rule,
)

_FLATTENS = (".view", ".reshape", ".flatten", ".transpose", ".permute", "torch.flatten", "torch.reshape")


@rule("TL113", "token-mean-accumulation", Category.SUSPICIOUS, since="0.1", triggers=("backward",))
def check(module: Module) -> Findings:
    for trace in () if module.is_test else module.traces:
        for found in accumulations(trace):
            loss = _token_mean(found)
            if loss is None or not found.backward.is_local:
                continue
            place = loss if loss.frame is not None and loss.frame.source is module.source else found.backward
            yield finding(
                place,
                f"`{_callee(loss)}` is a mean over one micro-batch's tokens, so tokens in short ones count for more",
                see=[(found.step, "the step uses the sum of the micro-batches")],
            )


def _callee(loss: Value) -> str:
    return ast.unparse(loss.node.func) if isinstance(loss.node, ast.Call) else "loss"


def _token_mean(found: Accumulation) -> Value | None:
    """The mean over the tokens of one micro-batch that is divided by the number of micro-batches, if there is one."""
    quotient = found.backward.subject
    if quotient is None or quotient.kind != "binary" or quotient.name != "Div":
        return None
    mean, divisor = quotient.items
    if divisor.key != found.times.key:
        return None
    loss = reduced(mean)
    if loss is None or loss.kind != "mean":
        return None
    holder = loss.loss.base if loss.loss.kind == "apply" else loss.loss
    ignored = holder.argument(None, "ignore_index") if holder is not None else None
    logits, targets = loss.loss.argument(0, "input"), loss.loss.argument(1, "target")
    if ignored is None or logits is None or targets is None:
        return None
    return loss.loss if any(side.name in _FLATTENS for side in (logits, targets)) else None


def evidence() -> Evidence:
    """Four padded sequences of 4, 60, 8 and 56 tokens, one a micro-batch, against all four in one batch."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    vocabulary, lengths = 50, [4, 60, 8, 56]
    model = nn.Sequential(nn.Embedding(vocabulary, 16), nn.Linear(16, vocabulary))
    tokens, targets = torch.randint(0, vocabulary, (4, 64)), torch.randint(0, vocabulary, (4, 64))
    for row, length in enumerate(lengths):
        targets[row, length:] = -100
    cross_entropy = nn.functional.cross_entropy

    def gradient(divisor: float, reduction: str) -> torch.Tensor:
        model.zero_grad()
        for row in range(4):
            (cross_entropy(model(tokens[row]), targets[row], reduction=reduction) / divisor).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    model.zero_grad()
    cross_entropy(model(tokens).flatten(0, 1), targets.flatten()).backward()
    whole = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    bad, good = (float((g - whole).norm() / whole.norm()) for g in (gradient(4, "mean"), gradient(128, "sum")))
    return Evidence(
        f"the accumulated gradient is off by {bad:.0%} of its length; divided by the count of all tokens by {good:.0e}",
        (Measured("relative error of the gradient", bad=bad, good=good),),
        holds=bad > 0.5 and good < 1e-4,
    )
