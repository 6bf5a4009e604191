"""A random generator stored on the dataset repeats its numbers in every worker and every epoch.

`DataLoader` copies the dataset into each worker process. A generator object that was made in `__init__` (numpy's
`default_rng` or `RandomState`, `random.Random`, `torch.Generator`) is copied with its state, so all workers draw the same
"random" crops, and the next epoch starts from the same copy again. In the experiment below two workers draw eight
numbers, four of them different, and the second epoch repeats the first. (The *global* generators of numpy, `random` and
torch are reseeded in each worker and are fine.)

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

With `num_workers=0` there is only one copy. A `worker_init_fn` that gives each worker a generator of its own, a generator
made in `__getitem__` or `__iter__` (from the worker's seed, or from seed, epoch and index), and one that is used in `__init__` only, to
split or to shuffle once, are right. A dataset that is meant to show the same augmentations in each epoch wants this.

## Not seen

Datasets of which no loader with a literal number of workers is found; generators hidden in a transform object.

## References

- https://docs.pytorch.org/docs/stable/data.html#randomness-in-multi-process-data-loading
- https://docs.pytorch.org/docs/stable/notes/faq.html#my-data-loader-workers-return-identical-random-numbers
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL501", "dataset-rng-attribute", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


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
