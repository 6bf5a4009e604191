"""Layers in a list that was cut out of a network."""

import torch
from torch import nn
from torchvision import models


def freeze_front(arch: str) -> nn.Sequential:
    network = getattr(models, arch)(weights="DEFAULT")
    layers = list(network.children())[:-2]
    for layer in layers:
        layer.requires_grad = False  # TL412
    for layer in list(network.children())[:-2]:
        for parameter in layer.parameters():
            parameter.requires_grad = False
    return nn.Sequential(*layers)


def freeze_tensors(tensors: list[torch.Tensor]) -> None:
    for tensor in list(tensors)[:-2]:
        tensor.requires_grad = False
