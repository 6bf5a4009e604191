"""Fine-tune the classifier on top of the pretrained encoder."""

import os

import torch
from torch import nn

from config import Config
from data import make_loaders
from engine import evaluate, train_one_epoch
from model import TopicClassifier


def build(config: Config, device: torch.device) -> tuple[TopicClassifier, torch.optim.Optimizer]:
    model = TopicClassifier(config)
    if os.path.exists("encoder.pt"):
        weights = torch.load("encoder.pt", map_location="cpu", weights_only=True)
        model.load_state_dict(weights, strict=False)
    model.encoder.words.requires_grad = False
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    model.head = nn.Linear(config.width, config.topics)
    return model.to(device), optimizer


def main(config: Config) -> None:
    torch.manual_seed(config.seed)
    device = torch.device(config.device)
    train_loader, test_loader = make_loaders(config)
    model, optimizer = build(config, device)

    best, best_weights = 0.0, None
    model.train()
    for epoch in range(config.epochs):
        loss = train_one_epoch(model, train_loader, optimizer, device)
        accuracy = evaluate(model, test_loader, device)
        print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.3f}")
        if accuracy > best:
            best = accuracy
            best_weights = model.state_dict()
    model.load_state_dict(best_weights)
    torch.save(model.state_dict(), "classifier.pt")


if __name__ == "__main__":
    main(Config())
