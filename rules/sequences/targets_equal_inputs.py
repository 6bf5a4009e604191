"""A language model scored against its own input learns to copy and looks perfect.

Without the shift, the output at position *t* is compared with token *t*, which the model has just read. Copying is
the easiest task there is: the loss falls to nearly zero in a few hundred steps, looks like a triumph, and the model
writes noise.

```py bad
import torch
import torch.nn.functional as F
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, words: int, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.rnn(self.embed(tokens))
        return self.head(hidden)


def loss_of(model: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
    logits = model(tokens)
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())  # TL303
```

```py fixed
import torch
import torch.nn.functional as F
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, words: int, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.rnn(self.embed(tokens))
        return self.head(hidden)


def loss_of(model: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
    logits = model(tokens)
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
```

```py bad file=data.py
from torch.utils.data import Dataset


class Windows(Dataset):
    def __init__(self, tokens, length=128):
        self.tokens, self.length = tokens, length

    def __len__(self):
        return len(self.tokens) - self.length

    def __getitem__(self, i):
        return self.tokens[i : i + self.length], self.tokens[i : i + self.length]
```

```py bad file=train.py
import torch
from torch import nn
from torch.utils.data import DataLoader

from data import Windows
from model import LanguageModel


def train(tokens):
    model = LanguageModel(65).train()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for x, y in DataLoader(Windows(tokens), batch_size=32, shuffle=True):
        optimizer.zero_grad()
        logits = model(x)
        loss = criterion(logits.flatten(0, 1), y.flatten())  # TL303
        loss.backward()
        optimizer.step()
```

```py bad file=model.py
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
```

```py good
import torch.nn.functional as F
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, words, width=128):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens):
        hidden, _ = self.rnn(self.embed(tokens[:, :-1]))
        logits = self.head(hidden)
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
```

```py good
import torch
import torch.nn.functional as F


def masked_language_loss(model, tokens, mask_token):
    chosen = torch.rand(tokens.shape) < 0.15
    corrupted = tokens.masked_fill(chosen, mask_token)
    logits = model(corrupted)
    return F.cross_entropy(logits[chosen], tokens[chosen])
```

```py good
import torch.nn.functional as F
from torch import nn


class TextAutoencoder(nn.Module):
    def __init__(self, words, width=128):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.encode = nn.GRU(width, width, batch_first=True)
        self.decode = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens):
        _, code = self.encode(self.embed(tokens))
        hidden, _ = self.decode(code[-1].unsqueeze(1).repeat(1, tokens.size(1), 1))
        return self.head(hidden)


def reconstruction_loss(model: TextAutoencoder, tokens):
    return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
```

## When it is fine

Autoencoders, whose task is to rebuild the input; masked and denoising objectives; models that shift by themselves,
such as those of Hugging Face when `labels` are passed.

## Not seen

Models whose `forward` is not read or mixes positions in a way that is not understood.

## Fix safety

The model is trained on its real task for the first time: the loss will be much higher than before, and right.

## References

- Karpathy, A Recipe for Training Neural Networks, 2019 (https://karpathy.github.io/2019/04/25/recipe/)
"""

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Verb,
    finding,
    paired_at,
    rename_attribute,
    rule,
    scores,
    wrap,
)


@rule(
    "TL303",
    "targets-equal-inputs",
    Category.CORRECTNESS,
    since="0.1",
    triggers=("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss", "backward"),
)
def check(module: Module) -> Findings:
    reported: set[int] = set()
    for score in scores(module):
        node, frame = paired_at(score.event, score.loss)
        if score.offset != 0 or score.alignment.logits_cut or id(node) in reported:
            continue
        if frame.source is not module.source:
            continue
        reported.add(id(node))
        here = score.event.is_local and node is score.loss.node
        callee = ast.unparse(node.func) if isinstance(node, ast.Call) else score.event.text
        yield finding(
            module.place(node, frame),
            f"`{callee}` scores each output against the token that it has just read",
            see=[] if node is score.loss.node else [(score.loss, "the tokens are scored here")],
            fix=_shift(score.event) if here and score.alignment.targets.axis is None else None,
        )


def _shift(event: Event) -> Fix | None:
    node = event.node
    if not isinstance(node, ast.Call) or len(node.args) < 2:
        return None
    outputs, targets = _cut(node.args[0], "[:, :-1]"), _cut(node.args[1], "[:, 1:]")
    if outputs is None or targets is None:
        return None
    return Fix.unsafe("Score each output against the next token, which changes what is learned", *outputs, *targets)


def _cut(expression: ast.expr, cut: str) -> list[Verb] | None:
    """Cut what `flatten`, `view`, `transpose` are called on; a view of a cut needs `reshape`."""
    verbs: list[Verb] = []
    while isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
        if expression.func.attr == "view":
            verbs.append(rename_attribute(expression.func, "reshape"))
        elif expression.func.attr not in ("reshape", "flatten", "transpose", "permute", "contiguous"):
            break
        expression = expression.func.value
    return [*verbs, wrap(expression, "{}" + cut)] if isinstance(expression, ast.Name | ast.Call) else None


def evidence() -> Evidence:
    """A recurrent model learns a Markov chain, scored against the next token and against its own input."""
    import torch
    from torch import nn

    vocabulary, rows, length = 24, 256, 16
    seed = torch.Generator().manual_seed(0)
    chain = torch.softmax(3 * torch.randn(vocabulary, vocabulary, generator=seed), 1)
    tokens = [torch.randint(0, vocabulary, (rows,), generator=seed)]
    for _ in range(length):
        tokens.append(torch.multinomial(chain[tokens[-1]], 1, generator=seed)[:, 0])
    data = torch.stack(tokens, 1)

    def run(shift: int) -> tuple[list[float], float]:
        torch.manual_seed(0)
        embed, rnn, head = nn.Embedding(vocabulary, 48), nn.GRU(48, 48, batch_first=True), nn.Linear(48, vocabulary)
        model = nn.ModuleList([embed, rnn, head])
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        curve = []
        for step in range(120):
            batch = data[step * 32 % rows : step * 32 % rows + 32]
            logits = head(rnn(embed(batch[:, : length + 1 - shift]))[0])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, shift:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        with torch.no_grad():
            ahead = head(rnn(embed(data[:, :-1]))[0])
            return curve, nn.functional.cross_entropy(ahead.flatten(0, 1), data[:, 1:].flatten()).item()

    bad, good = run(0), run(1)
    return Evidence(
        f"the training loss ends at {bad[0][-1]:.4f} instead of {good[0][-1]:.2f}, the loss on the next token at "
        f"{bad[1]:.2f} instead of {good[1]:.2f} (chance is 3.18)",
        (
            Measured("training loss", bad=bad[0][-1], good=good[0][-1], bad_curve=bad[0], good_curve=good[0]),
            Measured("loss on the next token", bad=bad[1], good=good[1], unit="nats"),
        ),
        holds=bad[0][-1] < 0.1 < good[0][-1] and bad[1] > 2 * good[1],
    )
