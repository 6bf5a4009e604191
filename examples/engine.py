"""The loops of the classifier: one epoch of training, and the evaluation."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

TOPIC_WEIGHTS = torch.tensor([1.0, 1.0, 1.2, 0.8])


def train_one_epoch(
    model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, device: torch.device
) -> float:
    total = 0.0
    for tokens, topics in loader:
        tokens, topics = tokens.to(device), topics.to(device)
        unknown = torch.zeros(tokens.shape[0], 1, dtype=torch.long).to(device)
        tokens = torch.cat([unknown, tokens[:, 1:]], dim=1)

        optimizer.zero_grad()
        outputs = model(tokens)
        loss = F.cross_entropy(outputs, topics, weight=TOPIC_WEIGHTS.to(device))
        confidence = outputs.max(dim=1).values.mean().item()
        loss.backward()
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)

        total += loss.item()
        if confidence > 0.999:
            print("suspicious batch")
    return total / len(loader)


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader, device: torch.device) -> float:
    """The share of headlines whose topic is right."""
    model.eval()
    right, seen = 0, 0
    for tokens, topics in loader:
        predicted = model(tokens.to(device)).argmax(dim=1)
        right += (predicted == topics.to(device)).sum().item()
        seen += len(topics)
    return right / seen
