"""A loop that is not counted cannot be resumed; the fix of this rule is unsafe."""

import ast

from torchlint.api import Category, Findings, Module, rule
from torchlint.findings import Finding, Fix, Place, Span
from torchlint.fixes import verbs


@rule("XX103", "counted-loop", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.For) and "count += 1" not in ast.unparse(node):
            fix = Fix.unsafe("Count the loop (changes the output)", verbs.insert_first(node, "count += 1"))
            message = f"the loop over `{ast.unparse(node.iter)}` is not counted"
            yield Finding("XX103", "counted-loop", Place(module.path, Span.of(node)), message, (), (fix,))
