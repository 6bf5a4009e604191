"""Deprecated names that are there for older versions, and names of others that look like torch's."""

from contextlib import nullcontext, suppress
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

try:
    from torch.amp import GradScaler, autocast
except ImportError:
    from torch.cuda.amp import GradScaler, autocast

try:
    from apex import amp

    has_apex = True
except ImportError:
    amp = None
    has_apex = False

has_native_amp = False
try:
    if torch.cuda.amp.autocast is not None:
        has_native_amp = True
except AttributeError:
    pass

TORCH_MAJOR, TORCH_MINOR = (int(part) for part in torch.__version__.split(".")[:2])


def is_torch_version(operation: str, wanted: str) -> bool:
    return operation == ">=" and (TORCH_MAJOR, TORCH_MINOR) >= tuple(int(p) for p in wanted.split("."))


def scaler():
    if is_torch_version(">=", "2.3"):
        return torch.amp.GradScaler("cuda")
    else:
        return torch.cuda.amp.GradScaler()


def context(enabled):
    if (TORCH_MAJOR, TORCH_MINOR) >= (2, 4):
        return torch.amp.autocast("cuda", enabled=enabled)
    return torch.cuda.amp.autocast(enabled=enabled)


if hasattr(torch.amp, "custom_fwd"):
    custom_fwd = partial(torch.amp.custom_fwd, device_type="cuda")
else:
    custom_fwd = torch.cuda.amp.custom_fwd


def mesh(*axes):
    with suppress(TypeError):
        return torch.meshgrid(*axes, indexing="ij")
    kwargs = {"indexing": "ij"} if is_torch_version(">=", "1.10") else {}
    return torch.meshgrid(*axes, **kwargs)


class init:
    @staticmethod
    def xavier_uniform(tensor):
        return nn.init.xavier_uniform_(tensor)


def upsample(x):
    return x


class Typed:
    scaler: torch.cuda.amp.GradScaler | None = None

    def set(self, scaler: torch.cuda.amp.GradScaler) -> torch.cuda.amp.GradScaler | None:
        if isinstance(scaler, (torch.cuda.amp.GradScaler, type(None))):
            self.scaler = scaler
        return scaler


class Meter:
    def add_(self, name, value):
        return name, value

    def softmax(self, x):
        return x


def used(x, step):
    init.xavier_uniform(x)
    Meter().add_("loss", 0.1)
    x.add_(step, alpha=0.1)
    x.addcdiv_(x, x, value=-1.0)
    with autocast("cuda") if step else nullcontext():
        return upsample(F.softmax(x, -1)), Meter().softmax(x), GradScaler
