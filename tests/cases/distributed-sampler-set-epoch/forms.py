"""Loops that never tell the sampler the epoch."""

import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler
from tqdm import tqdm


def main(args, dataset, model: nn.Module) -> None:
    if args.local_rank == -1:
        sampler = RandomSampler(dataset)
    else:
        sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, sampler=sampler, batch_size=args.batch_size, drop_last=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for epoch in range(int(args.epochs)):
        for step, batch in enumerate(tqdm(loader, desc=f"epoch {epoch}")):  # TL803
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            print(step)


class Trainer:
    def __init__(self, model: nn.Module, dataset) -> None:
        self.model = model
        self.loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset, drop_last=True))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def epoch(self) -> None:
        self.model.train()
        for x, y in self.loader:  # TL803
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(x), y)
            loss.backward()
            self.optimizer.step()

    def fit(self) -> None:
        for _ in range(10):
            self.epoch()
