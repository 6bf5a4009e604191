"""The seed is set in a helper, in another file."""

import torch
from data import loader
from net import Net, seed_everything
from torch import nn


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)  # TL701

    def forward(self, x):
        return self.pad(x).mean((2, 3))


def main():
    seed_everything(0)
    model = nn.Sequential(Net(), Head()).to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x.to("cuda")), y.to("cuda")).backward()
        optimizer.step()


if __name__ == "__main__":
    main()
