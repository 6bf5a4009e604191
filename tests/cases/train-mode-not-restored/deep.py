"""Found through helpers, attributes and pretrained models."""

import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = torchvision.models.resnet18()
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        return self.drop(self.backbone(x))


def validate(net, loader):
    net.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (net(x).argmax(1) == y).sum()
    return correct


def inner(net, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()  # TL407
    optimizer.step()


def main(train_loader, val_loader, epochs):
    net = Net()
    net = nn.DataParallel(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net.train()
    for epoch in range(epochs):
        for batch in train_loader:
            inner(net, batch, optimizer)
        if epoch % 5 == 4:
            validate(net, val_loader)


def finetune(train_loader, val_loader):
    model = timm.create_model("resnet50", pretrained=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(10):
        model.train()
        for step, (x, y) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)  # TL407
            loss.backward()
            optimizer.step()
            if step % 500 == 0:
                validate(model, val_loader)
