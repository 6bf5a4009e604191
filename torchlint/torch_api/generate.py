"""Make the data of this package from an installed torch and the curated tables.

    python -m torchlint.torch_api.generate            write the data files
    python -m torchlint.torch_api.generate --check    say whether they agree with the installed torch

This is the only module of the package that imports torch; it is a tool of the project and is never run by a check.
"""

from __future__ import annotations

import ast
import datetime
import importlib
import inspect
import json
import pkgutil
import sys
import types
import warnings
from collections.abc import Sequence
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
UNLISTED = ("torch.ao", "torch.distributed.elastic", "torch.package", "torch.utils.data.datapipes", *MOVED)
SIGNED = (
    "torch",
    "torch.amp",
    "torch.cuda",
    "torch.cuda.amp",
    "torch.distributed",
    "torch.distributed.checkpoint",
    "torch.distributed.fsdp",
    "torch.hub",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.parallel",
    "torch.nn.utils",
    "torch.nn.utils.rnn",
    "torch.onnx",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.profiler",
    "torch.utils.checkpoint",
    "torch.utils.data",
)
DECIDES_MODE = {
    "torch.nn.RNNBase": "dropout",
    "torch.nn.MultiheadAttention": "dropout",
    "torch.nn.InstanceNorm1d": "track_running_stats",
    "torch.nn.InstanceNorm2d": "track_running_stats",
    "torch.nn.InstanceNorm3d": "track_running_stats",
}
EXTRA_PURE = ("norm", "lu", "stft", "istft", "split", "unique", "unique_consecutive", "detach", "flip", "to_sparse_coo")
IMPURE = frozenset({"resize", "resize_as", "set", "put", "new", "grad", "storage", "untyped_storage", "data_ptr"})
ALERTING = frozenset(  # aten operations whose CUDA kernels refuse to run in deterministic mode
    {
        "_adaptive_avg_pool2d_backward",
        "_adaptive_avg_pool3d_backward",
        "adaptive_max_pool2d_backward",
        "avg_pool3d_backward",
        "fractional_max_pool2d_backward",
        "fractional_max_pool3d_backward",
        "upsample_linear1d_backward",
        "upsample_bilinear2d_backward",
        "upsample_bicubic2d_backward",
        "upsample_trilinear3d_backward",
        "_upsample_bilinear2d_aa_backward",
        "_upsample_bicubic2d_aa_backward",
        "reflection_pad1d_backward",
        "reflection_pad2d_backward",
        "reflection_pad3d_backward",
        "nll_loss2d_forward",
        "_ctc_loss_backward",
        "grid_sampler_2d_backward",
        "grid_sampler_3d_backward",
        "cumsum",
        "max_unpool2d",
        "max_unpool3d",
    }
)


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


def names(modules: dict[str, types.ModuleType]) -> dict[str, str]:
    """The names in each public module and in `torch.Tensor`, joined by spaces."""
    wanted = {name: module for name, module in modules.items() if not _under(name + ".", UNLISTED)}
    result = {}
    for name, module in wanted.items():
        members = [member for member in dir(module) if not member.startswith("_")]
        result[name] = " ".join(sorted(members))
    result["torch.Tensor"] = " ".join(name for name in dir(torch.Tensor) if not name.startswith("_"))
    return result


def signatures(modules: dict[str, types.ModuleType]) -> dict[str, list[list[Any]]]:
    """The parameters of public functions and classes, one list per overload.

    A parameter is `[name]` or `[name, default]`; `["*"]` stands before keyword-only ones, `["*args"]` and `["**kw"]` for
    open ends; a default that is no plain constant is the string `"..."`.
    """
    result: dict[str, list[list[Any]]] = {}
    for module_name in SIGNED:
        module = modules[module_name]
        for name, value in vars(module).items():
            if not name.startswith("_") and _is_symbol(value) and not _is_foreign(value, module_name):
                found = _python_signature(value)
                if found is not None:
                    result[f"{module_name}.{name}"] = [found]
    stubs = Path(torch.__file__).parent / "_C"
    for name, overloads in _stubbed(stubs / "_VariableFunctions.pyi", None).items():
        if hasattr(torch, name):
            result[f"torch.{name}"] = overloads
        if getattr(torch, name, None) is getattr(torch.nn.functional, name, 0):
            result[f"torch.nn.functional.{name}"] = overloads
    for name, overloads in _stubbed(stubs / "__init__.pyi", "TensorBase").items():
        result[f"torch.Tensor.{name}"] = overloads
    return dict(sorted(result.items()))


def module_classes(modules: dict[str, types.ModuleType]) -> dict[str, list[Any]]:
    """Every public subclass of `torch.nn.Module`: whether train and eval mode differ, and the argument that decides."""
    result: dict[str, list[Any]] = {"torch.nn.Module": [False, ""]}
    for module_name in ("torch.nn", "torch.nn.parallel", "torch.distributed.fsdp", "torch.optim.swa_utils", "torch.fx"):
        for name, value in vars(modules[module_name]).items():
            if isinstance(value, type) and issubclass(value, torch.nn.Module) and not name.startswith("_"):
                result[f"{module_name}.{name}"] = _mode(value)
    return dict(sorted(result.items()))


def pure_tensor_methods() -> list[str]:
    """Methods of a tensor that return a tensor (or several) and change nothing."""
    stub = Path(torch.__file__).parent / "_C" / "__init__.pyi"
    pure = set(EXTRA_PURE)
    for node in _class_body(ast.parse(stub.read_text()), "TensorBase"):
        if isinstance(node, ast.FunctionDef) and node.returns is not None and not node.name.endswith("_"):
            if "Tensor" in ast.unparse(node.returns) or "return_types" in ast.unparse(node.returns):
                pure.add(node.name)
    return sorted(pure - IMPURE)


def deprecations() -> tuple[dict[str, Any], list[str]]:
    """The curated table of deprecations with what torch does today, and the lines that torch contradicts."""
    table = _curated("deprecations.toml")
    wrong = []
    for name, entry in table["removed"].items():
        if not _raises(entry) if "call" in entry else _resolve(name) is not None:
            wrong.append(f"{name} is not removed")
    for keyword, entry in table["removed_keywords"].items():
        if not _raises(entry):
            wrong.append(f"{keyword}= is not removed from {entry['on']}")
    for section in ("deprecated", "deprecated_keywords", "missing_keywords", "scalar_first"):
        for name, entry in table[section].items():
            if section == "deprecated" and _resolve(name) is None:
                wrong.append(f"{name} does not exist")
            elif "call" in entry and not _warns(entry):
                wrong.append(f"{name} does not warn")
    for name, entry in table["documented"].items():
        if _resolve(name) is None:
            wrong.append(f"{name} does not exist")
        elif "call" in entry and _warns(entry):
            wrong.append(f"{name} warns: it belongs into [deprecated]")
    for section, entries in table.items():
        for name, entry in entries.items():
            new = entry.get("new", "torch")
            if "." in new and _resolve(new) is None:
                wrong.append(f"{name}: {new} does not exist")
            _tidy(entry, section)
    return table, wrong


def nondeterministic() -> tuple[dict[str, Any], list[str]]:
    """The curated table of nondeterministic operations, and the lines that a dispatch on meta tensors contradicts."""
    table = _curated("nondeterministic.toml")
    wrong = []
    for name, entry in table.items():
        if _resolve(name) is None:
            wrong.append(f"{name} does not exist")
        for form, expected in (("bad", True), ("good", False)):
            if form in entry and _alerts(entry[form]) is not expected:
                wrong.append(f"{name}: {entry[form]} should {'' if expected else 'not '}reach an alerting kernel")
        for form in ("bad", "good"):
            entry.pop(form, None)
    return table, wrong


def _tidy(entry: dict[str, Any], section: str) -> None:
    entry.pop("call", None)
    if section in ("removed", "removed_keywords") and entry.get("edit") in ("rename", "drop"):
        entry.setdefault("safe", True)


def _curated(name: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    table: dict[str, Any] = tomllib.loads((HERE / "curated" / name).read_text(encoding="utf-8"))
    return table


def _resolve(qualname: str) -> Any:
    parts = qualname.split(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for length in range(len(parts), 0, -1):
            try:
                value: Any = importlib.import_module(".".join(parts[:length]))
            except Exception:
                continue
            for part in parts[length:]:
                if not hasattr(value, part):
                    return None
                value = getattr(value, part)
            return True if value is None or value is False else value
    return None


def _run(expression: str) -> tuple[Exception | None, list[str]]:
    x = torch.randn(3, 3)
    space = {
        "torch": torch,
        "nn": torch.nn,
        "F": torch.nn.functional,
        "x": x,
        "P": x @ x.T + 3 * torch.eye(3),
        "optimizer": torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1),
    }
    if "functorch" in expression:
        space["functorch"] = importlib.import_module("functorch")
    torch.set_warn_always(True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            eval(expression, space)
        except Exception as error:
            return error, []
    return None, [str(warning.message) for warning in caught]


def _raises(entry: dict[str, Any]) -> bool:
    return _run(entry["call"])[0] is not None


def _warns(entry: dict[str, Any]) -> bool:
    error, messages = _run(entry["call"])
    return error is None and bool(messages)


def _alerts(expression: str) -> bool | None:
    """Whether the call or its gradient dispatches to a kernel that deterministic mode refuses on CUDA."""
    from torch.utils._python_dispatch import TorchDispatchMode

    reached: list[str] = []

    class Log(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = func.overloadpacket.__name__
            if name != "cumsum" or args[0].is_floating_point():
                reached.append(name)
            return func(*args, **(kwargs or {}))

    def real(*shape: int) -> torch.Tensor:
        return torch.empty(*shape, device="meta", requires_grad=True)

    def integer(*shape: int) -> torch.Tensor:
        return torch.zeros(*shape, device="meta", dtype=torch.long)

    fill = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        with Log():
            result = eval(
                expression, {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "t": real, "i": integer}
            )
            if result.requires_grad:
                result.sum().backward()
    except RuntimeError as error:
        if "deterministic" in str(error):
            return True
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = fill
    return bool(ALERTING & set(reached))


def _is_foreign(value: Any, module: str) -> bool:
    home = getattr(value, "__module__", None) or "torch"
    return home.split(".")[0] != "torch" or (module != "torch" and not home.startswith(module) and home != "torch._C")


def _python_signature(value: Any) -> list[Any] | None:
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return None
    result: list[Any] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            result.append(["*" + parameter.name])
        elif parameter.kind is parameter.VAR_KEYWORD:
            result.append(["**" + parameter.name])
        else:
            if parameter.kind is parameter.KEYWORD_ONLY and not any(item[0].startswith("*") for item in result):
                result.append(["*"])
            result.append(_with_default(parameter.name, parameter.default))
    return result


def _with_default(name: str, default: Any) -> list[Any]:
    if default is inspect.Parameter.empty:
        return [name]
    return [name, default if isinstance(default, (bool, int, float, str, type(None))) else "..."]


def _stubbed(path: Path, class_name: str | None) -> dict[str, list[list[Any]]]:
    tree = ast.parse(path.read_text())
    body = tree.body if class_name is None else _class_body(tree, class_name)
    result: dict[str, list[list[Any]]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            overload = _stub_parameters(node.args)
            if overload not in result.setdefault(node.name, []):
                result[node.name].append(overload)
    return result


def _class_body(tree: ast.Module, name: str) -> list[ast.stmt]:
    return next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def _stub_parameters(args: ast.arguments) -> list[Any]:
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    result = [
        _stub_parameter(arg, default) for arg, default in zip(positional, defaults, strict=True) if arg.arg != "self"
    ]
    if args.vararg:
        result.append(["*" + args.vararg.arg])
    elif args.kwonlyargs:
        result.append(["*"])
    result += [_stub_parameter(arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    return [*result, ["**" + args.kwarg.arg]] if args.kwarg else result


def _stub_parameter(arg: ast.arg, default: ast.expr | None) -> list[Any]:
    if default is None:
        return [arg.arg]
    return [arg.arg, default.value if isinstance(default, ast.Constant) and default.value is not ... else "..."]


def _mode(cls: type[torch.nn.Module]) -> list[Any]:
    by = next((argument for base, argument in DECIDES_MODE.items() if issubclass(cls, _resolve(base))), "")
    own = [base for base in cls.__mro__ if issubclass(base, torch.nn.Module) and base is not torch.nn.Module]
    return [not by and any("self.training" in _source(base) for base in own), by]


def _source(cls: type) -> str:
    try:
        return inspect.getsource(cls)
    except (OSError, TypeError):
        return ""


def _under(name: str, packages: tuple[str, ...]) -> bool:
    return any(name.startswith(package + ".") for package in packages)


def _files() -> tuple[dict[str, Any], list[str]]:
    modules = public_modules()
    table, wrong = deprecations()
    operations, contradicted = nondeterministic()
    files = {
        "aliases": aliases(modules),
        "names": names(modules),
        "signatures": signatures(modules),
        "modules": module_classes(modules),
        "tensor": {"pure": " ".join(pure_tensor_methods())},
        "deprecations": table,
        "nondeterministic": operations,
    }
    return files, wrong + contradicted


def _text(table: dict[str, Any]) -> str:
    lines = (f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in table.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the data; 0 if all is well, 1 if torch contradicts the tables or the files are stale."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    files, wrong = _files()
    version = torch.__version__.split("+")[0]
    stale = []
    for name, table in files.items():
        path = HERE / f"{name}.json"
        if path.exists() and path.read_text(encoding="utf-8") == _text(table):
            continue
        stale.append(path.name)
        if not check:
            path.write_text(_text(table), encoding="utf-8")
    if stale and not check:
        stamp = {"torch": version, "date": datetime.date.today().isoformat()}
        (HERE / "made_from.json").write_text(json.dumps(stamp) + "\n", encoding="utf-8")
    for line in wrong:
        print(f"torch {version} disagrees: {line}")
    print(f"torch {version}: {'stale' if check else 'written'}: {', '.join(stale) or 'nothing'}")
    return 1 if wrong or (check and stale) else 0


if __name__ == "__main__":
    raise SystemExit(main())
