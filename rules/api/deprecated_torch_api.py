"""The code uses a name or keyword that torch has deprecated: it warns now and will be gone.

`torch.cuda.amp`, numbers in front of tensors (`p.add_(-lr, grad)`), `reduction` spelled as `size_average`, initialisers
without their underscore: all still work in torch 2.13, and print a warning that a training log swallows. Where the
successor takes the same arguments the fix is exact: ten steps of training in the old and in the new spelling end in
bitwise the same weights, with 53 warnings and with none.

```py bad
import torch
from torch import nn
from torch.cuda.amp import GradScaler, autocast


def train(model: nn.Module, loader, optimizer, criterion):
    model.train()
    scaler = GradScaler()  # TL902
    for x, y in loader:
        x, y = x.cuda(), y.cuda()
        optimizer.zero_grad()
        with autocast():  # TL902
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
```

```py fixed
import torch
from torch import nn
from torch.cuda.amp import GradScaler, autocast


def train(model: nn.Module, loader, optimizer, criterion):
    model.train()
    scaler = torch.amp.GradScaler("cuda")
    for x, y in loader:
        x, y = x.cuda(), y.cuda()
        optimizer.zero_grad()
        with torch.amp.autocast("cuda"):
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
```

```py bad
import torch
import torch.nn as nn
import torch.nn.functional as F


def init(layer: nn.Linear) -> None:
    nn.init.xavier_uniform(layer.weight)  # TL902
    nn.init.constant(layer.bias, 0.0)  # TL902


def grid(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width))  # TL902
    return torch.stack((rows, columns))


def enlarge(x: torch.Tensor) -> torch.Tensor:
    return F.upsample(x, scale_factor=2)  # TL902
```

```py fixed
import torch
import torch.nn as nn
import torch.nn.functional as F


def init(layer: nn.Linear) -> None:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.constant_(layer.bias, 0.0)


def grid(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((rows, columns))


def enlarge(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2)
```

```py bad
import torch
from torch import nn

criterion = nn.MSELoss(size_average=False)  # TL902


@torch.no_grad()
def sgd(parameters: list[nn.Parameter], lr: float) -> None:
    for p in parameters:
        if p.grad is not None:
            p.add_(-lr, p.grad)  # TL902
```

```py fixed
import torch
from torch import nn

criterion = nn.MSELoss(reduction="sum")


@torch.no_grad()
def sgd(parameters: list[nn.Parameter], lr: float) -> None:
    for p in parameters:
        if p.grad is not None:
            p.add_(p.grad, alpha=-lr)
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, optimizer, criterion):
    model.train()
    scaler = torch.amp.GradScaler("cuda")
    for x, y in loader:
        x, y = x.cuda(), y.cuda()
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
```

Code that picks the old name where the new one is missing is left alone:

```py good
import torch

try:
    from torch.amp import GradScaler
except ImportError:
    from torch.cuda.amp import GradScaler

if hasattr(torch.amp, "custom_fwd"):
    custom_fwd = torch.amp.custom_fwd(device_type="cuda")
else:
    custom_fwd = torch.cuda.amp.custom_fwd


def scaler():
    return GradScaler()
```

```py good
import torch
import numpy as np
from torch import nn


class Meter:
    def add(self, weight, value):
        self.total = getattr(self, "total", 0) + weight * value


def report(meter: Meter, x: torch.Tensor):
    meter.add(2, x.mean().item())
    rows, columns = np.meshgrid(np.arange(3), np.arange(4))
    nn.init.xavier_uniform_(torch.empty(3, 3))
    return torch.meshgrid(torch.arange(2), torch.arange(2), indexing="xy"), rows, columns
```

## When it is fine

A project that still supports a torch without the successor cannot move yet: the versions it allows are read from its
dependencies, and a finding appears only if the whole range has the successor. If no version is declared, today's torch is
assumed, but a successor from the last three versions is then left unmentioned. What torch itself deprecates without a successor of the same kind (`torch.jit`) is reported once per file.
`documented = true` adds what only the documentation calls obsolete and nothing warns about (`torch.norm`, `Variable`,
`nn.DataParallel`).

## Not seen

Deprecations that depend on values (a `uint8` mask as an index, `.T` of a tensor with three dimensions), and methods of
objects that are not known to be tensors.

## Fix safety

Safe: the successor computes the same numbers from the same arguments; the drop-in replacements were run against the
originals. `use_reentrant=` has no safe value: the old default `True` is on its way out, `False` changes how hooks and
random state behave inside the checkpoint.

## References

- https://docs.pytorch.org/docs/stable/amp.html
- https://github.com/pytorch/pytorch/releases
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from torchlint.api import (
    Call,
    Category,
    Evidence,
    Finding,
    Findings,
    Fix,
    Measured,
    Module,
    Use,
    Verb,
    add_argument,
    append_call,
    ensure_import,
    finding,
    guarded,
    is_tensor,
    reaches,
    remove_argument,
    remove_keyword,
    rename,
    rename_attribute,
    rename_keyword,
    replace,
    roles,
    rule,
    set_keyword,
    starts_at,
    torch_api,
    uses,
)

Entry = torch_api.Deprecated
Fixes = Fix | None

LOSSES = (*roles.CRITERIA, *roles.LOSS_FUNCTIONS)
TYPE_TESTS = ("isinstance", "issubclass", "cast", "typing.cast")
VALUES = ("cuda.amp", "cpu.amp", "torch.has_", "th.has_")  # names that are used without a call


@rule("TL902", "deprecated-torch-api", Category.SUSPICIOUS, since="0.1", options={"documented": False})
def check(module: Module) -> Findings:
    statuses = ("deprecated", "documented") if module.option("documented") else ("deprecated",)
    table = torch_api.with_status(*statuses)
    told: set[str] = set()
    for use in uses(module, table, uncalled=VALUES, owners=("reduce_op.",)):
        entry = table[use.name]
        if (
            not _concerns(module, entry)
            or _names_a_type(module, use)
            or guarded(module, use.node)
            or (not entry.edit and use.name in told)
        ):
            continue
        told.add(use.name)
        yield _finding(module, use.node, f"`{module.code(use.node)}` is", entry, _symbol_fix(module, use, entry))
    yield from _methods(module, table)
    yield from _keywords(module)
    yield from _missing(module)
    yield from _scalar_first(module)


def _concerns(module: Module, entry: Entry) -> bool:
    """Whether some torch that the project allows warns, and every one of them has the successor."""
    return (
        reaches(module, entry.since) and starts_at(module, entry.new_since if entry.edit else entry.since) is not False
    )


def _names_a_type(module: Module, use: Use) -> bool:
    """Whether the name stands in an annotation, in `isinstance` or as a base: nothing warns there."""
    child, parent = use.node, module.parent(use.node)
    while use.call is None and parent is not None and not isinstance(parent, ast.stmt):
        if isinstance(parent, ast.arg) or (isinstance(parent, ast.Call) and module.code(parent.func) in TYPE_TESTS):
            return True
        child, parent = parent, module.parent(parent)  # type: ignore[assignment]
    if use.call is not None or isinstance(parent, ast.ClassDef):
        return use.call is None
    return child in (getattr(parent, "annotation", None), getattr(parent, "returns", None))


def _methods(module: Module, table: Mapping[str, Entry]) -> Iterator[Finding]:
    methods = {name.rpartition(".")[2]: entry for name, entry in table.items() if ".Tensor." in name}
    for call in module.calls(*(f".{method}" for method in methods)):
        entry = methods[getattr(call.node.func, "attr", "")]
        if _concerns(module, entry) and is_tensor(call.receiver) and not guarded(module, call.node):
            yield _finding(module, call.node, f"`{module.code(call.node.func)}` is", entry, None)


def _keywords(module: Module) -> Iterator[Finding]:
    for keyword, entry in torch_api.keywords_with_status("deprecated").items():
        if keyword not in module.source.keywords or not _concerns(module, entry):
            continue
        for use in uses(module, LOSSES if entry.on == "loss" else (entry.on,)):
            names = [item.arg for item in use.call.keywords] if use.call is not None else []
            if keyword not in names or (keyword == "reduce" and "size_average" in names) or guarded(module, use.node):
                continue
            assert use.call is not None
            what = f"`{keyword}=` of `{module.code(use.node)}` is"
            yield _finding(module, use.call, what, entry, _keyword_fix(use.call, keyword, entry))


def _missing(module: Module) -> Iterator[Finding]:
    table = torch_api.missing_keywords()
    for use in uses(module, table):
        entry = table[use.name]
        if use.call is None or _may_pass(use.call, entry) or not _concerns(module, entry):
            continue
        if guarded(module, use.node):
            continue
        what = f"`{module.code(use.node)}` without `{entry.keyword}=` is"
        fix = None
        if entry.edit == "add":
            verbs = [set_keyword(use.call, name, code) for name, code in entry.add]
            fix = Fix.safe(f"Spell out {entry.keyword}=, whose default this is", *verbs)
        yield _finding(module, use.call, what, entry, fix)


def _scalar_first(module: Module) -> Iterator[Finding]:
    for method, entry in torch_api.scalar_first_methods().items():
        for node, scope in (*module.source.by_name.get(f"{method}_", ()), *module.source.by_name.get(method, ())):
            if not isinstance(node.func, ast.Attribute) or len(node.args) != entry.arity or node.keywords:
                continue
            call = Call(module, node, scope)
            tensor = is_tensor(call.receiver)
            if tensor is False or (tensor is None and not node.func.attr.endswith("_")):
                continue
            if _is_number(call) and not guarded(module, node):
                verbs = (
                    remove_argument(node, node.args[0]),
                    set_keyword(node, entry.keyword, _text(module, node.args[0])),
                )
                fix = Fix.safe(f"Pass the number as {entry.keyword}=", *verbs)
                what = f"the number in front in `{module.code(node.func)}(...)` is"
                yield _finding(module, node, what, entry, fix)


def _is_number(call: Call) -> bool:
    """Whether the first argument is not a tensor, as far as the code tells, and the second may be one."""
    first, second = call.argument(0), call.argument(1)
    return first is not None and second is not None and is_tensor(first) is not True and second.kind != "const"


def _may_pass(call: ast.Call, entry: Entry) -> bool:
    found = torch_api.signatures(entry.name)
    names = [parameter.name for parameter in found[0].positional] if found else []
    position = names.index(entry.keyword) if entry.keyword in names else None
    if any(item.arg in (entry.keyword, None) for item in call.keywords):
        return True
    if position is None:
        return False
    return len(call.args) > position or any(isinstance(arg, ast.Starred) for arg in call.args)


def _finding(module: Module, node: ast.AST, what: str, entry: Entry, fix: Fixes) -> Finding:
    status = "obsolete" if entry.status == "documented" else "deprecated"
    successor = f"; its successor is `{entry.new}`" if "." in entry.new else ""
    note = f" ({entry.note})" if entry.note else ""
    return finding(module.place(node), f"{what} {status} since torch {entry.since}{successor}{note}", fix=fix)


def _symbol_fix(module: Module, use: Use, entry: Entry) -> Fixes:
    node, call, title = use.node, use.call, f"Replace by {entry.new}"
    imported = ensure_import(entry.new.partition(".")[0])
    named = rename(node, entry.new)
    owner, _, last = entry.new.rpartition(".")
    if isinstance(node, ast.Attribute) and use.written == entry.name and entry.name.rpartition(".")[0] == owner:
        named = rename_attribute(node, last)
    if use.written != entry.name and use.written.startswith(entry.name):  # a member of what is deprecated
        named = rename(node, entry.new + use.written[len(entry.name) :])
        return Fix.safe(title, named, imported) if entry.edit == "rename" else None
    if entry.edit == "call" and call is None:
        return Fix.safe(title, rename(node, entry.new), append_call(node), imported)
    if entry.edit == "device-keyword" and (call is not None or use.decorates):
        keyword = f'device_type="{entry.device}"'
        if call is None:
            return Fix.safe(title, replace(node, f"{entry.new}({keyword})"), imported)
        return Fix.safe(title, named, set_keyword(call, "device_type", f'"{entry.device}"'), imported)
    if call is None:
        plain = entry.edit == "rename" and not entry.add and entry.arguments is None
        return Fix.safe(title, named, imported) if plain else None
    keywords = {item.arg for item in call.keywords}
    starred = any(isinstance(arg, ast.Starred) for arg in call.args)
    if entry.edit == "rename":
        if entry.arguments is not None and (len(call.args) > entry.arguments or keywords & {*entry.unless_edit, None}):
            return None
        if keywords & {name for name, _ in entry.add} or (entry.add and None in keywords):
            return None
        return Fix.safe(title, named, *(set_keyword(call, name, code) for name, code in entry.add), imported)
    if entry.edit == "list" and not starred and not call.keywords:
        operands = ", ".join(_text(module, arg) for arg in call.args)
        return Fix.safe(title, replace(call, f"{entry.new}([{operands}])"), imported)
    if entry.edit == "device" and not starred:
        return _with_device(module, call, named, imported, entry)
    return None


def _with_device(module: Module, call: ast.Call, named: Verb, imported: Verb, entry: Entry) -> Fixes:
    title = f"Replace by {entry.new} with the device"
    if not call.args:
        return Fix.safe(title, named, add_argument(call, f'"{entry.device}"'), imported)
    if len(call.args) > len(entry.positional) > 0:
        return None
    given = [_text(module, arg) for arg in call.args]
    if entry.positional:
        given = [f"{name}={code}" for name, code in zip(entry.positional, given, strict=False)]
    given += [
        f"{item.arg}={_text(module, item.value)}" if item.arg else f"**{_text(module, item.value)}"
        for item in call.keywords
    ]
    code = f'{entry.new}("{entry.device}", {", ".join(given)})'
    return Fix.safe(title, replace(call, code), imported)


def _text(module: Module, node: ast.expr) -> str:
    """An expression as it is written, if that is one line."""
    written = module.excerpt(node)
    return written if "\n" not in written else module.code(node)


def _keyword_fix(node: ast.Call, keyword: str, entry: Entry) -> Fixes:
    if entry.edit == "drop":
        title = f"Drop {keyword}="
        return Fix.safe(title, remove_keyword(node, keyword)) if entry.safe else None
    if entry.edit == "keyword":
        return Fix.safe(f"Call it {entry.new}=", rename_keyword(node, keyword, entry.new))
    if entry.edit != "reduction":
        return None
    given = {item.arg: item.value for item in node.keywords}
    averaged, reduced = (given.get(name, ast.Constant(True)) for name in ("size_average", "reduce"))
    if "reduction" in given or not isinstance(averaged, ast.Constant) or not isinstance(reduced, ast.Constant):
        return None
    reduction = "none" if reduced.value is False else "sum" if averaged.value is False else "mean"
    old = [name for name in ("size_average", "reduce") if name in given]
    verbs = [remove_keyword(node, name) for name in old]
    return Fix.safe(f'Spell it reduction="{reduction}"', *verbs, set_keyword(node, "reduction", f'"{reduction}"'))


def evidence() -> Evidence:
    """The same training in the deprecated and the present spelling: warnings, and the difference of the weights."""
    import warnings

    import torch
    from torch import nn

    def train(old: bool) -> tuple[list[torch.Tensor], int]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
        x, y = torch.randn(64, 8), torch.randn(64, 1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.set_warn_always(True)
            (nn.init.xavier_uniform if old else nn.init.xavier_uniform_)(model[0].weight)
            criterion = nn.MSELoss(size_average=False) if old else nn.MSELoss(reduction="sum")
            scaler = torch.cpu.amp.GradScaler() if old else torch.amp.GradScaler("cpu")
            for _ in range(10):
                model.zero_grad()
                with torch.cpu.amp.autocast() if old else torch.amp.autocast("cpu"):
                    loss = criterion(model(x), y)
                scaler.scale(loss).backward()
                with torch.no_grad():
                    for p in model.parameters():
                        grad = p.grad / scaler.get_scale()
                        p.add_(-1e-4, grad) if old else p.add_(grad, alpha=-1e-4)
            torch.set_warn_always(False)
        return [p.detach().clone() for p in model.parameters()], len(caught)

    old, old_warnings = train(old=True)
    new, new_warnings = train(old=False)
    apart = max((a - b).abs().max().item() for a, b in zip(old, new, strict=True))
    return Evidence(
        f"Ten steps in both spellings: {old_warnings} warnings against {new_warnings}, and weights that differ by {apart:g}",
        (
            Measured("warnings", bad=old_warnings, good=new_warnings),
            Measured("difference of the weights", bad=apart, good=0.0),
        ),
        holds=old_warnings > 0 and new_warnings == 0 and apart == 0.0,
    )
