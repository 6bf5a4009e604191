"""What an answer rests on is the same whatever was checked before."""

from torchlint.engine import TRIGGERS, Outcome, check
from torchlint.model.project import _CONCERN, Project
from torchlint.packs import load
from torchlint.selection import build
from torchlint.settings import Settings

FILES = {
    "/p/pkg/__init__.py": "",
    "/p/pkg/base.py": "import transformers\n\n\nclass Base(transformers.TrainingArguments):\n    pass\n"
    + "# long\n" * 4000,
    "/p/pkg/middle.py": "import transformers\nfrom .base import Base\n\n\nclass Middle(Base):\n    pass\n"
    + "# long\n" * 4000,
    "/p/pkg/model.py": "import torch\nfrom . import middle\n\n\nclass Net(middle.Middle, torch.nn.Module):\n    pass\n",
    "/p/train.py": """\
import torch
from pkg.model import Net
from missing import thing

net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in thing:
    loss = net(x).sum()
    loss.backward()
    opt.step()
""",
}


def outcomes(order: list[str]) -> dict[str, Outcome]:
    directories = {"/p", "/p/pkg"}
    project = Project(
        "/p", lambda path: FILES[path].encode() if path in FILES else None, exists={*FILES, *directories}.__contains__
    )
    rules = build(Settings("/p"), load())
    return {path: check(path, FILES[path], project, rules) for path in order}


def test_order_of_files_changes_neither_findings_nor_what_they_rest_on() -> None:
    forward, backward = outcomes(sorted(FILES)), outcomes(sorted(FILES, reverse=True))
    assert forward == backward
    assert {path: outcomes([path])[path] for path in FILES} == forward


def test_what_an_answer_rests_on() -> None:
    outcome = outcomes(["/p/train.py"])["/p/train.py"]
    assert [finding.name for finding in outcome.findings] == ["missing-zero-grad"]
    assert "/p/pkg/model.py" in outcome.used
    assert "/p/missing.py" in outcome.sought


def test_files_that_are_checked_are_files_that_imports_are_followed_into() -> None:
    assert all(any(word.decode() in trigger for word in _CONCERN) for trigger in TRIGGERS if trigger != "torchlint:")
