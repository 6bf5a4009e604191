"""Found through methods and calls that replace parameters."""

import torch
import torchvision
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
from torch.distributed.fsdp import fully_shard
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm


def normalised(loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weight_norm(model[0])  # TL106
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(20, 64)
        self.head = nn.Linear(64, 5)

    def forward(self, x):
        return self.head(F.relu(self.body(x)))


def new_head(loader, classes):
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.head = nn.Linear(64, classes)  # TL106
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def assigned(loader, path):
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.load_state_dict(torch.load(path, weights_only=True), assign=True)  # TL106
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def nested(loader):
    model = torchvision.models.vgg16(weights="DEFAULT")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.classifier[6] = nn.Linear(4096, 10)  # TL106
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def sharded(loader):
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    fully_shard(model)  # TL106
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def wrapped(loader):
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model = FSDP(model)  # TL106
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def growing(loader):
    net = nn.Sequential(nn.Linear(4, 4))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        for x in loader:
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
        net.append(nn.Linear(4, 4))  # TL106
