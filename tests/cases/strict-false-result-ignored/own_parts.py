"""An object that loads the rest of itself, after a part of it was made with weights of its own."""

import torch
from torch import nn
from torchvision import models


class Distance(nn.Module):
    def __init__(self, path: str, pretrained: bool) -> None:
        super().__init__()
        self.backbone = models.vgg16(weights="DEFAULT")
        self.heads = nn.ModuleList(nn.Linear(512, 1) for _ in range(5))
        if pretrained:
            self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=False)


class Whole(nn.Module):
    def __init__(self, path: str, pretrained: bool) -> None:
        super().__init__()
        self.backbone = models.vgg16(weights=None)
        self.heads = nn.ModuleList(nn.Linear(512, 1) for _ in range(5))
        if pretrained:
            self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=False)  # TL703


class Beside(nn.Module):
    def __init__(self, path: str, pretrained: bool) -> None:
        super().__init__()
        teacher = models.vgg16(weights="DEFAULT")
        self.register_buffer("mean", teacher.features[0].bias.detach())
        self.heads = nn.ModuleList(nn.Linear(512, 1) for _ in range(5))
        if pretrained:
            self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=False)  # TL703
