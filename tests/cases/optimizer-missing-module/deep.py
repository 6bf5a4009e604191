"""Found through attributes, tuples and learned losses."""

import torch
from torch import nn
from torch.nn import functional as F


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(16, 32, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[1].squeeze(0)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(32, 10)

    def forward(self, h):
        return self.out(h)


def train(loader):
    encoder = Encoder()
    decoder = Decoder()
    opt = torch.optim.Adam(decoder.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for x, y in loader:
        h = encoder(x)  # TL107
        logits = decoder(h)
        loss = criterion(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()


class Pair:
    def __init__(self):
        self.image = nn.Linear(512, 64)
        self.text = nn.Linear(300, 64)
        self.optimizer = torch.optim.AdamW(self.image.parameters(), lr=1e-4)

    def fit(self, loader):
        for image, text in loader:
            a = F.normalize(self.image(image), dim=-1)
            b = F.normalize(self.text(text), dim=-1)  # TL107
            loss = F.cross_entropy(a @ b.T, torch.arange(len(a)))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
