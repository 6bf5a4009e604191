"""The step of training: what an optimizer trains, what a clearing concerns, what an unfollowed call may touch."""

from __future__ import annotations

import pytest

from torchlint.model import Module, Project
from torchlint.model.steps import (
    common_loop,
    concerns,
    differentiated,
    forward_methods,
    gives_parameters,
    has_parameters,
    made_inside,
    may_touch,
    mode_layer,
    one_shot,
    optimizer_of,
    step_in_vain,
    trained_by,
)
from torchlint.model.trace import Trace

HEAD = "import itertools\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\nfrom thirdparty import act\n"


def trace(body: str, name: str = "main") -> Trace:
    """The trace of a function of a small program."""
    text = HEAD + body
    project = Project("/p", lambda path: text.encode() if path == "/p/m.py" else None)
    module = Module.build("/p/m.py", text, project)
    (found,) = [t for t in module.traces if t.function is not None and t.function.name == name]
    return found


TWO = """
def main(x):
    a, b = nn.Linear(2, 3), nn.Linear(3, 4)
    both = nn.Sequential(a, b)
    opt = torch.optim.SGD({given}, lr=0.1)
    for _ in range(3):
        {clear}.zero_grad()
        both(x).sum().backward()
        opt.step()
"""


@pytest.mark.parametrize(
    ("given", "clear", "answer"),
    [
        ("a.parameters()", "opt", True),
        ("a.parameters()", "a", True),
        ("a.parameters()", "b", False),
        ("a.parameters()", "both", True),
        ("both.parameters()", "both", True),
        ("both.parameters()", "a", None),
        ("list(a.parameters()) + list(b.parameters())", "both", True),
        ("itertools.chain(a.parameters(), b.parameters())", "b", None),
        ("[{'params': a.parameters()}]", "a", True),
        ("filter(lambda p: p.requires_grad, a.parameters())", "a", True),
        ("act(a)", "a", None),
        ("act(a)", "opt", True),
    ],
)
def test_what_a_clearing_concerns(given: str, clear: str, answer: bool | None) -> None:
    found = trace(TWO.format(given=given, clear=clear))
    optimizer = optimizer_of(found.of("step")[0])
    assert optimizer is not None
    assert concerns(found.of("zero_grad")[0], optimizer) is answer


@pytest.mark.parametrize(
    ("call", "touched"),
    [
        ("print(model)", False),
        ("act(model)", True),
        ("act(opt)", True),
        ("act([opt])", True),
        ("act(x)", False),
        ("act(loss)", False),
        ("holder.run()", True),
        ("opt.custom()", True),
        ("torch.save(model, 'm.pt')", False),
        ("model.parameters()", False),
    ],
)
def test_what_an_unfollowed_call_may_touch(call: str, touched: bool) -> None:
    body = f"""
def main(x):
    model = nn.Linear(2, 3)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    holder = act(opt)
    for _ in range(3):
        loss = model(x).sum()
        loss.backward()
        {call}
        opt.step()
"""
    found = trace(body)
    step = found.of("step")[0]
    optimizer = optimizer_of(step)
    assert optimizer is not None
    loop = common_loop(step, found.of("backward")[0])
    assert loop is not None
    objects = (optimizer, *(trained_by(optimizer) or ()))
    calls = [event for event in found.inside(loop, "call") if event.node.lineno == 14]
    assert any(may_touch(event, objects) for event in calls) is touched


@pytest.mark.parametrize(
    ("place", "answer"),
    [("before", False), ("inside", True), ("helper", True)],
)
def test_where_an_optimizer_is_made(place: str, answer: bool) -> None:
    make = "opt = torch.optim.SGD(model.parameters(), lr=0.1)"
    body = f"""
def make(model):
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    return opt

def main(x):
    model = nn.Linear(2, 3)
    {make if place == "before" else "pass"}
    for _ in range(3):
        {make if place == "inside" else "opt = make(model)" if place == "helper" else "pass"}
        model(x).sum().backward()
        opt.step()
"""
    found = trace(body)
    step = found.of("step")[0]
    optimizer = optimizer_of(step)
    assert optimizer is not None and step.loop is not None
    assert made_inside(optimizer, step.loop) is answer


@pytest.mark.parametrize(
    ("module", "modes", "parameters"),
    [
        ("nn.Linear(2, 3)", False, True),
        ("nn.ReLU()", False, False),
        ("nn.Dropout(0.5)", True, False),
        ("nn.Dropout(0.0)", False, False),
        ("nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))", True, True),
        ("nn.Sequential(nn.Flatten(), nn.ReLU())", False, False),
        ("nn.LSTM(2, 3)", False, True),
        ("nn.LSTM(2, 3, num_layers=2, dropout=0.1)", True, True),
        ("nn.CrossEntropyLoss()", False, False),
        ("act()", False, None),
    ],
)
def test_what_a_module_has(module: str, modes: bool, parameters: bool | None) -> None:
    found = trace(f"def main(x):\n    m = {module}\n    m.eval()\n    m(x).backward()\n")
    subject = found.of("eval")[0].subject
    assert subject is not None
    assert (mode_layer(subject) is not None) is modes
    assert has_parameters(subject) is parameters


@pytest.mark.parametrize(
    ("second", "known"),
    [("torch.optim.Adam(model.parameters())", True), ("None", True), ("act(model)", False)],
)
def test_an_optimizer_that_a_configuration_chooses(second: str, known: bool) -> None:
    body = f"""
def main(x, name):
    model = nn.Linear(2, 3)
    if name == "sgd":
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
    else:
        opt = {second}
    for _ in range(3):
        opt.zero_grad()
        model(x).sum().backward()
        opt.step()
"""
    found = trace(body)
    optimizer = optimizer_of(found.of("step")[0])
    assert (optimizer is not None) is known
    if optimizer is not None:
        assert concerns(found.of("zero_grad")[0], optimizer) is True
        assert [value.name for value in trained_by(optimizer) or ()] == ["torch.nn.Linear"]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("m.parameters()", True),
        ("filter(None, m.parameters())", True),
        ("(p for p in m.parameters())", True),
        ("itertools.chain(m.parameters())", True),
        ("[p for p in m.parameters()]", False),
        ("list(m.parameters())", False),
        ("[{'params': m.parameters()}]", False),
    ],
)
def test_what_can_be_read_once(value: str, answer: bool) -> None:
    found = trace(f"def main(x):\n    m = nn.Linear(2, 3)\n    nn.utils.clip_grad_norm_({value}, 1.0)\n")
    subject = found.of("clip")[0].subject
    assert subject is not None
    assert one_shot(subject) is answer


@pytest.mark.parametrize(
    ("change", "given"),
    [
        ("model[0] = nn.Linear(2, 2)", True),
        ("model[1] = nn.GELU()", False),
        ("model.extra = nn.Linear(2, 2)", True),
        ("model.extra = nn.Linear(2, 2).requires_grad_(False)", False),
        ("model.scale = nn.Parameter(torch.ones(1))", True),
        ("model.name = 'a'", False),
        ("torch.nn.utils.parametrizations.weight_norm(model[0])", True),
        ("model.load_state_dict(x, assign=True)", True),
        ("model.load_state_dict(x)", False),
        ("model.to('cuda')", False),
    ],
)
def test_what_brings_new_parameters(change: str, given: bool) -> None:
    found = trace(f"""
def main(x):
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    {change}
    model(x).sum().backward()
""")
    assert any(gives_parameters(event) is not None for event in found.events) is given


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        ("F.mse_loss(b(a(x)), y)", ["a", "b"]),
        ("F.mse_loss(b(a(x).detach()), y)", ["b"]),
        ("F.mse_loss(b(x), a(x).argmax(1))", ["b"]),
        ("(a(x) + 0.1 * b(x)).mean()", ["a", "b"]),
        ("a(x).sum() * b(x).item()", ["a"]),
    ],
)
def test_which_modules_a_loss_is_differentiated_through(loss: str, names: list[str]) -> None:
    found = trace(f"""
def main(x, y):
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    loss = {loss}
    loss.backward()
""")
    subject = found.of("backward")[0].subject
    assert subject is not None
    applied = [value.node.func.id for value in differentiated(subject)]  # type: ignore[union-attr]
    assert sorted(applied) == names


@pytest.mark.parametrize(
    ("body", "vain"),
    [
        ("opt.zero_grad(); loss(x).backward(); opt.step()", False),
        ("loss(x).backward(); opt.zero_grad(); opt.step()", True),
        ("opt.zero_grad(); opt.step(); loss(x).backward()", True),
        ("opt.step(); loss(x).backward(); opt.zero_grad()", True),
        ("opt.step(); opt.zero_grad(); loss(x).backward()", False),
        ("loss(x).backward(); opt.step(); opt.zero_grad()", False),
        ("loss(x).backward(); opt.zero_grad(); act(model); opt.step()", False),
        ("loss(x).backward(); act(opt); opt.step()", False),
        ("loss(x).backward(); other.zero_grad(); opt.step()", False),
    ],
)
def test_steps_that_find_no_gradients(body: str, vain: bool) -> None:
    lines = "\n".join(f"        {statement.strip()}" for statement in body.split(";"))
    found = trace(f"""
def main(batches):
    model, other = nn.Linear(2, 2), nn.Linear(2, 2)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss(x):
        return model(x).sum()

    for x in batches:
{lines}
""")
    assert (step_in_vain(found, found.of("step")[0]) is not None) is vain


def test_the_methods_of_a_forward_pass() -> None:
    text = (
        HEAD
        + """
class Net(nn.Module):
    def forward(self, x):
        return self.one(x)

    def one(self, x):
        return self.two(x)

    def two(self, x):
        return x

    def three(self, x):
        return x
"""
    )
    module = Module.build("/p/m.py", text, Project("/p", lambda _: None))
    (net,) = module.nn_modules
    assert {function.name for function in forward_methods(net)} == {"forward", "one", "two"}
