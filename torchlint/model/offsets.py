"""Which token a position of a tensor belongs to: cuts of sequences, and their way through a language model.

A sequence is followed through what keeps its positions (views, casts, `torch.stack` over windows, data sets behind a
loader, embeddings, linear layers, recurrent layers that read forwards, attention layers, residual sums), and each slice
adds to where it begins. Everything else ends the way with `None`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from torchlint.model.frameworks import shifts_labels
from torchlint.model.syntax import Function, statements
from torchlint.model.trace import Event, Trace
from torchlint.model.values import UNKNOWN, Frame, Key, Value, union, unwrapped, value_class
from torchlint.torch_api import roles

if TYPE_CHECKING:
    from torchlint.model import Module

_DEEPEST = 80

_SHAPE_KEPT = frozenset(
    {
        ".contiguous", ".clone", ".to", ".cuda", ".cpu", ".long", ".int", ".float", ".double", ".half", ".bfloat16",
        ".type", ".type_as", ".detach", ".astype", ".requires_grad_", ".log_softmax", ".softmax", ".copy", ".numpy",
        ".pin_memory",
        "torch.from_numpy", "torch.as_tensor", "torch.tensor", "torch.LongTensor", "torch.clone", "numpy.asarray",
        "numpy.array", "torch.log_softmax", "torch.softmax", "torch.nn.functional.log_softmax", "torch.relu",
        "torch.nn.functional.softmax", "torch.nn.functional.relu", "torch.nn.functional.gelu", "torch.tanh",
        "torch.nn.functional.dropout", "torch.nn.functional.silu", "torch.nn.functional.layer_norm", ".relu", ".tanh",
        "torch.nn.functional.linear", "torch.nn.functional.rms_norm", "torch.detach",
    }
)  # fmt: skip
_RESHAPES = frozenset(
    {
        ".view", ".reshape", ".flatten", ".transpose", ".permute", ".view_as", ".unsqueeze", ".ravel",
        "torch.flatten", "torch.transpose", "torch.permute", "torch.reshape", "einops.rearrange",
    }
)  # fmt: skip
_KEEPS_POSITIONS = frozenset(
    f"torch.nn.{name}"
    for name in (
        "Linear", "LazyLinear", "LayerNorm", "RMSNorm", "Dropout", "Identity", "ReLU", "GELU", "SiLU", "Tanh",
        "LeakyReLU", "ELU", "LogSoftmax", "Softmax", "TransformerEncoder", "TransformerEncoderLayer",
        "TransformerDecoder", "TransformerDecoderLayer", "MultiheadAttention",
    )
)  # fmt: skip
_RECURRENT = frozenset({"torch.nn.GRU", "torch.nn.LSTM", "torch.nn.RNN"})
_RANDOM = (
    "rand",
    "randn",
    "randint",
    "rand_like",
    "randn_like",
    "normal",
    "bernoulli",
    "multinomial",
    "rsample",
    "sample",
)


class Stretch(NamedTuple):
    """A stretch of a sequence: `base` uncut, beginning at `start` (a constant plus symbols times factors) on `axis`.

    `axis` is `None` where nothing is cut. Sequences are counted with the batch as their first axis.
    """

    base: Value
    start: int
    symbols: tuple[tuple[Key, int], ...]
    axis: int | None

    def moved(self, by: int, axis: int | None) -> Stretch | None:
        """The same stretch, beginning `by` later; `None` if it would be cut along two axes."""
        if axis is None:
            return self
        if self.axis is not None and self.axis != axis:
            return None
        return self._replace(start=self.start + by, axis=axis)


class Alignment(NamedTuple):
    """A token loss: the tokens whose output is scored, and the tokens that it is scored against.

    `logits_cut` says whether the output was cut after the model; `embedding` is the layer that read the tokens, if it
    is one of torch.
    """

    tokens: Stretch
    targets: Stretch
    logits_cut: bool
    embedding: Value | None

    @property
    def offset(self) -> int | None:
        """How many tokens ahead the targets are; `None` if that is not a constant."""
        apart = {self.tokens.axis, self.targets.axis} - {None}
        if len(apart) > 1 or self.tokens.symbols != self.targets.symbols:
            return None
        return self.targets.start - self.tokens.start

    @property
    def same_sequence(self) -> bool:
        """Whether both sides come from one sequence."""
        return self.tokens.base.key == self.targets.base.key


def alignment(loss: Value) -> Alignment | None:
    """How the input and the target of a cross-entropy (a call or an applied criterion) lie to each other."""
    logits, targets = loss.argument(0, "input"), loss.argument(1, "target")
    if logits is None or targets is None:
        return None
    aim = stretch_of(targets)
    if aim is None:
        return None
    way = _Way()
    source = way.tokens(logits)
    return None if source is None else Alignment(source, aim, _cut_outside(logits), way.embedding)


class Score(NamedTuple):
    """A token loss in a trace whose two sides come from one sequence, with the offset between them."""

    trace: Trace
    event: Event
    loss: Value
    alignment: Alignment
    offset: int


def scores(module: Module) -> tuple[Score, ...]:
    """All token losses of the file, followed calls included, whose output and target come from one sequence."""
    known: tuple[Score, ...] | None = module.source.models.get("scores")
    if known is None:
        found = []
        for trace in module.traces:
            for event in trace.of("loss"):
                if event.name in _TOKEN_CRITERIA:
                    loss = event.value
                    aligned = alignment(loss)
                    if aligned is not None and aligned.same_sequence and aligned.offset is not None:
                        found.append(Score(trace, event, loss, aligned, aligned.offset))
        known = module.source.models["scores"] = tuple(found)
    return known


def shift_inside(loss: Value) -> int | None:
    """How far the function that computes a loss shifts by itself, whatever it is given."""
    if loss.frame is None or loss.node is None or loss.frame.parent is None:
        return None
    alone = alignment(loss.frame.project.frame(loss.frame.source, loss.frame.function).value(loss.node))
    return alone.offset if alone is not None else None


def paired_at(event: Event, loss: Value) -> tuple[ast.AST, Frame]:
    """Where the two sides of a loss are put together: at the loss itself, or at the call that passes both to it."""
    node, frame = event.node, event.frame
    if frame.parent is None or frame.call is None or loss.node is None:
        return node, frame
    alone = alignment(frame.project.frame(frame.source, frame.function).value(loss.node))
    return (node, frame) if alone is not None and alone.same_sequence else (frame.call, frame.parent)


def stretch_of(value: Value) -> Stretch | None:
    """The sequence that an integer tensor or array is a stretch of, with its first axis counted as the batch's."""
    return _stretch(value, 2, 0)


def is_causal_model(value: Value) -> bool:
    """Whether this is a language model of Hugging Face that shifts the labels by itself."""
    return shifts_labels(value) is True


def affine(value: Value) -> tuple[int, dict[Key, int]] | None:
    """An integer expression as a constant and factors of symbols; `None` if it is no such sum."""
    if value.kind == "const":
        return (value.const, {}) if isinstance(value.const, int) and not isinstance(value.const, bool) else None
    if value.kind == "binary" and value.name in ("Add", "Sub") and len(value.items) == 2:
        left, right = affine(value.items[0]), affine(value.items[1])
        if left is None or right is None:
            return None
        sign = 1 if value.name == "Add" else -1
        symbols = dict(left[1])
        for key, factor in right[1].items():
            symbols[key] = symbols.get(key, 0) + sign * factor
        return left[0] + sign * right[0], {key: factor for key, factor in symbols.items() if factor}
    if value.kind == "binary" and value.name == "Mult" and len(value.items) == 2:
        left, right = affine(value.items[0]), affine(value.items[1])
        if left is not None and right is not None:
            if not left[1]:
                return left[0] * right[0], {k: left[0] * f for k, f in right[1].items() if left[0]}
            if not right[1]:
                return left[0] * right[0], {k: right[0] * f for k, f in left[1].items() if right[0]}
    if value.kind in ("unknown", "union"):
        return None
    return 0, {value.key: 1}


def _slice(index: Value, rank: int) -> tuple[Value, int] | None:
    """The start and the axis of a subscript that cuts one axis; start `UNKNOWN` stands for no cut at all."""
    parts = index.items if index.kind == "tuple" else (index,)
    found: tuple[Value, int] | None = None
    ellipsis = False
    for i, part in enumerate(parts):
        if part.kind == "const" and part.const is Ellipsis:
            ellipsis = True
            continue
        if part.kind != "slice" or (part.items[2].kind, part.items[2].const) != ("const", None):
            return None
        start, stop = part.items[0], part.items[1]
        if start.kind == stop.kind == "const" and start.const is None and stop.const is None:
            continue
        if found is not None:
            return None
        axis = rank - (len(parts) - i) if ellipsis else i
        if axis < 0:
            return None
        found = (start, axis)
    return found if found is not None else (UNKNOWN, -1)


def _begin(start: Value) -> tuple[int, dict[Key, int]] | None:
    if start.kind == "const" and start.const is None:
        return 0, {}
    amount = affine(start)
    if amount is None or (not amount[1] and amount[0] < 0):
        return None
    return amount


def _shifted(cut: Stretch, start: Value, axis: int) -> Stretch | None:
    amount = _begin(start)
    if amount is None:
        return None
    moved = cut.moved(amount[0], axis)
    if moved is None:
        return None
    symbols: dict[Key, int] = dict(moved.symbols)
    for key, factor in amount[1].items():
        symbols[key] = symbols.get(key, 0) + factor
    return moved._replace(
        symbols=tuple(sorted(((k, f) for k, f in symbols.items() if f), key=lambda item: hash(item[0])))
    )


def _stretch(value: Value, rank: int, depth: int, *, sliced: bool = False) -> Stretch | None:
    if depth > _DEEPEST or value is UNKNOWN or _changed(value):
        return None
    if value.kind == "union":
        return _agreed([_stretch(option, rank, depth + 1, sliced=sliced) for option in value.items])
    if value.kind == "call" and value.name in _RESHAPES:
        return None if sliced else _stretch(_first(value), rank, depth + 1)
    if value.kind in ("call", "instance") and value.name in _SHAPE_KEPT:
        return _stretch(_first(value), rank, depth + 1, sliced=sliced)
    if value.call_of("torch.stack", "numpy.stack"):
        rows = value.argument(0)
        if rows is None or rows.kind != "call" or rows.name != "[for]":
            return None
        row = _stretch(rows.items[0], rank - 1, depth + 1)
        return row if row is None or row.axis is None else row._replace(axis=row.axis + 1)
    if value.kind == "item" and value.base is not None:
        collated = _collated(value)
        if collated is not None:
            return _stretch(collated, rank, depth + 1)
        behind = behind_loader(value)
        if behind is not None:
            row = _stretch(behind, rank - 1, depth + 1)
            return row if row is None or row.axis is None else row._replace(axis=row.axis + 1)
        part = _slice(value.items[0], rank)
        if part is None:
            return Stretch(value, 0, (), None) if value.items[0].kind == "const" else None
        whole = _stretch(value.base, rank, depth + 1, sliced=sliced or part[1] >= 0)
        return whole if whole is None or part[1] < 0 else _shifted(whole, *part)
    if value.kind in ("param", "attribute", "element", "apply", "call"):
        return Stretch(value, 0, (), None)
    return None


def _agreed(cuts: list[Stretch | None]) -> Stretch | None:
    """One stretch for several possible ones that begin alike; symbols that differ stand together for either."""
    known = [cut for cut in cuts if cut is not None]
    if not known or len(known) < len(cuts):
        return None
    first = known[0]
    if any((cut.start, cut.axis) != (first.start, first.axis) for cut in known):
        return None
    either = frozenset(cut.symbols for cut in known)
    symbols = first.symbols if len(either) == 1 else ((Key(("either", either)), 1),)
    return first._replace(base=union([cut.base for cut in known]), symbols=symbols)


def behind_loader(value: Value) -> Value | None:
    """For an item of a batch: what the loader's data set gives at that place; `None` if that is not known."""
    batch = value.base
    if batch is None or batch.kind != "element" or batch.base is None:
        return None
    loader = batch.base
    if (
        loader.kind != "instance"
        or loader.name != "torch.utils.data.DataLoader"
        or not isinstance(loader.node, ast.Call)
    ):
        return None
    if loader.argument(None, "collate_fn") is not None or any(k.arg is None for k in loader.node.keywords):
        return None
    dataset = loader.argument(0, "dataset")
    return None if dataset is None else part_of_sample(dataset, value.items[0])


def part_of_sample(dataset: Value, index: Value) -> Value | None:
    """One part (a position or a key) of what a data set of the project gives for one index; `None` if not known."""
    if dataset.kind != "instance" or dataset.target is None:
        return None
    model = value_class(dataset)
    method = model.method("__getitem__")
    if method is None or not method.returns:
        return None
    frame = model.frame(method, dataset)
    return frame._item_of(union([frame.value(r) for r in method.returns]), index, None)


def passed(event: Event, position: int | None, name: str) -> Value | None:
    """An argument of a call, also where it comes out of one `**mapping`; `None` if it is not passed."""
    found = event.argument(position, name)
    if found is not UNKNOWN or not isinstance(event.node, ast.Call):
        return found
    spread = [keyword.value for keyword in event.node.keywords if keyword.arg is None]
    if len(spread) != 1 or any(isinstance(a, ast.Starred) for a in event.node.args):
        return found
    return event.frame._item_of(event.frame.value(spread[0]), Value("const", const=name), None)


def _collated(value: Value) -> Value | None:
    """For an item of a batch: what the loader's `collate_fn`, a function of the project, gives at that place."""
    batch = value.base
    if batch is None or batch.kind != "element" or batch.base is None or batch.base.name != roles.LOADER:
        return None
    collate = batch.base.argument(None, "collate_fn")
    if collate is None or collate.kind != "function" or not collate.target.returns or batch.base.frame is None:
        return None
    function = collate.target
    frame = batch.base.frame.project.frame(function.source, function)
    return frame._item_of(union([frame.value(r) for r in function.returns]), value.items[0], None)


def _changed(value: Value) -> bool:
    """Whether the tensor is written into, in the function where it is made."""
    frame = value.frame
    if frame is None or frame.function is None:
        return False
    cache = frame.source.models
    written = cache.get(("written", frame.key))
    if written is None:
        written = cache[("written", frame.key)] = {frame.value(target).key for target in _writes(frame.function)}
    return value.key in written


def _writes(function: Function) -> Iterator[ast.expr]:
    """What a function writes into: `x[...] = y` and the methods that end in an underscore."""
    for statement in statements(function.node):
        if isinstance(statement, ast.Assign | ast.AugAssign):
            for target in statement.targets if isinstance(statement, ast.Assign) else (statement.target,):
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                    yield target.value
    for call in function.calls:
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr.endswith("_") and not func.attr.endswith("__"):
            if isinstance(func.value, ast.Name):
                yield func.value


def _cut_outside(logits: Value) -> bool:
    """Whether the output is cut after it has left the model."""
    value: Value | None = logits
    for _ in range(_DEEPEST):
        if value is None:
            return False
        if value.kind == "item":
            part = _slice(value.items[0], 3)
            if part is not None and part[1] >= 0:
                return True
            value = value.base
        elif value.kind == "call" and value.name.startswith("."):
            value = value.base
        elif value.kind == "call" and value.name in _SHAPE_KEPT | _RESHAPES:
            value = value.argument(0)
        else:
            return False
    return False


class _Way:
    """The way back from an output to the tokens that it was made of; answers are kept, because residual sums branch."""

    __slots__ = ("embedding", "known")

    def __init__(self) -> None:
        self.known: dict[tuple[int, bool], Stretch | None] = {}
        self.embedding: Value | None = None

    def tokens(self, value: Value, depth: int = 0, *, sliced: bool = False) -> Stretch | None:
        """The tokens that come out at the same positions of `value`, through at least one embedding."""
        if depth > _DEEPEST or value is UNKNOWN:
            return None
        key = (id(value), sliced)
        if key not in self.known:
            self.known[key] = None
            self.known[key] = self._tokens(value, depth + 1, sliced)
        return self.known[key]

    def _tokens(self, value: Value, depth: int, sliced: bool) -> Stretch | None:
        kind, name = value.kind, value.name
        if kind == "union":
            return self._one_of(value, depth, sliced)
        if kind == "apply":
            return self._applied(value, depth, sliced)
        if kind == "item":
            return self._item(value, depth, sliced)
        if kind == "attribute" and name == "logits" and value.base is not None and value.base.kind == "apply":
            return self._applied(value.base, depth, sliced)
        if kind == "binary" and name in ("Add", "Sub", "Mult", "Div"):
            return self._sum(value, depth, sliced)
        if kind == "binary" and name == "MatMult":
            return self.tokens(value.items[0], depth, sliced=sliced)
        if kind == "call" and name == "torch.nn.functional.embedding":
            return _words(value.argument(0, "input") or UNKNOWN)
        if kind == "call" and name in _RESHAPES | _SHAPE_KEPT:
            if (sliced and name in _RESHAPES) or _changed(value):
                return None
            return self.tokens(_first(value), depth, sliced=sliced)
        return None

    def _item(self, value: Value, depth: int, sliced: bool) -> Stretch | None:
        base, index = value.base, value.items[0]
        if base is None:
            return None
        if index.kind == "const" and base.kind == "apply" and base.base is not None:
            layer = base.base.name
            gives_output = layer in _RECURRENT or layer == "torch.nn.MultiheadAttention"
            wanted = (index.const == 0 and gives_output) or index.const == "logits"
            return self._applied(base, depth, sliced) if wanted else None
        part = _slice(index, 3)
        if part is None:
            return None
        inner = self.tokens(base, depth, sliced=sliced or part[1] >= 0)
        return inner if inner is None or part[1] < 0 else _shifted(inner, *part)

    def _applied(self, value: Value, depth: int, sliced: bool) -> Stretch | None:
        layer = unwrapped(value.base) if value.base is not None else UNKNOWN
        if is_causal_model(layer):
            return stretch_of(value.argument(0, "input_ids") or UNKNOWN)
        if layer.kind == "instance" and layer.target is None:
            first = value.items[0] if value.items else value.argument(0, "input") or UNKNOWN
            if layer.name == "torch.nn.Embedding":
                read = _words(first)
                self.embedding = layer if read is not None else self.embedding
                return read
            if layer.name in _RECURRENT and _reads_forwards(layer):
                return self.tokens(first, depth, sliced=sliced)
            if layer.name in _KEEPS_POSITIONS:
                return self.tokens(first, depth, sliced=sliced)
        result = value.result
        return None if result is value or result is UNKNOWN else self.tokens(result, depth, sliced=sliced)

    def _one_of(self, value: Value, depth: int, sliced: bool) -> Stretch | None:
        known: list[Stretch] = []
        others: list[Value] = []
        for option in value.items:
            if option.kind == "const" or option.call_of(*_TOKEN_LOSSES):
                continue
            found = self.tokens(option, depth, sliced=sliced)
            if found is not None:
                known.append(found)
            else:
                others.append(option)
        first = _agreed(list(known)) if known else None
        for option in others:  # a block of a stack that is run in a loop: what comes out replaces what went in
            called = option.kind in ("apply", "call") and option.name in ("", "()")
            if first is None or not called or not option.arguments:
                return None
            entered = option.arguments[0]
            before = first if entered.key == value.key else self.tokens(entered, depth, sliced=sliced)
            if before is None or not _same(before, first):
                return None
        return first

    def _sum(self, value: Value, depth: int, sliced: bool) -> Stretch | None:
        first: Stretch | None = None
        for item in value.items:
            side = self.tokens(item, depth, sliced=sliced)
            if side is None:
                if _noisy(item):
                    return None
            elif first is None:
                first = side
            elif not _same(side, first):
                return None
        return first


def _words(index: Value) -> Stretch | None:
    """What an embedding reads, unless it is a count of positions."""
    found = stretch_of(index)
    if found is None or found.base.call_of("torch.arange"):
        return None
    return None if found.base.kind == "attribute" else found


def _first(value: Value) -> Value:
    """The tensor that a function is given, or that a method is called on."""
    inner = value.base if value.name.startswith(".") else value.argument(0)
    return inner or UNKNOWN


def _same(one: Stretch, other: Stretch) -> bool:
    return one[1:] == other[1:] and one.base.key == other.base.key


def _reads_forwards(layer: Value) -> bool:
    both = layer.argument(None, "bidirectional")
    return both is None or (both.kind == "const" and not both.const)


def _noisy(value: Value) -> bool:
    """Whether random numbers are mixed into a tensor; sizes and what embeddings read do not count."""
    stack, seen = [value], set()
    while stack:
        term = stack.pop()
        if id(term) in seen:
            continue
        seen.add(id(term))
        if term.kind == "call" and term.name.rpartition(".")[2] in _RANDOM:
            return True
        sizes = term.kind == "call" and term.name in (".size", "len", "torch.arange", "torch.zeros", "torch.ones")
        if sizes or (term.kind == "apply" and term.base is not None and term.base.name == "torch.nn.Embedding"):
            continue
        stack.extend(term.items)
        if term.base is not None:
            stack.append(term.base)
        if term.kind in ("call", "apply"):
            stack.extend(term.arguments)
    return False


_TOKEN_LOSSES = ("torch.nn.functional.cross_entropy", "torch.nn.functional.nll_loss")
_TOKEN_CRITERIA = ("torch.nn.CrossEntropyLoss", "torch.nn.NLLLoss")


__all__ = [
    "Alignment",
    "Score",
    "Stretch",
    "affine",
    "alignment",
    "behind_loader",
    "is_causal_model",
    "paired_at",
    "part_of_sample",
    "passed",
    "scores",
    "shift_inside",
    "stretch_of",
]
