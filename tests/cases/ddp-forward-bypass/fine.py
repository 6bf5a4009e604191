"""The inner module, where it belongs."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Wrapper(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x)


def train(net: nn.Module, loader, rank: int, distributed: bool) -> None:
    model = net.to(rank)
    if distributed:
        model = DistributedDataParallel(model, device_ids=[rank])
    wrapped = Wrapper(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        with torch.no_grad():
            reference = wrapped.module(x)
        loss = nn.functional.cross_entropy(model(x), y) + (reference * 0).sum()
        loss.backward()
        optimizer.step()
    sample = net(torch.zeros(1, 4))
    print(sample)


def average(model: DistributedDataParallel, x: torch.Tensor) -> torch.Tensor:
    model.eval()
    return model.module(x)
