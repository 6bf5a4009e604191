"""Events in order, and questions about paths: tables of small programs."""

from __future__ import annotations

import pytest

from tests.model.programs import events, module
from torchlint.model import Event, Module, Trace

HEAD = """
import torch
from torch import nn
model = nn.Linear(2, 2)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
scaler = torch.amp.GradScaler("cuda")
"""

ORDERS = [
    ("for x, y in loader:\n    optimizer.zero_grad()\n    criterion(model(x), y).backward()\n    optimizer.step()",
     "zero_grad forward loss backward step"),
    (("for x, y in loader:\n    loss = criterion(model(x), y)\n    scaler.scale(loss).backward()\n    scaler.unscale_(optimizer)\n"
     "    nn.utils.clip_grad_norm_(model.parameters(), 1)\n    scaler.step(optimizer)\n    scaler.update()\n    scheduler.step()"),
     "forward loss backward unscale clip step scaler_update scheduler_step"),
    ("model.train()\nmodel.train(False)\nmodel.eval()\nmodel.train(mode=flag)", "train eval eval mode"),
    ("def step(m, x, y):\n    criterion(m(x), y).backward()\nfor x, y in loader:\n    step(model, x, y)\n    optimizer.step()",
     "forward loss backward step"),
    ("for p in model.parameters():\n    p.grad = None", "zero_grad"),
    ("class T:\n    def __init__(self):\n        self.opt = optimizer\n    def fit(self):\n        self.opt.step()\nT().fit()", "step"),
    ("def f(train=True):\n    if train:\n        model.train()\n    else:\n        model.eval()\nf()\nf(False)", "train eval"),
    ("dist = torch.distributed\ndist.barrier()", "collective"),
    ("model.eval() if late else model.train()", "eval train"),
    ("if __name__ == '__main__':\n    model.eval()", "eval"),
    ("raise SystemExit\nmodel.eval()", ""),
    ("env.step(1)", ""),
    (
        "class L(nn.Module):\n    def forward(self, a, b):\n        return nn.functional.mse_loss(a, b)\nL()(model(x), y)",
        "forward loss forward",
    ),
    ("ddp = nn.parallel.DistributedDataParallel(model)\nddp.train()", "wrap train"),
]  # fmt: skip
OPENING = "optimizer scheduler"


@pytest.mark.parametrize(("program", "expected"), ORDERS)
def test_order(program: str, expected: str) -> None:
    assert events(module(HEAD + program), None) == f"{OPENING} {expected}".rstrip()


def uncleared(model: Module) -> bool:
    """Whether some path leads from a step to the next backward without clearing gradients."""
    return _exists(model, "step", "backward", "zero_grad")


def _exists(model: Module, start: str, goal: str, avoid: str) -> bool:
    def of(kind: str):  # type: ignore[no-untyped-def]
        return lambda event: event.kind == kind

    trace = model.traces[0]
    return any(trace.path(e, of(goal), of(avoid)) is not None for e in trace.of(start))


LOOP = "for i, (x, y) in enumerate(loader):\n    loss = criterion(model(x), y)\n"
PATHS = [
    (LOOP + "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()", False),
    (LOOP + "    loss.backward()\n    optimizer.step()\n    optimizer.zero_grad()", False),
    (LOOP + "    loss.backward()\n    optimizer.step()", True),
    ("optimizer.zero_grad()\n" + LOOP + "    loss.backward()\n    optimizer.step()", True),
    (LOOP + "    loss.backward()\n    if i % 4 == 3:\n        optimizer.step()\n        optimizer.zero_grad()", False),
    (LOOP + "    loss.backward()\n    if i % 4 == 3:\n        optimizer.step()\n    if i % 4 == 3:\n        optimizer.zero_grad()", False),
    (LOOP + "    loss.backward()\n    if i % 4 == 3:\n        optimizer.step()\n    if i % 8 == 3:\n        optimizer.zero_grad()", True),
    (LOOP + "    if not fast:\n        optimizer.zero_grad()\n    if fast:\n        optimizer.zero_grad()\n    loss.backward()\n"
     "    optimizer.step()", False),
    (LOOP + "    if a and b:\n        optimizer.zero_grad()\n    loss.backward()\n    if a:\n        optimizer.step()", True),
    (LOOP + "    loss.backward()\n    optimizer.step()\n    break", False),
    (LOOP + "    if bad:\n        continue\n    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()", False),
    (LOOP + "    try:\n        loss.backward()\n        optimizer.step()\n    finally:\n        optimizer.zero_grad()", False),
    ("def clear(o):\n    o.zero_grad()\n" + LOOP + "    clear(optimizer)\n    loss.backward()\n    optimizer.step()", False),
]  # fmt: skip


@pytest.mark.parametrize(("program", "expected"), PATHS)
def test_path(program: str, expected: bool) -> None:
    assert uncleared(module(HEAD + program)) is expected


def _backward(text: str) -> tuple[Trace, Event]:
    trace = module(HEAD + text).traces[0]
    (event,) = trace.of("backward")
    return trace, event


def test_guards_loops_and_contexts() -> None:
    _, event = _backward(
        "for epoch in range(3):\n    for x, y in loader:\n        with torch.no_grad():\n            if epoch % 2 == 0:\n"
        "                criterion(model(x), y).backward()"
    )
    assert [guard.text for guard in event.guards] == ["epoch % 2 == 0"]
    assert event.guards[0].is_periodic
    assert len(event.loops) == 2
    assert event.no_grad is True


NO_GRAD = [
    ("with torch.no_grad():\n    model(x)", True),
    ("with torch.inference_mode():\n    with torch.enable_grad():\n        model(x)", False),
    ("@torch.no_grad()\ndef f():\n    model(x)\nf()", True),
    ("@torch.inference_mode\ndef f():\n    model(x)\nf()", True),
    ("with torch.set_grad_enabled(False):\n    model(x)", True),
    ("with torch.set_grad_enabled(train):\n    model(x)", None),
    ("with context():\n    model(x)", None),
    ("model(x)", False),
]


@pytest.mark.parametrize(("program", "expected"), NO_GRAD)
def test_no_grad(program: str, expected: bool | None) -> None:
    (event,) = module(HEAD + program).traces[0].of("forward")
    assert event.no_grad is expected


def test_the_key_of_a_wrapped_model_is_the_models() -> None:
    trace = module(
        HEAD
        + "ddp = nn.parallel.DistributedDataParallel(model.cuda())\nddp.train()\nmodel.eval()\ntorch.compile(model).eval()"
    ).traces[0]
    assert len({event.key for event in trace.of("train", "eval")}) == 1


def test_a_huge_function_is_cut_and_says_so() -> None:
    model = module(HEAD + "def f():\n" + "    optimizer.step()\n" * 9000)
    (trace,) = [t for t in model.traces if t.function is not None]
    assert trace.complete is False
