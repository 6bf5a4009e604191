"""Classes to which the attribute belongs, and values that may be tensors."""

import torch
from torch import nn


class Frozen(nn.Module):
    @property
    def requires_grad(self) -> bool:
        return any(parameter.requires_grad for parameter in self.parameters())

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)


class Child(Frozen):
    pass


class Config:
    require_grad = False
    requires_grads = False


def use(config: Config, unknown, parts: dict) -> None:
    Frozen().requires_grad = False
    Child().requires_grad = False
    config.require_grad = True
    config.requires_grads = True
    unknown.requires_grad = False
    unknown.require_grad = False
    for part in parts.values():
        if isinstance(part, nn.Parameter):
            part.requires_grad = False
        elif isinstance(part, nn.Module):
            for parameter in part.parameters():
                parameter.requires_grad = False


def attack(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x = x.clone().detach()
    x.requires_grad = True
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    return x.grad.sign()


def heads(model: nn.Module, names: list[str]) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in names
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.weight.requires_grad = True
            module.bias.requires_grad_(True)
