"""Forwards under no_grad that are right in training mode, or whose mode is set elsewhere."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModel


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 5))

    def forward(self, x):
        return self.body(x)

    def predict(self, x):
        self.eval()
        with torch.no_grad():
            return self(x).argmax(1)


def pretrained(loader):
    model = AutoModel.from_pretrained("bert-base-uncased")
    with torch.no_grad():
        return [model(**batch).last_hidden_state for batch in loader]


def re_estimate(loader):
    model = Net()
    torch.optim.swa_utils.update_bn(loader, model)
    model.train()
    with torch.no_grad():
        for x, _ in loader:
            model(x)


def by_method(path, loader):
    model = Net()
    model.load_state_dict(torch.load(path, weights_only=True))
    return [model.predict(x) for x, _ in loader]


def by_train_false(path, loader):
    model = Net()
    model.load_state_dict(torch.load(path, weights_only=True))
    model.train(False)
    with torch.no_grad():
        return [model(x).argmax(1) for x, _ in loader]


def chained(path, loader):
    model = Net().eval()
    model.load_state_dict(torch.load(path, weights_only=True))
    with torch.no_grad():
        return [model(x).argmax(1) for x, _ in loader]


def set_by_caller(loader):
    model = Net()
    model.eval()
    return run(model, loader)


@torch.no_grad()
def run(model, loader):
    return [model(x).argmax(1) for x, _ in loader]


def dry_run():
    model = Net()
    with torch.no_grad():
        return model(torch.zeros(2, 20)).shape


def momentum_teacher(loader):
    student, teacher = Net(), Net()
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    for x, _ in loader:
        with torch.no_grad():
            wanted = teacher(x).softmax(1)
        optimizer.zero_grad()
        F.cross_entropy(student(x), wanted).backward()
        optimizer.step()


def unknown_model(build, loader):
    model = build()
    with torch.no_grad():
        return [model(x) for x, _ in loader]
