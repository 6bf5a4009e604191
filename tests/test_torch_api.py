"""The tables about torch: what they answer, and that they agree with the torch that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from torchlint import torch_api


@pytest.mark.parametrize(
    ("name", "documented"),
    [
        ("torch.nn.modules.loss.CrossEntropyLoss", "torch.nn.CrossEntropyLoss"),
        ("torch.nn.modules.Linear", "torch.nn.Linear"),
        ("torch.nn.parameter.Parameter", "torch.nn.Parameter"),
        ("torch.nn.parallel.DataParallel", "torch.nn.DataParallel"),
        ("torch.nn.utils.clip_grad.clip_grad_norm_", "torch.nn.utils.clip_grad_norm_"),
        ("torch.optim.adamw.AdamW", "torch.optim.AdamW"),
        ("torch.utils.data.dataloader.DataLoader", "torch.utils.data.DataLoader"),
        ("torch.utils.data.distributed.DistributedSampler", "torch.utils.data.DistributedSampler"),
        ("torch.autocast", "torch.amp.autocast"),
        ("torch.cuda.amp.autocast_mode.autocast", "torch.cuda.amp.autocast"),
        ("torch.autograd.no_grad", "torch.no_grad"),
        ("torch.serialization.load", "torch.load"),
        ("torch.random.manual_seed", "torch.manual_seed"),
        ("torch.distributed.distributed_c10d.all_reduce", "torch.distributed.all_reduce"),
        ("torch.quantization.prepare", "torch.quantization.prepare"),
        ("torch.nn.Linear", "torch.nn.Linear"),
        ("numpy.random.seed", "numpy.random.seed"),
    ],
)
def test_canonical_is_the_documented_name(name: str, documented: str) -> None:
    assert torch_api.canonical(name) == documented


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("torch.nn.Linear", True),
        ("torch.nn.functional", True),
        ("torch.Tensor.cumsum", True),
        ("torch.solve", True),  # still there, as a stub that raises
        ("torch.rfft", False),
        ("torch.nn.Linaer", False),
        ("torch.nn.Linear.weight", None),
        ("torch._C._cuda_init", None),
        ("torchvision.models.resnet18", None),
    ],
)
def test_exists_has_three_answers(name: str, answer: bool | None) -> None:
    assert torch_api.exists(name) is answer


def test_a_signature_knows_order_defaults_and_keywords() -> None:
    found = torch_api.signature("torch.nn.functional.cross_entropy")
    assert found is not None
    assert [one.name for one in found.positional][:3] == ["input", "target", "weight"]
    assert {one.name: one.default for one in found.positional}["reduction"] == "mean"
    assert "label_smoothing" in {one.name for one in found.positional + found.keyword_only} and not found.any_keyword
    assert torch_api.signature("torch.nn.modules.linear.Linear") == torch_api.signature("torch.nn.Linear")
    assert len(torch_api.signatures("torch.Tensor.max")) > 1
    assert torch_api.signature("torch.no_such_thing") is None


@pytest.mark.parametrize(
    ("name", "status", "new"),
    [
        ("torch.cuda.amp.autocast", "deprecated", "torch.amp.autocast"),
        ("torch.solve", "removed", "torch.linalg.solve"),
        ("torch._six", "removed", ""),
        ("torch.utils.data.datapipes", "documented", ""),
        ("torch.svd", "documented", "torch.linalg.svd"),
    ],
)
def test_deprecated(name: str, status: str, new: str) -> None:
    found = torch_api.with_status("removed", "deprecated", "documented")[name]
    assert (found.status, found.new) == (status, new)


@pytest.mark.parametrize(
    "name", ["torch.linalg.solve", "torch.fft.rfft", "torch.floor_divide", "torch.nonzero", "torch.jit.ignore", "torch"]
)
def test_not_deprecated(name: str) -> None:
    found = torch_api.with_status("removed", "deprecated", "documented").get(name)
    assert found is None or found.only_called


def test_versions_are_in_order() -> None:
    def number(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split("."))

    for entry in torch_api._deprecated().values():
        assert not entry.removed or number(entry.since) < number(entry.removed), entry
        assert not entry.new or entry.new_since, entry


def test_nondeterministic_knows_what_must_never_be_flagged() -> None:
    names = torch_api.nondeterministic_names()
    assert "torch.nn.AdaptiveMaxPool2d" in names
    for clean in (
        "torch.kthvalue",
        "torch.index_add",
        "torch.scatter_add",
        "torch.gather",
        "torch.nn.MaxPool2d",
        "torch.mm",
    ):
        assert clean not in names
    pool = torch_api.nondeterministic("torch.nn.AdaptiveAvgPool2d")
    assert pool is not None and pool.unless == (("output_size", 0, 1, (1, 1)),)


def test_modules_say_whether_their_modes_differ() -> None:
    classes = torch_api.module_classes()
    assert classes["torch.nn.Dropout"].mode_dependent
    assert classes["torch.nn.BatchNorm2d"].mode_dependent
    assert not classes["torch.nn.LayerNorm"].mode_dependent
    assert not classes["torch.nn.Linear"].mode_dependent
    assert classes["torch.nn.LSTM"] == (False, "dropout")


def test_pure_tensor_methods() -> None:
    pure = torch_api.pure_tensor_methods()
    assert {"to", "detach", "clone", "float", "view", "squeeze", "clamp", "masked_fill", "cuda", "softmax"} <= pure
    assert not {"backward", "copy_", "item", "register_hook", "size", "requires_grad_"} & pure


def test_nothing_is_read_or_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, torchlint.torch_api as t; assert t._table.cache_info().currsize == 0; "
        "t.canonical('numpy.zeros'); assert t._table.cache_info().currsize == 0; "
        "t.canonical('torch.nn.Linear'); assert t._table.cache_info().currsize == 1; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_data_agree_with_the_installed_torch() -> None:
    torch = pytest.importorskip("torch")
    if torch.__version__.split("+")[0] != torch_api.made_from()["torch"] or torch.version.cuda:
        pytest.skip("the data were made from the CPU build of another torch")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "torchlint.torch_api.generate", "--check"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout


def test_the_files_are_plain_and_small() -> None:
    for name in ("aliases", "deprecations", "nondeterministic", "modules", "tensor"):
        path = os.path.join(torch_api.HERE, name + ".json")
        assert os.path.getsize(path) < 100_000
        with open(path, encoding="utf-8") as file:
            assert isinstance(json.load(file), dict)


def test_every_signature_is_found_on_its_line() -> None:
    table = json.loads((Path(torch_api.HERE) / "signatures.json").read_text(encoding="utf-8"))
    assert {name: torch_api._overloads(name) for name in table} == table
    assert torch_api.signatures("torch.nowhere") == ()
