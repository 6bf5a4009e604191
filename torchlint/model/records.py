"""Records: classes whose constructor is made from their fields (dataclasses, attrs, named tuples, pydantic)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from torchlint.model.syntax import Class
from torchlint.model.values import Value, argument

if TYPE_CHECKING:
    from torchlint.model.classes import ClassModel

_DECORATORS = frozenset(
    {
        "dataclasses.dataclass", "attr.s", "attr.attrs", "attr.define", "attr.frozen", "attr.mutable", "attrs.define",
        "attrs.frozen", "attrs.mutable", "pydantic.dataclasses.dataclass",
    }
)  # fmt: skip
_BASES = ("typing.NamedTuple", "pydantic.BaseModel")
_EMPTY_BASES = frozenset({*_BASES, "object", "abc.ABC", "typing.Generic", "typing.Protocol"})
_FIELDS = frozenset({"dataclasses.field", "attr.ib", "attr.field", "attrs.field", "pydantic.Field"})


class Field(NamedTuple):
    """A field of a record: where it is written, its default, and its place among the positional arguments."""

    cls: Class
    default: ast.expr | None
    position: int | None


def fields_of(model: ClassModel) -> dict[str, Field]:
    """The fields of a class by name; none if it writes its constructor itself or is no record."""
    if model.method("__init__") is not None:
        return {}
    derived = any(base.kind == "ref" and base.name in _BASES for base in model.lineage)
    found: dict[str, Field] = {}
    open_bases = any(base.kind != "class" and base.name not in _EMPTY_BASES for base in model.lineage)
    for cls in reversed(model.family):
        if not derived and not _is_decorated(model, cls):
            continue
        for statement in cls.node.body:
            if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
                continue
            kind = ast.unparse(statement.annotation)
            if "ClassVar" in kind or "InitVar" in kind:
                continue
            if "KW_ONLY" in kind:
                open_bases = True  # what follows has no position
                continue
            name = statement.target.id
            place = found[name].position if name in found else len(found)
            found[name] = Field(cls, statement.value, None if open_bases else place)
    return found


def _is_decorated(model: ClassModel, cls: Class) -> bool:
    frame = model.project.frame(cls.source, None)
    for decorator in cls.node.decorator_list:
        made = frame.value(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if made.kind == "ref" and made.name in _DECORATORS:
            return True
    return False


def given(model: ClassModel, instance: Value, name: str, field: Field) -> Value | None:
    """What the call that made a record gave to a field, its default included; `None` if that cannot be told."""
    call, frame = instance.node, instance.frame
    if not isinstance(call, ast.Call) or frame is None:
        return None
    expression = argument(call, field.position, name)
    if expression is not None:
        return frame.value(expression)
    if any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    if field.default is None or (field.position is None and call.args):
        return None
    default = field.default
    own = model.project.frame(field.cls.source, None)
    if isinstance(default, ast.Call):
        maker = own.value(default.func)
        if maker.kind == "ref" and maker.name in _FIELDS:
            written = argument(default, 0 if maker.name == "pydantic.Field" else None, "default")
            return own.value(written) if written is not None else None
    return own.value(default)
