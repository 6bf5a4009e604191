"""Padding counts as a class: the loss falls because predicting padding is easy.

Cross-entropy averages over every target, padded ones too, unless `ignore_index` names the padding. In the evidence 86
% of the targets are padding: the reported loss looks far better than it is (0.39 for 1.37), while on the real tokens
the model is worse (2.34 for 1.30), because most of its gradient went into repeating the padding symbol.

```py bad
import torch
import torch.nn.functional as F
from torch import nn

PAD = 0


class NextWord(nn.Module):
    def __init__(self, words: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 64, padding_idx=PAD)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, words)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.rnn(self.embed(tokens))
        return self.head(hidden)


def next_word_loss(model: NextWord, tokens: torch.Tensor) -> torch.Tensor:
    logits = model(tokens[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())  # TL213
```

```py fixed
import torch
import torch.nn.functional as F
from torch import nn

PAD = 0


class NextWord(nn.Module):
    def __init__(self, words: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 64, padding_idx=PAD)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, words)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.rnn(self.embed(tokens))
        return self.head(hidden)


def next_word_loss(model: NextWord, tokens: torch.Tensor) -> torch.Tensor:
    logits = model(tokens[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0)
```

```py bad file=data.py
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader


def collate(batch):
    words, tags = zip(*batch)
    return pad_sequence(words, batch_first=True), pad_sequence(tags, batch_first=True)


def make_loader(dataset):
    return DataLoader(dataset, batch_size=32, shuffle=True, collate_fn=collate)
```

```py bad file=train.py
import torch
from torch import nn

from data import make_loader


def train(model, dataset, epochs):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = make_loader(dataset)
    model.train()
    for _ in range(epochs):
        for words, tags in loader:
            optimizer.zero_grad()
            logits = model(words)
            loss = criterion(logits.flatten(0, 1), tags.flatten())  # TL213
            loss.backward()
            optimizer.step()
```

A Hugging Face model masks padding in the attention, not in the labels.

```py bad
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def fine_tune(loader) -> None:
    tokenizer = AutoTokenizer.from_pretrained("gpt2", pad_token="<pad>")
    model = AutoModelForCausalLM.from_pretrained("gpt2").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    for texts in loader:
        batch = tokenizer(texts, padding=True, return_tensors="pt")
        optimizer.zero_grad()
        loss = model(**batch, labels=batch["input_ids"]).loss  # TL213
        loss.backward()
        optimizer.step()
```

```py good
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

PAD = 0
IGNORED = -100


def collate(batch):
    words, tags = zip(*batch)
    words = pad_sequence(words, batch_first=True, padding_value=PAD)
    return words, pad_sequence(tags, batch_first=True, padding_value=IGNORED)


def train(model, dataset, optimizer):
    criterion = nn.CrossEntropyLoss()
    model.train()
    for words, tags in DataLoader(dataset, batch_size=32, shuffle=True, collate_fn=collate):
        optimizer.zero_grad()
        logits = model(words)
        criterion(logits.flatten(0, 1), tags.flatten()).backward()
        optimizer.step()
```

```py good
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence


def masked_loss(model, sequences, targets, pad=0):
    tokens = pad_sequence(sequences, batch_first=True, padding_value=pad)
    labels = pad_sequence(targets, batch_first=True, padding_value=pad)
    logits = model(tokens)
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    mask = (labels != pad).flatten()
    return (losses * mask).sum() / mask.sum()
```

```py good
from transformers import AutoModelForCausalLM, AutoTokenizer


def loss_of(texts):
    tokenizer = AutoTokenizer.from_pretrained("gpt2", pad_token="<pad>")
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    return model(**batch, labels=labels).loss
```

```py good
import torch
import torch.nn.functional as F


def next_token_loss(model, data, block=128):
    starts = torch.randint(len(data) - block - 1, (32,))
    x = torch.stack([data[i : i + block] for i in starts])
    y = torch.stack([data[i + 1 : i + 1 + block] for i in starts])
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())
```

## When it is fine

The padding symbol is also the end symbol and has to be learned once per sequence; the loss is masked afterwards;
sequences have one length and are never padded.

## Not seen

Padding that happens in code that is not read (a data set's own files, a tokenizer in a preprocessing script).

## Fix safety

The loss becomes the mean over real tokens: its value and its gradient change.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
- https://huggingface.co/docs/transformers/main/en/glossary#labels
"""

import ast
from collections.abc import Iterator

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Finding,
    Findings,
    Fix,
    LossCall,
    Measured,
    Module,
    Value,
    alignment,
    finding,
    is_causal_model,
    loss_call,
    rule,
    set_keyword,
    stretch_of,
    unwrapped,
    walk,
)

_TOKEN_LOSSES = ("torch.nn.CrossEntropyLoss", "torch.nn.NLLLoss")
_SEQUENCE_MODELS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForSeq2SeqLM", "ForTokenClassification")


@rule(
    "TL213", "padding-in-loss", Category.SUSPICIOUS, since="0.1", triggers=("pad", "cross_entropy", "CrossEntropyLoss")
)
def check(module: Module) -> Findings:
    reported: set[int] = set()
    for trace in module.traces:
        for event in trace.of("loss", "forward"):
            if id(event.node) in reported or not event.is_local:
                continue
            found = _token_loss(event) if event.kind == "loss" else _own_loss(event)
            if found is not None:
                reported.add(id(event.node))
                yield found
    yield from _prepared_labels(module)


def _token_loss(event: Event) -> Finding | None:
    loss = loss_call(event)
    if loss is None or loss.kind not in _TOKEN_LOSSES or loss.reduction not in ("mean", "sum"):
        return None
    holder = loss.made if loss.made is not None else event.value
    if not isinstance(holder.node, ast.Call) or len(holder.node.args) > (0 if loss.made is not None else 2):
        return None
    if any(holder.argument(None, name) is not None for name in ("ignore_index", "weight")):
        return None
    pad, why = _padding_symbol(loss)
    if pad is None or why is None or pad == -100:
        return None
    return finding(
        event,
        f"targets padded with {pad} count in `{loss.callee}`, which has no `ignore_index`",
        see=[(why, "the padding symbol is set here")] if why.node is not None else [],
        fix=_ignore(event, holder, pad),
    )


def _padding_symbol(loss: LossCall) -> tuple[int | None, Value | None]:
    """The symbol that the targets are padded with, and what says so."""
    targets = stretch_of(loss.target)
    if targets is None:
        return None, None
    if targets.base.call_of("torch.nn.utils.rnn.pad_sequence"):
        symbol = targets.base.argument(2, "padding_value")
        return (0 if symbol is None else _integer(symbol)), targets.base
    aligned = alignment(loss.event.value)
    if aligned is None or not aligned.same_sequence or aligned.embedding is None:
        return None, None
    symbol = aligned.embedding.argument(2, "padding_idx")
    return (None if symbol is None else _integer(symbol)), aligned.embedding


def _integer(value: Value) -> int | None:
    number = value.const if value.kind == "const" else None
    return int(number) if isinstance(number, int | float) and number == int(number) else None


def _own_loss(event: Event) -> Finding | None:
    """A model of Hugging Face that is given padded token numbers as labels."""
    model, labels = unwrapped(event.subject) if event.subject is not None else None, event.argument(None, "labels")
    if model is None or labels is None:
        return None
    name = model.name.rpartition(".")[0] if model.kind == "call" else model.name
    if not is_causal_model(model) and not (name.startswith("transformers.") and name.endswith(_SEQUENCE_MODELS)):
        return None
    encoded = _padded_by(labels)
    if encoded is None:
        return None
    return finding(
        event,
        f"`labels` holds the padding of `{event.text}`'s input, and only -100 is left out of the loss",
        see=[(encoded, "the tokens are padded here")],
    )


def _prepared_labels(module: Module) -> Iterator[Finding]:
    """`result["labels"] = result["input_ids"]` of padded tokens, for a `Trainer` without a collator of its own."""
    trainers = list(module.calls("transformers.Trainer"))
    models = [trainer.argument(0, "model") for trainer in trainers]
    if not models or any(model is None or not is_causal_model(unwrapped(model)) for model in models):
        return
    if any(trainer.argument(2, "data_collator") is not None for trainer in trainers):
        return
    for node in walk(module.tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Subscript):
            continue
        key = node.targets[0].slice
        encoded = (
            _padded_by(module.value(node.value)) if isinstance(key, ast.Constant) and key.value == "labels" else None
        )
        if encoded is not None:
            yield finding(
                module.place(node),
                f"`{ast.unparse(node.targets[0])}` holds the padding of the input, and only -100 is left out of the loss",
                see=[(encoded, "the tokens are padded here"), (trainers[0], "this trainer takes them as they are")],
            )


def _padded_by(labels: Value) -> Value | None:
    """The call of a tokenizer of Hugging Face that padded these token numbers, if one certainly did."""
    found = stretch_of(labels)
    encoded = found.base.base if found is not None and _is_input_ids(found.base) else None
    if encoded is None or encoded.kind != "call" or encoded.base is None or not _is_tokenizer(encoded.base):
        return None
    padding = encoded.argument(None, "padding")
    always = padding is not None and padding.kind == "const" and padding.const in (True, "longest", "max_length")
    return encoded if always else None


def _is_input_ids(value: Value) -> bool:
    if value.kind == "attribute":
        return value.name == "input_ids"
    return value.kind == "item" and value.items[0].kind == "const" and value.items[0].const == "input_ids"


def _is_tokenizer(value: Value) -> bool:
    return value.kind == "call" and value.name.startswith("transformers.") and "Tokenizer" in value.name


def _ignore(event: Event, holder: Value, pad: int) -> Fix | None:
    if not event.is_local or holder.frame is None or holder.frame.source is not event.frame.source:
        return None
    assert isinstance(holder.node, ast.Call)
    title = f"Leave targets equal to {pad} out of the loss, which changes its value and its gradient"
    return Fix.unsafe(title, set_keyword(holder.node, "ignore_index", str(pad)))


def evidence() -> Evidence:
    """A recurrent model on sequences of 4 to 9 tokens padded to 40, with and without `ignore_index`."""
    import torch
    from torch import nn

    vocabulary, rows, length = 24, 256, 40
    seed = torch.Generator().manual_seed(0)
    chain = torch.softmax(3 * torch.randn(vocabulary, vocabulary, generator=seed), 1)
    tokens = [torch.randint(0, vocabulary, (rows,), generator=seed)]
    for _ in range(length):
        tokens.append(torch.multinomial(chain[tokens[-1]], 1, generator=seed)[:, 0])
    lengths = torch.randint(4, 10, (rows, 1), generator=seed)
    data = torch.stack(tokens, 1).clamp_min(1).masked_fill(torch.arange(length + 1) >= lengths, 0)
    share = (data[:, 1:] == 0).float().mean().item()
    cross_entropy = nn.functional.cross_entropy

    def run(ignored: int) -> tuple[float, float]:
        torch.manual_seed(0)
        embed, rnn, head = nn.Embedding(vocabulary, 32), nn.GRU(32, 32, batch_first=True), nn.Linear(32, vocabulary)
        model = nn.ModuleList([embed, rnn, head])
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        reported = 0.0
        for step in range(40):
            batch = data[step * 32 % rows : step * 32 % rows + 32]
            logits = head(rnn(embed(batch[:, :-1]))[0])
            loss = cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=ignored)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            reported = loss.item()
        with torch.no_grad():
            logits = head(rnn(embed(data[:, :-1]))[0])
            return reported, cross_entropy(logits.flatten(0, 1), data[:, 1:].flatten(), ignore_index=0).item()

    bad, good = run(-100), run(0)
    return Evidence(
        f"{share:.0%} of the targets are padding: the reported loss is {bad[0]:.2f} instead of {good[0]:.2f}, "
        f"that of real tokens {bad[1]:.2f} instead of {good[1]:.2f}",
        (
            Measured("reported loss", bad=bad[0], good=good[0]),
            Measured("loss of real tokens", bad=bad[1], good=good[1]),
        ),
        holds=bad[0] < good[0] / 2 and bad[1] > good[1] + 0.2,
    )
