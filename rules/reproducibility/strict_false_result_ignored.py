"""Weights are loaded with `strict=False` and nobody looks at what was not loaded.

With `strict=False`, names that do not match are skipped. If the checkpoint was saved from a wrapped model (`module.`,
`_orig_mod.`), or is a whole checkpoint dictionary and not its `"model"` entry, *nothing* is loaded: no exception, no
warning, and training or evaluation goes on from random weights. The names are in the returned value, which is dropped
here. In the experiment below the accuracy falls from 1.00 to chance.

```py bad
import torch
from torch import nn


def load(model: nn.Module, path: str) -> nn.Module:
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint, strict=False)  # TL703
    return model.eval()
```

```py fixed
import torch
from torch import nn


def load(model: nn.Module, path: str) -> nn.Module:
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint)
    return model.eval()
```

```py good
import torch
from torch import nn


def load(model: nn.Module, path: str) -> nn.Module:
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    missing, unexpected = model.load_state_dict(checkpoint, strict=False)
    if unexpected or any(not name.startswith("head.") for name in missing):
        raise ValueError(f"checkpoint does not fit: missing {missing}, unexpected {unexpected}")
    return model.eval()
```

The result is bound and never read:

```py bad
import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, pretrained: str) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
        state = torch.load(pretrained, map_location="cpu", weights_only=True)
        result = self.encoder.load_state_dict(state["encoder"], strict=False)  # TL703

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x)
```

```py good
import torch
from torch import nn


def load_adapters(model: nn.Module, path: str) -> None:
    state = torch.load(path, map_location="cpu", weights_only=True)
    adapters = {name: value for name, value in state.items() if "lora_" in name}
    model.load_state_dict(adapters, strict=False)


def load_checked(model: nn.Module, path: str) -> None:
    state = torch.load(path, map_location="cpu", weights_only=True)
    print(model.load_state_dict(state, strict=False))


def load_known(model: nn.Module, path: str) -> None:
    state = torch.load(path, map_location="cpu", weights_only=True)
    known = set(model.state_dict())
    print(f"loading {len(known & set(state))} of {len(known)} tensors")
    model.load_state_dict(state, strict=False)
```

## When it is fine

Code that chooses the names itself (only adapters, only names that the model has) knows what is missing, and so does
code that loads what it has kept in memory, or an object some of whose parts were made `pretrained`. A comment about
strictness at the call says that somebody has thought of it. Returning, printing, logging or testing the result is
enough, and so is passing on the error of a strict load that was tried first: it names what does not fit.

## Not seen

`strict` given by a variable.

## Fix safety

Unsafe: `strict=True` raises where names were skipped so far.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
"""

import ast

from torchlint.api import (
    Call,
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    dotted,
    finding,
    is_module,
    parts,
    remove_keyword,
    rule,
    walk,
)


@rule("TL703", "strict-false-result-ignored", Category.SUSPICIOUS, since="0.1", triggers=("load_state_dict",))
def check(module: Module) -> Findings:
    for call in () if module.is_test else module.calls(".load_state_dict"):
        strict = call.argument(1, "strict")
        if strict is None or strict.kind != "const" or strict.const is not False:
            continue
        if is_module(call.receiver) is False or not _is_ignored(module, call) or not _is_from_file(call):
            continue
        if _is_chosen(call) or _is_explained(module, call) or _has_loaded_parts(call) or _was_told(module, call):
            continue
        keyword = next((k for k in call.node.keywords if k.arg == "strict"), None)
        fix = None
        if keyword is not None:
            title = "Load strictly, which raises where names were skipped so far"
            fix = Fix.unsafe(title, remove_keyword(call.node, "strict"))
        yield finding(call, f"nobody sees which tensors `{_text(call)}(strict=False)` does not load", fix=fix)


def _text(call: Call) -> str:
    return dotted(call.node.func) or "load_state_dict"


_READS = (
    "torch.load",
    "torch.hub.load_state_dict_from_url",
    "torch.utils.model_zoo.load_url",
    "torchvision.models.utils.load_state_dict_from_url",
    "torchvision._internally_replaced_utils.load_state_dict_from_url",
    "safetensors.torch.load_file",
)


def _is_from_file(call: Call) -> bool:
    """Whether the weights come from a file or an address, so that nobody knows their names for certain."""
    given = call.argument(0, "state_dict")
    return given is not None and any(part.call_of(*_READS) for part in parts(given))


def _is_explained(module: Module, call: Call) -> bool:
    """Whether a comment at the call or right above it speaks of strictness: a decision that somebody took."""
    lines = module.text.splitlines()[max(0, call.node.lineno - 4) : call.node.end_lineno]
    return any("strict" in line.partition("#")[2].partition("torchlint:")[0] for line in lines)


def _was_told(module: Module, call: Call) -> bool:
    """Whether it is the second try after a strict load, whose error has named what does not fit and is passed on."""
    node = next((holder for holder in module.around(call.node) if isinstance(holder, ast.ExceptHandler)), None)
    tried = module.parent(node) if node is not None else None
    if node is None or node.name is None or not isinstance(tried, ast.Try):
        return False
    if not any(isinstance(n, ast.Attribute) and n.attr == "load_state_dict" for s in tried.body for n in walk(s)):
        return False
    inside = (n for statement in node.body for n in walk(statement))
    return any(isinstance(n, ast.Name) and n.id == node.name for n in inside)


def _is_ignored(module: Module, call: Call) -> bool:
    """Whether the returned names are thrown away, or bound to a name that is never read."""
    statement = module.statement(call.node)
    if isinstance(statement, ast.Expr):
        return statement.value is call.node
    if not isinstance(statement, ast.Assign) or statement.value is not call.node or call.function is None:
        return False
    names = {n.id for target in statement.targets for n in walk(target) if isinstance(n, ast.Name)}
    if not names or any(not isinstance(target, ast.Name | ast.Tuple) for target in statement.targets):
        return False
    read = {n.id for n in walk(call.function.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return names.isdisjoint(read)


def _has_loaded_parts(call: Call) -> bool:
    """Whether an object loads itself after parts of it have brought their own weights, so that the rest is meant."""
    function = call.function
    if function is None or not isinstance(call.node.func, ast.Attribute) or function.cls is None:
        return False
    if not isinstance(call.node.func.value, ast.Name) or call.node.func.value.id != "self":
        return False
    return any(
        keyword.arg in ("pretrained", "weights")
        and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        for node in walk(function.node)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and any(map(_is_own, node.targets))
        for keyword in node.value.keywords
    )


def _is_own(target: ast.expr) -> bool:
    return isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"


_LOOKS = frozenset({"pop", "startswith", "endswith", "intersection", "difference", "keys", "state_dict", "replace"})


def _is_chosen(call: Call) -> bool:
    """Whether the code around picks or compares names by itself, so that it knows what fits."""
    function = call.function
    if function is None:
        return False
    if not function.words.isdisjoint(_LOOKS):
        return True
    around = function.node if function.cls is None else function.cls.node  # what saves may choose for what loads
    for node in walk(around):
        if isinstance(node, ast.Delete) and any(isinstance(target, ast.Subscript) for target in node.targets):
            return True
        if isinstance(node, ast.DictComp) and any(generator.ifs for generator in node.generators):
            return True
    return False


def evidence() -> Evidence:
    """Trains a small classifier, then loads its weights with and without a `module.` prefix, `strict=False`."""
    import torch
    from torch import nn
    from torch.nn import functional

    def build() -> nn.Sequential:
        return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))

    torch.manual_seed(0)
    y = torch.randint(0, 5, (500,))
    x = functional.one_hot(y, 5).float() @ torch.randn(5, 20) * 2 + torch.randn(500, 20) * 0.5
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    def loaded(prefix: str) -> tuple[float, int]:
        other = build()
        result = other.load_state_dict({prefix + k: v for k, v in model.state_dict().items()}, strict=False)
        return (other(x).argmax(1) == y).float().mean().item(), 4 - len(result.missing_keys)

    (bad, bad_count), (good, good_count) = loaded("module."), loaded("")
    return Evidence(
        "accuracy after loading trained weights whose names carry the prefix of a wrapper, with `strict=False`",
        (Measured("accuracy", bad=bad, good=good), Measured("tensors loaded", bad=bad_count, good=good_count)),
        holds=bad_count == 0 and good_count == 4 and bad < 0.5 < good,
    )
