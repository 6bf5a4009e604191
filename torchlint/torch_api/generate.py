"""Make the data of this package from an installed torch and the curated tables.

    python -m torchlint.torch_api.generate            write the data files
    python -m torchlint.torch_api.generate --check    say whether they agree with the installed torch

This is the only module of the package that imports torch; it is a tool of the project and is never run by a check.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
ROOTS = (
    "torch.amp",
    "torch.ao.quantization",
    "torch.autograd",
    "torch.backends",
    "torch.compiler",
    "torch.cuda",
    "torch.distributed",
    "torch.distributions",
    "torch.export",
    "torch.fft",
    "torch.func",
    "torch.futures",
    "torch.fx",
    "torch.jit",
    "torch.linalg",
    "torch.mps",
    "torch.multiprocessing",
    "torch.nn",
    "torch.onnx",
    "torch.optim",
    "torch.profiler",
    "torch.quantization",
    "torch.sparse",
    "torch.special",
    "torch.utils.checkpoint",
    "torch.utils.data",
    "torch.xpu",
)
UNWANTED = ("testing", "examples", "benchmark")
MOVED = ("torch.quantization", "torch.nn.quantized", "torch.nn.qat", "torch.nn.intrinsic", "torch.nn.quantizable")
NOT_ALIASED = (*MOVED, "torch.ao", "torch.distributed.elastic", "torch.package", "torch.utils.data.datapipes")
PREFERRED = {"torch.autocast": "torch.amp.autocast"}  # where two public names are equally official
FROM_ELSEWHERE = {  # modules that need more than torch, and functions that are wrapped on import
    "torch.utils.tensorboard.writer.SummaryWriter": "torch.utils.tensorboard.SummaryWriter",
    "torch.random.manual_seed": "torch.manual_seed",
}


def public_modules() -> dict[str, types.ModuleType]:
    """Every importable public module under torch, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for root in ROOTS:
            module = importlib.import_module(root)
            for info in pkgutil.walk_packages(getattr(module, "__path__", []), root + ".", onerror=lambda name: None):
                if _is_public(info.name) and not any(word in info.name for word in UNWANTED):
                    _import(info.name)
    return {
        name: module
        for name, module in sorted(sys.modules.items())
        if name.split(".")[0] == "torch" and _is_public(name) and isinstance(module, types.ModuleType)
    }


def aliases(modules: dict[str, types.ModuleType]) -> dict[str, str]:
    """Second names of classes and functions, each with the name that the documentation uses."""
    known: dict[int, list[str]] = {}
    for module_name, module in modules.items():
        for name, value in vars(module).items():
            if _is_symbol(value) and (not name.startswith("_") or name == "_LRScheduler"):
                known.setdefault(id(value), []).append(f"{module_name}.{name}")
    result: dict[str, str] = {}
    for names in known.values():
        value = _value(names[0], modules)
        official = [name for name in names if _is_official(name, value, modules) and not _under(name, NOT_ALIASED)]
        if len(official) < 2:
            continue
        best = min(official, key=lambda name: (not name.startswith("torch.nn."), name.count("."), len(name), name))
        best = PREFERRED.get(best, best)
        result.update({name: best for name in official if name != best})
    return dict(sorted({**result, **FROM_ELSEWHERE}.items()))


def _under(name: str, packages: tuple[str, ...]) -> bool:
    return any(name.startswith(package + ".") for package in packages)


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception:  # a module for another platform or with a missing companion
        return


def _is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


def _is_symbol(value: Any) -> bool:
    if isinstance(value, type):
        return value.__module__.split(".")[0] == "torch"
    return callable(value) and not isinstance(value, types.ModuleType) and hasattr(value, "__name__")


def _value(name: str, modules: dict[str, types.ModuleType]) -> Any:
    module, _, last = name.rpartition(".")
    return vars(modules[module])[last]


def _is_official(name: str, value: Any, modules: dict[str, types.ModuleType]) -> bool:
    """Whether a name is the place of definition, exported, or re-exported by a package above the definition."""
    module, _, last = name.rpartition(".")
    home = getattr(value, "__module__", None) or ""
    if home == module or last in getattr(modules[module], "__all__", ()):
        return True
    if not home or home.startswith("torch._C"):
        return module in ("torch", "torch.nn.functional", "torch.special", "torch.linalg", "torch.fft")
    if home.split(".")[0] != "torch":
        return False
    return module == "torch" or (hasattr(modules[module], "__path__") and home.startswith(module + "."))


def main() -> int:
    modules = public_modules()
    found = aliases(modules)
    (HERE / "aliases.json").write_text(json.dumps(found, indent=0, separators=(",", ":")) + "\n")
    print(len(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
