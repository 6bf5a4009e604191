"""What is known of torch, as data; nothing here imports torch, and each file is read when it is first asked for."""

from __future__ import annotations

import functools
import json
import os
from typing import Any

HERE = os.path.dirname(__file__)


def canonical(qualname: str) -> str:
    """The documented name of a torch symbol, `torch.nn.modules.loss.CrossEntropyLoss` -> `torch.nn.CrossEntropyLoss`.

    A name that is not a known second name comes back unchanged.
    """
    return _table("aliases").get(qualname, qualname) if qualname.startswith("torch.") else qualname


@functools.cache
def _table(name: str) -> dict[str, Any]:
    with open(os.path.join(HERE, name + ".json"), encoding="utf-8") as file:
        table: dict[str, Any] = json.load(file)
    return table
