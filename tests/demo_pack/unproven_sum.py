"""A preview rule: off unless it is named."""

import ast

from torchlint.api import Category, Findings, Module, rule
from torchlint.findings import Finding, Place, Span


@rule("XX105", "unproven-sum", Category.SUSPICIOUS, since="0.1", preview=True)
def check(module: Module) -> Findings:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == "sum":
            yield Finding("XX105", "unproven-sum", Place(module.path, Span.of(node)), "`sum` is used")
