"""Softmax before cross-entropy, further apart."""

import torch
import torch as th
from torch import nn
from torch.nn import functional as fn


class Discriminator(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten())
        self.adversarial = nn.Sequential(nn.Linear(64, 1), nn.Sigmoid())
        self.auxiliary = nn.Sequential(nn.Linear(64, classes + 1), nn.Softmax())

    def forward(self, image):
        features = self.body(image)
        validity = self.adversarial(features)
        label = self.auxiliary(features)
        return validity, label


def train(loader):
    adversarial_loss = nn.BCELoss()
    auxiliary_loss = torch.nn.CrossEntropyLoss()
    discriminator = Discriminator()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.0002)
    discriminator.train()
    for images, labels, real in loader:
        optimizer.zero_grad()
        validity, predicted = discriminator(images)
        loss = adversarial_loss(validity, real) + auxiliary_loss(predicted, labels)  # TL201
        loss.backward()
        optimizer.step()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.fc(x)
        x = self.softmax(x)
        return x


def method(x, y):
    model = Net()
    output = model(x)
    return fn.cross_entropy(output, y)  # TL201


def keyword(x, y):
    return fn.cross_entropy(target=y, input=th.softmax(Net.forward(Net(), x), 1))  # TL201


def reshaped(model, x, y):
    scores = torch.softmax(model(x), dim=-1)
    return fn.cross_entropy(scores.view(-1, scores.size(-1)), y.view(-1))  # TL201


def per_output(model, x, y):
    out = {"scores": model(x).softmax(-1)}
    return nn.CrossEntropyLoss(label_smoothing=0.1)(out["scores"], y)  # TL201
