"""Deterministic mode on a GPU, with operations that are deterministic or become so."""

import torch
import torch.nn.functional as F
from torch import nn

torch.use_deterministic_algorithms(True)
device = torch.device("cuda")


class Net(nn.Module):
    def __init__(self, size, mode):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.pools = nn.ModuleList([nn.AdaptiveAvgPool2d(s) for s in (1,)])
        self.unknown = nn.AdaptiveAvgPool2d(size)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.up_unknown = nn.Upsample(scale_factor=2, mode=mode)
        self.pad = nn.ReplicationPad2d(1)
        self.conv = nn.Conv2d(3, 3, 3, padding=1, padding_mode="zeros")
        self.bag = nn.EmbeddingBag(10, 4, mode="mean")
        self.mode = mode

    def forward(self, x, mask, index):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.interpolate(x, scale_factor=2, mode="trilinear")
        x = F.interpolate(x, scale_factor=2, mode=self.mode)
        x = F.pad(x, (1, 1))
        positions = mask.cumsum(-1)
        counts = torch.bincount(index)
        middle = x.median()
        third = x.kthvalue(3).values
        x = x.index_add(0, index, x).scatter_add(0, index, x).gather(0, index)
        return F.adaptive_avg_pool2d(x, (1, 1)), positions, counts, middle, third

    @torch.no_grad()
    def resize_positions(self, table):
        return F.interpolate(table, size=(14, 14), mode="bicubic")


def train(loader):
    model = Net(7, "bicubic").to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, mask, index, y in loader:
        optimizer.zero_grad()
        logits = model(x.to(device), mask.to(device), index.to(device))[0].flatten(1)
        F.cross_entropy(logits, y.to(device)).backward()
        optimizer.step()
