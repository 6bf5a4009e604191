"""Logits are scored against the wrong position, so the model learns another task.

The output at position *t* of a language model has to be scored against token *t + 1*. Cutting both sides alike scores
it against the token that it has just read, cutting the wrong side against the one before, two cuts against the one
after the next. The loss falls in all three cases, in the first to nearly zero, and what the model then writes is far
from the text it was trained on: 6.0, 3.4 and 6.5 nats a token instead of 1.3 in the evidence (random text costs 6.9).

```py bad
import torch.nn.functional as F
from torch import Tensor, nn


class LanguageModel(nn.Module):
    def __init__(self, words: int, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.rnn(self.embed(tokens))
        return self.head(hidden)


def loss_of(model: LanguageModel, tokens: Tensor) -> Tensor:
    logits = model(tokens)[:, 1:]
    targets = tokens[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())  # TL302
```

```py bad file=data.py
import torch


def get_batch(data, block=128, batch=32):
    starts = torch.randint(len(data) - block - 2, (batch,))
    x = torch.stack([data[i : i + block] for i in starts])
    y = torch.stack([data[i + 2 : i + 2 + block] for i in starts])
    return x, y
```

```py bad file=train.py
import torch
import torch.nn.functional as F
from torch import nn

from data import get_batch


class Bigram(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.table = nn.Embedding(words, words)

    def forward(self, x, y):
        return F.cross_entropy(self.table(x).flatten(0, 1), y.flatten())


def train(data, steps):
    model = Bigram(65).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(steps):
        x, y = get_batch(data)
        optimizer.zero_grad()
        model(x, y).backward()  # TL302
        optimizer.step()
```

```py good
import torch.nn.functional as F
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, words, width=128):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens):
        hidden, _ = self.rnn(self.embed(tokens))
        return self.head(hidden)


def loss_of(model: LanguageModel, tokens):
    logits = model(tokens)[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def same(model: LanguageModel, tokens):
    logits = model(tokens[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
```

```py good
import torch


def get_batch(data, block=128, batch=32):
    starts = torch.randint(len(data) - block, (batch,))
    x = torch.stack([data[i : i + block] for i in starts])
    y = torch.stack([data[i + 1 : i + 1 + block] for i in starts])
    return x, y
```

```py good
import torch.nn.functional as F


def forecast_loss(model, series, horizon=24):
    history, future = series[:, :-horizon], series[:, horizon:]
    return F.mse_loss(model(history), future)
```

## When it is fine

Several heads that predict tokens further ahead, models that shift inside (masked convolutions, a start symbol in
front), and masked or denoising objectives, where the input is not the plain text.

## Not seen

Windows that are cut in a preprocessing script, packed sequences, offsets that are not constants.

## References

- Karpathy, A Recipe for Training Neural Networks, 2019 (https://karpathy.github.io/2019/04/25/recipe/)
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Measured,
    Module,
    Score,
    finding,
    paired_at,
    rule,
    scores,
    shift_inside,
)


@rule(
    "TL302",
    "next-token-misaligned",
    Category.CORRECTNESS,
    since="0.1",
    triggers=("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss", "backward"),
)
def check(module: Module) -> Findings:
    reported: set[int] = set()
    for score in scores(module):
        node, frame = paired_at(score.event, score.loss)
        if id(node) in reported or score.offset == 1 or frame.source is not module.source:
            continue
        if score.offset == 0 and not score.alignment.logits_cut:  # the rule about targets that equal the inputs
            continue
        if score.offset > 1 and (shift_inside(score.loss) == 1 or _has_nearer(module, score)):
            continue
        reported.add(id(node))
        callee = ast.unparse(node.func) if isinstance(node, ast.Call) else score.event.text
        yield finding(
            module.place(node, frame),
            f"`{callee}` scores each output against {_target(score.offset)}",
            see=[] if node is score.loss.node else [(score.loss, "the tokens are scored here")],
        )


def _target(offset: int) -> str:
    if offset == 0:
        return "the token that it has just read"
    if offset < 0:
        return "a token before the one that it has just read"
    return f"the token {offset} ahead, not the next one"


def _has_nearer(module: Module, score: Score) -> bool:
    """Whether another loss on the same sequence predicts fewer tokens ahead: heads for several tokens."""
    base = score.alignment.targets.base.key
    return any(
        other.trace is score.trace and other.alignment.targets.base.key == base and 0 < other.offset < score.offset
        for other in scores(module)
    )


def evidence() -> Evidence:
    """A recurrent model learns a Markov chain with the right offset, the reverse one and one too many."""
    import torch
    from torch import nn

    vocabulary, rows, length = 24, 256, 16
    seed = torch.Generator().manual_seed(0)
    chain = torch.softmax(3 * torch.randn(vocabulary, vocabulary, generator=seed), 1)
    tokens = [torch.randint(0, vocabulary, (rows,), generator=seed)]
    for _ in range(length):
        tokens.append(torch.multinomial(chain[tokens[-1]], 1, generator=seed)[:, 0])
    data = torch.stack(tokens, 1)

    def run(offset: int) -> tuple[list[float], float]:
        torch.manual_seed(0)
        embed, rnn, head = nn.Embedding(vocabulary, 48), nn.GRU(48, 48, batch_first=True), nn.Linear(48, vocabulary)
        model = nn.ModuleList([embed, rnn, head])
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        curve = []
        for step in range(80):
            batch = data[step * 32 % rows : step * 32 % rows + 32]
            logits = head(rnn(embed(batch))[0])
            if offset > 0:
                logits, targets = logits[:, :-offset], batch[:, offset:]
            else:
                logits, targets = logits[:, -offset:], batch[:, : batch.size(1) + offset]
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        written = torch.randint(0, vocabulary, (64, 1), generator=torch.Generator().manual_seed(1))
        sampler = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for _ in range(12):
                ahead = head(rnn(embed(written))[0])[:, -1].softmax(-1)
                written = torch.cat([written, torch.multinomial(ahead, 1, generator=sampler)], 1)
        return curve, -chain[written[:, :-1], written[:, 1:]].clamp_min(1e-9).log().mean().item()

    good, same, before, after = run(1), run(0), run(-1), run(2)
    noise = -chain.clamp_min(1e-9).log().mean().item()
    return Evidence(
        f"text written after training with offset 1 costs {good[1]:.2f} nats a token; with 0, -1, 2: "
        f"{same[1]:.2f}, {before[1]:.2f}, {after[1]:.2f} (random text {noise:.2f})",
        (
            Measured("offset 0: training loss", same[0][-1], good[0][-1], "", same[0], good[0]),
            Measured("offset 0: cost of generated text", bad=same[1], good=good[1], unit="nats per token"),
            Measured("offset -1: cost of generated text", bad=before[1], good=good[1], unit="nats per token"),
            Measured("offset 2: cost of generated text", bad=after[1], good=good[1], unit="nats per token"),
        ),
        holds=min(same[1], before[1], after[1]) > 2 * good[1] and same[0][-1] < 0.1,
    )
