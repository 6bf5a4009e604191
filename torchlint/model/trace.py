"""Events in the order in which they can happen: a control-flow graph with calls of project functions put in place.

A trace starts at one function (or the module body) and follows calls into the project, across files. Its nodes carry
events (`backward`, `step`, `zero_grad`, `eval`, ...) with the objects that they concern, and assumptions (the tests of
branches). Protocol rules are questions about paths; a path that takes a test once as true and once as false, although
nothing between can have changed it, is not a path.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from torchlint.findings import Place, Span
from torchlint.model.syntax import Function, Source, children, dotted, first_name, walk
from torchlint.model.values import (
    NONE,
    UNKNOWN,
    Frame,
    Key,
    Value,
    is_module,
    unwrapped,
    unwrapped_options,
    value_class,
)
from torchlint.torch_api import frameworks, roles

if TYPE_CHECKING:
    from torchlint.model.project import Project


class TooLarge(Exception):
    """A question about paths has no answer within the bounds of the search."""


_MOST_NODES = 3000
_MOST_STATES = 6000
_DEEPEST_INLINE = 4
_WEAK_INLINE = 2

WORDS = frozenset(
    {
        "backward", "manual_backward", "step", "zero_grad", "unscale_", "clip_grad_norm_", "clip_grad_value_",
        "clip_grad_norm", "train", "eval", "set_epoch", "state_dict", "load_state_dict", "no_grad", "inference_mode",
        "set_grad_enabled", "all_reduce", "barrier", "all_gather", "broadcast", "item", "parameters",
        "add_param_group", "DistributedDataParallel", "DDP", "manual_seed", "grad", "setattr",
    }
).union(name.rpartition(".")[2] for name in (*roles.CRITERIA, *roles.LOSS_FUNCTIONS))  # fmt: skip
"""Method and function names that make a call worth following; also `grad` and `setattr` for functions that assign to a
gradient or to an attribute of a parameter."""

ROOT_WORDS = WORDS - {
    "update", "load_state_dict", "item", "parameters", "add_param_group", "DataLoader",
    "manual_seed", "setattr",
}  # fmt: skip
"""Names that make a function the start of a trace of its own."""

_CALLED_WORDS = frozenset({"backward", "manual_backward", "zero_grad", "train", "eval", "clip_grad_norm_", "set_epoch",
                           "no_grad", "inference_mode"})  # fmt: skip
"""Names in a called function that make its caller the start of a trace."""


_STRONG_WORDS = _CALLED_WORDS | {"step", "unscale_", "clip_grad_value_", "clip_grad_norm", "grad"}
"""Names in a function that make a call inside followed calls worth following; the others matter near the start only."""


def starts_trace(project: Project, function: Function) -> bool:
    """Whether a function is the start of a trace of its own: it trains, evaluates, or calls what does."""
    own = not function.words.isdisjoint(ROOT_WORDS) or _sounds_like_loss(function)
    return own or reaches(project, function, _CALLED_WORDS, losses=True)


class Guard:
    """A test that an event stands under, with the outcome that leads to it."""

    __slots__ = ("frame", "outcome", "test")

    def __init__(self, test: ast.expr, outcome: bool, frame: Frame) -> None:
        self.test = test
        self.outcome = outcome
        self.frame = frame

    @property
    def value(self) -> Value:
        """The value of the test."""
        return self.frame.value(self.test)

    @property
    def text(self) -> str:
        """The test as written, with `not` in front where the event needs it to be false."""
        text = ast.unparse(self.test)
        return text if self.outcome else f"not ({text})"

    @property
    def is_periodic(self) -> bool:
        """Whether the test contains a remainder (`step % k == 0`): true once in a while."""
        return any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mod) for n in walk(self.test))


class Loop:
    """A loop on the way to an event, in the frame in which it runs."""

    __slots__ = ("_assigned", "frame", "header", "node", "outer")

    def __init__(self, node: ast.For | ast.AsyncFor | ast.While, frame: Frame, outer: Loop | None) -> None:
        self.node = node
        self.frame = frame
        self.outer = outer
        self.header = -1
        self._assigned: set[str] | None = None

    @property
    def iterable(self) -> Value:
        """What the loop runs over, without `enumerate`, `zip`, `tqdm`; unknown for `while`."""
        if isinstance(self.node, ast.While):
            return UNKNOWN
        return bare_iterable(self.frame.value(self.node.iter))

    @property
    def assigned(self) -> set[str]:
        """Names and attribute names that the loop's statements bind."""
        if self._assigned is None:
            self._assigned = {
                n.id if isinstance(n, ast.Name) else n.attr
                for n in walk(self.node)
                if isinstance(n, ast.Name | ast.Attribute) and isinstance(n.ctx, ast.Store)
            }
        return self._assigned

    @property
    def depth(self) -> int:
        """The number of loops around this one."""
        return 0 if self.outer is None else self.outer.depth + 1


def bare_iterable(value: Value) -> Value:
    """What is iterated underneath `enumerate`, `zip` (its first), progress bars and `iter`."""
    while value.kind in ("call", "instance"):
        last = value.name.rpartition(".")[2]
        arguments = value.arguments
        if last not in _PASSES_ON or not arguments:
            break
        value = arguments[0]
    return value


_PASSES_ON = frozenset({"enumerate", "zip", "tqdm", "trange", "track", "islice", "iter", "log_every", "progress_bar"})


class Event:
    """Something that happens at one place of the trace.

    `kind` is one of

    - `backward`: `subject` is the loss, `manager` what takes part in it (GradScaler, Accelerator, engine) or `None`
    - `step`, `zero_grad`: `subject` is the optimizer (or, for `zero_grad`, the module); `manager` a GradScaler
    - `scheduler_step`, `unscale`, `scaler_update`, `clip` (`subject`: the parameters)
    - `train`, `eval`: `subject` is the module; `forward`: a module is applied (`value` is the result)
    - `loss`: a criterion is applied (`subject` the criterion instance, or `None` for the functional form)
    - `optimizer`, `scheduler`, `loader`, `wrap`: one is made (`value`)
    - `state_dict`, `load_state_dict`, `set_epoch`, `save`, `sync`, `transfer`, `collective`, `seed`
    - `store`: an attribute of something is assigned (`name` its name, `subject` the object, `value` what is stored), or
      a layer of a module by its index (`name` is `[]`)
    - `call`: a call that is not followed; anything may happen to what is passed to it

    `by_name` says that the role of the subject rests on its name alone.
    """

    __slots__ = (
        "_key",
        "by_name",
        "contexts",
        "frame",
        "guards",
        "index",
        "kind",
        "loops",
        "manager",
        "name",
        "node",
        "subject",
        "trace",
    )

    def __init__(
        self,
        kind: str,
        node: ast.AST,
        frame: Frame,
        subject: Value | None = None,
        *,
        manager: Value | None = None,
        name: str = "",
        by_name: bool = False,
    ) -> None:
        self.kind = kind
        self.node = node
        self.frame = frame
        self.subject = subject
        self.manager = manager
        self.name = name
        self.by_name = by_name
        self.guards: tuple[Guard, ...] = ()
        self.loops: tuple[Loop, ...] = ()
        self.contexts: tuple[Value, ...] = ()
        self.index = -1
        self._key: Key | None = None
        self.trace: Trace

    @property
    def value(self) -> Value:
        """The value of the call (of the stored expression, for `store`)."""
        if self.kind == "store":
            return self.frame.value(getattr(self.node, "value", None))
        return self.frame.value(self.node)

    def argument(self, position: int | None, keyword: str | None = None) -> Value | None:
        """An argument of the call, `None` if it is not passed."""
        return Value("call", node=self.node, frame=self.frame).argument(position, keyword)

    @property
    def loop(self) -> Loop | None:
        """The innermost loop around the event, through calls."""
        return self.loops[-1] if self.loops else None

    @property
    def key(self) -> Key | None:
        """The identity of the subject, wrappers such as DDP taken off."""
        if self._key is None and self.subject is not None:
            self._key = unwrapped(self.subject).key
        return self._key

    @property
    def text(self) -> str:
        """The receiver or callee as the user wrote it, for messages."""
        node = self.node
        if isinstance(node, ast.Call):
            node = node.func
        if isinstance(node, ast.Attribute):
            node = node.value
        return ast.unparse(node)

    def under(self, *names: str) -> bool | None:
        """Whether the event happens inside one of the context managers (canonical names)."""
        answer: bool | None = False
        for context in self.contexts:
            if context.name in names:
                return True
            if context.kind not in ("call", "instance") or context.name == "()":
                answer = None
        return answer

    @property
    def no_grad(self) -> bool | None:
        """Whether gradients are certainly not recorded here (`no_grad`, `inference_mode`, as context or decorator)."""
        answer: bool | None = False
        for context in reversed(self.contexts):
            if context.name in roles.NO_GRAD:
                return True
            if context.name == "torch.enable_grad":
                return False
            if context.name.endswith("set_grad_enabled"):
                flag = context.argument(0, "mode")
                return not flag.const if flag is not None and flag.kind == "const" else None
            if context.name == "()":
                answer = None
        return answer

    @property
    def place(self) -> Place:
        """Where this is in the checked file: the call that leads there, if it happens in another file."""
        return place_of(self.node, self.frame, self.trace.source)

    @property
    def own_place(self) -> Place:
        """Where this is, in its own file."""
        return Place(self.frame.source.path, Span.of(self.node))

    @property
    def is_local(self) -> bool:
        """Whether the event stands in the checked file itself."""
        return self.frame.source is self.trace.source

    @property
    def is_direct(self) -> bool:
        """Whether the event stands in the checked file, or in a function of another file that it calls itself."""
        parent = self.frame.parent
        return self.is_local or (parent is not None and parent.source is self.trace.source)

    @property
    def alone(self) -> Event:
        """The same event as its own function tells it, whoever calls that; what is `True` of it is told in its file."""
        frame = self.frame.project.frame(self.frame.source, self.frame.function)
        if not isinstance(self.node, ast.Call):
            return self
        return next(classify(self.node, frame, frame.value(self.node.func)), self)

    def __repr__(self) -> str:
        return f"<{self.kind} {ast.unparse(self.node)[:60]}>"


def place_of(node: ast.AST, frame: Frame, source: Source) -> Place:
    """The place of a node as seen from `source`: itself, or the call in `source` that leads to it."""
    while frame.source is not source and frame.parent is not None and frame.call is not None:
        node, frame = frame.call, frame.parent
    return Place(frame.source.path, Span.of(node))


class Node:
    """A point of the graph. `back` holds the loop headers that control returns to, `side` the outcome of a test."""

    __slots__ = ("back", "event", "loop", "next", "side", "test")

    def __init__(self) -> None:
        self.event: Event | None = None
        self.test = -1
        self.side: tuple[ast.expr, bool, Frame] | None = None
        self.loop: Loop | None = None
        self.next: list[int] = []
        self.back: list[int] = []

    @property
    def assume(self) -> tuple[tuple[str, bool], ...]:
        """What the test told; worked out when a path is looked for, because most are never asked about."""
        return _assumed(*self.side) if self.side is not None else ()


class Trace:
    """Everything that can happen from one function on.

    `frame` is that function's frame, `events` all events in the order of the text (calls put in place), `loops` all
    loops. `answers` holds what several rules ask for.
    """

    __slots__ = ("_kinds", "_tests", "answers", "complete", "events", "frame", "loops", "nodes", "source")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.source = frame.source
        self.nodes: list[Node] = []
        self.events: list[Event] = []
        self.loops: list[Loop] = []
        self.complete = True
        self._tests: dict[str, tuple[int, bool]] | None = None
        _Builder(self).run()
        self.answers: dict[Any, Any] = {}
        self._kinds: dict[str, list[Event]] = {}
        for event in self.events:
            self._kinds.setdefault(event.kind, []).append(event)

    def close(self) -> None:
        """Break the cycles between the trace and its events."""
        self.nodes.clear()
        self.events.clear()
        self._kinds.clear()
        self.answers.clear()
        self.loops.clear()

    @property
    def function(self) -> Function | None:
        """The function at the start; `None` for the module body."""
        return self.frame.function

    def of(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in order."""
        if len(kinds) == 1:
            return list(self._kinds.get(kinds[0], ()))
        return sorted((event for kind in kinds for event in self._kinds.get(kind, ())), key=_place_in_trace)

    def inside(self, loop: Loop, *kinds: str) -> list[Event]:
        """The events of these kinds inside a loop, inner loops and followed calls included."""
        return [event for event in self.of(*kinds) if loop in event.loops]

    def training_loops(self) -> list[Loop]:
        """The loops in which gradients are computed: innermost loops around a `backward`."""
        found: list[Loop] = []
        for event in self.of("backward"):
            if event.loop is not None and event.loop not in found:
                found.append(event.loop)
        return found

    def path(
        self,
        start: Event,
        goal: Callable[[Event], bool],
        avoid: Callable[[Event], bool] = lambda _: False,
        *,
        within: Loop | None = None,
        across: bool = True,
    ) -> Event | None:
        """The first event that satisfies `goal` on some path from just after `start` that no `avoid` event interrupts.

        `within` keeps the path inside a loop (its next iterations included); `across=False` forbids going back to the
        header of any loop, which keeps it inside one iteration. `None` if there is no such path; `TooLarge` if that
        cannot be told within bounds, which ends the rule that asks.
        """
        return self._search(start.index, goal, avoid, within, across, _assumptions(start))

    def from_entry(
        self, goal: Callable[[Event], bool], avoid: Callable[[Event], bool] = lambda _: False
    ) -> Event | None:
        """As `path`, from the start of the trace."""
        return self._search(-1, goal, avoid, None, True, frozenset())

    def always(self, start: Event, via: Callable[[Event], bool], until: Callable[[Event], bool]) -> bool:
        """Whether every path from `start` to an event that satisfies `until` passes one that satisfies `via`."""
        return self.path(start, until, via) is None

    def _search(
        self,
        start: int,
        goal: Callable[[Event], bool],
        avoid: Callable[[Event], bool],
        within: Loop | None,
        across: bool,
        assumed: frozenset[tuple[str, bool]],
    ) -> Event | None:
        nodes = self.nodes
        if not nodes:
            return None
        way = self._way(start, goal, avoid, within, across)
        if way is None:
            return None
        if _is_consistent((self.nodes[index] for index in way), assumed):
            return self.nodes[way[-1]].event
        needed = self._last_tests()
        if assumed:
            assumed = frozenset(item for item in assumed if item[0] in needed)
        asked = {key for key, _ in assumed}
        stack: list[tuple[int, frozenset[tuple[str, bool]]]] = []
        seen: set[tuple[int, frozenset[tuple[str, bool]]]] = set()
        if start < 0:
            stack.append((0, assumed))
        else:
            self._leave(nodes[start], assumed, across, stack)
        while stack:
            index, known = stack.pop()
            node = nodes[index]
            if within is not None and (node.loop is None or not _inside(node.loop, within)):
                continue
            if known:
                reach = _first_reachable(node, index) if across else index
                if any(needed[key][0] < reach for key, _ in known):
                    known = frozenset(item for item in known if needed[item[0]][0] >= reach)
            state = (index, known)
            if state in seen:
                continue
            seen.add(state)
            if len(seen) > _MOST_STATES:
                raise TooLarge
            if node.side is not None:
                told = node.assume
                if any((key, not outcome) in known for key, outcome in told):
                    continue
                known = known.union([item for item in told if needed[item[0]][1] or item[0] in asked])
            event = node.event
            if event is not None:
                if goal(event):
                    return event
                if avoid(event):
                    continue
            self._leave(node, known, across, stack)
        return None

    def _way(
        self,
        start: int,
        goal: Callable[[Event], bool],
        avoid: Callable[[Event], bool],
        within: Loop | None,
        across: bool,
    ) -> list[int] | None:
        """The nodes of some path to a goal if tests may turn out in any way; without one, none has to be looked for."""
        nodes = self.nodes
        stack = [0]
        if start >= 0:
            stack = [*nodes[start].next, *(nodes[start].back if across else ())]
        before: dict[int, int] = dict.fromkeys(stack, -1)
        while stack:
            index = stack.pop()
            node = nodes[index]
            if within is not None and (node.loop is None or not _inside(node.loop, within)):
                continue
            event = node.event
            if event is not None:
                if goal(event):
                    way = [index]
                    while before[index] >= 0:
                        index = before[index]
                        way.append(index)
                    return way[::-1]
                if avoid(event):
                    continue
            for following in (*node.next, *node.back) if across else node.next:
                if following not in before:
                    before[following] = index
                    stack.append(following)
        return None

    def _last_tests(self) -> dict[str, tuple[int, bool]]:
        """For each thing that is tested: the last node that assumes an outcome, and whether several tests ask for it.

        What only one test asks for need not be remembered: a path that passes it twice has a shorter one that passes
        it once.
        """
        if self._tests is None:
            first: dict[str, int] = {}
            found: dict[str, tuple[int, bool]] = {}
            for index, node in enumerate(self.nodes):
                for key, _ in node.assume:
                    several = first.setdefault(key, node.test) != node.test or (key in found and found[key][1])
                    found[key] = (index, several)
            self._tests = found
        return self._tests

    def _leave(
        self,
        node: Node,
        known: frozenset[tuple[str, bool]],
        across: bool,
        stack: list[tuple[int, frozenset[tuple[str, bool]]]],
    ) -> None:
        stack.extend((following, known) for following in node.next)
        if across:
            for header in node.back:
                loop = self.nodes[header].loop
                stack.append((header, _still_true(known, loop) if loop is not None else known))


def _is_consistent(way: Iterable[Node], assumed: frozenset[tuple[str, bool]]) -> bool:
    """Whether no test on a way turns out in two ways, even if something between might have changed it."""
    told = dict(assumed)
    return len(told) == len(assumed) and all(
        told.setdefault(key, outcome) is outcome for node in way for key, outcome in node.assume
    )


_place_in_trace = operator.attrgetter("index")


def _first_reachable(node: Node, index: int) -> int:
    """The least index that control can get to from a node: the header of the outermost loop around it, or itself."""
    loop = node.loop
    if loop is None:
        return index
    while loop.outer is not None:
        loop = loop.outer
    return min(index, loop.header)


def _inside(loop: Loop, outer: Loop) -> bool:
    current: Loop | None = loop
    while current is not None:
        if current is outer:
            return True
        current = current.outer
    return False


def _still_true(known: frozenset[tuple[str, bool]], loop: Loop) -> frozenset[tuple[str, bool]]:
    if not known:
        return known
    assigned = loop.assigned
    return frozenset(item for item in known if not assigned.intersection(_names(item[0])))


_NAMES: dict[str, frozenset[str]] = {}


def _names(key: str) -> frozenset[str]:
    found = _NAMES.get(key)
    if found is None:
        if len(_NAMES) > 5000:
            _NAMES.clear()
        text = key.partition("\0")[2]
        word = ""
        words = set()
        for char in text + " ":
            if char.isalnum() or char == "_":
                word += char
            elif word:
                words.add(word)
                word = ""
        found = _NAMES[key] = frozenset(words)
    return found


def _assumptions(event: Event) -> frozenset[tuple[str, bool]]:
    items: set[tuple[str, bool]] = set()
    for guard in event.guards:
        items.update(_assumed(guard.test, guard.outcome, guard.frame))
    return frozenset(items)


_STABLE_CALLS = frozenset({"len", "isinstance", "hasattr", "getattr", "int", "bool", "min", "max", "abs"})


def _assumed(test: ast.expr, outcome: bool, frame: Frame) -> tuple[tuple[str, bool], ...]:
    """What a test's outcome tells about its parts, as comparable keys."""
    cache = frame.source.models
    key = (id(test), outcome)
    parts = cache.get(key)
    if parts is None:
        parts = cache[key] = tuple(_parts(test, outcome))
    return tuple((f"{frame.key}\0{text}", holds) for text, holds in parts)


_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.NotEq: ast.Eq, ast.IsNot: ast.Is, ast.NotIn: ast.In}


def _parts(expression: ast.expr, outcome: bool) -> Iterator[tuple[str, bool]]:
    test: ast.expr = expression
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, outcome = test.operand, not outcome
    if isinstance(test, ast.BoolOp):
        if isinstance(test.op, ast.And) is outcome:
            for part in test.values:
                yield from _parts(part, outcome)
            return
    if (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.NotEq | ast.IsNot | ast.NotIn)
    ):
        test = ast.Compare(left=test.left, ops=[_FLIPPED[type(test.ops[0])]()], comparators=test.comparators)
        outcome = not outcome
    for inner in walk(test):
        if isinstance(inner, ast.Call) and not (isinstance(inner.func, ast.Name) and inner.func.id in _STABLE_CALLS):
            method = isinstance(inner.func, ast.Attribute) and not inner.args and not inner.keywords
            if not method:
                return
        if isinstance(inner, ast.NamedExpr | ast.Await):
            return
    yield _written(test), outcome


_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.Is: "is",
    ast.In: "in",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def _written(test: ast.expr) -> str:
    """A test as text, the same for equal ones; the usual kinds without the slow `ast.unparse`."""
    name = dotted(test)
    if name is not None:
        return name
    if isinstance(test, ast.Constant):
        return repr(test.value)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and test.ops[0].__class__ in _SIGNS:
        sign = _SIGNS[test.ops[0].__class__]
        return f"{_written(test.left)} {sign} {_written(test.comparators[0])}"
    if isinstance(test, ast.Call) and not test.keywords:
        return f"{_written(test.func)}({', '.join(map(_written, test.args))})"
    return ast.unparse(test)


def truth(value: Value) -> bool | None:
    """Whether a test certainly holds or certainly does not."""
    if value.kind == "const":
        return bool(value.const)
    if value.kind == "unary" and value.name == "Not":
        inner = truth(value.items[0])
        return None if inner is None else not inner
    if value.kind in ("instance", "function", "class", "package") and value.node is not None:
        return True
    if value.kind == "compare" and len(value.items) == 2:
        left, right = value.items
        if value.name in ("Is", "IsNot", "Eq", "NotEq") and NONE.key in (left.key, right.key):
            other = left if right.key == NONE.key else right
            same = None
            if other.key == NONE.key:
                same = True
            elif (
                other.kind in ("instance", "const", "tuple", "list", "dict", "function", "class", "call_")
                and other.key != NONE.key
            ):
                same = False
            if same is None:
                return None
            return same if value.name in ("Is", "Eq") else not same
        if left.kind == right.kind == "const":
            if value.name in ("Eq", "Is"):
                return bool(left.const == right.const)
            if value.name in ("NotEq", "IsNot"):
                return bool(left.const != right.const)
    return None


class _Builder:
    __slots__ = ("contexts", "frontier", "guards", "jumps", "loop", "loops", "nodes", "returns", "trace")

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.nodes = trace.nodes
        self.frontier: list[int] = []
        self.loops: tuple[Loop, ...] = ()
        self.guards: tuple[Guard, ...] = ()
        self.contexts: tuple[Value, ...] = ()
        self.jumps: list[tuple[list[int], int]] = []  # per loop: nodes that break, index of the header
        self.returns: list[list[int]] = []

    def run(self) -> None:
        frame = self.trace.frame
        self.node()
        self.function_body(frame)

    def function_body(self, frame: Frame) -> None:
        function = frame.function
        contexts = self.contexts
        if function is not None:
            for decorator in function.decorators:
                value = frame.project.frame(function.source, None).value(decorator)
                if value.kind == "ref":
                    value = Value("call", name=value.name)
                self.contexts = (*self.contexts, value) if _is_context(value) else self.contexts
            if isinstance(function.node, ast.Lambda):
                self.expression(function.node.body, frame)
                self.contexts = contexts
                return
        self.returns.append([])
        jumps, self.jumps = self.jumps, []
        self.block(function.body if function is not None else frame.source.tree.body, frame)
        self.jumps = jumps
        self.contexts = contexts
        self.frontier = [*self.frontier, *self.returns.pop()]
        if len(self.frontier) > 1:
            self.node()

    def node(self) -> Node:
        node = Node()
        node.loop = self.loops[-1] if self.loops else None
        index = len(self.nodes)
        self.nodes.append(node)
        for before in self.frontier:
            self.nodes[before].next.append(index)
        self.frontier = [index]
        return node

    def emit(self, event: Event) -> None:
        node = self.node()
        node.event = event
        event.index = len(self.nodes) - 1
        event.trace = self.trace
        event.guards = self.guards
        event.loops = self.loops
        event.contexts = self.contexts
        self.trace.events.append(event)

    # statements

    def block(self, statements: list[ast.stmt], frame: Frame) -> None:
        for statement in statements:
            if not self.frontier:
                return
            if len(self.nodes) > _MOST_NODES:
                self.trace.complete = False
                return
            self.statement(statement, frame)

    def statement(self, node: ast.stmt, frame: Frame) -> None:
        handler = _STATEMENTS.get(node.__class__)
        if handler is not None:
            handler(self, node, frame)
        elif node.__class__.__name__ == "TryStar":
            self.attempt(node, frame)  # type: ignore[arg-type]
        else:
            for child in children(node):
                self.expression(child, frame)

    def value_alone(self, node: ast.Expr, frame: Frame) -> None:
        self.expression(node.value, frame)

    def leave(self, node: ast.Return, frame: Frame) -> None:
        if node.value is not None:
            self.expression(node.value, frame)
        if self.returns:
            self.returns[-1].extend(self.frontier)
        self.frontier = []

    def fail(self, _: ast.Raise, __: Frame) -> None:
        self.frontier = []

    def leave_loop(self, _: ast.Break, __: Frame) -> None:
        if self.jumps:
            self.jumps[-1][0].extend(self.frontier)
        self.frontier = []

    def next_round(self, _: ast.Continue, __: Frame) -> None:
        if self.jumps:
            for index in self.frontier:
                self.nodes[index].back.append(self.jumps[-1][1])
        self.frontier = []

    def skip(self, _: ast.stmt, __: Frame) -> None:
        pass

    def assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, frame: Frame) -> None:
        if node.value is not None:
            self.expression(node.value, frame)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute):
                if target.attr == "grad" and isinstance(node.value, ast.Constant) and node.value.value is None:
                    self.emit(Event("zero_grad", node, frame, frame.value(target.value), name="grad"))
                else:
                    self.emit(Event("store", node, frame, frame.value(target.value), name=target.attr))
            elif isinstance(target, ast.Subscript) and is_module(_root(frame.value(target.value))) is True:
                self.emit(Event("store", node, frame, frame.value(target.value), name="[]"))

    def branch(self, node: ast.If, frame: Frame) -> None:
        self.expression(node.test, frame)
        known = _main_guard(node.test)
        if known is None and _is_simple(node.test):
            known = truth(frame.value(node.test))
        start = self.frontier
        ends: list[int] = []
        for outcome, body in ((True, node.body), (False, node.orelse)):
            if known is not None and known is not outcome:
                continue
            self.frontier = start
            guards = self.guards
            if known is None:
                side = self.node()
                side.side, side.test = (node.test, outcome, frame), start[0]
                self.guards = (*guards, Guard(node.test, outcome, frame))
            self.block(body, frame)
            self.guards = guards
            ends.extend(self.frontier)
        self.frontier = ends
        if len(ends) > 1:
            self.node()

    def repeat(self, node: ast.For | ast.AsyncFor | ast.While, frame: Frame) -> None:
        if not isinstance(node, ast.While):
            self.expression(node.iter, frame)
        outer = self.loops
        loop = Loop(node, frame, outer[-1] if outer else None)
        self.trace.loops.append(loop)
        self.loops = (*outer, loop)
        header = self.node()
        loop.header = index = len(self.nodes) - 1
        header.loop = loop
        endless = False
        if isinstance(node, ast.While):
            self.expression(node.test, frame)
            endless = truth(frame.value(node.test)) is True
        leaves = [] if endless else list(self.frontier)
        self.jumps.append(([], index))
        guards = self.guards
        self.block(node.body, frame)
        self.guards = guards
        for end in self.frontier:
            self.nodes[end].back.append(index)
        exits, _ = self.jumps.pop()
        self.loops = outer
        self.frontier = leaves
        if leaves:
            self.node()
            self.block(node.orelse, frame)
        self.frontier = [*self.frontier, *exits]
        if self.frontier:
            self.node()

    def context(self, node: ast.With | ast.AsyncWith, frame: Frame) -> None:
        outer = self.contexts
        for item in node.items:
            self.expression(item.context_expr, frame)
            self.contexts = (*self.contexts, frame.value(item.context_expr))
        self.block(node.body, frame)
        self.contexts = outer

    def attempt(self, node: ast.Try, frame: Frame) -> None:
        start = self.frontier
        self.block(node.body, frame)
        self.block(node.orelse, frame)
        ends = self.frontier
        for handler in node.handlers:
            self.frontier = list(start)
            self.block(handler.body, frame)
            ends = [*ends, *self.frontier]
        self.frontier = ends
        if len(ends) > 1:
            self.node()
        if not ends and node.finalbody:
            return
        self.block(node.finalbody, frame)

    def cases(self, node: ast.Match, frame: Frame) -> None:
        self.expression(node.subject, frame)
        start = self.frontier
        ends = list(start)
        for case in node.cases:
            self.frontier = list(start)
            self.block(case.body, frame)
            ends.extend(self.frontier)
        self.frontier = ends
        self.node()

    # expressions: calls, in the order in which they are made

    def expression(self, node: ast.AST, frame: Frame) -> None:
        for item in frame.source.calls_in(node):
            if isinstance(item, ast.Call):
                self.call(item, frame)
            else:
                self.conditional(item, frame)

    def conditional(self, node: ast.IfExp, frame: Frame) -> None:
        self.expression(node.test, frame)
        start, guards = self.frontier, self.guards
        ends: list[int] = []
        for outcome, branch in ((True, node.body), (False, node.orelse)):
            self.frontier = list(start)
            before = len(self.nodes)
            self.guards = (*guards, Guard(node.test, outcome, frame))
            self.expression(branch, frame)
            if len(self.nodes) > before or outcome is False:
                ends.extend(self.frontier)
            else:
                ends.extend(start)
        self.guards = guards
        self.frontier = list(dict.fromkeys(ends))
        if len(self.frontier) > 1:
            self.node()

    def call(self, node: ast.Call, frame: Frame) -> None:
        callee = frame.value(node.func)
        if callee.kind == "union":
            callee = _one_class(_callee(callee))
        if callee.kind == "function":
            if not _is_plain_step(callee) and self.inline(callee, node, frame):
                return
        elif callee.kind == "class":
            model = frame.project.class_model(callee.target)
            init = model.method("__init__") if model.is_module is not True else None
            if init is not None:
                instance = frame.value(node)
                if instance.kind == "instance":
                    self.inline(Value("function", target=init, base=instance), node, frame)
        elif callee.kind == "instance" and callee.target is not None:
            model = value_class(callee)
            called = model.method("forward" if model.is_module else "__call__")
            if called is not None and (not model.is_module or _computes_loss(called)):
                self.inline(Value("function", target=called, base=callee), node, frame)
        for event in classify(node, frame, callee):
            self.emit(event)

    def inline(self, callee: Value, node: ast.Call, frame: Frame) -> bool:
        """Put a project function's events in place of its call; whether the call is dealt with."""
        function: Function = callee.target
        if len(self.nodes) > _MOST_NODES or frame.depth >= _DEEPEST_INLINE:
            return False
        if function.cls is not None and is_stub(function):
            return False
        words = WORDS if frame.depth < _WEAK_INLINE else _STRONG_WORDS
        if not reaches(frame.project, function, words, losses=True):
            return True
        if function.is_generator:
            return False
        if function.name == "__init__" and callee.base is not None and callee.base.target is not None:
            inner: Frame | None = (
                None if frame.calls(function) else value_class(callee.base).frame(function, callee.base)
            )
            if inner is not None and inner.parent is None:
                inner = frame.enter(callee, node)
        else:
            inner = frame.enter(callee, node)
        if inner is None or not frame.project.may_inline(function):
            return False
        self.function_body(inner)
        return True


_STATEMENTS: dict[type, Callable[[_Builder, Any, Frame], None]] = {
    ast.Expr: _Builder.value_alone,
    ast.Assign: _Builder.assignment,
    ast.AnnAssign: _Builder.assignment,
    ast.AugAssign: _Builder.assignment,
    ast.If: _Builder.branch,
    ast.For: _Builder.repeat,
    ast.AsyncFor: _Builder.repeat,
    ast.While: _Builder.repeat,
    ast.With: _Builder.context,
    ast.AsyncWith: _Builder.context,
    ast.Try: _Builder.attempt,
    ast.Return: _Builder.leave,
    ast.Raise: _Builder.fail,
    ast.Break: _Builder.leave_loop,
    ast.Continue: _Builder.next_round,
    ast.Match: _Builder.cases,
    ast.FunctionDef: _Builder.skip,
    ast.AsyncFunctionDef: _Builder.skip,
    ast.ClassDef: _Builder.skip,
    ast.Import: _Builder.skip,
    ast.ImportFrom: _Builder.skip,
}


def _callee(value: Value) -> Value:
    """The one thing that is called, a `None` among the possibilities left out."""
    if value.kind == "union":
        options = [o for o in value.items if o.key != NONE.key]
        if len(options) == 1:
            return options[0]
    return value


def _is_plain_step(callee: Value) -> bool:
    """Whether a method is the `step` of the project's own optimizer, which does nothing but step along gradients."""
    function: Function = callee.target
    if function.name != "step" or callee.base is None or callee.base.is_instance(roles.OPTIMIZER) is not True:
        return False
    if not function.words.isdisjoint(("zero_grad", "zero_", "backward", "step")):
        return False
    return any(isinstance(node, ast.Attribute) and node.attr == "grad" for node in walk(function.node))


def _one_class(value: Value) -> Value:
    """For several possible instances of one project class, some of them wrapped by DDP or compiled: one of them."""
    if value.kind != "union":
        return value
    found: Value | None = None
    for one in unwrapped_options(value):
        if one.kind != "instance" or one.target is None or (found is not None and one.target is not found.target):
            return value
        found = found or one
    return found or value


def _root(value: Value) -> Value:
    """The object that an attribute or item is taken from in the end."""
    while value.kind in ("attribute", "item") and value.base is not None:
        value = value.base
    return value


def _is_context(value: Value) -> bool:
    return value.name in roles.NO_GRAD or value.name in (
        "torch.enable_grad",
        "torch.autocast",
        "torch.amp.autocast",
        "torch.cuda.amp.autocast",
        "torch.set_grad_enabled",
    )


def _computes_loss(function: Function) -> bool:
    return any("loss" in w or "crit" in w or "entropy" in w for w in function.words)


def _is_simple(test: ast.expr) -> bool:
    """Whether a test is made of few names and constants, so that its value may be known and is cheap to ask for."""
    if isinstance(test, ast.UnaryOp):
        return _is_simple(test.operand)
    if isinstance(test, ast.Compare):
        return len(test.ops) == 1 and _is_simple(test.left) and _is_simple(test.comparators[0])
    if isinstance(test, ast.Attribute):
        return isinstance(test.value, ast.Name)
    return isinstance(test, ast.Name | ast.Constant)


def _main_guard(test: ast.expr) -> bool | None:
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__":
        return True
    return None


def reaches(
    project: Project, function: Function, words: frozenset[str], *, losses: bool = False, depth: int = 3
) -> bool:
    """Whether a function, or one that it calls within so many calls, mentions one of the words.

    With `losses`, anything that sounds like a loss counts as well.
    """
    models = function.source.models
    key = (id(function), id(words), losses, depth)
    known: bool | None = models.get(key)
    if known is None:
        known = not function.words.isdisjoint(words) or (losses and _sounds_like_loss(function))
        if not known and depth:
            callees = _callees(project, function)
            known = any(reaches(project, one, words, losses=losses, depth=depth - 1) for one in callees)
        models[key] = known
    return known


def _sounds_like_loss(function: Function) -> bool:
    return any("loss" in word or "crit" in word for word in function.words)


def _callees(project: Project, function: Function) -> list[Function]:
    """The project functions that a function calls by a name of its module or as a method of `self`.

    Answered from the module's names alone, because it is asked of every function.
    """
    cache = function.source.models
    key = ("callees", id(function))
    known: list[Function] | None = cache.get(key)
    if known is None:
        known = cache[key] = []
        body = project.frame(function.source, None)
        seen: set[str] = set()
        for call in function.calls:
            first = first_name(call.func)
            name = dotted(call.func) if first and _leads_into_project(function, body, first) else None
            if name is None or name in seen:
                continue
            seen.add(name)
            callee = _static(project, function, body, name)
            if callee is not None and callee is not function:
                known.append(callee)
    return known


def _leads_into_project(function: Function, body: Frame, first: str) -> bool:
    """Whether a dotted name that begins so may be a function of the project; answered once for each such name."""
    if first in ("self", "cls") or first in function.scope.names:
        return True
    cache = function.source.models
    key = ("leads", first)
    known = cache.get(key)
    if known is None:
        definitions = function.source.scope.names.get(first, ())
        known = any(d.kind in ("function", "import", "class") for d in definitions) and (
            body.lookup(first).kind in ("function", "class", "package")
        )
        cache[key] = known
    return bool(known)


def _static(project: Project, function: Function, body: Frame, name: str) -> Function | None:
    first, *rest = name.split(".")
    if first in ("self", "cls") and function.cls is not None:
        return project.class_model(function.cls).method(rest[0]) if len(rest) == 1 else None
    own = function.scope.names.get(first)
    if own is not None:
        nested = own[0].target if len(own) == 1 and own[0].kind == "function" and not rest else None
        return nested if isinstance(nested, Function) else None
    cache = function.source.models
    if name in cache:
        return cache[name]  # type: ignore[no-any-return]
    found = cache[name] = _of_module(project, body, first, rest)
    return found


def _of_module(project: Project, body: Frame, first: str, rest: list[str]) -> Function | None:
    value = body.lookup(first)
    for part in rest:
        if value.kind != "package":
            return None
        value = project.member(value.target, part)
    if value.kind == "class":
        return project.class_model(value.target).method("__init__")
    return value.target if value.kind == "function" else None


def is_stub(function: Function) -> bool:
    """Whether a method only holds the place of what subclasses put there: `pass`, `...`, `raise`, a docstring."""
    return bool(function.body) and all(
        isinstance(s, ast.Pass | ast.Raise) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in function.body
    )


# classification of calls


def classify(node: ast.Call, frame: Frame, callee: Value) -> Iterator[Event]:
    """The events that one call, not followed into, makes."""
    func = node.func
    if isinstance(func, ast.Attribute):
        handler = _METHODS.get(func.attr)
        if handler is not None:
            event = handler(node, frame, frame.value(func.value))
            if event is not None:
                yield event
                return
    if callee.kind == "attribute" and callee.name not in roles.KNOWN_RESULTS and frame.value(func) is callee:
        yield Event("call", node, frame, callee, name="." + callee.name)  # what it returns is asked for by few
        return
    value = frame.value(node)
    if value.kind == "apply" and value.base is not None and value.base.name in frameworks.STEPPERS:
        yield from _whole_step(node, frame, value, value.base)
        return
    yield _made(node, frame, value, callee)


def _whole_step(node: ast.Call, frame: Frame, value: Value, stepper: Value) -> Iterator[Event]:
    """`scaler(loss, optimizer, ..., need_update=True)` of timm: the backward pass, and the step where it is wanted."""
    yield Event("backward", node, frame, value.argument(0, "loss") or UNKNOWN, manager=stepper)
    wanted = value.argument(6, "need_update")
    if wanted is None or (wanted.kind == "const" and wanted.const):
        yield Event("step", node, frame, value.argument(1, "optimizer") or UNKNOWN, manager=stepper)
    elif wanted.kind != "const":
        yield Event("call", node, frame, stepper)


def _made(node: ast.Call, frame: Frame, value: Value, callee: Value) -> Event:
    kind = value.kind
    name = value.name
    if kind == "apply" and value.base is not None:
        base = value.base
        if base.name in roles.CRITERIA:
            return Event("loss", node, frame, base, name=base.name)
        return Event("forward", node, frame, base)
    if kind == "union" and all(o.kind == "apply" and o.base is not None and is_module(o.base) for o in value.items):
        return Event("forward", node, frame, frame.value(node.func))
    if name in roles.LOSS_FUNCTIONS:
        return Event("loss", node, frame, None, name=roles.LOSS_FUNCTIONS[name])
    if name in _CLIPS:
        return Event("clip", node, frame, value.argument(0, "parameters") or UNKNOWN, name=name)
    if kind == "instance" and (value.node is node or callee.kind != "attribute"):
        if value.is_instance(roles.OPTIMIZER):
            return Event("optimizer", node, frame, value, name=name)
        if name in roles.SCHEDULERS:
            return Event("scheduler", node, frame, value, name=name)
        if name in roles.WRAPPERS:
            return Event("wrap", node, frame, value, name=name)
        if value.is_instance(roles.LOADER):
            return Event("loader", node, frame, value, name=name)
    if name in roles.SCHEDULER_FACTORIES:
        return Event("scheduler", node, frame, value, name=name)
    if name in roles.COLLECTIVES:
        return Event("collective", node, frame, value, name=name)
    if name == "torch.autograd.backward":
        return Event("backward", node, frame, value.argument(0, "tensors") or UNKNOWN)
    if name == "torch.save":
        return Event("save", node, frame, value.argument(0, "obj") or UNKNOWN)
    if name in _SEEDS:
        return Event("seed", node, frame, name=name)
    if name == "torch.nn.Module.zero_grad":
        return Event("zero_grad", node, frame, value.argument(0) or UNKNOWN)
    if name in ("torch.set_grad_enabled",):
        return Event("grad_mode", node, frame, value.argument(0, "mode"))
    if kind == "call" and name == "()" and value.base is not None and is_module(value.base) is True:
        return Event("forward", node, frame, value.base)
    return Event("call", node, frame, callee, name=name)


_CLIPS = frozenset(
    f"torch.nn.utils.{module}{name}"
    for module in ("", "clip_grad.")
    for name in ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm")
)
_SEEDS = frozenset(
    {
        "torch.manual_seed",
        "torch.cuda.manual_seed",
        "torch.cuda.manual_seed_all",
        "torch.seed",
        "random.seed",
        "numpy.random.seed",
        "pytorch_lightning.seed_everything",
        "lightning.seed_everything",
        "transformers.set_seed",
        "accelerate.utils.set_seed",
    }
)
_SCALERS = (
    "torch.GradScaler",
    "torch.amp.GradScaler",
    "torch.cuda.amp.GradScaler",
    "torch.cuda.amp.grad_scaler.GradScaler",
    "torch.amp.grad_scaler.GradScaler",
    "torch.distributed.fsdp.sharded_grad_scaler.ShardedGradScaler",
)


def is_scaler(value: Value) -> bool | None:
    """Whether a value is a GradScaler."""
    answers = {
        True if o.kind == "instance" and o.name in _SCALERS else (None if o.kind in _OPEN else False)
        for o in value.options
    }
    return answers.pop() if len(answers) == 1 else None


_OPEN = ("unknown", "param", "attribute", "item", "element", "call", "apply")


def is_optimizer(value: Value) -> bool | None:
    """Whether a value is an optimizer."""
    answers = {_is_optimizer(option) for option in value.options if option.key != NONE.key}
    return answers.pop() if len(answers) == 1 else None


def _is_optimizer(value: Value) -> bool | None:
    if value.kind == "instance":
        return value.is_instance(roles.OPTIMIZER)
    if value.kind == "call" and value.name in roles.OPTIMIZER_FACTORIES:
        return True
    if value.kind == "param" and isinstance(value.node, ast.arg) and value.node.annotation is not None:
        annotation = (
            value.frame.project.frame(value.frame.source, None).value(value.node.annotation) if value.frame else UNKNOWN
        )
        if annotation.kind == "ref" and (
            annotation.name == roles.OPTIMIZER or annotation.name in roles.TORCH_OPTIMIZERS
        ):
            return True
    return None if value.kind in _OPEN else False


def is_scheduler(value: Value) -> bool | None:
    """Whether a value is a learning-rate scheduler."""
    answers: set[bool | None] = set()
    for option in value.options:
        if option.key == NONE.key:
            continue
        if option.name in roles.SCHEDULERS or option.name in roles.SCHEDULER_FACTORIES:
            answers.add(True)
        elif option.kind == "instance":
            answers.add(option.is_instance(roles.SCHEDULER))
        else:
            answers.add(None if option.kind in _OPEN else False)
    return answers.pop() if len(answers) == 1 else None


def _last_word(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript | ast.Call):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    if isinstance(node, ast.Attribute):
        return node.attr.lower()
    return node.id.lower() if isinstance(node, ast.Name) else ""


def _receiver(node: ast.Call) -> ast.expr:
    assert isinstance(node.func, ast.Attribute)
    return node.func.value


def _backward(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    if receiver.kind == "ref":
        return None
    first = node.args[0] if node.args else None
    if first is not None and not _is_tensor_like(receiver):
        loss = frame.value(first)
        word = _last_word(_receiver(node))
        manager = "loss" not in word
        if manager:
            return Event("backward", node, frame, loss, manager=receiver)
    for option in receiver.options:
        scaler = option.method("scale")
        if scaler is not None and scaler.key != NONE.key:
            return Event("backward", node, frame, option.argument(0, "outputs") or UNKNOWN, manager=scaler)
    return Event("backward", node, frame, receiver)


def _is_tensor_like(value: Value) -> bool:
    return value.kind in ("binary", "apply", "call") and not value.name.endswith("prepare")


def _manual_backward(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    return Event("backward", node, frame, frame.value(node.args[0]) if node.args else UNKNOWN, manager=receiver)


def _step(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    if is_scaler(receiver) is True or (node.args and "scaler" in _last_word(_receiver(node))):
        subject = frame.value(node.args[0]) if node.args else UNKNOWN
        return Event("step", node, frame, subject, manager=receiver, by_name=is_scaler(receiver) is not True)
    if is_optimizer(receiver) is True:
        return Event("step", node, frame, receiver)
    if is_scheduler(receiver) is True:
        return Event("scheduler_step", node, frame, receiver)
    if receiver.kind in ("instance", "ref", "function", "class", "package") and is_optimizer(receiver) is False:
        return None
    word = _last_word(_receiver(node))
    if "sched" in word or word.startswith("lr_") or word.endswith("_lr"):
        return Event("scheduler_step", node, frame, receiver, by_name=True)
    if "optim" in word or word in ("opt", "opts") or word.startswith("opt_") or word.endswith("_opt"):
        return Event("step", node, frame, receiver, by_name=True)
    return None


def _zero_grad(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    if receiver.kind in ("ref", "package"):
        return None
    return Event("zero_grad", node, frame, receiver)


def _clip(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    if receiver.kind == "ref":
        return None
    subject = frame.value(node.args[0]) if node.args else receiver
    return Event("clip", node, frame, subject, manager=receiver if node.args else None, name="." + _method_name(node))


def _method_name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _mode(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    if is_module(receiver) is False or receiver.kind in ("ref", "package", "class"):
        return None
    name = _method_name(node)
    if name == "train" and (node.args or node.keywords):
        mode = frame.value(node.args[0] if node.args else node.keywords[0].value)
        if mode.kind != "const":
            return Event("mode", node, frame, receiver, by_name=is_module(receiver) is None)
        name = "train" if mode.const else "eval"
    return Event(name, node, frame, receiver, by_name=is_module(receiver) is None)


def _unscale(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    subject = frame.value(node.args[0]) if node.args else UNKNOWN
    return Event("unscale", node, frame, subject, manager=receiver)


def _update(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
    if is_scaler(receiver) or (is_scaler(receiver) is None and "scaler" in _last_word(_receiver(node))):
        return Event("scaler_update", node, frame, receiver)
    return None


def _simple(kind: str) -> Callable[[ast.Call, Frame, Value], Event | None]:
    def make(node: ast.Call, frame: Frame, receiver: Value) -> Event | None:
        return (
            None if receiver.kind in ("ref", "package") else Event(kind, node, frame, receiver, name=_method_name(node))
        )

    return make


_METHODS: dict[str, Callable[[ast.Call, Frame, Value], Event | None]] = {
    "backward": _backward,
    "manual_backward": _manual_backward,
    "step": _step,
    "zero_grad": _zero_grad,
    "clip_grad_norm_": _clip,
    "clip_grad_value_": _clip,
    "clip_grad_norm": _clip,
    "clip_gradients": _clip,
    "train": _mode,
    "eval": _mode,
    "unscale_": _unscale,
    "update": _update,
    "set_epoch": _simple("set_epoch"),
    "state_dict": _simple("state_dict"),
    "load_state_dict": _simple("load_state_dict"),
    "add_param_group": _simple("add_param_group"),
    "item": _simple("sync"),
    "tolist": _simple("sync"),
    "numpy": _simple("sync"),
    "cpu": _simple("sync"),
    "to": _simple("transfer"),
    "cuda": _simple("transfer"),
}
