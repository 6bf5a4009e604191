"""Loads whose result is looked at, or which need no look."""

import logging

import torch
from torch import nn


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(2, 2)

    def load_state_dict(self, state, strict=True, assign=False):
        return super().load_state_dict(state, strict=False)


def load(model: nn.Module, state: dict, strict: bool, unknown) -> object:
    missing, _ = model.load_state_dict(state, strict=False)
    if missing:
        raise ValueError(missing)
    logging.info("%s", model.load_state_dict(state, strict=False))
    result = model.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    model.load_state_dict(state, strict=strict)
    unknown.load_state_dict(state, strict=False)
    state = {name: value for name, value in state.items() if name in model.state_dict()}
    model.load_state_dict(state, strict=False)
    current = model.state_dict()
    current.update(state)
    model.load_state_dict(current, strict=False)
    return model.load_state_dict(state, strict=False)


def second_try(model: nn.Module, path: str) -> None:
    weights = torch.load(path, weights_only=True)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        logging.warning("%s: loading what fits", error)
        model.load_state_dict(weights, strict=False)


def second_try_in_silence(model: nn.Module, path: str) -> None:
    weights = torch.load(path, weights_only=True)
    try:
        model.load_state_dict(weights)
    except RuntimeError:
        logging.warning("loading what fits")
        model.load_state_dict(weights, strict=False)  # TL703
