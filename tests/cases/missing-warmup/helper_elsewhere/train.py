import torch
from tools import pace as adapt
from torch import nn


def train(loader):
    model = nn.Sequential(nn.Linear(40, 512), nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 12))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, (x, y) in enumerate(loader):
        adapt(optimizer, step)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
