"""Statements that look like discarded tensor operations and are not."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from transformers import AutoTokenizer


class Meter:
    def __init__(self) -> None:
        self.values = []
        self.device = "cpu"

    def to(self, device):
        self.device = device

    def add(self, value):
        self.values.append(value)

    def sum(self):
        self.total = sum(self.values)


class Net(nn.Module):
    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.to(device)
        self.body.to(device).float()
        self.body.half()
        self.float()

    def reset(self) -> None:
        self.body.weight.data.zero_()
        self.body.weight.requires_grad_(True)
        self.body.bias.detach_()


def use(points: np.ndarray, device: torch.device, unknown) -> None:
    plt.scatter(points[:, 0], points[:, 1])
    plt.clf()
    meter = Meter()
    meter.to(device)
    meter.add(1.0)
    meter.sum()
    points.sort()
    batch = AutoTokenizer.from_pretrained("bert-base-uncased")(["a"], return_tensors="pt")
    batch.to(device)
    unknown.to(device)
    unknown.clamp(0, 1)
    model = Net(device)
    model.to(device)
    model.cuda()
    nn.DataParallel(model).to(device)
    weights = torch.zeros(3)
    torch.nn.init.normal_(weights)
    torch.add(weights, 1, out=weights)
    torch.clamp_(weights, 0, 1)
    criterion = nn.CrossEntropyLoss(weight=weights)
    criterion.cuda()
