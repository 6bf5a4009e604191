"""Made and moved in one expression, in all spellings."""

import torch


def made(size: int, device: torch.device) -> list:
    return [
        torch.ones(size).to(device),  # TL601
        torch.full((size, 2), 0.5).to(device=device),  # TL601
        torch.arange(size).cuda(),  # TL601
        torch.eye(size).to("cuda:0"),  # TL601
        torch.zeros(size, dtype=torch.long).to(device, non_blocking=True),  # TL601
    ]
