"""A small transformer encoder, a classifier on top of it, and a language model."""

import torch
from torch import nn
from torch.nn import functional as F

from config import Config


class Encoder(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.length, config.width)
        block = nn.TransformerEncoderLayer(config.width, config.heads, 4 * config.width, dropout=0.1, batch_first=True)
        self.blocks = nn.TransformerEncoder(block, 8)

    def forward(self, tokens: torch.Tensor, causal: torch.Tensor | None = None) -> torch.Tensor:
        places = torch.arange(tokens.shape[1])
        hidden = self.words(tokens) + self.positions(places)
        return self.blocks(hidden, mask=causal)


class TopicClassifier(nn.Module):
    """Returns the probability of each topic."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.head = nn.Linear(config.width, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        features = self.encoder(tokens).mean(dim=1)
        return torch.softmax(self.head(features), dim=-1)


class LanguageModel(nn.Module):
    """Predicts the next token; with `labels` (the tokens themselves) it returns the loss."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.out = nn.Linear(config.width, config.vocabulary)

    def forward(self, tokens: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        length = tokens.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=tokens.device).triu(1)
        logits = self.out(self.encoder(tokens, causal))
        if labels is None:
            return logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


class Student(nn.Module):
    """A bag of words that learns from the classifier."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocabulary, config.width)
        self.head = nn.Linear(config.width, config.topics)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        features = F.dropout(self.words(tokens).mean(dim=1), 0.3)
        return self.head(features)
