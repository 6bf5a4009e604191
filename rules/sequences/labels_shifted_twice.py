"""A model that shifts labels by itself gets shifted labels and learns to skip a token.

The causal language models of Hugging Face (and many written after them) score the output at position *t* against
`labels[t + 1]`: the labels they want are the input itself. Labels that were shifted before are shifted once more, and
every position is trained to predict the token after the next. The loss falls, only not as far (1.68 in place of 1.03
in the evidence); what the model then writes is close to random.

```py bad
import torch
from transformers import AutoModelForCausalLM


def train(loader, epochs: int) -> None:
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    model.train()
    for _ in range(epochs):
        for batch in loader:
            ids = batch["input_ids"]
            optimizer.zero_grad()
            loss = model(input_ids=ids[:, :-1], labels=ids[:, 1:]).loss  # TL301
            loss.backward()
            optimizer.step()
```

```py fixed
import torch
from transformers import AutoModelForCausalLM


def train(loader, epochs: int) -> None:
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    model.train()
    for _ in range(epochs):
        for batch in loader:
            ids = batch["input_ids"]
            optimizer.zero_grad()
            loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            optimizer.step()
```

```py bad file=model.py
import torch.nn.functional as F
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, words, width=128):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens, labels=None):
        hidden, _ = self.rnn(self.embed(tokens))
        logits = self.head(hidden)
        if labels is None:
            return logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
```

```py bad file=train.py
import torch

from model import LanguageModel


def train(loader):
    model = LanguageModel(10_000)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    model.train()
    for tokens in loader:
        inputs, labels = tokens[:, :-1], tokens[:, 1:]
        optimizer.zero_grad()
        loss = model(inputs, labels)  # TL301
        loss.backward()
        optimizer.step()
```

```py bad
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2LMHeadModel


class Windows(Dataset):
    def __init__(self, tokens, length=256):
        self.tokens, self.length = tokens, length

    def __len__(self):
        return len(self.tokens) - self.length

    def __getitem__(self, i):
        chunk = self.tokens[i : i + self.length + 1]
        return chunk[:-1], chunk[1:]


def loss_over(tokens):
    model = GPT2LMHeadModel.from_pretrained("gpt2").train()
    for inputs, labels in DataLoader(Windows(tokens), batch_size=8, shuffle=True):
        yield model(inputs, labels=labels).loss  # TL301
```

```py good
import torch
from transformers import AutoModelForCausalLM


def train(loader):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    model.train()
    for batch in loader:
        ids = batch["input_ids"]
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
```

```py good
import torch.nn.functional as F
from transformers import AutoModelForCausalLM


def losses(loader):
    model = AutoModelForCausalLM.from_pretrained("gpt2").train()
    for ids in loader:
        logits = model(ids[:, :-1]).logits
        yield F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
```

```py good
from transformers import AutoModelForSeq2SeqLM


def losses(loader):
    model = AutoModelForSeq2SeqLM.from_pretrained("t5-small").train()
    for source, target in loader:
        yield model(input_ids=source, decoder_input_ids=target[:, :-1], labels=target[:, 1:]).loss
```

## When it is fine

Encoder-decoder models that are given `decoder_input_ids` do not shift, masked language models do not, and
`shift_labels=` is used as it comes.

## Not seen

Shifted labels that a collator or a preprocessing script makes, and models whose class is chosen at run time.

## Fix safety

The model is trained on one more position and on another target: every number changes.

## References

- https://huggingface.co/docs/transformers/main/en/model_doc/gpt2#transformers.GPT2LMHeadModel.forward.labels
- https://github.com/huggingface/transformers/issues/32944
"""

import ast

from torchlint.api import (
    UNKNOWN,
    Call,
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Value,
    finding,
    is_causal_model,
    paired_at,
    part_of_sample,
    passed,
    replace,
    rule,
    scores,
    shift_inside,
    stretch_of,
    unwrapped,
)

_MESSAGE = "`{}` shifts the labels by itself, and they are shifted already"


@rule("TL301", "labels-shifted-twice", Category.CORRECTNESS, since="0.1", triggers=("labels", "backward"))
def check(module: Module) -> Findings:
    reported: set[int] = set()
    for event in (e for trace in module.traces for e in trace.of("forward")):
        if event.is_local and id(event.node) not in reported and _is_shifted_twice(event):
            reported.add(id(event.node))
            yield finding(event, _MESSAGE.format(ast.unparse(_callee(event.node))), fix=_unshifted(event))
    for score in scores(module):
        node, frame = paired_at(score.event, score.loss)
        if score.offset != 2 or id(node) in reported or frame.source is not module.source:
            continue
        if node is score.loss.node or shift_inside(score.loss) != 1:
            continue
        reported.add(id(node))
        yield finding(
            module.place(node, frame),
            _MESSAGE.format(ast.unparse(_callee(node))),
            see=[(score.loss, "the second shift is in the operands of this loss")],
        )

    for call in module.calls("transformers.Trainer", "transformers.trainer.Trainer"):
        labels = _given_shifted_samples(call)
        if labels is not None:
            model = ast.unparse(next((k.value for k in call.node.keywords if k.arg == "model"), call.node.func))
            see = [(labels, "the labels are shifted here")] if labels.node is not None else []
            yield finding(call, _MESSAGE.format(model), see=see)


def _callee(node: ast.AST) -> ast.AST:
    return node.func if isinstance(node, ast.Call) else node


def _is_shifted_twice(event: Event) -> bool:
    """Whether a model of Hugging Face is given labels that lie one token ahead of its input."""
    if event.subject is None or not is_causal_model(unwrapped(event.subject)):
        return False
    labels, tokens = passed(event, None, "labels"), passed(event, 0, "input_ids")
    return event.argument(None, "shift_labels") in (None, UNKNOWN) and _is_one_ahead(labels, tokens)


def _is_one_ahead(labels: Value | None, tokens: Value | None) -> bool:
    aim = stretch_of(labels) if labels is not None else None
    read = stretch_of(tokens) if tokens is not None else None
    if aim is None or read is None or aim.base.key != read.base.key or aim.symbols != read.symbols:
        return False
    return aim.start - read.start == 1


def _given_shifted_samples(trainer: Call) -> Value | None:
    """The labels that a data set of the project gives to a `Trainer` of Hugging Face, if they are shifted already."""
    model, dataset = trainer.argument(0, "model"), trainer.argument(None, "train_dataset")
    if model is None or dataset is None or not is_causal_model(unwrapped(model)):
        return None
    if trainer.argument(2, "data_collator") is not None:
        return None
    labels, tokens = (part_of_sample(dataset, Value("const", const=key)) for key in ("labels", "input_ids"))
    return labels if _is_one_ahead(labels, tokens) else None


def _unshifted(event: Event) -> Fix | None:
    node = event.node
    if not isinstance(node, ast.Call):
        return None
    tokens = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "input_ids"), None)
    labels = next((k.value for k in node.keywords if k.arg == "labels"), None)
    if not isinstance(tokens, ast.Subscript) or not isinstance(labels, ast.Subscript):
        return None
    return Fix.unsafe(
        "Pass the unshifted tokens as input and labels, which changes what is learned",
        replace(tokens, ast.unparse(tokens.value)),
        replace(labels, ast.unparse(labels.value)),
    )


def evidence() -> Evidence:
    """A recurrent model that shifts by itself learns a Markov chain from plain and from shifted labels."""
    import torch
    from torch import nn

    vocabulary, rows, length = 24, 256, 16
    seed = torch.Generator().manual_seed(0)
    chain = torch.softmax(3 * torch.randn(vocabulary, vocabulary, generator=seed), 1)
    tokens = [torch.randint(0, vocabulary, (rows,), generator=seed)]
    for _ in range(length):
        tokens.append(torch.multinomial(chain[tokens[-1]], 1, generator=seed)[:, 0])
    data = torch.stack(tokens, 1)

    class LanguageModel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.rnn = nn.Embedding(vocabulary, 48), nn.GRU(48, 48, batch_first=True)
            self.head = nn.Linear(48, vocabulary)

        def logits(self, inputs: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(self.rnn(self.embed(inputs))[0])
            return out

        def forward(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            shifted = self.logits(inputs)[:, :-1].flatten(0, 1)
            return nn.functional.cross_entropy(shifted, labels[:, 1:].flatten())

    def run(twice: bool) -> tuple[list[float], float]:
        torch.manual_seed(0)
        model = LanguageModel()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        curve = []
        for step in range(120):
            batch = data[step * 32 % rows : step * 32 % rows + 32]
            loss = model(batch[:, :-1], batch[:, 1:]) if twice else model(batch, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        written = torch.randint(0, vocabulary, (64, 1), generator=torch.Generator().manual_seed(1))
        sampler = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for _ in range(12):
                ahead = model.logits(written)[:, -1].softmax(-1)
                written = torch.cat([written, torch.multinomial(ahead, 1, generator=sampler)], 1)
        return curve, -chain[written[:, :-1], written[:, 1:]].clamp_min(1e-9).log().mean().item()

    bad, good = run(True), run(False)
    noise = -chain.clamp_min(1e-9).log().mean().item()
    return Evidence(
        f"the training loss ends at {bad[0][-1]:.2f} instead of {good[0][-1]:.2f}; text that the model writes costs "
        f"{bad[1]:.2f} nats a token instead of {good[1]:.2f} (random text {noise:.2f})",
        (
            Measured("training loss", bad=bad[0][-1], good=good[0][-1], bad_curve=bad[0], good_curve=good[0]),
            Measured("cost of generated text", bad=bad[1], good=good[1], unit="nats per token"),
        ),
        holds=bad[0][-1] < 0.8 * bad[0][0] and bad[1] > 2 * good[1],
    )
