"""What an expression can be: one table of small programs and the value of what is passed to `probe`."""

from __future__ import annotations

import pytest

from tests.model.programs import described, module, probe

PROGRAMS = [
    ("import torch.nn as nn\nprobe(nn.Linear(1, 2))", "instance torch.nn.Linear"),
    ("from torch import nn\nprobe(nn.Linear(1, 2))", "instance torch.nn.Linear"),
    ("from torch.nn.modules.loss import CrossEntropyLoss as C\nprobe(C())", "instance torch.nn.CrossEntropyLoss"),
    ("import torch\nF = torch.nn.functional\nprobe(F.relu)", "ref torch.nn.functional.relu"),
    ("from torch.nn.functional import *\nprobe(softmax)", "ref torch.nn.functional.softmax"),
    ("def softmax(x): return 3\nprobe(softmax(1))", "3"),
    ("import torch\ntorch = object()\nprobe(torch)", "object()"),
    ("try:\n    from torch.amp import autocast\nexcept ImportError:\n    from torch.cuda.amp import autocast\nprobe(autocast)",
     "ref torch.amp.autocast | ref torch.cuda.amp.autocast"),
    ("a, (b, c) = 1, (2, 3)\nprobe(c)", "3"),
    ("a, *b = 1, 2, 3\nprobe(b)", "unknown"),
    ("x = 1\nif y:\n    x = 2\nprobe(x)", "1 | 2"),
    ("def f(y):\n    x = 1\n    if y:\n        x = 2\n        return x\n    probe(x)", "1"),
    ("def f(y):\n    x = 1\n    while y:\n        probe(x)\n        x = 2", "1 | 2"),
    ("def f(y):\n    for i in y:\n        x = 2\n        break\n    else:\n        x = 3\n    probe(x)", "2 | 3"),
    ("def f():\n    try:\n        x = 1\n    except E:\n        x = 2\n    probe(x)", "1 | 2"),
    ("def f(y):\n    x = 1\n    with y:\n        x = 2\n    probe(x)", "2"),
    ("def f(x, n=3):\n    probe(n)", "param n"),
    ("def f(n=3):\n    return n\nprobe(f())", "3"),
    ("def f(n=3):\n    return n\nprobe(f(n=4))", "4"),
    ("def f(*args, n=3):\n    return n\nprobe(f(**k))", "unknown"),
    ("def f(x):\n    return f(x)\nprobe(f(1))", "()()"),
    ("def f(x):\n    yield x\nprobe(f(1))", "()()"),
    ("def f(k):\n    if k:\n        return 1\n    return 'a'\nprobe(f(1))", "'a' | 1"),
    ("d = {'a': 1, 'b': 2}\nprobe(d['b'])", "2"),
    ("d = {'a': 1}\nd['a'] = 5\nprobe(d['a'])", "5"),
    ("def f(c):\n    c.lr = 5\n    probe(c.lr)", "5"),
    ("def f(c):\n    c.lr = 5\n    c = g()\n    probe(c.lr)", "attribute lr of ()()"),
    ("def f(c):\n    if c:\n        c.lr = 5\n    probe(c.lr)", "5 | attribute lr of param c"),
    ("probe(2 * 3 + 1)", "7"),
    ("probe(-1)", "-1"),
    ("x = 1\nx += 2\nprobe(x)", "binary"),
    ("probe([1, 2][0])", "1"),
    ("for i, (x, y) in enumerate(loader):\n    probe(y)", "item of element of unknown"),
    ("def f(loader):\n    for i, (x, y) in enumerate(loader):\n        probe(y)", "item of element of param loader"),
    ("probe([x for x in (1, 1)])", "[for]()"),
    ("f = lambda x: x\nprobe(f(2))", "2"),
    ("def f():\n    def g():\n        return k\n    k = 4\n    return g()\nprobe(f())", "4"),
    ("class A:\n    x = 3\nprobe(A.x)", "3"),
    ("class A:\n    x = 3\nclass B(A):\n    pass\nprobe(B().x)", "3"),
    ("class A:\n    def __init__(self, n=2):\n        self.n = n\nprobe(A(5).n)", "5"),
    ("class A:\n    def __init__(self, n=2):\n        self.n = n\nprobe(A().n)", "2"),
    ("class A:\n    def __init__(self):\n        self.n = None\n    def setup(self):\n        self.n = 7\nprobe(A().n)", "7"),
    ("class A:\n    def __init__(self):\n        self.n = 1\n    def g(self):\n        self.n = 2\n        probe(self.n)", "2"),
    (("class A:\n    def __init__(self):\n        self.n = 1\n    def g(self):\n        self.n = 2\n        self.h()\n"
     "        probe(self.n)\n    def h(self):\n        self.n = 3"), "1 | 2 | 3"),
    ("class A:\n    @property\n    def n(self):\n        return 4\nprobe(A().n)", "4"),
    ("class A:\n    @staticmethod\n    def n(x):\n        return x\nprobe(A.n(3))", "3"),
    ("import torch.nn as nn\nclass N(nn.Module):\n    def forward(self, x):\n        return x, 3\na, b = N()(1)\nprobe(b)", "3"),
    ("import torch.nn as nn\nm = nn.Sequential(nn.Linear(1, 2), nn.ReLU())\nprobe(m(x).view(-1))",
     "instance torch.nn.Sequential(...).view()"),
    ("import torch.nn as nn\nm = nn.Linear(1, 2).cuda()\nprobe(m.eval())", "instance torch.nn.Linear"),
    ("import torch.nn as nn\ndef f(model: nn.Module):\n    probe(model)", "param model"),
    ("import torch\ndef f(o: torch.optim.Optimizer):\n    probe(o)", "instance torch.optim.Optimizer"),
    ("class A:\n    pass\ndef f(a: A):\n    probe(a)", "instance A"),
    ("class A:\n    pass\ndef f(a: A = None):\n    probe(a)", "param a"),
    ("import functools, torch\nprobe(getattr(torch.optim, 'SGD'))", "ref torch.optim.SGD"),
    (("from accelerate import Accelerator\nimport torch.nn as nn\nacc = Accelerator()\nm = nn.Linear(1, 2)\n"
     "m, o = acc.prepare(m, o)\nprobe(m)"), "instance torch.nn.Linear"),
    ("x = y = None\nx = x or 3\nprobe(x)", "3 | None"),
    ("x: int\nprobe(x)", "unknown"),
    ("global_ = 1\ndef f():\n    global global_\n    global_ = 2\n    probe(global_)", "1 | 2"),
    ("import copy, torch.nn as nn\nm = nn.Linear(1, 1)\nfor _ in r:\n    m = copy.deepcopy(m)\nprobe(m)",
     "copy.deepcopy() | instance torch.nn.Linear"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "expected"), PROGRAMS, ids=[f"{i}" for i in range(len(PROGRAMS))])
def test_value(program: str, expected: str) -> None:
    assert described(probe(module(program))) == expected


def test_identity_of_objects() -> None:
    model = module(
        """
        import torch
        from torch import nn

        class Trainer:
            def __init__(self, net):
                self.net = net
                self.opt = torch.optim.SGD(net.parameters(), 0.1)

            def one(self):
                probe(self.opt)

            def two(self):
                opt = self.opt
                probe(opt)

        other = torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
        probe(other)
        """
    )
    keys = [model.value(call.args[0]).key for call, _ in model.source.by_name["probe"]]
    third, first, second = keys
    assert first == second
    assert first != third


def test_a_wrapper_that_holds_itself_is_unwrapped_in_finite_time() -> None:
    model = module(
        """
        import torch
        from torch import nn

        def f(model, n):
            for _ in range(n):
                model = torch.compile(model)
                model = nn.DataParallel(model)
                model.train()
        """
    )
    assert [event.key for trace in model.traces for event in trace.of("train")]
