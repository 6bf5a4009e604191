"""Token losses that are accumulated rightly, or not accumulated at all."""

import torch.nn.functional as F


def not_accumulated(model, loader, optimizer, pad):
    model.train()
    for tokens, targets in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten(), ignore_index=pad).backward()
        optimizer.step()


def weighted_by_tokens(model, loader, optimizer, pad, k, window):
    model.train()
    for i, (tokens, targets) in enumerate(loader):
        loss = F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten(), ignore_index=pad)
        (loss * (targets != pad).sum() / window).backward()
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def images_with_ignored_labels(model, loader, optimizer, k):
    """One label an image: nothing is averaged over tokens, -100 is never there."""
    model.train()
    for i, (images, labels) in enumerate(loader):
        (F.cross_entropy(model(images), labels) / k).backward()
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()
