"""Epoch averages that are right, or whose parts are not known."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from somewhere import train_data


def samples_over_samples(model, loader: DataLoader):
    total, correct = 0.0, 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            total += F.nll_loss(out, y, reduction="sum").item()
            correct += out.argmax(1).eq(y).sum().item()
    return total / len(loader.dataset), 100.0 * correct / len(loader.dataset)


def means_over_batches(model, loader: DataLoader):
    criterion = nn.CrossEntropyLoss()
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            total += criterion(model(x), y).item()
    return total / len(loader)


def weighted(model, dataset):
    loader = DataLoader(dataset, batch_size=32)
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            total += F.cross_entropy(model(x), y).item() * y.shape[0]
    return total / len(dataset)


def a_loader_called_data(model, criterion):
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in train_data:
            total += criterion(model(x), y).item()
    return total / len(train_data)


def one_sample_a_batch(model, dataset):
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in dataset:
            total += F.mse_loss(model(x), y).item()
    return total / len(dataset)


def batch_of_one(model, dataset):
    loader = DataLoader(dataset)
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            total += F.mse_loss(model(x), y).item()
    return total / len(loader.dataset)


def batch_accuracies(model, loader: DataLoader):
    accuracy = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            accuracy += (model(x).argmax(1) == y).float().mean().item()
    return accuracy / len(loader)


def other_counts(model, loader: DataLoader):
    sizes = 0
    for x, _ in loader:
        sizes += len(x)
    return sizes / len(loader)
