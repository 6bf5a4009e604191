"""The fix of this rule never settles: it turns `ping` into `pong` and back."""

import ast

from torchlint.api import Category, Findings, Module, rule
from torchlint.findings import Finding, Fix, Place, Span
from torchlint.fixes import verbs


@rule("XX104", "ping-pong", Category.PEDANTIC, since="0.1")
def check(module: Module) -> Findings:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id in ("ping", "pong"):
            fix = Fix.safe("Swap it", verbs.rename(node, "pong" if node.id == "ping" else "ping"))
            yield Finding("XX104", "ping-pong", Place(module.path, Span.of(node)), f"`{node.id}` is there", (), (fix,))
