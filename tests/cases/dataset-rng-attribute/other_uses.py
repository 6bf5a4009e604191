"""Generators that are not shared by workers."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class SplitOnly(Dataset):
    def __init__(self, size: int) -> None:
        self.rng = np.random.RandomState(0)
        self.order = self.rng.permutation(size)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> int:
        return int(self.order[index])


class NoWorkers(Dataset):
    def __init__(self) -> None:
        self.rng = random.Random(0)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> float:
        return self.rng.random()


class PerWorker(IterableDataset):
    def __init__(self) -> None:
        self.rng = random.Random(0)

    def __iter__(self):
        info = get_worker_info()
        self.rng = random.Random(info.seed if info is not None else 0)
        while True:
            yield self.rng.random()


class Reseeded(Dataset):
    def __init__(self) -> None:
        self.rng = random.Random(0)

    def set_epoch(self, epoch: int) -> None:
        self.rng.seed(epoch)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> float:
        self.rng.seed(index)
        return self.rng.random()


class NotADataset:
    def __init__(self) -> None:
        self.generator = torch.Generator()

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.rand(2, generator=self.generator)


def loaders(workers: int):
    yield DataLoader(SplitOnly(10), batch_size=2, num_workers=4)
    yield DataLoader(NoWorkers(), batch_size=2)
    yield DataLoader(NoWorkers(), batch_size=2, num_workers=0)
    yield DataLoader(PerWorker(), batch_size=2, num_workers=4)
    yield DataLoader(Reseeded(), batch_size=2, num_workers=4)
    yield NotADataset()
