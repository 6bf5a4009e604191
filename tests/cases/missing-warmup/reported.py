"""A deep transformer at its full learning rate from the first step."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.feed_forward(x))


class Model(nn.Module):
    def __init__(self, width=256, depth=12):
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, 8) for _ in range(depth)])
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class Trainer:
    def __init__(self, epochs):
        self.model = Model()
        self.epochs = epochs
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)  # TL108
        self.criterion = nn.CrossEntropyLoss()

    def fit(self, loader):
        self.model.train()
        for _ in range(self.epochs):
            for x, y in loader:
                self.optimizer.zero_grad()
                self.criterion(self.model(x), y).backward()
                self.optimizer.step()
