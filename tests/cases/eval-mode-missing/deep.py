"""Found through helpers and wrappers."""

import torch
import torchvision
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.body(x))


def test(model, loader):
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)  # TL406
            correct += (logits.argmax(1) == y).sum()
            total += len(y)
    return correct / total


def train(model, loader, optimizer):
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def main(train_loader, test_loader, device):
    model = Net().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(10):
        train(model, train_loader, optimizer)
        print(test(model, test_loader))


@torch.inference_mode()
def predict(path, images):
    model = Net()
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model(images).argmax(1)  # TL406


def features(loader, path):
    net = torchvision.models.resnet18()
    net.load_state_dict(torch.load(path, weights_only=True))
    net.fc = nn.Identity()
    with torch.no_grad():
        return torch.cat([net(x) for x in loader])  # TL406
