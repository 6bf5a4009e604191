"""Generators that are copied to the workers."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset


class Base(Dataset):
    def __init__(self, seed: int) -> None:
        self.rng = np.random.RandomState(seed)

    def __len__(self) -> int:
        return 8


class Derived(Base):
    def __getitem__(self, index: int) -> float:
        return float(self.rng.uniform())  # TL501


class Torch(Dataset):
    def __init__(self) -> None:
        self.generator = torch.Generator()
        self.generator.manual_seed(0)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.rand(3, generator=self.generator)  # TL501


class Stream(IterableDataset):
    def __init__(self) -> None:
        self.random = random.Random(0)

    def __iter__(self):
        for _ in range(8):
            yield self.random.random()  # TL501


def loaders() -> list[DataLoader]:
    return [
        DataLoader(Derived(0), batch_size=2, num_workers=2),
        DataLoader(Torch(), batch_size=2, num_workers=2),
        DataLoader(Stream(), batch_size=2, num_workers=2),
    ]
