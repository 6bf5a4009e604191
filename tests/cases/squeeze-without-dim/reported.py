import torch
from torch import nn


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = torch.relu(self.layers(x))
        x = self.out(x)
        return torch.sigmoid(x).squeeze()  # TL405
