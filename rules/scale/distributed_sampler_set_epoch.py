"""`DistributedSampler` draws the same order in every epoch, because nobody tells it the epoch.

The sampler shuffles with a generator seeded by `seed + epoch`, so that all ranks agree. Its epoch stays 0 unless
`sampler.set_epoch(epoch)` is called: every epoch then has the same batches in the same order. Nothing in the loss shows it.

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
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


def fit(model: nn.Module, dataset, epochs: int) -> None:
    loader = make_loader(dataset, distributed=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        one_epoch(model, loader, optimizer)  # TL803
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

## When it is fine

`shuffle=False`, a single pass over the data, and trainers that call `set_epoch` themselves (Lightning, Accelerate, Hugging Face
`Trainer`).

## Not seen

Samplers that may be something else on another path (`DistributedSampler(...) if distributed else None`) are followed; samplers
that are chosen by a registry or a configuration are not.

## Fix safety

Safe to apply as code, yet offered as unsafe: the order of the data, and with it the trained numbers, change from the second epoch on.

## References

- https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL803", "distributed-sampler-set-epoch", Category.CORRECTNESS, since="0.1", triggers=("DistributedSampler",))
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """The order in which rank 0 of two sees 1,000 samples in two epochs, with `set_epoch` and without."""
    from torch.utils.data import DistributedSampler

    def same_places(told: bool) -> int:
        sampler = DistributedSampler(range(1000), num_replicas=2, rank=0, shuffle=True)  # type: ignore[arg-type,var-annotated]
        first = list(sampler)
        if told:
            sampler.set_epoch(1)
        return sum(a == b for a, b in zip(first, sampler))

    bad, good = same_places(False), same_places(True)
    return Evidence(
        "samples of the second epoch that stand where they stood in the first (500 samples on this rank)",
        (Measured("samples in the same place", bad=bad, good=good),),
        holds=bad == 500 and good < 25,
    )
