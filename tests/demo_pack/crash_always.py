"""This rule fails on every file with its trigger word."""

from torchlint.api import Category, Findings, Module, rule


@rule("XX102", "crash-always", Category.SUSPICIOUS, since="0.1", triggers=("crash_me",))
def check(module: Module) -> Findings:
    yield from ()
    raise RuntimeError(f"boom\nin {len(module.path)}")
