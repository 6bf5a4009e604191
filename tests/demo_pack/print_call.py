"""Printed numbers are lost when the terminal closes.

A rule for the tests of the surfaces: it has a safe fix and a related place.

```py bad
import torch

print(torch.ones(1))  # XX101
```

```py fixed
import torch

log(torch.ones(1))
```

```py good
import torch

log(torch.ones(1))
```

## When it is fine

In scripts that nobody reads.
"""

import ast

from torchlint.api import Category, Findings, Module, rule
from torchlint.findings import Finding, Fix, Place, Related, Span
from torchlint.fixes import verbs


@rule(
    *("XX101", "print-call", Category.SUSPICIOUS),
    since="0.1",
    options={"every": 1},
    formerly=("print-used",),
    url="https://example.org/print-call",
)
def check(module: Module) -> Findings:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            related = Related(Place(module.path, Span(1, 0, 1, 6)), "the file starts here")
            fix = Fix.safe("Log it", verbs.rename(node.func, "log"))
            yield Finding(
                "XX101", "print-call", Place(module.path, Span.of(node)), "`print` is called", (related,), (fix,)
            )
