"""A loop over modules where parameters were meant."""

from torch import nn


def freeze_norms(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad = False  # TL412
    for name, child in model.named_children():
        if name != "head":
            child.requires_grad = False  # TL412
