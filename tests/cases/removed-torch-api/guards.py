"""Code that serves several versions of torch, in the ways that real projects do it."""

import importlib.util
import inspect
import sys

import torch
from packaging import version
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

try:
    from torch._six import inf
except (ImportError, ModuleNotFoundError):
    from torch import inf

if version.parse(torch.__version__) < version.parse("1.13"):
    from torch._six import string_classes
else:
    string_classes = (str, bytes)

TORCH_1_9 = version.parse(torch.__version__) >= version.parse("1.9")
HAS_FFT = importlib.util.find_spec("torch.fft") is not None


def solve(a, b):
    if TORCH_1_9:
        return torch.linalg.solve(a, b)
    return torch.solve(b, a)[0]


def lstsq(a, b):
    if not hasattr(torch.linalg, "lstsq"):
        return torch.lstsq(b, a).solution
    return torch.linalg.lstsq(a, b).solution


def spectrum(x):
    try:
        return torch.fft.rfft(x)
    except AttributeError:
        return torch.rfft(x, 1)


def plateau(optimizer):
    if "verbose" in inspect.signature(ReduceLROnPlateau.__init__).parameters:
        return ReduceLROnPlateau(optimizer, verbose=True)
    return ReduceLROnPlateau(optimizer)


def deterministic():
    set_mode = torch.use_deterministic_algorithms if TORCH_1_9 else torch.set_deterministic
    set_mode(True)


def step(optimizer):
    try:
        return StepLR(optimizer, 10, verbose=True)
    except TypeError:
        return StepLR(optimizer, 10)


def norm(values, kind):
    return max(values) if kind == inf else sum(values)


class Distribution:
    def solve(self, b):
        return b

    def eig(self):
        return self


def other_solvers(b):
    model = Distribution()
    return model.solve(b), model.eig()


def convolve(a, b):
    if "torch.fft" not in sys.modules:
        return torch.irfft(torch.rfft(a, 1) * torch.rfft(b, 1), 1)
    return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b))
