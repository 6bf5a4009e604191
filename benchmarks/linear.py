"""Whether the time for one file grows with its length and no faster: `python benchmarks/linear.py [--lines N]`.

Generated training code of several shapes, at a quarter, a half and the whole of the length. The growth is the exponent
p of time ~ length ** p between the half and the whole; 1 is linear. Exit code 1 if a shape grows faster than the bar.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import measure

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (
    sys.executable,
    "-m",
    "torchlint",
    "check",
    "--isolated",
    "--config=preview=true",
    "--select=ALL",
    "--exit-zero",
    "--no-cache",
    "-j1",
    ".",
)
BAR = 1.35
HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n"

LOOP = """\
def train_{i}(model, loader, optimizer, scheduler, device):
    model.train()
    criterion = nn.CrossEntropyLoss()
    total = 0.0
    for step, (x, y) in enumerate(loader):
        x, y = x.to(device), y.to(device)
        logits = model(x)
        loss = criterion(logits, y) + {i}
        if step % 2 == 0:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    return total / len(loader)

"""
LAYER = """\
class Block{i}(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, {i} + 1)
        self.second = nn.Linear({i} + 1, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        h = F.relu(self.first(x))
        if self.training:
            h = F.dropout(h, 0.1, training=self.training)
        return F.softmax(self.norm(x + self.second(h)), dim=-1)

"""
STEP = """\
        logits = self.model(x)
        loss_{i} = F.cross_entropy(logits, y)
        self.optimizer.zero_grad()
        loss_{i}.backward()
        self.optimizer.step()
"""


def repeated(text: str, lines: int) -> str:
    """A numbered block, as often as fits."""
    return "".join(text.format(i=i) for i in range(max(1, lines // text.count("\n"))))


def functions(lines: int) -> str:
    """Many training functions."""
    return repeated(LOOP, lines)


def classes(lines: int) -> str:
    """Many modules."""
    return repeated(LAYER, lines)


def one_function(lines: int) -> str:
    """One loop with a very long body."""
    return "class Trainer:\n    def fit(self, x, y):\n      for _ in range(3):\n" + repeated(STEP, lines)


def one_class(lines: int) -> str:
    """One class with very many methods that call each other and share attributes."""
    method = "    def step_{i}(self, x, y):\n        self.loss_{i} = F.cross_entropy(self.model(x), y)\n"
    method += "        self.loss_{i}.backward()\n        self.optimizer.step()\n"
    method += "        return self.step_0(x, self.loss_{i})\n\n"
    head = "class Trainer(nn.Module):\n    def __init__(self, model):\n"
    head += "        super().__init__()\n        self.model = model\n"
    return head + "        self.optimizer = torch.optim.SGD(model.parameters(), 0.1)\n\n" + repeated(method, lines)


def branches(lines: int) -> str:
    """One loop with very many branches that assign the same names."""
    branch = "        if kind == {i}:\n            loss = F.cross_entropy(model(x), y) * {i}\n"
    branch += "            optimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
    body = repeated(branch, lines)
    return f"def fit(model, loader, kind):\n    for x, y in loader:\n        loss = 0\n{body}        loss.backward()\n"


def chain(lines: int) -> str:
    """A long if / elif chain."""
    links = repeated("    elif kind == {i}:\n        net = nn.Linear({i}, 1)\n", lines)
    return f"def build(kind):\n    if kind < 0:\n        net = None\n{links}    return net\n"


def calls(lines: int) -> str:
    """Functions that each call the one before."""
    link = "def f_{i}(model, x):\n    model.eval()\n    y = f_{i}_(model, x)\n    return y.softmax(-1)\n\n"
    return "def f_0_(model, x):\n    return model(x)\n\n" + "".join(
        link.format(i=i).replace(f"f_{i}_(", f"f_{i - 1}(" if i else "f_0_(") for i in range(max(1, lines // 5))
    )


def layers(lines: int) -> str:
    """One nn.Sequential of very many layers."""
    return "net = nn.Sequential(\n" + repeated("    nn.Linear({i}, {i} + 1),\n    nn.ReLU(),\n", lines) + ")\n"


def table(lines: int) -> str:
    """A very long dictionary."""
    return "table = {\n" + repeated('    "key_{i}": (torch.float32, {i}),\n', lines) + "}\n"


def script(lines: int) -> str:
    """A very long script without functions, the same names bound over and over."""
    return "model = nn.Linear(2, 2)\nx = torch.zeros(1, 2)\n" + repeated(
        "out_{i} = model(x)\nx = out_{i} * {i}\nprint(x.mean().item())\n", lines
    )


SHAPES: tuple[Callable[[int], str], ...] = (
    functions,
    classes,
    one_function,
    one_class,
    branches,
    chain,
    calls,
    layers,
    table,
    script,
)

DEEP = {
    "sum of 900 terms": "x = " + " + ".join(["torch.ones(1)"] * 900) + "\n",
    "900 chained calls": "x = torch.ones(1)" + ".abs()" * 900 + "\n",
    "sum of 20,000 terms": "x = " + " + ".join(["torch.ones(1)"] * 20_000) + "\n",
    "5,000 chained calls": "x = torch.ones(1)" + ".abs()" * 5_000 + "\n",
    "90 nested parentheses": "x = " + "torch.abs(" * 90 + "1" + ")" * 90 + "\n",
    "95 nested blocks": "".join(f"{' ' * i}if torch.rand(1) > {i}:\n" for i in range(95)) + " " * 95 + "pass\n",
    "18 nested loops": "".join(f"{' ' * i}for a{i} in range(2):\n" for i in range(18))
    + "".join(f"{' ' * i}x = x + a{min(i, 17)}\n" for i in range(18, 0, -1)),
    "60 nested functions": "".join(f"{' ' * i}def f{i}(x):\n" for i in range(60)) + " " * 60 + "return torch.abs(x)\n",
    "3,000 nested subscripts": "x = torch.ones(1)" + "[0]" * 3_000 + "\n",
    "one line of 200,000 numbers": "x = torch.tensor([" + "1, " * 200_000 + "])\n",
}


def main() -> int:
    """Measure and print as Markdown; returns the exit code."""
    parser = argparse.ArgumentParser(description="Growth of the time for one file with its length.")
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one run")
    arguments = parser.parse_args()
    empty = cost("", arguments.limit) or 0.0
    sizes = (arguments.lines // 4, arguments.lines // 2, arguments.lines)
    print("| shape | " + " | ".join(f"{size:,} lines" for size in sizes) + " | growth |\n|---|--:|--:|--:|--:|")
    too_fast = False
    for shape in SHAPES:
        times = [cost(shape(size), arguments.limit) for size in sizes]
        spent = [None if t is None else max(t - empty, 1e-3) for t in times]
        growth = math.log2(spent[2] / spent[1]) if spent[1] and spent[2] else math.inf
        too_fast |= growth > BAR
        cells = " | ".join("failed" if t is None else f"{t:.2f} s" for t in spent)
        print(f"| {(shape.__doc__ or '').rstrip('.')} | {cells} | {growth:.2f} |", flush=True)
    print("\n| deep or wide | CPU |\n|---|--:|")
    for label, source in DEEP.items():
        taken = cost(source, arguments.limit)
        too_fast |= taken is None
        print(f"| {label} | {'failed' if taken is None else f'{taken - empty:.2f} s'} |", flush=True)
    return 1 if too_fast else 0


def cost(source: str, limit: float) -> float | None:
    """CPU seconds of a check of one file with that source; `None` if it failed or took too long."""
    with tempfile.TemporaryDirectory(prefix="torchlint-linear-") as root:
        (Path(root) / "long.py").write_text(HEAD + source)
        try:
            return measure.run(COMMAND, Path(root), limit=limit, environment=os.environ | {"PYTHONPATH": str(ROOT)}).cpu
        except (measure.TooSlow, OSError):
            return None


if __name__ == "__main__":
    sys.exit(main())
