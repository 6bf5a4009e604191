"""Uses of torch symbols, the checks that guard them, and programs that ask for deterministic algorithms."""

from __future__ import annotations

import pytest

from torchlint.model import Module, Project
from torchlint.model.determinism import asked_for_determinism
from torchlint.model.lifecycle import guarded, imports, reaches, starts_at, uses, version

NAMES = ("torch.symeig", "torch.cuda.amp.autocast", "torch._six", "torch.nn.init.normal")


def module_of(
    files: dict[str, str], lowest: tuple[int, int] | None = None, below: tuple[int, int] | None = None
) -> Module:
    project = Project(
        "/project",
        lambda path: files[path].encode() if path in files else None,
        lowest,
        exists=lambda path: path in files,
        files=lambda: files,
        torch_below=lambda: below,
    )
    first = next(iter(files))
    return Module.build(first, files[first], project)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import torch\ntorch.symeig(x)", ["torch.symeig"]),
        ("import torch as th\nth.cuda.amp.autocast()", ["torch.cuda.amp.autocast"]),
        ("from torch.cuda.amp import autocast as ac\nac()", ["torch.cuda.amp.autocast"]),
        ("from torch.cuda import amp\n@amp.autocast()\ndef f(): ...", ["torch.cuda.amp.autocast"]),
        ("from torch.cuda.amp import autocast\n@autocast\ndef f(): ...", ["torch.cuda.amp.autocast"]),
        ("from torch.cuda.amp.autocast_mode import autocast\nautocast()", ["torch.cuda.amp.autocast"]),
        ("import torch.nn.init as init\ninit.normal(w)", ["torch.nn.init.normal"]),
        ("from torch.nn import *\ninit.normal(w)", []),
        ("from apex import amp\namp.autocast()", []),
        ("import torch\ntorch = fake\ntorch.symeig(x)", []),
        ("def symeig(x): ...\nsymeig(1)", []),
        (
            "try:\n  from torch.amp import autocast\nexcept ImportError:\n  from torch.cuda.amp import autocast\nautocast()",
            [],
        ),
        ("import torch\nisinstance(a, torch._six.string_classes)", []),
    ],
)
def test_uses(text: str, found: list[str]) -> None:
    module = module_of({"/project/a.py": text})
    assert [use.name for use in uses(module, NAMES)] == found


def test_uses_of_what_lies_below_and_of_values() -> None:
    module = module_of({"/project/a.py": "import torch\nx = torch._six.inf\ny = torch.cuda.amp.autocast"})
    assert [use.written for use in uses(module, NAMES, uncalled=("cuda.amp",), owners=("_six.",))] == [
        "torch._six.inf",
        "torch.cuda.amp.autocast",
    ]


def test_imports() -> None:
    text = (
        "import torch\nfrom torch._six import inf\nfrom torch.nn.init import normal_\ndef f():\n  import torch._six\n"
    )
    module = module_of({"/project/a.py": text})
    assert sorted((node.lineno, name) for node, name in imports(module, NAMES)) == [
        (2, "torch._six.inf"),
        (5, "torch._six"),
    ]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("here()", False),
        ("if x > 1:\n  here()", False),
        ("if torch.cuda.is_available():\n  here()", False),
        ("if hasattr(torch, 'symeig'):\n  here()", True),
        ("if version.parse(torch.__version__) < V:\n  pass\nelse:\n  here()", True),
        ("if is_torch_version('>=', '2.0'):\n  here()", True),
        ("if TORCH_2:\n  here()", True),
        ("OLD = torch.__version__ < '2'\nif OLD:\n  here()", True),
        ("y = here() if hasattr(torch, 'a') else None", True),
        ("y = hasattr(torch, 'a') and here()", True),
        ("try:\n  here()\nexcept AttributeError:\n  pass", True),
        ("try:\n  here()\nexcept ValueError:\n  pass", False),
        ("try:\n  pass\nexcept ImportError:\n  here()", True),
        ("try:\n  pass\nexcept ValueError:\n  here()", False),
        ("def f():\n  if TORCH_GE_2:\n    return 1\n  here()", True),
        ("def f():\n  if ready:\n    return 1\n  here()", False),
        ("with pytest.raises(RuntimeError):\n  here()", True),
        ("@pytest.mark.skipif(old, reason='')\ndef test():\n  here()", True),
    ],
)
def test_guarded(text: str, answer: bool) -> None:
    module = module_of({"/project/a.py": "import torch\n" + text})
    (node, _), *_ = module.source.by_name["here"]
    assert guarded(module, node) is answer


def test_versions() -> None:
    assert version("1.13") < version("2.0") < version("2.10")
    module = module_of({"/project/a.py": "import torch"}, lowest=(1, 13), below=(2, 4))
    assert (reaches(module, "2.3"), reaches(module, "2.4")) == (True, False)
    assert (starts_at(module, "1.13"), starts_at(module, "2.0")) == (True, False)
    unknown = module_of({"/project/a.py": "import torch"})
    assert reaches(unknown, "2.13") and starts_at(unknown, "1.0") is None


ON = "torch.use_deterministic_algorithms(True)"
NET = "import torch.nn as nn\n"


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        ({"a.py": f"import torch\n{ON}"}, False),
        ({"a.py": "import torch\ntorch.use_deterministic_algorithms(True, warn_only=True)"}, True),
        ({"a.py": "import torch\ntorch.use_deterministic_algorithms(False)"}, None),
        ({"a.py": "import torch\ntorch.use_deterministic_algorithms(flag)"}, None),
        ({"a.py": f"import torch\nif args.deterministic:\n  {ON}"}, None),
        ({"a.py": f"import torch\nif __name__ == '__main__':\n  {ON}"}, False),
        ({"a.py": f"import torch\ndef seed():\n  {ON}"}, None),
        ({"a.py": f"import torch\ndef seed():\n  {ON}\nseed()"}, False),
        ({"a.py": f"import torch\ndef seed():\n  {ON}\ndef main():\n  seed()"}, False),
        ({"a.py": f"import torch\ndef seed():\n  {ON}\ndef main(o):\n  if o.d:\n    seed()"}, None),
        (
            {"a.py": f"import torch\ndef seed():\n  {ON}\n  run()\n  torch.use_deterministic_algorithms(old)\nseed()"},
            None,
        ),
        ({"a.py": NET, "b.py": f"import a\nimport torch\n{ON}"}, False),
        ({"a.py": NET, "c.py": "import a", "b.py": f"import c\nimport torch\n{ON}"}, False),
        ({"a.py": NET, "b.py": f"import torch\n{ON}"}, None),
        ({"a.py": NET, "test_b.py": f"import a\nimport torch\n{ON}"}, None),
    ],
)
def test_asked_for_determinism(files: dict[str, str], answer: bool | None) -> None:
    asked = asked_for_determinism(module_of({f"/project/{name}": text for name, text in files.items()}))
    assert (asked and asked.warn_only) is answer
