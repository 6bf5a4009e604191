"""Deprecated names and keywords in the many ways that they are imported and written."""

import functools

import torch
import torch as th
import torch.nn as nn
import torch.nn.functional as F
import torch.utils.checkpoint as cp
from torch.cuda import amp
from torch.cuda.amp import custom_bwd, custom_fwd
from torch.nn import init
from torch.nn.utils import clip_grad_norm
from torch.utils.checkpoint import checkpoint


class Scale(torch.autograd.Function):
    @staticmethod
    @custom_fwd  # TL902
    def forward(ctx, x):
        return x * 2

    @staticmethod
    @custom_bwd  # TL902
    def backward(ctx, grad):
        return grad * 2


class Trainer:
    def __init__(self, enabled: bool):
        self.autocast = functools.partial(torch.cuda.amp.autocast, dtype=torch.float16)  # TL902
        self.scaler = amp.GradScaler(enabled=enabled)  # TL902
        self.enabled = enabled

    @amp.autocast()  # TL902
    def forward(self, x):
        with amp.autocast(self.enabled):  # TL902
            return x @ x


def weights(layer):
    init.normal(layer.weight, 0, 0.02)  # TL902
    init.kaiming_normal_(layer.weight)
    clip_grad_norm(layer.parameters(), 1.0)  # TL902


def losses(size_average):
    a = nn.CrossEntropyLoss(size_average=True)  # TL902
    b = nn.MSELoss(reduce=False)  # TL902
    c = nn.L1Loss(size_average=False, reduce=True)  # TL902
    d = F.mse_loss(torch.zeros(1), torch.ones(1), size_average=size_average)  # TL902
    return a, b, c, d, nn.BCELoss(reduction="none")


def probabilities(x):
    return F.softmax(x), F.softmax(x, 1), F.log_softmax(x, dim=-1), nn.Softmax()(x)  # TL902


def recompute(layer, x, flags):
    a = checkpoint(layer, x)  # TL902
    b = cp.checkpoint(layer, x, use_reentrant=False)
    c = checkpoint(layer, x, **flags)
    return a, b, c


def adam(p, exp_avg, exp_avg_sq, grad, lr, beta1, beta2, denom):
    exp_avg.mul_(beta1).add_(1 - beta1, grad)  # TL902
    exp_avg_sq.mul_(beta2).addcmul_(1 - beta2, grad, grad)  # TL902
    p.data.addcdiv_(-lr, exp_avg, denom)  # TL902
    p.data.add_(grad, alpha=-lr)


def built():
    return torch.has_cuda, th.backends.cuda.is_built(), torch.qr(torch.eye(2))  # TL902
