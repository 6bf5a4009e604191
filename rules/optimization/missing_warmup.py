"""A transformer that starts at its full learning rate spends its first Adam steps on noise.

Adam divides every gradient by its own running size, and on the first step that size is the gradient itself: each
weight moves by the whole learning rate, in the direction of a single batch. A deep post-norm stack
(`nn.TransformerEncoderLayer` as it comes, `norm_first=False`) does not recover from that. In the evidence twelve such
layers at 5e-3 stay close to chance after 40 steps, and reach a far lower loss when the same learning rate is ramped
up over 20 steps. The run does not crash, the loss still wiggles downwards, and the architecture gets the blame.

How much it matters depends on depth, on the place of the norm and on the learning rate. Deep post-norm stacks at 1e-3
or more are reported as a warning. Where the depth or the place of the norm is not known, where twelve or more layers
are pre-norm, and where a pretrained transformer is fine-tuned at 1e-3 or more, the finding is information: in the
same experiment six layers, or twelve with `norm_first=True`, showed no difference, and a fine-tuned model lost some
of what it knew for a few steps and then recovered.

```py bad
import torch
from torch import nn
from torch.utils.data import DataLoader


def pretrain(loader: DataLoader, epochs: int) -> nn.Module:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8, batch_first=True), num_layers=12)
    model = nn.Sequential(nn.Linear(40, 512), encoder, nn.Linear(512, 40))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # TL108
    criterion = nn.MSELoss()
    model.train()
    for _ in range(epochs):
        for frames, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(frames), targets)
            loss.backward()
            optimizer.step()
    return model
```

```py fixed
import torch
from torch import nn
from torch.utils.data import DataLoader


def pretrain(loader: DataLoader, epochs: int) -> nn.Module:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8, batch_first=True), num_layers=12)
    model = nn.Sequential(nn.Linear(40, 512), encoder, nn.Linear(512, 40))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=500)
    criterion = nn.MSELoss()
    model.train()
    for _ in range(epochs):
        for frames, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(frames), targets)
            loss.backward()
            optimizer.step()
            warmup.step()
    return model
```

A cosine schedule alone is no warm-up: it starts at the top.

```py bad file=model.py
from torch import Tensor, nn


class Captioner(nn.Module):
    def __init__(self, vocabulary: int, width: int = 512, depth: int = 12) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(width, 8, batch_first=True), depth)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor, features: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.size(1))
        return self.head(self.decoder(self.embed(tokens), features, tgt_mask=mask))
```

```py bad file=train.py
from torch import nn, optim

from model import Captioner


def train(loader, epochs, lr=2e-3):
    model = Captioner(10_000)
    optimizer = optim.Adam(model.parameters(), lr=lr)  # TL108
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    criterion = nn.CrossEntropyLoss(ignore_index=0)
    model.train()
    for _ in range(epochs):
        for features, tokens in loader:
            optimizer.zero_grad()
            logits = model(tokens[:, :-1], features)
            loss = criterion(logits.flatten(0, 1), tokens[:, 1:].flatten())
            loss.backward()
            optimizer.step()
        scheduler.step()
```

```py good
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR


def pretrain(loader, steps):
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8, batch_first=True), num_layers=12)
    model = nn.Sequential(nn.Linear(40, 512), encoder, nn.Linear(512, 40))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    warmup = LinearLR(optimizer, start_factor=0.01, total_iters=1000)
    cosine = CosineAnnealingLR(optimizer, T_max=steps - 1000)
    scheduler = SequentialLR(optimizer, [warmup, cosine], milestones=[1000])
    criterion = nn.MSELoss()
    model.train()
    for frames, targets in loader:
        optimizer.zero_grad()
        criterion(model(frames), targets).backward()
        optimizer.step()
        scheduler.step()
```

```py good
import torch
from torch import nn


def pretrain(loader, peak=1e-3, warmup_steps=1000):
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8, batch_first=True), num_layers=12)
    model = nn.Sequential(nn.Linear(40, 512), encoder, nn.Linear(512, 40))
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak)
    criterion = nn.MSELoss()
    model.train()
    for step, (frames, targets) in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, (step + 1) / warmup_steps)
        optimizer.zero_grad()
        criterion(model(frames), targets).backward()
        optimizer.step()
```

```py good
import torch
from torch import nn


class NoamSchedule:
    def __init__(self, optimizer, width, warmup):
        self.optimizer, self.width, self.warmup, self.count = optimizer, width, warmup, 0

    def step(self):
        self.count += 1
        rate = self.width**-0.5 * min(self.count**-0.5, self.count * self.warmup**-1.5)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()


def pretrain(loader):
    model = nn.Sequential(nn.Linear(40, 512), nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 12))
    schedule = NoamSchedule(torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98)), 512, 4000)
    for frames, targets in loader:
        model.zero_grad()
        nn.functional.mse_loss(model(frames), targets).backward()
        schedule.step()
```

```py good
import torch
from torch import nn


def train(loader, epochs):
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()
```

The `Trainer` of Hugging Face has no warm-up either, unless it is told to (`warmup_steps` is 0 by default):

```py bad
from transformers import BertConfig, BertForMaskedLM, Trainer, TrainingArguments


def pretrain(dataset):
    model = BertForMaskedLM(BertConfig())
    args = TrainingArguments("bert", learning_rate=1e-3, num_train_epochs=10)  # TL108
    trainer = Trainer(model=model, args=args, train_dataset=dataset)
    trainer.train()
```

```py good
from transformers import BertConfig, BertForMaskedLM, Trainer, TrainingArguments


def pretrain(dataset):
    model = BertForMaskedLM(BertConfig())
    args = TrainingArguments("bert", learning_rate=1e-3, num_train_epochs=10, warmup_steps=10_000)
    trainer = Trainer(model=model, args=args, train_dataset=dataset)
    trainer.train()
```

## When it is fine

Fine-tuning below 1e-3, LoRA and other adapters, frozen backbones, fewer than six layers, RAdam (it contains its own
warm-up), and small sanity runs all do without. A learning rate below 3e-4 is never reported. Everything that may warm
up counts: a schedule that does not certainly start at the top, `group["lr"] = ...`, an optimizer that is handed to
code that is not read, and a setting or a function called warm-up that the training code reads.

## Not seen

Models whose layers are built from a configuration file, optimizers and schedules built by DeepSpeed or timm, a
`LightningModule` with several optimizers or with callbacks that set the rate, a `Trainer` with an optimizer, a schedule, callbacks or a class of its own, a learning rate that comes from the
command line without a default, SGD with large batches, and any optimizer that is handed to code outside the project.

## Fix safety

The fix changes the first 500 steps: the learning rate rises from a hundredth of its value to the whole of it. How
long a warm-up has to be depends on the run; a few hundred to a few thousand steps are usual.

## References

- Xiong et al., On Layer Normalization in the Transformer Architecture, 2020 (https://arxiv.org/abs/2002.04745)
- Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2019 (https://arxiv.org/abs/1908.03265)
- Vaswani et al., Attention Is All You Need, 2017, section 5.3 (https://arxiv.org/abs/1706.03762)
"""

import ast

from torchlint.api import (
    Attention,
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Severity,
    Value,
    Verb,
    attention_in,
    cold_modules,
    cold_trainers,
    ensure_import,
    finding,
    insert_after,
    may_be_frozen,
    roles,
    rule,
    schedules_over,
    set_keyword,
    starting_rate,
    starts_at_the_top,
    trained_by,
    warmup_is_read,
)

_WARM_BY_THEMSELVES = ("torch.optim.RAdam", "torch.optim.SparseAdam")


@rule(
    "TL108", "missing-warmup", Category.SUSPICIOUS, since="0.1", triggers=("Adam", "Lamb", "Lion", "optim", "Trainer")
)
def check(module: Module) -> Findings:
    if module.is_test:
        return
    reported: set[int] = set()
    for trace in module.traces:
        for event in trace.of("optimizer"):
            optimizer = event.value
            if id(event.node) in reported or optimizer.name not in roles.ADAM_FAMILY.difference(_WARM_BY_THEMSELVES):
                continue
            rate, attention = starting_rate(optimizer), _trained(optimizer)
            if rate is None or attention is None or not _is_told_here(event):
                continue
            severity = _severity(attention, rate)
            steps = _steps(module, optimizer)
            if severity is None or not steps or any(warmup_is_read(step.trace, optimizer) for step in steps):
                continue
            sources = (module.source, event.frame.source)
            if any(may_be_frozen(model, sources) for model in trained_by(optimizer) or ()):
                continue
            schedules = schedules_over(optimizer, module)
            if schedules is None or not all(starts_at_the_top(s) for s in schedules):
                continue
            reported.add(id(event.node))
            yield finding(
                event,
                f"`{_name(event)}` {_message(attention, rate)}",
                see=[(schedule, "this schedule starts at the full rate") for schedule in schedules if schedule.node],
                fix=None if schedules else _warm(module, event, steps),
                severity=severity,
            )
    yield from _in_lightning(module)
    yield from _with_trainers(module)


def _in_lightning(module: Module) -> Findings:
    """The optimizer that a `LightningModule` returns, which only the schedules beside it change."""
    for cold in cold_modules(module):
        optimizer = cold.optimizer
        rate, attention = starting_rate(optimizer), _trained(optimizer)
        severity = _severity(attention, rate) if attention is not None and rate is not None else None
        if optimizer.name not in roles.ADAM_FAMILY.difference(_WARM_BY_THEMSELVES) or optimizer.node is None:
            continue
        if attention is None or rate is None or severity is None:
            continue
        if any(may_be_frozen(model, (module.source,)) for model in trained_by(optimizer) or ()):
            continue
        name = module.code(optimizer.node.func) if isinstance(optimizer.node, ast.Call) else "the optimizer"
        yield finding(
            module.place(optimizer.node, optimizer.frame),
            f"`{name}` {_message(attention, rate)}",
            see=[(schedule, "this schedule starts at the full rate") for schedule in cold.schedules if schedule.node],
            severity=severity,
        )


def _with_trainers(module: Module) -> Findings:
    """Settings of a `Trainer` of Hugging Face, which has no warm-up unless it is told to."""
    for cold in cold_trainers(module):
        model, settings = cold.model, cold.settings
        attention = attention_in(model)
        severity = _severity(attention, cold.rate) if attention is not None else None
        local = settings.frame is not None and settings.frame.source is module.source
        if attention is None or severity is None or may_be_frozen(model, (module.source,)) or settings.node is None:
            continue
        fix = None
        if local and isinstance(settings.node, ast.Call):
            title = "Warm up over 500 steps, which changes the learning rate of these steps"
            fix = Fix.unsafe(title, set_keyword(settings.node, "warmup_steps", "500"))
        yield finding(
            module.place(settings.node) if local else cold.trainer,
            f"`{module.code(cold.trainer.node.func)}` {_message(attention, cold.rate)}",
            see=[(cold.trainer, "trained here")] if local else [(settings, "its settings have no warm-up")],
            fix=fix,
            severity=severity,
        )


def _message(attention: Attention, rate: float) -> str:
    return f"trains {_kind(attention)}transformer at its full rate of {rate:g} from the first step on"


def _kind(attention: Attention) -> str:
    if attention.pretrained:
        return "a pretrained "
    depth, norm = attention.depth, "post-norm " if attention.post_norm else ""
    if depth is None or depth < 2:
        return f"a {norm}"
    spoken_with_a_vowel = depth in (11, 18) or str(depth).startswith("8")
    return f"{'an' if spoken_with_a_vowel else 'a'} {depth}-layer {norm}"


def _is_told_here(event: Event) -> bool:
    """Whether this is the file to tell it: the one that makes the optimizer, or the caller that chooses the model."""
    return event.is_local or (event.is_direct and _trained(event.alone.value) is None)


def _name(event: Event) -> str:
    """The optimizer as the user calls it."""
    statement = event.frame.source.statement(event.node)
    if isinstance(statement, ast.Assign) and statement.value is event.node:
        return ast.unparse(statement.targets[0])
    return ast.unparse(event.node.func) if isinstance(event.node, ast.Call) else event.text


def _trained(optimizer: Value) -> Attention | None:
    given = optimizer.node.args[0] if isinstance(optimizer.node, ast.Call) and optimizer.node.args else None
    if given is None or "requires_grad" in ast.unparse(given):
        return None
    for model in trained_by(optimizer) or ():
        found = attention_in(model)
        if found is not None:
            return found
    return None


def _severity(attention: Attention, rate: float) -> Severity | None:
    """How much the missing warm-up matters; `None` where nothing was measured to be lost."""
    if attention.pretrained:
        return Severity.INFO if rate >= 1e-3 else None
    depth = attention.depth
    if depth is not None and depth < 6:
        return None
    if attention.post_norm and depth is not None and depth >= 8 and rate >= 1e-3:
        return Severity.WARNING
    if attention.post_norm is False and (depth is None or depth < 12):
        return None
    return Severity.INFO if rate >= 3e-4 else None


def _steps(module: Module, optimizer: Value) -> list[Event]:
    """The steps of an optimizer inside loops."""
    return [
        event
        for trace in module.traces
        for event in trace.of("step")
        if event.loops and event.subject is not None and any(o.node is optimizer.node for o in event.subject.options)
    ]


def _warm(module: Module, event: Event, steps: list[Event]) -> Fix | None:
    made = module.statement(event.node)
    if not event.is_local or not isinstance(made, ast.Assign) or not isinstance(made.targets[0], ast.Name):
        return None
    function = module.function(made)
    here = {id(s.node): module.statement(s.node) for s in steps if s.is_local and module.function(s.node) is function}
    step = next(iter(here.values()), None)
    if len(here) != 1 or not isinstance(step, ast.Expr) or not isinstance(event.node, ast.Call):
        return None
    callee, verbs = event.node.func, list[Verb]()
    owner = f"{ast.unparse(callee.value)}.lr_scheduler." if isinstance(callee, ast.Attribute) else ""
    if not owner:
        verbs.append(ensure_import("torch.optim.lr_scheduler", name="LinearLR"))
    name = made.targets[0].id
    code = f"warmup = {owner}LinearLR({name}, start_factor=0.01, total_iters=500)"
    verbs += [insert_after(made, code), insert_after(step, "warmup.step()")]
    return Fix.unsafe("Warm up over 500 steps, which changes the learning rate of these steps", *verbs)


def evidence() -> Evidence:
    """Twelve post-norm layers learn a Markov chain with AdamW at 5e-3, with and without 20 steps of warm-up."""
    import torch
    from torch import nn

    vocabulary, length, width, peak, steps = 32, 12, 32, 5e-3, 40
    seed = torch.Generator().manual_seed(0)
    chain = torch.softmax(3 * torch.randn(vocabulary, vocabulary, generator=seed), 1)
    tokens = [torch.randint(0, vocabulary, (256,), generator=seed)]
    for _ in range(length):
        tokens.append(torch.multinomial(chain[tokens[-1]], 1, generator=seed)[:, 0])
    data = torch.stack(tokens, 1)
    mask = nn.Transformer.generate_square_subsequent_mask(length)

    def losses(warmup: int) -> list[float]:
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        embed, head = nn.Embedding(vocabulary, width), nn.Linear(width, vocabulary)
        model = nn.ModuleList([embed, encoder, head])
        optimizer = torch.optim.AdamW(model.parameters(), lr=peak)
        curve = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = peak * min(1.0, (step + 1) / warmup) if warmup else peak
            batch = data[step * 16 % 256 : step * 16 % 256 + 16]
            logits = head(encoder(embed(batch[:, :-1]), mask=mask))
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            curve.append(loss.item())
        return curve

    cold, warm = losses(0), losses(20)
    bad, good = sum(cold[-5:]) / 5, sum(warm[-5:]) / 5
    return Evidence(
        f"after {steps} steps at {peak} the loss is {bad:.2f} without and {good:.2f} with warm-up (chance is 3.47)",
        (Measured("training loss", bad=bad, good=good, bad_curve=cold, good_curve=warm),),
        holds=bad > good + 0.5,
    )
