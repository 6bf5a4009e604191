"""Several scaled passes in an inner loop, one clipped step after it."""

import torch
from torch import nn


def roll_out(model: nn.Module, loader, horizon: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    scaler = torch.amp.GradScaler("cuda")
    for x, targets in loader:
        for i in range(horizon):
            with torch.autocast("cuda"):
                x = model(x)
                loss = nn.functional.mse_loss(x, targets[i])
            if i % 2 == 0:
                scaler.scale(loss).backward()
            x = x.detach()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # TL801
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()


def roll_out_unscaled(model: nn.Module, loader, horizon: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    scaler = torch.amp.GradScaler("cuda")
    for x, targets in loader:
        for i in range(horizon):
            with torch.autocast("cuda"):
                x = model(x)
                loss = nn.functional.mse_loss(x, targets[i])
            scaler.scale(loss).backward()
            x = x.detach()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
