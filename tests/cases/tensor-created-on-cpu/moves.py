"""Moves that are needed, and calls that are no moves."""

import numpy as np
import torch


def moves(rows: list, array: np.ndarray, device: torch.device, like: torch.Tensor) -> list:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.tensor(rows).to(device),
        torch.as_tensor(array).to(device),
        torch.from_numpy(array).cuda(),
        torch.rand(3, generator=generator).to(device),
        torch.zeros(3).to(torch.float16),
        torch.zeros(3).to(dtype=torch.long),
        torch.zeros(3).cpu(),
        torch.zeros(3).to("cpu"),
        torch.zeros_like(like).to(device),
        torch.zeros(3, device=device).to(torch.float16),
        torch.zeros(3).pin_memory().to(device, non_blocking=True),
        torch.empty(1000).normal_(generator=generator).to(device),
    ]


def filled_on_the_host(values: dict, device: torch.device) -> torch.Tensor:
    table = torch.zeros(len(values), 8)
    for row, value in values.items():
        table[row] = torch.as_tensor(value)
    return table.to(device)


if __name__ == "__main__":
    image = torch.randn(1, 3, 64, 64).cuda()
    print(image.mean())
