"""What torch has taken away, as it still stands in projects."""

import math

import torch
import torch as th
import torch.distributed as dist
import torch.fft as fft
from torch import fft as also_fft
from torch.autograd.gradcheck import zero_gradients  # TL901
from torch.fft import irfft, rfft
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LambdaLR, _LRScheduler


class Warmup(_LRScheduler):
    def __init__(self, optimizer, steps, verbose=False):
        self.steps = steps
        super().__init__(optimizer, last_epoch=-1, verbose=verbose)  # TL901

    def get_lr(self):
        return [lr * min(1.0, (self.last_epoch + 1) / self.steps) for lr in self.base_lrs]


class Linear(_LRScheduler):
    def __init__(self, optimizer, last_epoch=-1, verbose=False):
        super(Linear, self).__init__(optimizer, last_epoch, verbose)  # TL901

    def get_lr(self):
        return [lr / (1 + self.last_epoch) for lr in self.base_lrs]


class Inverse:
    def update(self, m):
        values, vectors = torch.symeig(m, eigenvectors=True)  # TL901
        self.values = values * (values > 1e-10).float()
        self.vectors = vectors


def schedulers(optimizer, config):
    first = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, verbose=config["verbose"])  # TL901
    return first, LambdaLR(optimizer, lambda epoch: 0.9**epoch)


def reduce(tensors):
    dist.all_reduce_multigpu(tensors)  # TL901


def check_root(root):
    if isinstance(root, torch._six.string_classes):  # TL901
        root = str(root)
    return root


def old_fft(x: torch.Tensor):
    return torch.fft(x, 2), th.irfft(x, 2, onesided=False)  # TL901


def new_fft(x: torch.Tensor):
    return torch.fft.fft(x), torch.fft.rfft2(x), fft.fftn(x), irfft(rfft(x)), also_fft.ifft(x)


def methods(x: torch.Tensor, y):
    a = x.symeig()  # TL901
    b = y.symeig()
    return a, b, math.inf


def attack(x, loss):
    loss.backward()
    step = x.grad.sign()
    zero_gradients(x)
    return x + step
