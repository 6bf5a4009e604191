"""What a class of the project means: its bases across files, its attributes over all methods, its methods."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from torchlint.model import changes
from torchlint.model.records import Field, fields_of, given
from torchlint.model.syntax import AttributeStore, Class, Function
from torchlint.model.values import NONE, UNKNOWN, Frame, Value, union
from torchlint.torch_api import roles

if TYPE_CHECKING:
    from torchlint.model.project import Project

_NOT_ASKED = Value("unknown")
_PROPERTIES = ("property", "cached_property")
_MOST_STORES = 12
_MOST_LOOKED_AT = 20  # attributes of one class that depend on one another, on one way


class ClassModel:
    """The meaning of one project class. Answers are three-valued: `None` means that a base is not known."""

    __slots__ = ("_answers", "_fields", "_lineage", "_looking", "cls", "project")

    def __init__(self, project: Project, cls: Class) -> None:
        self.project = project
        self.cls = cls
        self._lineage: list[Value] | None = None
        self._fields: dict[str, Field] | None = None
        self._looking: set[tuple[str, object]] = set()
        self._answers: dict[tuple[str, object], Value | None] = {}

    @property
    def name(self) -> str:
        """The class's name as written."""
        return self.cls.name

    @property
    def node(self) -> ast.ClassDef:
        """The class statement."""
        return self.cls.node

    @property
    def bases(self) -> list[Value]:
        """The direct bases as values, in the order they are written."""
        frame = self.project.frame(self.cls.source, None)
        return [frame.value(base) for base in self.cls.node.bases]

    @property
    def lineage(self) -> list[Value]:
        """All ancestors, nearest first: `class` values of the project, `ref` values from outside, `unknown` ones."""
        if self._lineage is None:
            self._lineage = []
            seen = {id(self.cls)}
            queue = self.bases
            found: list[Value] = []
            while queue and len(found) < 60:
                base = queue.pop(0)
                if base.kind == "class" and base.target is not None:
                    if id(base.target) in seen:
                        continue
                    seen.add(id(base.target))
                    queue = [*queue, *self.project.class_model(base.target).bases]
                elif base.kind == "union":
                    queue = [*base.items, *queue]
                    continue
                found.append(base)
            self._lineage = found
        return self._lineage

    def derives_from(self, *names: str) -> bool | None:
        """Whether the class derives from an outside class (canonical names)."""
        verdict: bool | None = False
        for base in self.lineage:
            if base.kind == "ref":
                if base.name in names:
                    return True
                answer = roles.derives_from(base.name, names)
                if answer:
                    return True
                if answer is None:
                    verdict = None
            elif base.kind != "class":
                verdict = None
        return verdict

    @property
    def is_module(self) -> bool | None:
        """Whether the class is an `nn.Module`."""
        return self.derives_from("torch.nn.Module")

    @property
    def methods(self) -> dict[str, Function]:
        """The methods written in the class itself."""
        return self.cls.methods

    @property
    def stored(self) -> list[str]:
        """The names of all attributes that methods store on `self`, in the class and its project bases."""
        return list(dict.fromkeys(name for cls in self.family for name in cls.stores))

    @property
    def family(self) -> list[Class]:
        """The class itself and its bases of the project, in the order in which members are looked up."""
        return [self.cls, *(base.target for base in self.lineage if base.kind == "class")]

    def method(self, name: str) -> Function | None:
        """The method that a call of `name` reaches, in the class or a base of the project."""
        for cls in self.family:
            found = cls.methods.get(name)
            if found is not None:
                return found
        return None

    def stores(self, name: str) -> list[AttributeStore]:
        """All assignments to `self.name`, in the class and its project bases."""
        return [store for cls in self.family for store in cls.stores.get(name, ())]

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of a dataclass or another record, by name."""
        if self._fields is None:
            self._fields = fields_of(self)
        return self._fields

    @property
    def self_value(self) -> Value:
        """`self`, while the class is looked at alone."""
        return self.project.self_of(self.cls)

    def attribute(self, instance: Value, name: str) -> Value | None:
        """The value of an attribute of an instance, over all methods that store it; `None` if nothing stores it.

        A `None` that is only a placeholder for what another method stores is left out.
        """
        key = (name, instance.key)
        if key in self._looking or len(self._looking) > _MOST_LOOKED_AT:
            return UNKNOWN
        known = self._answers.get(key, _NOT_ASKED)
        if known is not _NOT_ASKED:
            return known
        self._looking.add(key)
        try:
            found = self._attribute(instance, name)
        finally:
            self._looking.discard(key)
        if not self._looking:  # inside another question, a circular reference may have cut this answer short
            self._answers[key] = found
        return found

    def _attribute(self, instance: Value, name: str) -> Value | None:
        method = self.method(name)
        if method is not None:
            if any(method.has_decorator(p) for p in _PROPERTIES):
                frame = self.frame(method, instance)
                return union([frame.value(r) for r in method.returns]) if method.returns else UNKNOWN
            receiver = None if method.has_decorator("staticmethod") else instance
            return Value("function", target=method, base=receiver)
        stores = self.stores(name)
        values: list[Value] = []
        if name in self.fields:
            known = given(self, instance, name, self.fields[name])
            if known is None and not stores:
                return None
            values.append(known or Value("attribute", name=name, base=instance))
        elif not stores:
            return self.class_attribute(name)
        if len(stores) > _MOST_STORES:
            return UNKNOWN
        values += [self._stored(store, instance) for store in stores]
        placeholder = [v for v in values if v.key != NONE.key]
        value = changes.attribute(self.cls.source, name, union(placeholder or values))
        may_be_set = self.is_module is not False or name in self.fields
        if instance.node is not None and instance.frame is not None and may_be_set:
            if changes.set_from_outside(instance.frame.source, name):
                return union([value, UNKNOWN])
        return value

    def _stored(self, store: AttributeStore, instance: Value) -> Value:
        frame = self.frame(store.function, instance)
        if isinstance(store.statement, ast.AugAssign):
            return UNKNOWN
        if store.value is None:
            return NONE
        if isinstance(store.statement, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith):
            return UNKNOWN
        return frame._unpack(frame.value(store.value), store.path)

    def class_attribute(self, name: str) -> Value | None:
        """The value of an attribute stored in the class body; methods come as functions without a receiver."""
        for cls in self.family:
            method = cls.methods.get(name)
            if method is not None:
                return Value("function", target=method)
            definitions = cls.scope.names.get(name)
            if definitions:
                frame = self.project.frame(cls.source, None)
                values = [frame.definition(d) for d in definitions if d.kind in ("assign", "import")]
                return union(values) if values else UNKNOWN
        return None

    def frame(self, method: Function, instance: Value) -> Frame:
        """The frame of a method on an instance; `__init__` has its parameters bound by the call that made it."""
        cache = self.cls.source.frames
        key = (id(method), instance.key)
        known = cache.get(key)
        if known is not None:
            return known  # type: ignore[no-any-return]
        frame: Frame | None = None
        if method.name == "__init__" and isinstance(instance.node, ast.Call) and instance.frame is not None:
            own = self.method("__init__")
            if own is method:
                frame = instance.frame.enter(Value("function", target=method, base=instance), instance.node)
        if frame is None:
            frame = (
                self.project.frame(method.source, method)
                if instance.node is None and instance.target is method.cls
                else Frame(self.project, method.source, method, receiver=instance)
            )
            if instance.node is not None or instance.target is not method.cls:
                frame.key = self.project.number((id(method), instance.key))
        cache[key] = frame
        return frame
