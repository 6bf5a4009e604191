"""`DistributedSampler` draws the same order in every epoch: nobody tells it the epoch.

The sampler shuffles with a generator seeded by `seed + epoch`, so that all ranks agree. Its epoch stays 0 unless
`sampler.set_epoch(epoch)` is called: every epoch then has the same batches in the same order. Nothing in the loss
shows it.

```py bad
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def train(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer, epochs: int) -> None:
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler, drop_last=True)
    model.train()
    for epoch in range(epochs):
        for x, y in loader:  # TL803
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
```

```py fixed
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def train(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer, epochs: int) -> None:
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler, drop_last=True)
    model.train()
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
```

```py good
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def train(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer, epochs: int) -> None:
    loader = DataLoader(dataset, batch_size=32, sampler=DistributedSampler(dataset), drop_last=True)
    model.train()
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
```

The loader is made in one file, the loop is in another:

```py bad file=data.py
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def make_loader(dataset: Dataset, distributed: bool) -> DataLoader:
    sampler = DistributedSampler(dataset, shuffle=True)
    return DataLoader(dataset, batch_size=32, sampler=sampler, num_workers=4, drop_last=True)
```

```py bad file=train.py
import torch
from torch import nn

from data import make_loader


def one_epoch(model: nn.Module, loader, optimizer: torch.optim.Optimizer) -> None:
    model.train()
    for x, y in loader:  # TL803
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


def fit(model: nn.Module, dataset, epochs: int) -> None:
    loader = make_loader(dataset, distributed=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        one_epoch(model, loader, optimizer)
```

```py good
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def begin_epoch(loader: DataLoader, epoch: int) -> None:
    if isinstance(loader.sampler, DistributedSampler):
        loader.sampler.set_epoch(epoch)


def train(model: nn.Module, dataset: Dataset, held_out: Dataset, optimizer: torch.optim.Optimizer, epochs: int) -> None:
    loader = DataLoader(dataset, batch_size=32, sampler=DistributedSampler(dataset), drop_last=True)
    test = DataLoader(held_out, batch_size=32, sampler=DistributedSampler(held_out, shuffle=False))
    for epoch in range(epochs):
        begin_epoch(loader, epoch)
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, sum((model(x).argmax(dim=1) == y).sum().item() for x, y in test))
```

Accelerate and Fabric set the epoch of the loaders that they prepare, and of no others:

```py good
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def train(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer, epochs: int) -> None:
    accelerator = Accelerator()
    loader = DataLoader(dataset, batch_size=32, sampler=DistributedSampler(dataset), drop_last=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    model.train()
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            accelerator.backward(nn.functional.cross_entropy(model(x), y))
            optimizer.step()
```

A DeepSpeed engine steps and clears, but knows nothing of a loader that was made by hand:

```py bad
import deepspeed
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def train(model: nn.Module, dataset: Dataset, config: dict, epochs: int) -> None:
    engine, _, _, _ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=config)
    loader = DataLoader(dataset, batch_size=32, sampler=DistributedSampler(dataset), drop_last=True)
    for epoch in range(epochs):
        for x, y in loader:  # TL803
            loss = nn.functional.cross_entropy(engine(x.to(engine.device)), y.to(engine.device))
            engine.backward(loss)
            engine.step()
```

## When it is fine

`shuffle=False`, a single pass over the data, and frameworks that call `set_epoch` themselves (Lightning, Hugging Face
`Trainer`, loaders that Accelerate or Fabric prepared).

## Not seen

Samplers that may be something else on another path (`DistributedSampler(...) if distributed else None`) are followed;
samplers that are chosen by a registry or a configuration are not.

## Fix safety

Safe to apply as code, yet offered as unsafe: the order of the data, and with it the trained numbers, change from the
second epoch on.

## References

- https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
"""

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Loop,
    Measured,
    Module,
    Trace,
    Value,
    finding,
    given_to,
    insert_first,
    made_inside,
    roles,
    rule,
    takes_over,
)


@rule("TL803", "distributed-sampler-set-epoch", Category.CORRECTNESS, since="0.1", triggers=("loader",))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for loop in trace.loops:
            epochs = loop.outer
            if epochs is None or not trace.inside(loop, "backward") or _is_told(trace, epochs):
                continue
            made = _shuffling(loop.iterable)
            if made is None or made_inside(made[0], epochs) or made_inside(made[1], epochs):
                continue
            loader, sampler = made
            if takes_over("set-epoch", loader) is not False or takes_over("set-epoch", sampler) is not False:
                continue
            if any(epochs in event.loops and _is_handed_on(event, made) for event in trace.of("call")):
                continue
            yield finding(
                module.place(loop.node.iter if isinstance(loop.node, ast.For) else loop.node, loop.frame),
                "every epoch sees the data in the same order: nobody calls `set_epoch` of the `DistributedSampler`",
                see=[(sampler, "the sampler is made here")],
                fix=_fix(module, loop, epochs, loader),
            )


_HARMLESS = frozenset({"len", "enumerate", "zip", "iter", "next", "isinstance", "print", "tqdm", "trange", "track"})


def _is_handed_on(event: Event, made: tuple[Value, Value]) -> bool:
    """Whether a call that is not followed is given the loader or the sampler itself, and may set the epoch."""
    if event.subject is not None and event.subject.kind == "ref" and event.subject.name.rpartition(".")[2] in _HARMLESS:
        return False
    keys = {value.key for value in made}
    return any(option.key in keys for value in given_to(event.value) for option in value.options)


def _is_told(trace: Trace, epochs: Loop) -> bool:
    """Whether some code around sets the epoch."""
    if trace.of("set_epoch") or _passes(epochs) == 1:
        return True
    return any("set_epoch" in event.frame.source.by_name for event in trace.events)


def _passes(epochs: Loop) -> object:
    """The number of epochs, if it is literal."""
    over = epochs.iterable
    last = over.arguments[-1] if over.name == "range" and over.arguments else None
    return last.const if last is not None and last.kind == "const" else None


def _shuffling(iterable: Value) -> tuple[Value, Value] | None:
    """A loader and its sampler, if that is torch's `DistributedSampler` (on one path at least) and shuffles."""
    for loader in iterable.options:
        if loader.kind != "instance" or loader.name != roles.LOADER:
            continue
        sampler = loader.argument(3, "sampler")
        for option in sampler.options if sampler is not None else ():
            if option.kind == "instance" and option.name == "torch.utils.data.DistributedSampler":
                shuffle = option.argument(3, "shuffle")
                if shuffle is None or (shuffle.kind == "const" and shuffle.const):
                    return loader, option
    return None


def _fix(module: Module, loop: Loop, epochs: Loop, loader: Value) -> Fix | None:
    target = getattr(epochs.node, "target", None)
    given = next((k.value for k in getattr(loader.node, "keywords", ()) if k.arg == "sampler"), None)
    if loop.frame is not epochs.frame or epochs.frame.source is not module.source or not isinstance(target, ast.Name):
        return None
    if isinstance(given, ast.Name) and loader.frame is loop.frame:
        owner = given.id
    elif isinstance(loop.node, ast.For) and isinstance(loop.node.iter, ast.Name):
        owner = f"{loop.node.iter.id}.sampler"
    else:
        return None
    title = "Tell the sampler the epoch, which changes the order of the data from the second epoch on"
    return Fix.unsafe(title, insert_first(epochs.node, f"{owner}.set_epoch({target.id})"))


def evidence() -> Evidence:
    """The order in which rank 0 of two sees 1,000 samples in two epochs, with `set_epoch` and without."""
    from torch.utils.data import DistributedSampler

    def same_places(told: bool) -> int:
        sampler = DistributedSampler(range(1000), num_replicas=2, rank=0, shuffle=True)
        first = list(sampler)
        if told:
            sampler.set_epoch(1)
        return sum(a == b for a, b in zip(first, sampler, strict=True))

    bad, good = same_places(False), same_places(True)
    return Evidence(
        "samples of the second epoch that stand where they stood in the first (500 samples on this rank)",
        (Measured("samples in the same place", bad=bad, good=good),),
        holds=bad == 500 and good < 25,
    )
