"""Small projects for the tables of the model's tests."""

from __future__ import annotations

import ast
import textwrap

from torchlint.model import Module, Project, Value


def project(files: dict[str, str], checked: str = "train.py") -> Module:
    """The model of one file of a project that exists only in memory."""
    texts = {f"/p/{name}": textwrap.dedent(text) for name, text in files.items()}

    def read(path: str) -> bytes | None:
        text = texts.get(path)
        return None if text is None else text.encode()

    def exists(path: str) -> bool:
        return path in texts or any(name.startswith(path.rstrip("/") + "/") for name in texts)

    path = f"/p/{checked}"
    return Module.build(path, texts[path], Project("/p", read, exists=exists, files=lambda: sorted(texts)))


def module(text: str) -> Module:
    """The model of a single file."""
    return project({"train.py": text})


def probe(model: Module) -> Value:
    """The value of the argument of the first call of `probe(...)`."""
    for call, _ in model.source.by_name["probe"]:
        return model.value(call.args[0])
    raise AssertionError("no probe in the program")


def described(value: Value) -> str:
    """A value in a few words that a table can hold."""
    kind = value.kind
    if kind == "union":
        return " | ".join(sorted(described(option) for option in value.items))
    if kind == "const":
        return repr(value.const)
    if kind in ("instance", "class", "function"):
        return f"{kind} {value.name or value.target.name}"
    if kind == "apply" and value.base is not None:
        return f"{described(value.base)}(...)"
    if kind in ("tuple", "list"):
        return f"{kind} of {', '.join(described(item) for item in value.items)}"
    if kind in ("attribute", "item", "element") and value.base is not None:
        return f"{kind} {value.name}".rstrip() + f" of {described(value.base)}"
    if kind == "call" and value.name.startswith(".") and value.base is not None:
        return f"{described(value.base)}{value.name}()"
    if kind == "call":
        return f"{value.name}()"
    if kind in ("param", "ref"):
        return f"{kind} {value.name}"
    return kind


def events(model: Module, function: str | None) -> str:
    """The events of a function's trace in order, without calls: `zero_grad forward backward step`."""
    for trace in model.traces:
        name = trace.function.name if trace.function is not None else None
        if name == function:
            return " ".join(event.kind for event in trace.events if event.kind not in ("call", "store"))
    return ""


def expression(text: str) -> ast.expr:
    """The tree of an expression."""
    return ast.parse(text, mode="eval").body
