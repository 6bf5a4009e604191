"""The settings of the three programs."""

from dataclasses import dataclass

import torch


@dataclass
class Config:
    vocabulary: int = 200
    topics: int = 4
    length: int = 16
    width: int = 32
    heads: int = 4
    batch_size: int = 64
    epochs: int = 6
    seed: int = 0
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
