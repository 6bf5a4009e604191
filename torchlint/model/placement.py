"""Tensors and the devices they lie on, as far as the code tells: what is a tensor, where it was made, what was moved.

All answers are worked out from the term of a value (`torchlint.model.values`). `None` means that it cannot be told.
"""

from __future__ import annotations

import ast

from torchlint import torch_api
from torchlint.model.syntax import Function
from torchlint.model.values import Value, is_module
from torchlint.torch_api import roles

CONSTANT_FACTORIES = frozenset(
    f"torch.{name}" for name in ("zeros", "ones", "full", "empty", "arange", "linspace", "logspace", "eye")
)
"""Functions that fill a new tensor with the same numbers on every device."""

RANDOM_FACTORIES = frozenset(f"torch.{name}" for name in ("rand", "randn", "randint", "randperm"))
"""Functions that fill a new tensor from the generator of its device."""

FROM_HOST = frozenset(f"torch.{name}" for name in ("tensor", "as_tensor", "from_numpy", "asarray", "frombuffer"))
"""Functions that make a tensor of data which lies in host memory."""

_FACTORIES = CONSTANT_FACTORIES | RANDOM_FACTORIES
_ALIKE = frozenset(f"torch.{n}_like" for n in ("zeros", "ones", "full", "empty", "rand", "randn", "randint"))
_COMBINED = frozenset(
    f"torch.{name}"
    for name in (
        "cat",
        "concat",
        "stack",
        "hstack",
        "vstack",
        "where",
        "einsum",
        "addmm",
        "baddbmm",
        "normal",
        "bucketize",
    )
)
_SEVERAL = frozenset(
    {
        "aminmax", "chunk", "cummax", "cummin", "dsplit", "frexp", "geqrf", "histogram", "hsplit", "kthvalue", "max",
        "median", "min", "mode", "nanmedian", "qr", "slogdet", "sort", "split", "split_with_sizes", "svd",
        "tensor_split", "topk", "triangular_solve", "unbind", "unique", "unique_consecutive", "unsafe_chunk",
        "unsafe_split", "unsafe_split_with_sizes", "vsplit", "lu", "nonzero", "where", "std_mean", "var_mean",
        "histogramdd", "meshgrid",
    }
)  # fmt: skip
_TENSOR_ATTRIBUTES = frozenset({"T", "mT", "H", "mH", "data", "grad", "real", "imag"})
_DEVICE_ATTRIBUTES = _TENSOR_ATTRIBUTES | {"values", "indices", "logits", "loss"}
_TENSOR_LAYERS_EXCEPT = frozenset(
    f"torch.nn.{name}"
    for name in (
        "Module", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Sequential", "RNN", "LSTM", "GRU",
        "LSTMCell", "MultiheadAttention", "AdaptiveLogSoftmaxWithLoss", "Identity", "DataParallel", "MaxPool1d",
        "MaxPool2d", "MaxPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "FractionalMaxPool2d",
        "FractionalMaxPool3d", "Dropout",
    )
)  # fmt: skip
_TENSOR_CLASSES = frozenset(
    {"torch.nn.Parameter", "torch.Tensor", "torch.FloatTensor", "torch.LongTensor", "torch.BoolTensor"}
)
_PLAIN_RESULTS = frozenset({".item", ".tolist", ".numpy", ".size", ".dim", ".numel", ".data_ptr", ".is_contiguous"})
_DEEPEST = 40


def is_tensor(value: Value) -> bool | None:
    """Whether a value is a tensor (a parameter of an `nn.Module` included)."""
    return _Tensors().of(value)


class _Tensors:
    __slots__ = ("known", "open")

    def __init__(self) -> None:
        self.known: dict[int, bool | None] = {}
        self.open = 0

    def of(self, value: Value) -> bool | None:
        key = id(value)
        if key in self.known:
            return self.known[key]
        if self.open > _DEEPEST:
            return None
        self.known[key] = None
        self.open += 1
        self.known[key] = answer = self._of(value)
        self.open -= 1
        return answer

    def _of(self, value: Value) -> bool | None:
        kind = value.kind
        if kind == "union":
            return self._agreed(value.items)
        if kind in ("const", "ref", "function", "class", "package", "tuple", "list", "dict", "set", "slice"):
            return False
        if kind == "param":
            return _annotated(value)
        if kind == "instance":
            if value.name in _TENSOR_CLASSES:
                return True
            return None if value.target is not None and is_module(value) is None else False
        if kind in ("binary", "compare"):
            if value.name in ("Is", "IsNot", "In", "NotIn"):
                return False
            answers = [self.of(item) for item in value.items]
            if answers[0] or (True in answers and _is_number(value.items[0])):
                return True
            return False if all(answer is False for answer in answers) else None
        if kind == "unary":
            return False if value.name == "Not" else self.of(value.items[0])
        if kind == "attribute" and value.base is not None:
            return True if value.name in _TENSOR_ATTRIBUTES and self.of(value.base) else None
        if kind == "item" and value.base is not None:
            return self._item(value)
        if kind == "element" and value.base is not None:
            return (
                True
                if not value.name and (self.of(value.base) or _listed(value.base, "parameters", "buffers"))
                else None
            )
        if kind == "apply":
            return self._applied(value)
        if kind == "call":
            return self._called(value)
        return None

    def _agreed(self, values: tuple[Value, ...]) -> bool | None:
        answers = {self.of(value) for value in values}
        return answers.pop() if len(answers) == 1 else None

    def _item(self, value: Value) -> bool | None:
        base = value.base
        assert base is not None
        if self.of(base):
            return True
        if base.kind == "element" and base.base is not None and value.items[0].const == 1:
            if _listed(base.base, "named_parameters", "named_buffers"):
                return True
        last = base.name.rpartition(".")[2]
        if base.kind == "call" and last in _SEVERAL and (base.name.startswith("torch.") or self._on_tensor(base)):
            return True
        return True if _in_tensor_batch(value) else None

    def _on_tensor(self, value: Value) -> bool:
        return value.base is not None and self.of(value.base) is True

    def _applied(self, value: Value) -> bool | None:
        layer = value.base
        result = value.result
        if result is not value:
            return self.of(result)
        if layer is None or layer.kind != "instance" or layer.target is not None:
            return None
        if layer.name.startswith("torch.nn.") and layer.name not in _TENSOR_LAYERS_EXCEPT:
            return True
        if layer.name in ("torch.nn.Dropout", "torch.nn.Identity"):
            return True if value.items and self.of(value.items[0]) else None
        return None

    def _called(self, value: Value) -> bool | None:
        name = value.name
        last = name.rpartition(".")[2]
        if name in ("()", "[*]", "[for]"):
            return False if name == "[for]" else None
        if name.startswith("."):
            if name in _PLAIN_RESULTS:
                return False if self._on_tensor(value) else None
            if not self._on_tensor(value):
                return None
            if last.endswith("_") and not last.endswith("__"):
                return True
            if last in _SEVERAL or last not in torch_api.pure_tensor_methods():
                return True if last == "new_tensor" else None
            return True
        if name.startswith("torch.nn.functional."):
            return None if last in ("multi_head_attention_forward", "embedding_bag") or "with_indices" in last else True
        if name in _FACTORIES or name in FROM_HOST or name in _ALIKE or name in _COMBINED:
            return last != "where" or len(value.arguments) == 3 or None
        if name.startswith(("torch.linalg.", "torch.special.", "torch.fft.")):
            return None
        if name.startswith("torch.") and name.count(".") == 1 and last in torch_api.pure_tensor_methods():
            return None if last in _SEVERAL else True
        if name in roles.LOSS_FUNCTIONS or name == "torch.nn.utils.clip_grad_norm_":
            return True
        return None


def _listed(value: Value, *methods: str) -> bool:
    """Whether this is what one of a module's methods (without dot) lists."""
    owner = value.method(*methods)
    return owner is not None and is_module(owner) is not False


def _is_number(value: Value) -> bool:
    if value.kind == "call":
        return value.name in ("len", "int", "float") or value.name.startswith("math.")
    return value.kind == "const" and isinstance(value.const, int | float)


def _annotated(value: Value) -> bool | None:
    node = value.node
    if not isinstance(node, ast.arg) or node.annotation is None or value.frame is None:
        return None
    default = value.target.default(node.arg) if isinstance(value.target, Function) else None
    if isinstance(default, ast.Constant) and default.value is None:
        return None
    source = value.frame.source
    annotation = value.frame.project.frame(source, None).value(node.annotation)
    if annotation.kind != "ref":
        return None
    return True if annotation.name in _TENSOR_CLASSES else None


def _in_tensor_batch(value: Value) -> bool:
    """Whether this is an item of a batch that a `DataLoader` makes of a `TensorDataset`."""
    loader = value.base.base if value.base is not None and value.base.kind == "element" else None
    if loader is None or loader.kind != "instance" or not loader.is_instance(roles.LOADER):
        return False
    dataset = loader.argument(0, "dataset")
    return (
        dataset is not None
        and dataset.name == "torch.utils.data.TensorDataset"
        and loader.argument(None, "collate_fn") is None
    )


def is_device(value: Value) -> bool | None:
    """Whether a value names a device: a literal, `torch.device(...)`, an attribute or a parameter called `device`."""
    answers = {_is_device(option) for option in value.options}
    return answers.pop() if len(answers) == 1 else None


def _is_device(value: Value) -> bool | None:
    kind = value.kind
    if kind == "const":
        if isinstance(value.const, str):
            return True
        return isinstance(value.const, int) and not isinstance(value.const, bool)
    if kind in ("instance", "call"):
        if value.name == "torch.device":
            return True
        return (
            True
            if value.name in ("torch.cuda.current_device", ".get_device", "torch.accelerator.current_accelerator")
            else None
        )
    if kind == "ref":
        return False if value.name.startswith("torch.") else None
    if kind == "attribute":
        return True if value.name in ("device", "_device") else False if value.name == "dtype" else None
    if kind == "param" and isinstance(value.node, ast.arg):
        annotation = value.node.annotation
        if annotation is not None and value.frame is not None:
            named = value.frame.project.frame(value.frame.source, None).value(annotation)
            if named.kind == "ref":
                return named.name in ("torch.device", "str", "int")
        return True if value.name in ("device", "dev") else None
    return None


def is_cpu(value: Value) -> bool | None:
    """Whether a device value is the CPU; `None` if it may be any."""
    if value.kind == "const":
        return isinstance(value.const, str) and value.const.partition(":")[0] == "cpu"
    if value.kind in ("instance", "call") and value.name == "torch.device":
        inner = value.argument(0, "type")
        return None if inner is None else is_cpu(inner)
    return None


class Move:
    """A call that copies a tensor to a device: `receiver` is what is moved, `device` where to, if it is written."""

    __slots__ = ("call", "device", "device_node", "receiver")

    def __init__(self, call: ast.Call, receiver: Value, device: Value | None, device_node: ast.expr | None) -> None:
        self.call = call
        self.receiver = receiver
        self.device = device
        self.device_node = device_node


def move_of(value: Value) -> Move | None:
    """The move that a call is: `.to(device)`, `.cuda()`; `None` for a cast, a move to the CPU, or anything else."""
    call = value.node
    if value.kind != "call" or value.base is None or value.frame is None or not isinstance(call, ast.Call):
        return None
    if value.name == ".cuda":
        node = call.args[0] if call.args else None
        for keyword in call.keywords:
            if keyword.arg == "device":
                node = keyword.value
        return Move(call, value.base, value.frame.value(node) if node is not None else None, node)
    if value.name != ".to":
        return None
    node = call.args[0] if call.args else None
    for keyword in call.keywords:
        if keyword.arg == "device":
            node = keyword.value
    if node is None or isinstance(node, ast.Starred):
        return None
    device = value.frame.value(node)
    if is_device(device) is not True or is_cpu(device):
        return None
    return Move(call, value.base, device, node)


def made_on_cpu(value: Value) -> bool | None:
    """Whether a tensor certainly was made on the CPU and not moved since.

    That is what a factory without `device` gives, and what views, casts and arithmetic make of such tensors.
    """
    answers = {_made_on_cpu(option, 0) for option in value.options}
    return answers.pop() if len(answers) == 1 else None


_KEEPS_DEVICE = frozenset(
    {
        "view", "reshape", "unsqueeze", "squeeze", "float", "long", "half", "double", "bool", "int", "bfloat16",
        "expand", "repeat", "transpose", "permute", "t", "contiguous", "flatten", "type", "detach",
        "clone", "exp", "log", "sqrt", "triu", "tril", "sum", "mean", "flip", "abs", "neg", "tile",
    }
)  # fmt: skip


def _made_on_cpu(value: Value, depth: int) -> bool | None:
    if depth > _DEEPEST:
        return None
    if value.kind == "union":
        answers = {_made_on_cpu(option, depth + 1) for option in value.items}
        return answers.pop() if len(answers) == 1 else None
    if value.kind == "const":
        return True if isinstance(value.const, int | float) else None
    if value.kind == "binary":
        answers = {_made_on_cpu(item, depth + 1) for item in value.items}
        return answers.pop() if len(answers) == 1 else None
    if value.kind != "call":
        return None
    if value.name in _FACTORIES or value.name in FROM_HOST:
        device = value.argument(None, "device")
        if device is not None:
            return True if is_cpu(device) else None
        if any(k.arg is None for k in getattr(value.node, "keywords", ())):
            return None
        if value.name in ("torch.as_tensor", "torch.asarray"):
            return None
        return True
    if value.name.startswith(".") and value.name[1:] in _KEEPS_DEVICE and value.base is not None:
        return _made_on_cpu(value.base, depth + 1)
    if value.name.startswith("torch.") and value.name[6:] in _KEEPS_DEVICE:
        given = value.argument(0, "input")
        return _made_on_cpu(given, depth + 1) if given is not None else None
    return None


def on_device(value: Value) -> bool | None:
    """Whether a tensor certainly was computed from something that the code moved to a device (no literal CPU)."""
    return True if _OnDevice().of(value) else None


class _OnDevice:
    __slots__ = ("known", "left")

    def __init__(self) -> None:
        self.known: dict[int, bool] = {}
        self.left = 400

    def of(self, value: Value) -> bool:
        key = id(value)
        if key in self.known:
            return self.known[key]
        self.known[key] = False
        self.left -= 1
        if self.left < 0:
            return False
        self.known[key] = answer = self._of(value)
        return answer

    def _of(self, value: Value) -> bool:
        kind = value.kind
        if kind == "union":
            return all(self.of(option) for option in value.items)
        if kind in ("binary", "compare", "unary"):
            return any(self.of(item) for item in value.items)
        if kind in ("item", "element"):
            return value.base is not None and self.of(value.base)
        if kind in ("tuple", "list"):
            return any(self.of(item) for item in value.items)
        if kind == "attribute":
            return value.name in _DEVICE_ATTRIBUTES and value.base is not None and self.of(value.base)
        if kind == "apply":
            return any(self.of(argument) for argument in value.arguments) or (
                value.result is not value and self.of(value.result)
            )
        if kind != "call":
            return False
        if move_of(value) is not None:
            return True
        if value.name == "()":
            return (value.base is not None and self.of(value.base)) or any(self.of(a) for a in value.arguments)
        if value.name in (".cpu", ".numpy", ".item", ".tolist", ".size", ".dim", ".numel", ".to"):
            return value.name == ".to" and value.base is not None and self._cast(value)
        if value.name.startswith("."):
            return value.base is not None and self.of(value.base)
        if value.name in _FACTORIES or value.name in FROM_HOST:
            device = value.argument(None, "device")
            return device is not None and is_device(device) is True and is_cpu(device) is not True
        if value.name.startswith("torch."):
            return any(self.of(argument) for argument in value.arguments)
        return False

    def _cast(self, value: Value) -> bool:
        first = value.argument(0, "dtype")
        cast = first is not None and first.kind == "ref"
        return cast and value.base is not None and self.of(value.base)
