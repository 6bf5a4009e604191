"""Synthetic headlines: sequences of tokens, each topic with a slice of the vocabulary that it prefers."""

import random

import torch
from torch.utils.data import DataLoader, Dataset

from config import Config


class Headlines(Dataset):
    """Token sequences and their topics; while training, some tokens are replaced by an unknown one."""

    def __init__(self, config: Config, size: int, seed: int, dropout: float = 0.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        own = config.vocabulary // config.topics
        self.topics = torch.randint(0, config.topics, (size,), generator=generator)
        words = torch.randint(0, own, (size, config.length), generator=generator)
        common = torch.randint(0, config.vocabulary, (size, config.length), generator=generator)
        keep = torch.rand(size, config.length, generator=generator) < 0.35
        self.tokens = torch.where(keep, words + own * self.topics[:, None], common)
        self.dropout = dropout
        self.rng = random.Random(seed)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.tokens[index]
        dropped = torch.tensor([self.rng.random() < self.dropout for _ in range(len(tokens))])
        return tokens.masked_fill(dropped, 0), self.topics[index]


def make_loaders(config: Config) -> tuple[DataLoader, DataLoader]:
    train = Headlines(config, 2048, seed=config.seed, dropout=0.1)
    held_out = Headlines(config, 512, seed=config.seed + 1)
    return (
        DataLoader(train, batch_size=config.batch_size, shuffle=True, num_workers=2, drop_last=True),
        DataLoader(held_out, batch_size=config.batch_size, num_workers=2),
    )
