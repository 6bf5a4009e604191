"""Shapes of tensors, as far as the code spells them out: the rank, and the sizes that are literal.

A shape is worked out from the term of a value (`torchlint.model.values`): constructors with literal sizes, layers,
`view`, indexing, reductions, elements of a `DataLoader` over a `TensorDataset` or over a project's data set. A size
that is not literal is `None`; a rank that cannot be told leaves only the trailing sizes. Nothing is guessed from names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torchlint.model.values import UNKNOWN, Value, value_class

_DEEPEST = 60


class Shape(NamedTuple):
    """The trailing sizes of a tensor (`None` where not literal), and whether they are all there are."""

    sizes: tuple[int | None, ...]
    whole: bool = True

    @property
    def rank(self) -> int | None:
        """The number of dimensions, if it is known."""
        return len(self.sizes) if self.whole else None

    @property
    def last(self) -> int | None:
        """The size of the last dimension, if it is literal."""
        return self.sizes[-1] if self.sizes else None


def shape_of(value: Value) -> Shape | None:
    """The shape of a tensor value; `None` if nothing is known of it."""
    return _Shapes().of(value)


def is_batch(value: Value) -> bool | None:
    """Whether the first dimension of a tensor certainly counts samples, whose number the code does not fix.

    So it is for what `forward` of a module is given and for what a `DataLoader` yields, and it stays so through
    modules, element-wise operations, and views that keep the first dimension. `None` if it cannot be told.
    """
    return _is_batch(value, set())


def _is_batch(value: Value, seen: set[int]) -> bool | None:
    for _ in range(_DEEPEST):
        if value.kind in ("union", "binary"):
            if id(value) in seen:
                return True
            seen.add(id(value))
            answers = [_is_batch(item, seen) for item in value.items]
            kept = any(answers) if value.kind == "binary" and value.name != "MatMult" else all(answers)
            return True if kept else None
        following = _same_samples(value)
        if isinstance(following, bool) or following is None:
            return following
        value = following
    return None


def _same_samples(value: Value) -> Value | bool | None:
    """A value with the same first dimension, or the answer."""
    kind = value.kind
    if kind == "param":
        return _is_forward_input(value) or None
    if kind == "apply":
        result = value.result
        if result is not value:
            return result if result.known else _input(value)
        layer = value.base
        if layer is None or layer.kind != "instance" or layer.target is not None or layer.name not in _BATCHED_LAYERS:
            return None
        return _input(value)
    if kind == "element" and value.base is not None:
        return value.base.is_instance("torch.utils.data.DataLoader") or None
    if kind == "item" and value.base is not None:
        index = value.items[0]
        if value.base.kind == "element":
            return value.base
        first = index.items[0] if index.kind == "tuple" and index.items else index
        return value.base if first.kind == "slice" and all(_is_none(bound) for bound in first.items) else None
    if kind == "call":
        return _called_on_samples(value)
    return None


def _called_on_samples(value: Value) -> Value | bool | None:
    last = _last(value.name)
    if value.name == "()" and value.base is not None and _is_kept_layer(value.base):
        return value.argument(0) or UNKNOWN
    if not value.name.startswith((".", "torch.")):
        return None
    if last in ("cat", "concat") and _integer(_argument(value, 0, "dim")) not in (None, 0):
        parts = value.argument(0, "tensors") or UNKNOWN
        return parts.items[0] if parts.kind in ("list", "tuple") and parts.items else None
    if last in _SAME:
        return _operand(value)
    if last == "flatten" and _integer(_argument(value, 0, "start_dim")) == 1:
        return _operand(value)
    if last in ("view", "reshape"):
        given = _rest(value)
        first = given[0] if given else UNKNOWN
        whole = first.kind == "item" or first.name in (".size", "len")
        return _operand(value) if len(given) > 1 and whole else None
    if last in _REDUCES and (_integer(_argument(value, 0, "dim")) or 0) != 0:
        return _operand(value)
    return None


def _is_kept_layer(callee: Value) -> bool:
    """Whether this is a layer out of a `ModuleList` or `ModuleDict`."""
    if callee.kind not in ("element", "item") or callee.base is None:
        return False
    return callee.base.is_instance("torch.nn.ModuleList", "torch.nn.ModuleDict") is True


def _is_forward_input(value: Value) -> bool:
    function = value.target
    if function is None or function.name != "forward" or function.cls is None or value.frame is None:
        return False
    return value.frame.project.class_model(function.cls).is_module is True


class _Shapes:
    __slots__ = ("known", "open")

    def __init__(self) -> None:
        self.known: dict[int, Shape | None] = {}
        self.open = 0

    def of(self, value: Value) -> Shape | None:
        key = id(value)
        if key in self.known:
            return self.known[key]
        if self.open > _DEEPEST:
            return None
        self.known[key] = None
        self.open += 1
        self.known[key] = shape = self._of(value)
        self.open -= 1
        return shape

    def _of(self, value: Value) -> Shape | None:
        kind = value.kind
        if kind == "union":
            return _common([self.of(option) for option in value.items])
        if kind == "const":
            return Shape(()) if isinstance(value.const, int | float) else None
        if kind == "apply":
            return self._applied(value)
        if kind == "binary":
            return self._binary(value)
        if kind == "unary":
            return self.of(value.items[0])
        if kind == "compare":
            return self._together([self.of(item) for item in value.items])
        if kind == "attribute" and value.base is not None:
            return self._attribute(value.name, value.base)
        if kind == "item" and value.base is not None:
            return self._item(value)
        if kind == "element" and value.base is not None and not value.name:
            return self._element(value.base)
        if kind in ("call", "instance"):
            return self._call(value)
        return None

    def _binary(self, value: Value) -> Shape | None:
        if value.name == "MatMult":
            return None
        return self._together([self.of(item) for item in value.items])

    @staticmethod
    def _together(shapes: list[Shape | None]) -> Shape | None:
        if any(shape is None for shape in shapes):
            return None
        result = Shape(())
        for shape in shapes:
            assert shape is not None
            if shape == Shape(()):
                continue
            if result == Shape(()):
                result = shape
                continue
            if not (result.whole and shape.whole):
                return None
            result = broadcast(result, shape)
        return result

    def _attribute(self, name: str, base: Value) -> Shape | None:
        if name in ("data", "real", "imag", "grad"):
            return self.of(base)
        if name in ("T", "mT"):
            shape = self.of(base)
            return shape and Shape(tuple(reversed(shape.sizes)), shape.whole) if shape and shape.rank == 2 else None
        if name in ("values", "indices") and base.kind == "call" and _last(base.name) in _PAIRS:
            return self._reduced(base)
        return None

    # layers

    def _applied(self, value: Value) -> Shape | None:
        layer = value.base
        if layer is None:
            return None
        result = value.result
        if result is not value:
            return self.of(result)
        if layer.kind != "instance" or layer.target is not None or not layer.name.startswith("torch.nn."):
            return None
        given = self.of(_input(value))
        name = layer.name.removeprefix("torch.nn.")
        if name in _SAME_LAYERS:
            return given
        if name in ("Linear", "LazyLinear", "Bilinear"):
            position = {"Linear": 1, "LazyLinear": 0, "Bilinear": 2}[name]
            last = _integer(layer.argument(position, "out_features"))
            if given is None or not given.sizes:
                return Shape((last,), whole=False)
            return Shape((*given.sizes[:-1], last), given.whole)
        if name == "Embedding":
            last = _integer(layer.argument(1, "embedding_dim"))
            return Shape((*given.sizes, last), given.whole) if given is not None else Shape((last,), whole=False)
        if name == "Flatten":
            return _flattened(
                given, _integer(layer.argument(0, "start_dim"), 1), _integer(layer.argument(1, "end_dim"), -1)
            )
        if name in _CONVOLUTIONS:
            return Shape((None,) * _CONVOLUTIONS[name], whole=False)
        return None

    # indexing and iteration

    def _item(self, value: Value) -> Shape | None:
        base, index = value.base, value.items[0]
        assert base is not None
        if base.kind == "call" and _last(base.name) in _PAIRS and index.kind == "const" and index.const in (0, 1):
            return self._reduced(base)
        if base.kind == "element" and base.base is not None and index.kind == "const" and isinstance(index.const, int):
            return self._batch_item(base.base, index.const)
        shape = self.of(base)
        if shape is None:
            return None
        if _is_sample_index(index):
            return Shape(shape.sizes[1:]) if shape.whole and shape.sizes else None
        parts = index.items if index.kind == "tuple" else (index,)
        return _indexed(shape, parts)

    def _element(self, iterable: Value) -> Shape | None:
        shape = self.of(iterable)
        if shape is None or not shape.whole or not shape.sizes:
            return None
        return Shape(shape.sizes[1:])

    def _batch_item(self, loader: Value, position: int) -> Shape | None:
        if loader.kind != "instance" or loader.name != "torch.utils.data.DataLoader":
            return None
        if loader.argument(6, "collate_fn") is not None:
            return None
        size = loader.argument(1, "batch_size")
        if size is not None and size.kind == "const" and size.const is None:
            return None
        dataset = loader.argument(0, "dataset")
        if dataset is None or dataset.kind != "instance":
            return None
        if dataset.name == "torch.utils.data.TensorDataset":
            tensor = dataset.argument(position)
            whole = self.of(tensor) if tensor is not None else None
            return Shape((None, *whole.sizes[1:])) if whole is not None and whole.whole and whole.sizes else None
        if dataset.target is None:
            return None
        getter = value_class(dataset).method("__getitem__")
        if getter is None or not getter.returns or getter.is_generator:
            return None
        frame = value_class(dataset).frame(getter, dataset)
        samples = [frame.value(r) for r in getter.returns]
        shapes = []
        for sample in samples:
            if sample.kind != "tuple" or position >= len(sample.items):
                return None
            shapes.append(self._sample(sample.items[position]))
        common = _common(shapes)
        return Shape((None, *common.sizes)) if common is not None and common.whole else None

    def _sample(self, value: Value) -> Shape | None:
        if value.kind in ("call", "instance") and value.name in ("float", "int", ".item", "len"):
            return Shape(())
        return self.of(value)

    # calls

    def _call(self, value: Value) -> Shape | None:
        name = value.name
        if name in ("float", "int", "len", "abs", ".item", "math.sqrt", "math.log", "math.exp"):
            return Shape(())
        last = _last(name)
        if not name.startswith((".", "torch.")):
            return None
        if name.startswith("torch.") and last in _CREATORS:
            return self._created(value, last)
        if last in _LIKE:
            return self.of(_operand(value))
        if last in _SAME:
            return self.of(_operand(value))
        if last in _AS_OTHER:
            other = _argument(value, 0, "other")
            return self.of(other) if other is not None else None
        handler = _CALLS.get(last)
        return handler(self, value) if handler is not None else None

    def _created(self, value: Value, last: str) -> Shape | None:
        if last in ("arange", "linspace", "logspace", "randperm"):
            return Shape((None,))
        if last in _FROM_DATA:
            data = value.argument(0, "data")
            if last[0].isupper() and (data is None or data.kind == "const" or len(value.arguments) != 1):
                return _sizes(list(value.arguments))
            return _literal(data) or self._array(data) if data is not None else None
        if last == "eye":
            size = _integer(value.argument(0, "n"))
            other = value.argument(1, "m")
            return Shape((size, size if other is None else _integer(other)))
        if last in ("full", "randint", "normal"):
            position = {"full": 0, "randint": 2, "normal": 2}[last]
            size_value = value.argument(position, "size")
            if last == "randint" and (size_value is None or size_value.kind not in ("tuple", "list")):
                size_value = value.argument(1, "size")
            return _sizes([size_value]) if size_value is not None and size_value.kind in ("tuple", "list") else None
        named = value.argument(None, "size")
        return _sizes([named]) if named is not None else _sizes(list(value.arguments))

    def _array(self, value: Value) -> Shape | None:
        """The shape of a numpy array or a pandas column; only what is certain by the way it came about."""
        if value.kind == "union":
            return _common([self._array(option) for option in value.items])
        if value.kind == "attribute" and value.name == "values" and value.base is not None:
            return Shape((None,)) if _is_column_of_table(value.base) else None
        if value.kind == "call" and value.base is not None:
            if value.name == ".to_numpy":
                return Shape((None,)) if _is_column_of_table(value.base) else None
            if value.name in (".astype", ".copy"):
                return self._array(value.base)
            if value.name == ".reshape":
                return _sizes(_rest(value))
            if value.name in (".ravel", ".flatten"):
                return Shape((None,))
        if value.kind == "item" and value.base is not None and value.base.kind == "call":
            return self._returned_array(value.base, _integer(value.items[0]))
        return None

    def _returned_array(self, call: Value, position: int | None) -> Shape | None:
        if call.name in _TARGET_SECOND:
            return Shape((None,)) if position == 1 and call.argument(None, "n_targets") is None else None
        if call.name == "sklearn.model_selection.train_test_split" and position is not None:
            given = call.argument(position // 2)
            whole = self._array(given) or self.of(given) if given is not None else None
            return Shape((None, *whole.sizes[1:])) if whole is not None and whole.whole and whole.sizes else None
        return None

    def _viewed(self, value: Value) -> Shape | None:
        given = _rest(value)
        if not given:
            return None
        return _sizes(given)

    def _expanded(self, value: Value) -> Shape | None:
        shape = _sizes(_rest(value))
        return Shape((None,) * len(shape.sizes)) if shape is not None else None

    def _flatten(self, value: Value) -> Shape | None:
        start = _integer_or(_argument(value, 0, "start_dim"), 0)
        end = _integer_or(_argument(value, 1, "end_dim"), -1)
        return _flattened(self.of(_operand(value)), start, end)

    def _unsqueezed(self, value: Value) -> Shape | None:
        shape, dim = self.of(_operand(value)), _integer(_argument(value, 0, "dim"))
        if shape is None or dim is None:
            return None
        if dim == -1:
            return Shape((*shape.sizes, 1), shape.whole)
        if not shape.whole:
            return None
        place = dim if dim >= 0 else dim + len(shape.sizes) + 1
        return Shape((*shape.sizes[:place], 1, *shape.sizes[place:]))

    def _squeezed(self, value: Value) -> Shape | None:
        shape, given = self.of(_operand(value)), _argument(value, 0, "dim")
        if shape is None or given is None:
            return (
                shape
                if shape is not None and shape.whole and None not in shape.sizes and 1 not in shape.sizes
                else None
            )
        dim = _integer(given)
        place = _place(shape, dim)
        if place is None or shape.sizes[place] is None:
            return None
        if shape.sizes[place] != 1:
            return shape
        return Shape((*shape.sizes[:place], *shape.sizes[place + 1 :]), shape.whole)

    def _reduced(self, value: Value) -> Shape | None:
        shape = self.of(_operand(value))
        first = _argument(value, 0, "dim")
        if first is None and value.argument(None, "axis") is None:
            return Shape(())
        keep = value.argument(None, "keepdim") or _argument(value, 1)
        kept = keep is not None and keep.kind == "const" and keep.const is True
        if shape is None or (keep is not None and keep.kind != "const"):
            return None
        place = _place(shape, _integer(first))
        if place is None:
            return None
        middle = (1,) if kept else ()
        return Shape((*shape.sizes[:place], *middle, *shape.sizes[place + 1 :]), shape.whole)

    def _pair(self, value: Value) -> Shape | None:
        return Shape(()) if _argument(value, 0, "dim") is None else None

    def _permuted(self, value: Value) -> Shape | None:
        shape = _sizes(_rest(value))
        return Shape((None,) * len(shape.sizes)) if shape is not None else None

    def _transposed(self, value: Value) -> Shape | None:
        shape = self.of(_operand(value))
        return Shape((None,) * len(shape.sizes), shape.whole) if shape is not None else None

    def _concatenated(self, value: Value) -> Shape | None:
        parts = value.argument(0, "tensors")
        if parts is None or parts.kind not in ("tuple", "list"):
            return None
        shape = _common([self.of(item) for item in parts.items])
        if shape is None or not shape.whole:
            return None
        return Shape((None,) * (len(shape.sizes) + (_last(value.name) == "stack")))

    def _where(self, value: Value) -> Shape | None:
        given = value.arguments
        return (
            self._together([self.of(v) for v in given]) if len(given) == 3 and not value.name.startswith(".") else None
        )

    def _one_hot(self, value: Value) -> Shape | None:
        shape = self.of(_operand(value))
        return Shape((*shape.sizes, None), shape.whole) if shape is not None else None

    def _linear(self, value: Value) -> Shape | None:
        shape = self.of(_operand(value))
        return Shape((*shape.sizes[:-1], None), shape.whole) if shape is not None and shape.sizes else None


def broadcast(first: Shape, second: Shape) -> Shape:
    """The shape of an element-wise operation on two tensors of known rank."""
    longer, shorter = (first, second) if len(first.sizes) >= len(second.sizes) else (second, first)
    offset = len(longer.sizes) - len(shorter.sizes)
    sizes = list(longer.sizes)
    for i, size in enumerate(shorter.sizes):
        other = sizes[offset + i]
        sizes[offset + i] = (
            other if size == 1 else size if other == 1 or other == size else other if size is None else size
        )
    return Shape(tuple(sizes))


def _common(shapes: list[Shape | None]) -> Shape | None:
    if not shapes or any(shape is None for shape in shapes):
        return None
    first = shapes[0]
    assert first is not None
    for shape in shapes[1:]:
        assert shape is not None
        if shape.whole != first.whole or len(shape.sizes) != len(first.sizes):
            return None
        first = Shape(tuple(a if a == b else None for a, b in zip(first.sizes, shape.sizes, strict=True)), first.whole)
    return first


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _operand(value: Value) -> Value:
    if value.name.startswith("."):
        return value.base or UNKNOWN
    return value.argument(0, "input") or UNKNOWN


def _argument(value: Value, position: int, keyword: str | None = None) -> Value | None:
    return value.argument(position if value.name.startswith(".") else position + 1, keyword)


def _rest(value: Value) -> list[Value]:
    given = list(value.arguments)
    return given if value.name.startswith(".") else given[1:]


def _input(value: Value) -> Value:
    if value.items:
        return value.items[0]
    return value.argument(0, "input") or UNKNOWN


def _integer(value: Value | None, default: int | None = None) -> int | None:
    if value is None:
        return default
    return value.const if value.kind == "const" and type(value.const) is int else None


def _integer_or(value: Value | None, default: int) -> int | None:
    return _integer(value, default)


def _sizes(given: list[Value]) -> Shape | None:
    if not given:
        return None
    if len(given) == 1:
        only = given[0]
        if only.kind in ("tuple", "list"):
            given = list(only.items)
        elif _integer(only) is None:
            return None
    sizes = (_integer(v) for v in given)
    return Shape(tuple(None if size is None or size < 0 else size for size in sizes))


def _literal(value: Value | None) -> Shape | None:
    if value is None:
        return None
    if value.kind == "const":
        return Shape(()) if isinstance(value.const, int | float) else None
    if value.kind not in ("list", "tuple"):
        return None
    if not value.items:
        return Shape((0,))
    inner = _common([_literal(item) for item in value.items])
    return Shape((len(value.items), *inner.sizes)) if inner is not None else None


def _is_column_of_table(value: Value) -> bool:
    """Whether this is one column of a table: `df["price"]`."""
    return value.kind == "item" and value.items[0].kind == "const" and isinstance(value.items[0].const, str)


def _is_sample_index(value: Value) -> bool:
    """Whether this is the index of `__getitem__`, which a `DataLoader` gives as a number."""
    return value.kind == "param" and value.target is not None and value.target.name == "__getitem__"


def _place(shape: Shape, dim: int | None) -> int | None:
    if dim is None:
        return None
    length = len(shape.sizes)
    if dim < 0:
        return dim + length if dim + length >= 0 else None
    return dim if shape.whole and dim < length else None


def _flattened(shape: Shape | None, start: int | None, end: int | None) -> Shape | None:
    if start is None or end != -1:
        return None
    if start >= 0:
        return Shape((None,) * (start + 1))
    return None


def _indexed(shape: Shape, parts: tuple[Value, ...]) -> Shape | None:
    taken = sum(1 for part in parts if not _is_none(part) and not _is_ellipsis(part))
    if any(_is_ellipsis(part) for part in parts):
        if not shape.whole and (not _is_ellipsis(parts[0]) or taken > len(shape.sizes)):
            return None
        missing = len(shape.sizes) - taken
        if missing < 0:
            return None
    elif not shape.whole:
        return None
    else:
        parts = (*parts, Value("const", const=...))
        missing = len(shape.sizes) - taken
    sizes: list[int | None] = []
    place = 0
    for part in parts:
        if _is_ellipsis(part):
            sizes.extend(shape.sizes[place : place + missing])
            place += missing
        elif _is_none(part):
            sizes.append(1)
        elif part.kind == "slice":
            whole = all(_is_none(bound) for bound in part.items)
            sizes.append(shape.sizes[place] if whole and place < len(shape.sizes) else None)
            place += 1
        elif _integer(part) is not None:
            place += 1
        else:
            return None
    return Shape(tuple(sizes), shape.whole)


def _is_none(value: Value) -> bool:
    return value.kind == "const" and value.const is None


def _is_ellipsis(value: Value) -> bool:
    return value.kind == "const" and value.const is ...


_FROM_DATA = ("tensor", "as_tensor", "from_numpy", "FloatTensor", "Tensor")
_TARGET_SECOND = frozenset(
    {
        "sklearn.datasets.make_regression", "sklearn.datasets.make_friedman1", "sklearn.datasets.load_diabetes",
        "sklearn.datasets.fetch_california_housing", "sklearn.datasets.make_classification",
    }
)  # fmt: skip
_CREATORS = frozenset(
    (
        "zeros", "ones", "rand", "randn", "empty", "full", "eye", "arange", "linspace", "logspace", "randperm",
        "randint", "normal", *_FROM_DATA,
    )
)  # fmt: skip
_LIKE = frozenset(
    (
        "zeros_like", "ones_like", "rand_like", "randn_like", "empty_like", "full_like", "randint_like",
    )
)  # fmt: skip
_AS_OTHER = frozenset(
    (
        "view_as", "reshape_as", "expand_as",
    )
)  # fmt: skip
_PAIRS = frozenset(
    (
        "max", "min", "median", "mode",
    )
)  # fmt: skip
_SAME = frozenset(
    (
        "relu", "relu_", "sigmoid", "sigmoid_", "tanh", "tanh_", "softmax", "log_softmax", "logsigmoid", "exp",
        "exp_", "log", "log1p", "log_", "abs", "sqrt", "rsqrt", "pow", "square", "clamp", "clamp_", "clamp_min",
        "clamp_max", "clip", "float", "double", "half", "bfloat16", "long", "int", "bool", "to", "cuda", "cpu",
        "type", "type_as", "detach", "clone", "contiguous", "data", "requires_grad_", "dropout", "gelu", "leaky_relu",
        "elu", "silu", "selu", "mish", "softplus", "hardtanh", "relu6", "softsign", "tanhshrink", "neg", "negative",
        "reciprocal", "round", "floor", "ceil", "sign", "sin", "cos", "masked_fill", "masked_fill_", "nan_to_num",
        "layer_norm", "batch_norm", "normalize", "cumsum", "flip", "roll", "logit", "pin_memory", "rms_norm", "erf",
        "expm1", "tril", "triu", "fill_", "zero_", "normal_", "uniform_",
    )
)  # fmt: skip
_REDUCES = frozenset(
    (
        "sum", "mean", "std", "var", "prod", "norm", "amax", "amin", "argmax", "argmin", "logsumexp", "any", "all",
        "nansum", "nanmean",
    )
)  # fmt: skip
_CALLS: dict[str, Callable[[_Shapes, Value], Shape | None]] = {
    "view": _Shapes._viewed,
    "reshape": _Shapes._viewed,
    "expand": _Shapes._expanded,
    "flatten": _Shapes._flatten,
    "ravel": lambda self, value: Shape((None,)),
    "unsqueeze": _Shapes._unsqueezed,
    "squeeze": _Shapes._squeezed,
    "permute": _Shapes._permuted,
    "transpose": _Shapes._transposed,
    "swapaxes": _Shapes._transposed,
    "cat": _Shapes._concatenated,
    "concat": _Shapes._concatenated,
    "stack": _Shapes._concatenated,
    "where": _Shapes._where,
    "one_hot": _Shapes._one_hot,
    "linear": _Shapes._linear,
    **dict.fromkeys(_PAIRS, _Shapes._pair),
    **dict.fromkeys(_REDUCES, _Shapes._reduced),
}
_SAME_LAYERS = frozenset(
    (
        "ReLU", "ReLU6", "GELU", "SiLU", "ELU", "SELU", "CELU", "LeakyReLU", "PReLU", "RReLU", "Sigmoid",
        "Hardsigmoid", "Tanh", "Hardtanh", "Softplus", "Softsign", "Mish", "Hardswish", "Softmax", "LogSoftmax",
        "LogSigmoid", "Softmin", "Threshold", "Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d",
        "AlphaDropout", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "LayerNorm", "GroupNorm",
        "RMSNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    )
)  # fmt: skip
_CONVOLUTIONS = {
    "Conv1d": 2, "Conv2d": 3, "Conv3d": 4, "ConvTranspose1d": 2, "ConvTranspose2d": 3, "ConvTranspose3d": 4,
}  # fmt: skip

_KEEP_SAMPLES = _SAME_LAYERS | frozenset(
    (
        "Linear", "LazyLinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
        "Embedding", "Flatten", "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d",
        "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
        "AdaptiveMaxPool3d", "Upsample", "PixelShuffle", "ZeroPad2d", "ReflectionPad2d",
    )
)  # fmt: skip
_BATCHED_LAYERS = frozenset(f"torch.nn.{name}" for name in _KEEP_SAMPLES)

__all__ = ["Shape", "broadcast", "is_batch", "shape_of"]
