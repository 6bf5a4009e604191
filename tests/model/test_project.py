"""Imports inside a project: which file a name means, and what it is there."""

from __future__ import annotations

import pytest

from tests.model.programs import described, probe, project

NET = "import torch.nn as nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return nn.functional.softmax(x, 1)\n"

LAYOUTS: list[tuple[dict[str, str], str, str]] = [
    ({"train.py": "from model import Net\nprobe(Net())", "model.py": NET}, "train.py", "instance Net"),
    ({"train.py": "import model\nprobe(model.Net())", "model.py": NET}, "train.py", "instance Net"),
    ({"train.py": "import model as m\nprobe(m.Net()(1))", "model.py": NET}, "train.py", "instance Net(...)"),
    ({"pkg/__init__.py": "", "pkg/train.py": "from .model import Net\nprobe(Net())", "pkg/model.py": NET}, "pkg/train.py",
     "instance Net"),
    ({"pkg/__init__.py": "", "pkg/a/__init__.py": "", "pkg/a/train.py": "from ..model import Net\nprobe(Net())",
      "pkg/model.py": NET}, "pkg/a/train.py", "instance Net"),
    ({"pkg/__init__.py": "from .model import Net", "pkg/model.py": NET, "train.py": "from pkg import Net\nprobe(Net())"},
     "train.py", "instance Net"),
    ({"pkg/__init__.py": "from .model import *", "pkg/model.py": NET, "train.py": "import pkg\nprobe(pkg.Net())"},
     "train.py", "instance Net"),
    ({"src/pkg/__init__.py": "", "src/pkg/model.py": NET, "train.py": "from pkg.model import Net\nprobe(Net())"},
     "train.py", "instance Net"),
    ({"__init__.py": "", "p/__init__.py": "", "p/train.py": "from p.model import Net\nprobe(Net())", "p/model.py": NET},
     "p/train.py", "instance Net"),
    ({"__init__.py": "", "p/__init__.py": "", "p/train.py": "from p import model\nprobe(model.Net())", "p/model.py": NET},
     "p/train.py", "instance Net"),
    ({"__init__.py": NET, "train.py": "from p import Net\nprobe(Net())"}, "train.py", "instance Net"),
    ({"pkg/model.py": NET, "train.py": "from pkg.model import Net\nprobe(Net())"}, "train.py", "instance Net"),
    ({"pkg/model.py": NET, "train.py": "import pkg.model\nprobe(pkg.model.Net())"}, "train.py", "instance Net"),
    ({"a/train.py": "from b.model import Net\nprobe(Net())", "b/model.py": NET}, "a/train.py", "instance Net"),
    ({"train.py": "from model import make\nprobe(make())", "model.py": NET + "def make():\n    return Net()"}, "train.py",
     "instance Net"),
    ({"train.py": "from model import N\nprobe(N)", "model.py": "from consts import N", "consts.py": "import torch\nN = 3"},
     "train.py", "3"),
    ({"train.py": "from a import X\nprobe(X)", "a.py": "from b import X  # torch", "b.py": "from a import X  # torch"},
     "train.py", "unknown"),
    ({"train.py": "from model import Net\nprobe(Net())", "model.py": "class Net(  # torch"}, "train.py", "()()"),
    ({"torch.py": "nn = 3", "train.py": "import torch\nprobe(torch.nn)"}, "train.py", "ref torch.nn"),
    ({"train.py": "from elsewhere import Net\nprobe(Net())"}, "train.py", "instance elsewhere.Net"),
    ({"train.py": "from base import Base\nclass Net(Base):\n    pass\nprobe(Net()(1))", "base.py": NET.replace("Net", "Base")},
     "train.py", "instance Net(...)"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "checked", "expected"), LAYOUTS)
def test_import(files: dict[str, str], checked: str, expected: str) -> None:
    assert described(probe(project(files, checked))) == expected


def test_a_base_class_in_another_file_makes_a_module() -> None:
    model = project(
        {"train.py": "from base import Base\nclass Net(Base):\n    pass", "base.py": NET.replace("Net", "Base")}
    )
    assert [cls.name for cls in model.nn_modules] == ["Net"]


def test_an_unknown_base_is_not_guessed() -> None:
    (cls,) = project({"train.py": "from elsewhere import Base\nclass Net(Base):\n    pass"}).classes
    assert cls.is_module is None


def test_an_event_of_another_file_is_placed_at_the_call() -> None:
    model = project(
        {
            "train.py": "from engine import run\nimport torch\no = torch.optim.SGD(p, 1)\nrun(o)\n",
            "engine.py": "import torch\ndef run(optimizer):\n    optimizer.step()\n",
        }
    )
    (event,) = model.traces[0].of("step")
    assert (event.place.path, event.place.span.line) == ("/p/train.py", 4)
    assert (event.own_place.path, event.own_place.span.line) == ("/p/engine.py", 3)


def test_call_sites_are_found_in_other_files() -> None:
    model = project(
        {
            "train.py": "def evaluate(model):\n    model.eval()\n",
            "main.py": "from train import evaluate\nevaluate(1)\nevaluate(2)\n",
            "other.py": "def evaluate(): pass\nevaluate()\n",
        }
    )
    sites = model.call_sites(model.source.functions[0])
    assert sites is not None
    assert len(sites) == 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/train.py", True),
        ("test_train.py", True),
        ("pkg/train_test.py", True),
        ("train.py", False),
        ("latest/x.py", False),
    ],
)
def test_tests_have_no_traces(path: str, expected: bool) -> None:
    model = project({path: "def f(optimizer):\n    optimizer.zero_grad()\n"}, path)
    assert model.is_test is expected
    assert (model.traces == []) is expected
