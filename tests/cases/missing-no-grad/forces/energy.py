"""A model whose forward differentiates: forces are the derivative of the energy."""

import torch
from torch import nn


class Forces(nn.Module):
    def __init__(self, energy: nn.Module) -> None:
        super().__init__()
        self.energy = energy

    def forward(self, positions: torch.Tensor) -> torch.Tensor:
        positions.requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.energy(positions).sum(), positions)
        return -gradient
