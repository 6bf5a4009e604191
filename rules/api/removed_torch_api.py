"""The code uses something that torch has removed: the line raises when it runs.

Linear algebra left `torch` for `torch.linalg`, the learning-rate schedulers lost `verbose=`, `torch._six` is gone. Nothing
complains before the line is reached, which may be the hundredth epoch, the evaluation of another config, or the import
of a module that only one experiment needs. All removed names and keywords in the table of this rule were called on torch
2.13 and raise there.

```py bad
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau


def fit(model: nn.Module, loader, epochs: int):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=3, verbose=True)  # TL901
    for _ in range(epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step(total / len(loader))
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau


def fit(model: nn.Module, loader, epochs: int):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    for _ in range(epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step(total / len(loader))
```

```py bad
import torch as th


def reproducible(seed: int) -> None:
    th.manual_seed(seed)
    th.set_deterministic(True)  # TL901
```

```py fixed
import torch as th


def reproducible(seed: int) -> None:
    th.manual_seed(seed)
    th.use_deterministic_algorithms(True)
```

```py bad
import torch
from torch._six import string_classes  # TL901


def whiten(features: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.symeig(features.T @ features, eigenvectors=True)  # TL901
    return features @ vectors / values.sqrt()


def label(key) -> str:
    return key if isinstance(key, string_classes) else str(key)
```

```py good
import torch
from torch.optim.lr_scheduler import StepLR


def whiten(features: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(features.T @ features)
    return features @ vectors / values.sqrt()


def spectrum(signal: torch.Tensor) -> torch.Tensor:
    return torch.fft.rfft(signal).abs()


def schedule(optimizer: torch.optim.Optimizer) -> StepLR:
    return StepLR(optimizer, step_size=10)
```

Code that serves old and new versions is left alone:

```py good
import torch

try:
    from torch._six import string_classes
except ImportError:
    string_classes = (str, bytes)


def spectrum(signal: torch.Tensor) -> torch.Tensor:
    if hasattr(torch, "rfft"):
        return torch.rfft(signal, 1)
    return torch.view_as_real(torch.fft.rfft(signal))


def eigen(matrix: torch.Tensor):
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (1, 9):
        return torch.symeig(matrix, eigenvectors=True)
    return torch.linalg.eigh(matrix)
```

```py good
import torch
from solvers import lstsq


class Solver:
    def solve(self, a, b):
        return lstsq(a, b)


def fit(a: torch.Tensor, b: torch.Tensor):
    return Solver().solve(a, b)
```

## When it is fine

In a project that pins a torch which still has the symbol (`torch<1.9`), or below a check of the version, of `hasattr`, or of
the import. The range of versions is read from the project's dependencies. If it ends before the removal, the rule is silent;
if it begins at or after it, the finding is an error; if it spans it, or nothing is declared, the finding is a warning, because
an installation of today takes the newest torch.

## Not seen

Symbols reached through `getattr` or a module passed around as a value. Methods of objects that are not known to be tensors.

## Fix safety

Safe fixes rename to a function that takes the same arguments, or drop a keyword that only printed. Where arguments changed
their order or results their form, the finding names the successor and leaves the rewriting to you.

## References

- https://github.com/pytorch/pytorch/releases
- https://docs.pytorch.org/docs/stable/linalg.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from torchlint.api import (
    Category,
    Evidence,
    Finding,
    Findings,
    Fix,
    Measured,
    Module,
    Severity,
    dotted,
    ensure_import,
    finding,
    guarded,
    import_guarded,
    imports,
    is_tensor,
    reaches,
    remove_argument,
    remove_keyword,
    removed_symbols,
    rename,
    roles,
    rule,
    starts_at,
    torch_api,
    uses,
)

Entry = torch_api.Deprecated

SCHEDULERS = (*roles.SCHEDULERS, roles.SCHEDULER, "torch.optim.lr_scheduler._LRScheduler")


@rule("TL901", "removed-torch-api", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    removed = removed_symbols(module)
    for statement, name in imports(module, [name for name, entry in removed.items() if not entry.only_called]):
        if not guarded(module, statement):
            yield _gone(module, statement, name, _entry(removed, name))
    for use in uses(module, removed, owners=("._six.",)):
        entry = removed[use.name]
        root = use.node
        while isinstance(root, ast.Attribute):
            root = root.value
        imported = module.written(dotted(root) or "", use.function) or ""
        if _entry(removed, imported) is not None and not entry.only_called:
            continue  # reported where it is imported
        if entry.only_called and (use.call is None or use.written != use.name):
            continue
        if not guarded(module, use.node) and not import_guarded(module, use):
            yield _gone(module, use.node, module.code(use.node), entry, _renamed(module, use.node, entry))
    methods = {name.rpartition(".")[2]: entry for name, entry in removed.items() if ".Tensor." in name}
    for call in module.calls(*(f".{method}" for method in methods)):
        method = methods[getattr(call.node.func, "attr", "")]
        if is_tensor(call.receiver) and not guarded(module, call.node):
            yield _gone(module, call.node, module.code(call.node.func), method)
    for keyword, entry in torch_api.keywords_with_status("removed").items():
        if keyword in module.source.keywords and reaches(module, entry.removed):
            yield from _keywords(module, keyword, entry)
    verbose = torch_api.deprecated_keywords("verbose")
    if verbose is not None and "LRScheduler" in module.text and reaches(module, verbose.removed):
        yield from _third_argument(module, verbose)


def _keywords(module: Module, keyword: str, entry: Entry) -> Iterator[Finding]:
    names = SCHEDULERS if entry.on == "scheduler" else (entry.on,)
    calls = [use.call for use in uses(module, names) if use.call is not None]
    for call in (*calls, *_super_calls(module, names, keyword)):
        if any(item.arg == keyword for item in call.keywords) and not guarded(module, call):
            title = f"Drop {keyword}=, which torch no longer takes"
            yield finding(
                module.place(call),
                f"`{module.code(call.func)}({keyword}=...)` raises TypeError since torch {entry.removed}",
                fix=Fix.safe(title, remove_keyword(call, keyword)),
                severity=_severity(module, entry),
            )


def _third_argument(module: Module, entry: Entry) -> Iterator[Finding]:
    """The old third parameter of the base class of schedulers, passed by position."""
    for call in _super_calls(module, (roles.SCHEDULER, "torch.optim.lr_scheduler._LRScheduler"), ""):
        if not guarded(module, call):
            yield finding(
                module.place(call),
                f"`{module.code(call)}` passes `verbose`, which raises TypeError since torch {entry.removed}",
                fix=Fix.safe(
                    "Drop the third argument, which torch no longer takes", remove_argument(call, call.args[2])
                ),
                severity=_severity(module, entry),
            )


def _super_calls(module: Module, names: tuple[str, ...], keyword: str) -> Iterator[ast.Call]:
    """The calls of `super().__init__` with a keyword, or a third argument, in direct subclasses of outside classes."""
    for node, scope in module.source.by_name.get("__init__", ()):
        owner = scope.function.cls if scope.function is not None else None
        if owner is None or (all(item.arg != keyword for item in node.keywords) if keyword else len(node.args) < 3):
            continue
        bases = module.project.class_model(owner).bases
        if bases and bases[0].kind == "ref" and bases[0].name in names and module.code(node.func).startswith("super("):
            yield node


def _gone(module: Module, node: ast.AST, name: str, entry: Entry | None, fix: Fix | None = None) -> Finding:
    assert entry is not None
    place = f"`{name}` is gone since torch {entry.removed}"
    successor = f"; its successor is `{entry.new}`" if entry.new else ""
    note = f" ({entry.note})" if entry.note else ""
    return finding(module.place(node), place + successor + note, fix=fix, severity=_severity(module, entry))


def _entry(removed: Mapping[str, Entry], name: str) -> Entry | None:
    while name and name not in removed:
        name = name.rpartition(".")[0]
    return removed.get(name)


def _renamed(module: Module, node: ast.expr, entry: Entry) -> Fix | None:
    if entry.edit != "rename" or starts_at(module, entry.new_since) is False:
        return None
    verbs = rename(node, entry.new), ensure_import(entry.new.partition(".")[0])
    title = f"Replace by {entry.new}"
    return Fix.safe(title, *verbs) if entry.safe else Fix.unsafe(f"{title}, whose result has another form", *verbs)


def _severity(module: Module, entry: Entry) -> Severity:
    return Severity.ERROR if starts_at(module, entry.removed) else Severity.WARNING


def evidence() -> Evidence:
    """Removed names and keywords, and their successors, are called on this torch; what raises is counted."""
    import torch

    matrix = torch.eye(3) * 2
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)

    def call(dotted: str, *args: object, **keywords: object) -> bool:
        """Whether calling the name raises."""
        function: object = torch
        try:
            for part in dotted.split("."):
                function = getattr(function, part)
            function(*args, **keywords)  # type: ignore[operator]
        except (AttributeError, RuntimeError, TypeError):
            return True
        return False

    old = [
        call("symeig", matrix),
        call("lstsq", matrix, matrix),
        call("matrix_rank", matrix),
        call("rfft", torch.ones(4), 1),
        call("set_deterministic", False),
        call("optim.lr_scheduler.StepLR", optimizer, 1, verbose=True),
    ]
    new = [
        call("linalg.eigh", matrix),
        call("linalg.lstsq", matrix, matrix),
        call("linalg.matrix_rank", matrix),
        call("fft.rfft", torch.ones(4)),
        call("use_deterministic_algorithms", False),
        call("optim.lr_scheduler.StepLR", optimizer, 1),
    ]
    return Evidence(
        f"On torch {torch.__version__.split('+')[0]} {sum(old)} of {len(old)} removed names raise when they are called",
        (Measured("calls that raise", bad=sum(old), good=sum(new)),),
        holds=sum(old) == len(old) and not any(new),
    )
