"""Learning rates: where an optimizer starts, what changes it later, and which models care.

An optimizer is looked at in the file that makes it. As soon as code that is not read may change its rate, the answer is
`None`.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from torchlint.model.steps import given_to, parts
from torchlint.model.syntax import dotted, walk
from torchlint.model.values import UNKNOWN, Key, Value, sequential_layers, unwrapped, value_class
from torchlint.torch_api import roles

if TYPE_CHECKING:
    from torchlint.model import Module
    from torchlint.model.project import Project
    from torchlint.model.syntax import Source

__all__ = ["Attention", "attention_in", "is_adapter", "schedules_over", "starting_rate", "weight_layers"]

_MOST_LAYERS = 400
_DEFAULT_RATE = {
    "Adam": 1e-3, "AdamW": 1e-3, "NAdam": 2e-3, "RAdam": 1e-3, "Adamax": 2e-3, "SGD": 1e-3, "RMSprop": 1e-2,
    "Adagrad": 1e-2, "ASGD": 1e-2, "SparseAdam": 1e-3,
}  # fmt: skip
_WRITES_RATE = r"""\[\s*["']lr["']\s*\]\s*(?:[-+*/]|\*\*)?=[^=]"""
_HARMLESS = frozenset({"print", "len", "isinstance", "type", "id", "str", "repr", "next", "iter", "list", ".append_"})
# looked for as text: what another file does to an optimizer that it reaches through an object is in no trace here
_MAY_SCHEDULE = ("lr_scheduler", "param_groups", "warmup", "LRScheduler", "get_scheduler")
_WEIGHTS = frozenset(
    f"torch.nn.{name}"
    for name in (
        "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LSTM", "GRU",
        "RNN", "LSTMCell", "GRUCell", "MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer",
        "Transformer", "LazyLinear", "LazyConv2d",
    )
)  # fmt: skip
_LANGUAGE_MODELS = (
    "AutoModel", "Bert", "Roberta", "DistilBert", "Albert", "Electra", "Deberta", "XLMRoberta", "GPT2", "GPTNeo",
    "GPTJ", "OPT", "Llama", "Mistral", "Qwen", "Gemma", "Phi", "Bloom", "T5", "MT5", "Bart", "MBart", "Pegasus",
)  # fmt: skip
_ATTENTION = frozenset(
    {
        "torch.nn.MultiheadAttention", "torch.nn.TransformerEncoderLayer", "torch.nn.TransformerDecoderLayer",
        "torch.nn.TransformerEncoder", "torch.nn.TransformerDecoder", "torch.nn.Transformer",
    }
)  # fmt: skip


def starting_rate(optimizer: Value) -> float | None:
    """The learning rate that an optimizer is made with.

    A constant, the default of a parameter or of a command-line option, or torch's own default.
    """
    given = optimizer.argument(1, "lr")
    if given is None:
        owner, _, name = optimizer.name.rpartition(".")
        return _DEFAULT_RATE.get(name) if owner == "torch.optim" else None
    return rate_of(given)


def rate_of(given: Value) -> float | None:
    """A number: a constant, or the default of a parameter or of a command-line option."""
    if given.kind == "param" and given.target is not None:
        number = _literal(given.target.default(given.name))
    elif given.kind == "attribute":
        number = _option_default(given)
    else:
        number = given.const if given.kind == "const" else None
    return float(number) if isinstance(number, int | float) and not isinstance(number, bool) else None


def _literal(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _option_default(option: Value) -> object:
    """The default of `args.name`, where `args` comes from `parser.parse_args()`."""
    parsed = option.base
    if parsed is None or parsed.kind != "call" or parsed.name != ".parse_args" or parsed.frame is None:
        return None
    for call, _ in parsed.frame.source.by_name.get("add_argument", ()):
        names = [str(_literal(a)).lstrip("-").replace("-", "_") for a in call.args]
        keywords = {k.arg: k.value for k in call.keywords}
        if option.name in names or _literal(keywords.get("dest")) == option.name:
            return _literal(keywords.get("default"))
    return None


def schedules_over(optimizer: Value, module: Module) -> list[Value] | None:
    """The schedulers of torch and transformers over an optimizer; `None` if other code may change its rate."""
    if optimizer.node is None or optimizer.frame is None or _rate_is_written(optimizer, module):
        return None
    if _leaves_the_file(optimizer, module):
        return None
    found: list[Value] = []
    for trace in module.traces:
        if not trace.complete:
            return None
        for event in trace.events:
            if event.kind not in ("scheduler", "call", "forward"):
                continue
            if not any(_is_made_at(part, optimizer) for given in given_to(event.value) for part in _held(given)):
                continue
            if event.kind == "scheduler":
                found.append(event.value)
            elif event.name not in _HARMLESS and not _is_preparer(event.subject, event.name):
                return None
    return found


def _held(value: Value) -> list[Value]:
    return [option for item in (value, *value.items) for option in item.options]


def _is_made_at(value: Value, optimizer: Value) -> bool:
    return value.kind == "instance" and value.node is optimizer.node


def _is_preparer(subject: Value | None, name: str) -> bool:
    holder = subject.base if subject is not None else None
    return name.lstrip(".") in roles.PREPARES and holder is not None and holder.name in roles.PREPARERS


def _rate_is_written(optimizer: Value, module: Module) -> bool:
    """Whether a file in sight writes `group["lr"] = ...`: one with code on the way, or one that such code calls."""
    assert optimizer.frame is not None
    sources = {id(source): source for source in (optimizer.frame.source, module.source)}
    frames = {event.frame.key: event.frame for trace in module.traces for event in trace.events}
    for frame in frames.values():
        for call in frame.function.calls if frame.function is not None else ():
            callee = frame.value(call.func)
            if callee.kind in ("function", "class") and callee.target is not None:
                sources[id(callee.target.source)] = callee.target.source
    if any(_writes_rate(source) for source in sources.values()):
        return True
    for path in module.project.mentioning("param_groups"):
        stem = path.rpartition("/")[2].removesuffix(".py")
        if stem in ("__init__", "") or not re.search(rf"\b{re.escape(stem)}\b", module.text):
            continue
        text = (module.project.read(path) or b"").decode("utf-8", "replace")
        if re.search(_WRITES_RATE, text):
            return True
    return False


def is_rate_written(project: Project) -> bool:
    """Whether some file of the project writes `group["lr"] = ...`."""
    texts = ((project.read(path) or b"").decode("utf-8", "replace") for path in project.mentioning("param_groups"))
    return any(re.search(_WRITES_RATE, text) for text in texts)


def _writes_rate(source: Source) -> bool:
    known = source.models.get(_WRITES_RATE)
    if known is None:
        known = source.models[_WRITES_RATE] = any(
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.slice, ast.Constant)
            and node.slice.value == "lr"
            for node in walk(source.tree)
        )
    return bool(known)


def _leaves_the_file(optimizer: Value, module: Module) -> bool:
    """Whether the optimizer is handed to callers elsewhere, or kept on an object that other files may reach."""
    node, source = optimizer.node, optimizer.frame.source if optimizer.frame is not None else module.source
    function = source.function(node) if node is not None else None
    if function is None:
        return False
    frame = module.project.frame(source, function)
    for returned in function.returns:
        if any(_is_made_at(part, optimizer) for part in parts(frame.value(returned))):
            sites = module.project.call_sites(function)
            if sites is None or not sites or any(site.source is not module.source for _, site in sites):
                return True
    statement = source.statement(node) if node is not None else None
    kept = isinstance(statement, ast.Assign) and any(isinstance(t, ast.Attribute) for t in statement.targets)
    if kept and function.cls is not None:
        users = set(module.project.mentioning(function.cls.name)) - {source.path}
        return any(users.intersection(module.project.mentioning(word)) for word in _MAY_SCHEDULE)
    return False


def certain_layers(module: Value) -> list[Value]:
    """The modules that certainly are inside a module, itself first; one of several possibilities is not."""
    found: dict[Key, Value] = {}
    stack = [unwrapped(module)]
    while stack and len(found) < _MOST_LAYERS:
        current = unwrapped(stack.pop())
        if current.kind in ("list", "tuple", "dict"):
            stack.extend(current.items)
        if current.key in found or current.kind not in ("instance", "call"):
            continue
        found[current.key] = current
        if current.kind == "call":
            stack.extend(current.items if current.name == "[for]" else ())
            stack.extend(given_to(current) if current.name == "dict" else ())
        elif current.target is not None:
            cls = value_class(current)
            if cls.is_module is True:
                stack.extend(kept for name in cls.stored if (kept := cls.attribute(current, name)) is not None)
        elif current.name == roles.SEQUENTIAL:
            stack.extend(sequential_layers(current) or given_to(current))
        elif current.name in ("torch.nn.ModuleList", "torch.nn.ModuleDict"):
            stack.extend(given_to(current))
    return list(found.values())


class Attention(NamedTuple):
    """A model with attention: how many layers deep (`None`: not known), whether the norm comes after the residual sum,
    and whether its weights are trained already."""

    depth: int | None
    post_norm: bool | None
    pretrained: bool


def attention_in(model: Value) -> Attention | None:
    """What is known of the attention layers in a model; `None` if none are certain."""
    model = unwrapped(model)
    inside = certain_layers(model)
    known = [found for layer in inside for found in (_stack(layer) or _from_a_library(layer),) if found is not None]
    if known:
        return max(known, key=lambda found: found.depth or 0)
    if not any(_attends(layer) for layer in inside):
        return None
    stacks = [layer for layer in inside if layer.name == "[for]" and _attends_inside(layer)]
    depth = max((count for count in map(_repeats, stacks) if count is not None), default=None) if stacks else 1
    places = {place for layer in inside for place in (_norm_after_sum(layer),) if place is not None}
    return Attention(depth, places.pop() if len(places) == 1 else None, False)


def _from_a_library(layer: Value) -> Attention | None:
    """A transformer that transformers, timm or torchvision makes."""
    name = layer.name
    if layer.kind == "call" and name.startswith("transformers."):
        owner = name.rpartition(".")[0].rpartition(".")[2]
        if roles.makes_module(name) and owner.startswith(_LANGUAGE_MODELS):
            pretrained = roles.pretrained(name)
            return Attention(None if pretrained else _configured_depth(layer), None, pretrained)
    if layer.kind == "instance" and name.startswith("transformers.") and roles.is_module_class(name):
        known = name.rpartition(".")[2].startswith(_LANGUAGE_MODELS)
        return Attention(_configured_depth(layer), None, False) if known else None
    if layer.kind == "call" and name.startswith("torchvision.models.vit_"):
        weights = layer.argument(None, "weights")
        return Attention(12, False, weights is not None and weights.const is None and weights.kind != "const")
    if layer.kind == "call" and name in ("timm.create_model", "timm.models.create_model"):
        kind, weights = layer.argument(0, "model_name"), layer.argument(1, "pretrained")
        if kind is not None and isinstance(kind.const, str) and kind.const.startswith(("vit_", "deit")):
            return Attention(12, False, weights is not None and not (weights.kind == "const" and not weights.const))
    return None


def _configured_depth(model: Value) -> int | None:
    """The number of layers that the configuration of a model of transformers states."""
    config = model.argument(0, "config")
    if config is None or config.kind != "instance" or not config.name.startswith("transformers."):
        return None
    stated = (config.argument(None, word) for word in ("num_hidden_layers", "n_layer", "num_layers", "n_layers"))
    return next((_count(number) for number in stated if number is not None), None)


def _stack(layer: Value) -> Attention | None:
    """An `nn.TransformerEncoder`, `nn.TransformerDecoder` or `nn.Transformer`."""
    if layer.name in ("torch.nn.TransformerEncoder", "torch.nn.TransformerDecoder"):
        one = layer.argument(0, "encoder_layer" if layer.name.endswith("Encoder") else "decoder_layer") or UNKNOWN
        return Attention(_count(layer.argument(1, "num_layers")), _is_post_norm(one), False)
    if layer.name == "torch.nn.Transformer":
        encoder = layer.argument(2, "num_encoder_layers")
        decoder = layer.argument(3, "num_decoder_layers")
        counts = [6 if given is None else _count(given) for given in (encoder, decoder)]
        depth = sum(c for c in counts if c is not None) if None not in counts else None
        return Attention(depth, _is_post_norm(layer), False)
    return None


def _is_post_norm(layer: Value) -> bool | None:
    if layer.kind != "instance" or not layer.name.startswith("torch.nn.Transformer"):
        return None
    first = layer.argument(None, "norm_first")
    if first is None:
        return True
    return not first.const if first.kind == "const" else None


def _count(value: Value | None) -> int | None:
    return value.const if value is not None and value.kind == "const" and isinstance(value.const, int) else None


def _attends(layer: Value) -> bool:
    """Whether a layer is attention: torch's own, a call of it, or queries, keys and values multiplied by hand."""
    if layer.name in _ATTENTION:
        return True
    if layer.kind != "instance" or layer.target is None:
        return False
    methods = layer.target.methods.values()
    if any("scaled_dot_product_attention" in method.words for method in methods):
        return True
    if not any("softmax" in word.lower() for method in methods for word in (*method.words, *_layer_names(layer))):
        return False
    products = sum(_is_product(node) for method in methods for node in walk(method.node))
    return products >= 2 and _projections(layer) >= 3


def _norm_after_sum(block: Value) -> bool | None:
    """Whether a block of the project normalises the residual sum (`norm(x + f(x))`) or before it (`x + f(norm(x))`)."""
    if block.kind != "instance" or block.target is None or "forward" not in block.target.methods:
        return None
    forward = block.target.methods["forward"]
    me = forward.parameters[0].arg if forward.parameters else "self"
    cls = value_class(block)
    norms = {name for name in cls.stored if _is_norm(cls.attribute(block, name))}
    answers: set[bool] = set()
    for node in walk(forward.node):
        if isinstance(node, ast.Call) and dotted(node.func) in {f"{me}.{name}" for name in norms}:
            answers.update([True] if node.args and _is_sum(node.args[0]) else [])
        elif _is_sum(node) and isinstance(node, ast.BinOp):
            calls = [call for side in (node.left, node.right) if isinstance(side, ast.Call) for call in side.args]
            inner = [c for call in calls for c in walk(call) if isinstance(c, ast.Call)]
            answers.update([False] if any(dotted(c.func) in {f"{me}.{name}" for name in norms} for c in inner) else [])
    return answers.pop() if len(answers) == 1 else None


def _is_norm(value: Value | None) -> bool:
    return value is not None and value.kind == "instance" and value.name in ("torch.nn.LayerNorm", "torch.nn.RMSNorm")


def _is_sum(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)


def _layer_names(layer: Value) -> list[str]:
    return [kept.name for kept in _direct_layers(layer)]


def _direct_layers(layer: Value) -> list[Value]:
    cls = value_class(layer)
    kept = (cls.attribute(layer, name) for name in layer.target.stores)
    return [value for value in kept if value is not None and value.kind == "instance"]


def _is_product(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.MatMult)
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("matmul", "bmm", "einsum", "baddbmm")


def _projections(layer: Value) -> int:
    """How many linear maps a layer has for queries, keys and values; one that makes all three counts as three."""
    count = 0
    for inner in _direct_layers(layer):
        if inner.name == "torch.nn.Linear":
            width = inner.argument(1, "out_features")
            tripled = width is not None and width.kind == "binary" and width.name == "Mult"
            three = tripled and width is not None and any(i.kind == "const" and i.const == 3 for i in width.items)
            constant = width is not None and width.kind == "const" and _is_triple(width.const, inner)
            count += 3 if three or constant else 1
    return count


def _is_triple(width: object, linear: Value) -> bool:
    given = linear.argument(0, "in_features")
    number = given.const if given is not None and given.kind == "const" else None
    return isinstance(width, int) and isinstance(number, int) and width == 3 * number


def _attends_inside(loop: Value) -> bool:
    return any(_attends(layer) for item in loop.items for layer in certain_layers(item))


def _repeats(loop: Value) -> int | None:
    """How often `[Block() for _ in range(n)]` makes its element."""
    node = loop.node
    if not isinstance(node, ast.ListComp | ast.GeneratorExp) or loop.frame is None:
        return None
    iterable = loop.frame.value(node.generators[0].iter)
    if iterable.name != "range" or len(iterable.arguments) != 1:
        return None
    return _count(iterable.arguments[0])


def is_adapter(model: Value) -> bool:
    """Whether only adapters of a model are trained."""
    return any(part.name.startswith(("peft.", "adapters.")) for part in parts(model))


def weight_layers(model: Value) -> int:
    """How many layers with weights are certainly in a model."""
    count = 0
    for layer in certain_layers(model):
        if layer.kind == "instance" and layer.name in _WEIGHTS:
            count += 1
        elif layer.kind == "call" and roles.makes_module(layer.name):
            count += 2
    return count
