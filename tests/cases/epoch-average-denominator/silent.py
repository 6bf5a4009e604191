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


def by_the_number_of_rounds(model, loader):
    total, steps = 0.0, 0
    model.eval()
    with torch.no_grad():
        for i, x in enumerate(loader):
            total += model(x).item()
            print(total / (i + 1))
        for step, x in enumerate(loader, start=1):
            steps += model(x).item()
    return total / (i + 1), steps / step


def up_to_a_limit(model, loader, limit):
    total = 0.0
    with torch.no_grad():
        for i, x in enumerate(loader):
            if i >= limit:
                break
            total += model(x).item()
    return total / i


def without_the_first(model, loader):
    total, other = 0.0, 0.0
    for i, x in enumerate(loader):
        if i > 0:
            total += model(x).item()
    for i, x in enumerate(loader):
        if i == 0:
            continue
        other += model(x).item()
    return total / i, other / i


def of_another_loop(model, loader, others):
    total = 0.0
    for x in loader:
        total += model(x).item()
    for i, x in enumerate(others):
        print(x)
    return total / i


def counted_on(model, loader):
    total = 0.0
    for i, x in enumerate(loader):
        total += model(x).item()
    i += 1
    return total / i


def counted_by_hand(model, loader: DataLoader, other: nn.Module):
    criterion = nn.CrossEntropyLoss()
    total, summed, batches, samples, others = 0.0, 0.0, 0, 0, 0
    for x, y in loader:
        total += criterion(model(x), y).item()
        summed += criterion(model(x), y).item() * x.size(0)
        batches += 1
        samples += x.size(0)
        others += other(x).size(0)
    return total / batches, summed / samples, total / others


def one_at_a_time(model, dataset):
    total, samples = 0.0, 0
    for x, y in DataLoader(dataset, batch_size=1):
        total += F.mse_loss(model(x), y).item()
        samples += len(x)
    return total / samples


def sums(model, loader, criterion):
    total, unknown, samples = 0.0, 0.0, 0
    for x, y in loader:
        total += F.cross_entropy(model(x), y, reduction="sum").item()
        unknown += criterion(model(x), y).item()
        samples += len(y)
    return total / samples, unknown / samples
