"""The semantic model: what a rule can ask about a file.

Start at `Module`. Its words, from the syntax upwards:

- `module.calls(...)`, `module.references(...)`: calls and names by canonical name, resolved on demand
- `module.discarded()`, `module.stores(name)`: statements whose value nobody keeps, and assignments to attributes
- `module.value(node)`: what an expression can be (`values.Value`, a symbolic term; `UNKNOWN` is a value too)
- `module.classes`, `module.nn_modules`: classes with bases, attributes and methods across files (`classes.ClassModel`)
- `module.traces`: for each function (and the module body) what can happen from there on, with calls of project
  functions put in place (`trace.Trace`): events, loops, guards, contexts, and questions about paths
- `takes_over(duty, event or value)`: whether a framework does that part of the training (`frameworks`)
- `module.losses()`, `range_of`, `parameters_of`, `cut_of`: properties of tensors (`tensors`)

Answers are three-valued: `True`, `False`, and `None` for "cannot tell". A rule reports on certainty alone.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from torchlint.findings import Place, Span
from torchlint.model.classes import ClassModel
from torchlint.model.project import Project
from torchlint.model.syntax import Class, Function, Scope, Source, dotted, walk
from torchlint.model.tensors import LossCall, loss_call
from torchlint.model.trace import ROOT_WORDS, Event, Trace, place_of, starts_trace
from torchlint.model.values import UNKNOWN, Frame, Value
from torchlint.source.text import Lines
from torchlint.torch_api import canonical, roles


class Call:
    """One call of the checked file, found by its name; `value` is its result in the function's own frame."""

    __slots__ = ("module", "node", "scope")

    def __init__(self, module: Module, node: ast.Call, scope: Scope) -> None:
        self.module = module
        self.node = node
        self.scope = scope

    @property
    def function(self) -> Function | None:
        """The function whose body holds the call."""
        return self.scope.function

    @property
    def frame(self) -> Frame:
        """That function's frame, its parameters not known."""
        return self.module.frame(self.function)

    @property
    def value(self) -> Value:
        """The result of the call."""
        return self.frame.value(self.node)

    def argument(self, position: int | None, keyword: str | None = None) -> Value | None:
        """The value of an argument; `None` if it is not passed."""
        return Value("call", node=self.node, frame=self.frame).argument(position, keyword)

    @property
    def receiver(self) -> Value:
        """What the method is called on; `UNKNOWN` for a plain function."""
        func = self.node.func
        return self.frame.value(func.value) if isinstance(func, ast.Attribute) else UNKNOWN

    @property
    def place(self) -> Place:
        """Where the call is."""
        return self.module.place(self.node)


class Reference(NamedTuple):
    """A use of something imported: as written after following the import, and by its canonical name."""

    node: ast.Name | ast.Attribute
    written: str
    name: str
    call: ast.Call | None
    function: Function | None


_TEST_FOLDERS = frozenset({"test", "tests", "testing"})


class Module:
    """The checked file, as rules see it."""

    __slots__ = ("_lines", "_losses", "_traces", "options", "path", "project", "source", "text", "tree")

    def __init__(self, source: Source, project: Project) -> None:
        self.source = source
        self.project = project
        self.path = source.path
        self.text = source.text
        self.tree = source.tree
        self.options: dict[str, Any] = {}
        self._traces: list[Trace] | None = None
        self._losses: list[LossCall] | None = None
        self._lines: Lines | None = None

    @classmethod
    def build(
        cls, path: str, text: str, project: Project, tree: ast.Module | None = None, whole: bool = True
    ) -> Module:
        """Make the model of a text; `tree` may hold only the parts that parse, `whole` is false then.

        Raises:
            SyntaxError: if no tree is given and the text does not parse.
        """
        project.rest()
        source = Source(path, text, tree if tree is not None else ast.parse(text))
        project.add(source, whole)
        return cls(source, project)

    def dispose(self) -> None:
        """Free everything; the project keeps the file parsed for others as long as memory allows."""
        for trace in self._traces or ():
            trace.close()
        self._traces = self._losses = None
        self.project.finish()

    def option(self, name: str) -> Any:
        """The configured value of an option of the rule that is being checked."""
        return self.options[name]

    @property
    def torch_version(self) -> tuple[int, int] | None:
        """The lowest torch version that the project allows, if known."""
        return self.project.torch_version

    @property
    def is_test(self) -> bool:
        """Whether the file is a test, by the conventions of pytest and unittest, inside the project."""
        inside = self.path[len(self.project.root) :] if self.path.startswith(self.project.root) else self.path
        *folders, name = inside.replace("\\", "/").split("/")
        return (
            not _TEST_FOLDERS.isdisjoint(folders)
            or name.startswith("test_")
            or name.endswith("_test.py")
            or name == "conftest.py"
        )

    # places

    def place(self, node: ast.AST, frame: Frame | None = None) -> Place:
        """Where a node is; with a frame of another file, the call in this file that leads there."""
        return place_of(node, frame or self.frame(None), self.source)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds `node`."""
        return self.source.parent(node)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """What holds `node` in its function, from the inside out; a lambda is not the end."""
        return self.source.around(node)

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement that holds `node`."""
        return self.source.statement(node)

    def function(self, node: ast.AST) -> Function | None:
        """The innermost function whose body holds `node`."""
        return self.source.function(node)

    def code(self, node: ast.AST) -> str:
        """The expression in one line, as `ast.unparse` writes it, for messages."""
        return ast.unparse(node)

    def excerpt(self, node: ast.AST) -> str:
        """The text of a node as it stands in the file."""
        if self._lines is None:
            self._lines = Lines(self.text)
        return self._lines.slice(Span.of(node))

    # names and values

    def frame(self, function: Function | None) -> Frame:
        """The frame of a function (or of the module body) whose callers are not known."""
        return self.project.frame(self.source, function)

    def value(self, node: ast.AST) -> Value:
        """What an expression can be at its place."""
        return self.frame(self.function(node)).value(node)

    def qualname(self, node: ast.expr) -> str | None:
        """The canonical dotted name of an imported thing (`torch.nn.Linear`); `None` if it is not certain."""
        value = self.value(node)
        return value.name if value.kind == "ref" else None

    def calls(self, *names: str) -> Iterator[Call]:
        """The calls of outside functions or classes with these canonical names, or of methods (`.squeeze`).

        A call in a function that may mean one of several things is left out.
        """
        wanted = set(names)
        last_names = {name.rpartition(".")[2] for name in names}
        by_name = self.source.by_name
        candidates: list[tuple[ast.Call, Scope]] = []
        for last in last_names:
            candidates.extend(by_name.get(last, ()))
        for local in self.source.bound_to(last_names) - last_names:
            candidates.extend(by_name.get(local, ()))
        candidates.sort(key=lambda item: (item[0].lineno, item[0].col_offset))
        for node, scope in candidates:
            call = Call(self, node, scope)
            func = node.func
            if isinstance(func, ast.Attribute) and "." + func.attr in wanted:
                owner = call.frame.value(func.value)
                if owner.kind not in ("ref", "package", "class"):
                    yield call
                    continue
            callee = call.frame.value(func)
            if callee.kind == "ref" and callee.name in wanted:
                yield call

    def references(self, last_names: Collection[str] | None = None) -> Iterator[Reference]:
        """All uses of imported dotted names, longest chain first, in the order of the text.

        `last_names` restricts the search by the last part of the name, before anything is resolved. A name that may
        mean one of several things (imported in `try` and again in `except`) is left out.
        """
        if last_names is None:
            nodes = [n for n in walk(self.tree) if isinstance(n, ast.Name | ast.Attribute)]
        else:
            nodes = self.source.spelled({*last_names, *self.source.bound_to(frozenset(last_names))})
        found: list[Reference] = []
        for node in nodes:
            text = dotted(node) if isinstance(node.ctx, ast.Load) else None
            holder = self.parent(node) if text is not None else None
            if text is None or (isinstance(holder, ast.Attribute) and isinstance(holder.ctx, ast.Load)):
                continue
            function = self.function(node)
            written = self.written(text, function)
            if written is None or (last_names is not None and written.rpartition(".")[2] not in last_names):
                continue
            value = self.frame(function).value(node)
            if value.kind == "ref":
                call = holder if isinstance(holder, ast.Call) and holder.func is node else None
                found.append(Reference(node, written, value.name, call, function))
        found.sort(key=lambda r: (r.node.lineno, r.node.col_offset))
        yield from found

    def written(self, text: str, function: Function | None) -> str | None:
        """The dotted name with its first part replaced by what was imported, without looking for second names."""
        first, dot, rest = text.partition(".")
        scope: Scope | None = function.scope if function is not None else self.source.scope
        while scope is not None:
            definitions = scope.names.get(first) if scope.kind != "class" else None
            if definitions:
                names = {d.dotted for d in definitions}
                if len(names) != 1 or any(d.kind != "import" for d in definitions):
                    return None
                return names.pop() + dot + rest
            scope = scope.parent
        return text if self.source.scope.stars else None

    def discarded(self) -> Iterator[tuple[ast.Call | ast.Attribute, Frame]]:
        """The statements that consist of a call or an attribute alone, whose value nobody keeps, with their frames."""
        for node, function in self.source.discarded:
            yield node, self.frame(function)

    def stores(self, name: str) -> Iterator[tuple[ast.Attribute, Frame]]:
        """The attributes of this name that are assigned anywhere in the file (`x.name = ...`), with their frames."""
        for node, function in self.source.stored.get(name, ()):
            yield node, self.frame(function)

    # classes

    @property
    def classes(self) -> list[ClassModel]:
        """All classes of the file."""
        return [self.project.class_model(cls) for cls in self.source.classes]

    @property
    def nn_modules(self) -> list[ClassModel]:
        """The classes that certainly are `nn.Module`s."""
        return [model for model in self.classes if model.is_module is True]

    def class_of(self, function: Function) -> ClassModel | None:
        """The class that a method belongs to."""
        return self.project.class_model(function.cls) if function.cls is not None else None

    # events

    @property
    def traces(self) -> list[Trace]:
        """What can happen from each function of the file on, and from the module body; made once, shared by all rules.

        The module body (a script) comes first, then functions in the order of the text. A function that another one
        calls occurs in both traces; a finding at the same place is reported once. Tests have none: what they do out of
        order, they do on purpose.
        """
        if self._traces is None:
            traces: list[Trace] = []
            if self.is_test:
                self._traces = traces
                return traces
            if self._body_is_worth_following():
                traces.append(Trace(self.frame(None)))
            for function in self.source.functions:
                if isinstance(function.node, ast.Lambda):
                    continue
                if starts_trace(self.project, function):
                    traces.append(Trace(self.frame(function)))
            self._traces = traces
        return self._traces

    def _body_is_worth_following(self) -> bool:
        """Whether the module body does more than call a function without arguments, which has a trace of its own."""
        for name, calls in self.source.by_name.items():
            here = [call for call, scope in calls if scope.function is None]
            if not here:
                continue
            if name in ROOT_WORDS or "loss" in name or "crit" in name:
                return True
            kinds = {definition.kind for definition in self.source.scope.names.get(name, ())}
            if "class" in kinds:
                return True
            if kinds & {"function", "import"} and any(call.args or call.keywords for call in here):
                return True
        return False

    def losses(self) -> list[LossCall]:
        """All losses that are computed in the file or in what it calls, once per place and context."""
        if self._losses is None:
            found = (loss_call(event) for trace in self.traces for event in trace.of("loss"))
            self._losses = [loss for loss in found if loss is not None]
        return self._losses

    def call_sites(self, function: Function) -> list[tuple[ast.Call, Frame]] | None:
        """All calls of a function in the project; `None` if some cannot be seen."""
        return self.project.call_sites(function)


__all__ = [
    "UNKNOWN",
    "Call",
    "Class",
    "ClassModel",
    "Event",
    "Frame",
    "Function",
    "LossCall",
    "Module",
    "Project",
    "Reference",
    "Source",
    "Trace",
    "Value",
    "canonical",
    "roles",
]
