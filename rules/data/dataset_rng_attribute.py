"""A generator stored on the dataset repeats its numbers in every worker and every epoch.

`DataLoader` copies the dataset into each worker process. A generator object that was made in `__init__` (numpy's
`default_rng` or `RandomState`, `random.Random`, `torch.Generator`) is copied with its state, so all workers draw the
same "random" crops, and the next epoch starts from the same copy again. In the experiment below two workers draw
eight numbers, four of them different, and the second epoch repeats the first. (The *global* generators of numpy,
`random` and torch are reseeded in each worker and are fine.)

```py bad
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class NoisyDataset(Dataset):
    def __init__(self, data: torch.Tensor, seed: int) -> None:
        self.data = data
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> torch.Tensor:
        noise = self.rng.normal(size=self.data[index].shape)  # TL501
        return self.data[index] + torch.as_tensor(noise, dtype=torch.float32)


def make_loader(data: torch.Tensor) -> DataLoader:
    return DataLoader(NoisyDataset(data, seed=0), batch_size=32, shuffle=True, num_workers=4)
```

```py good
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class NoisyDataset(Dataset):
    def __init__(self, data: torch.Tensor, seed: int) -> None:
        self.data = data
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> torch.Tensor:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        noise = rng.normal(size=self.data[index].shape)
        return self.data[index] + torch.as_tensor(noise, dtype=torch.float32)


def make_loader(data: torch.Tensor) -> DataLoader:
    return DataLoader(NoisyDataset(data, seed=0), batch_size=32, shuffle=True, num_workers=4)
```

The draw is in a helper method, the loader in another file:

```py bad file=data.py
import random

import torch
from torch.utils.data import Dataset


class Crops(Dataset):
    def __init__(self, images: torch.Tensor, size: int) -> None:
        self.images = images
        self.size = size
        self.random = random.Random(0)

    def __len__(self) -> int:
        return len(self.images)

    def _crop(self, image: torch.Tensor) -> torch.Tensor:
        top = self.random.randrange(image.shape[-2] - self.size)  # TL501
        left = self.random.randrange(image.shape[-1] - self.size)
        return image[..., top : top + self.size, left : left + self.size]

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._crop(self.images[index])
```

```py bad file=loaders.py
import torch
from torch.utils.data import DataLoader

from data import Crops


def train_loader(images: torch.Tensor) -> DataLoader:
    return DataLoader(Crops(images, 24), batch_size=64, shuffle=True, num_workers=8, drop_last=True)
```

```py good
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info


class PerWorker(Dataset):
    def __init__(self, data: torch.Tensor) -> None:
        self.data = data
        self.rng = np.random.default_rng()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.data[index] * float(self.rng.uniform(0.9, 1.1))


def reseed(worker_id: int) -> None:
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)


def make_loader(data: torch.Tensor) -> DataLoader:
    return DataLoader(PerWorker(data), batch_size=32, shuffle=True, num_workers=4, worker_init_fn=reseed)
```

```py good
import random

import torch
from torch.utils.data import DataLoader, Dataset


class Shuffled(Dataset):
    def __init__(self, data: torch.Tensor) -> None:
        rng = random.Random(0)
        self.order = list(range(len(data)))
        rng.shuffle(self.order)
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.data[self.order[index]] * random.uniform(0.9, 1.1)


def make_loader(data: torch.Tensor) -> DataLoader:
    return DataLoader(Shuffled(data), batch_size=32, shuffle=True, num_workers=4)
```

## When it is fine

With `num_workers=0` there is only one copy. A `worker_init_fn` that gives each worker a generator of its own, a
generator made in `__getitem__` or `__iter__` (from the worker's seed, or from seed, epoch and index), and one that is
used in `__init__` only, to split or to shuffle once, are right. A dataset that is meant to show the same
augmentations in each epoch wants this.

## Not seen

Datasets of which no loader with a literal number of workers is found; generators hidden in a transform object.

## References

- https://docs.pytorch.org/docs/stable/data.html#randomness-in-multi-process-data-loading
- https://docs.pytorch.org/docs/stable/notes/faq.html#my-data-loader-workers-return-identical-random-numbers
"""

import ast

from torchlint.api import (
    Category,
    ClassModel,
    Evidence,
    Findings,
    Measured,
    Module,
    Value,
    dotted,
    finding,
    roles,
    rule,
    walk,
)

_GENERATORS = ("numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.Generator", "random.Random",
               "torch.Generator")  # fmt: skip


@rule("TL501", "dataset-rng-attribute", Category.CORRECTNESS, since="0.1", triggers=("Dataset",))
def check(module: Module) -> Findings:
    for model in module.classes:
        if model.derives_from(*roles.DATASETS) is not True:
            continue
        for name in model.stored:
            made = _generator(model, name)
            drawn = _drawn_per_item(model, name) if made is not None else None
            loader = _parallel_loader(module, model) if drawn is not None else None
            if made is None or drawn is None or loader is None:
                continue
            yield finding(
                module.place(drawn),
                f"every worker draws the same numbers from its copy of `self.{name}`, and so does every epoch",
                see=[(made, "the generator is made here"), (loader, "the loader copies the dataset to its workers")],
            )


def _generator(model: ClassModel, name: str) -> Value | None:
    """The generator that `__init__` stores in an attribute which nothing else assigns."""
    stores = model.stores(name)
    if len(stores) != 1 or stores[0].function.name != "__init__":
        return None
    value = model.attribute(model.self_value, name)
    return value if value is not None and value.name in _GENERATORS and value.node is not None else None


def _drawn_per_item(model: ClassModel, name: str) -> ast.Call | None:
    """The first draw in `__getitem__` (or `__iter__`) or in a method that it calls; `None` if something reseeds."""
    own = f"self.{name}"
    for method in model.methods.values():
        nodes = walk(method.node) if method.name != "__init__" else ()
        if any(isinstance(n, ast.Attribute) and n.attr in _RESEEDS and dotted(n.value) == own for n in nodes):
            return None
    todo, seen = ["__getitem__", "__iter__", "__getitems__"], {"__init__"}
    draws: list[ast.Call] = []
    while todo:
        reached = model.methods.get(todo.pop(0))
        if reached is None or reached.name in seen:
            continue
        seen.add(reached.name)
        for call in reached.calls:
            text = dotted(call.func) or ""
            given = (*call.args, *(keyword.value for keyword in call.keywords))
            if text.startswith(f"{own}.") or any(dotted(argument) == own for argument in given):
                draws.append(call)
            elif text.startswith("self.") and text.count(".") == 1:
                todo.append(text[5:])
    return min(draws, key=lambda call: (call.lineno, call.col_offset)) if draws else None


_RESEEDS = frozenset({"seed", "manual_seed", "set_state", "setstate", "spawn", "bit_generator", "state"})


def _parallel_loader(module: Module, model: ClassModel) -> Value | None:
    """A loader over this dataset with a literal number of workers and no `worker_init_fn`."""
    for value in module.project.instances("DataLoader", roles.LOADER):
        dataset = value.argument(0, "dataset")
        workers = value.argument(5, "num_workers")
        if dataset is None or workers is None or workers.kind != "const" or not workers.const:
            continue
        if value.argument(10, "worker_init_fn") is None and dataset.kind == "instance" and dataset.target is model.cls:
            return value
    return None


def evidence() -> Evidence:
    """Two copies of a dataset, as two workers get them by pickling, draw from a stored generator and from the seed triple."""
    import pickle

    import numpy as np
    from torch.utils.data import Dataset

    class Stored(Dataset[float]):
        def __init__(self) -> None:
            self.rng = np.random.default_rng(0)

        def __getitem__(self, index: int) -> float:
            return float(self.rng.random())

    def derived(epoch: int, index: int) -> float:
        return float(np.random.default_rng((0, epoch, index)).random())

    state = pickle.dumps(Stored().__dict__)

    def worker(indices: range) -> list[float]:
        copy = Stored()
        copy.__dict__.update(pickle.loads(state))
        return [copy[index] for index in indices]

    epochs = [worker(range(0, 8, 2)) + worker(range(1, 8, 2)) for _ in range(2)]
    fresh = [[derived(epoch, index) for index in range(8)] for epoch in range(2)]
    bad, good = len({*epochs[0], *epochs[1]}), len({*fresh[0], *fresh[1]})
    return Evidence(
        "different random numbers among sixteen draws of two workers in two epochs",
        (Measured("different draws of 16", bad=bad, good=good),),
        holds=bad == 4 and good == 16,
    )
