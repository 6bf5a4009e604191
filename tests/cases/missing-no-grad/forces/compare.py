"""Nothing shows which model is loaded, and one of the project needs gradients to evaluate."""

import torch


def compare(path: str, batches: list[torch.Tensor]) -> list[torch.Tensor]:
    model = torch.load(path, weights_only=False)["model"]
    model.eval()
    found = []
    for batch in batches:
        found.append(model(batch).detach())
    return found
