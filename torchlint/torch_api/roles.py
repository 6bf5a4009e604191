"""What names from outside mean for training: optimizers, losses, schedulers, layers, loaders, frameworks.

Curated by hand: a name is here because its behaviour was read or tried, never because it looks like one. Names are
canonical (`torchlint.torch_api.canonical`). Everything that is not here is unknown, and unknown is silent.
"""

from __future__ import annotations

from typing import NamedTuple

from torchlint.torch_api import frameworks

OPTIMIZER = "torch.optim.Optimizer"
MODULE = "torch.nn.Module"
SCHEDULER = "torch.optim.lr_scheduler.LRScheduler"
LOADER = "torch.utils.data.DataLoader"

TORCH_OPTIMIZERS = frozenset(
    f"torch.optim.{name}"
    for name in (
        "SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "Adagrad", "Adadelta", "ASGD",
        "SparseAdam", "LBFGS", "Adafactor", "Muon",
    )
)  # fmt: skip
OTHER_OPTIMIZERS = frozenset(
    {
        "transformers.AdamW",
        "transformers.Adafactor",
        "transformers.optimization.AdamW",
        "transformers.optimization.Adafactor",
        "bitsandbytes.optim.Adam8bit",
        "bitsandbytes.optim.AdamW8bit",
        "bitsandbytes.optim.PagedAdamW8bit",
        "bitsandbytes.optim.PagedAdamW",
        "timm.optim.Lamb",
        "timm.optim.Lion",
        "lion_pytorch.Lion",
        "deepspeed.ops.adam.FusedAdam",
        "deepspeed.ops.adam.DeepSpeedCPUAdam",
        "apex.optimizers.FusedAdam",
        "apex.optimizers.FusedLAMB",
        "apex.optimizers.FusedSGD",
    }
)
OPTIMIZER_FACTORIES = frozenset({"timm.optim.create_optimizer", "timm.optim.create_optimizer_v2"})
ADAM_FAMILY = frozenset(
    name
    for name in TORCH_OPTIMIZERS | OTHER_OPTIMIZERS
    if any(word in name.rpartition(".")[2].lower() for word in ("adam", "lamb", "lion"))
)


class Scheduler(NamedTuple):
    """A learning-rate scheduler: the parameters that state its horizon, and whether a step takes the metric.

    `horizon` maps a keyword to its position in the constructor (the optimizer is 0).
    """

    horizon: dict[str, int]
    needs_metric: bool = False


_S = "torch.optim.lr_scheduler."
SCHEDULERS: dict[str, Scheduler] = {
    _S + "StepLR": Scheduler({"step_size": 1}),
    _S + "MultiStepLR": Scheduler({"milestones": 1}),
    _S + "ExponentialLR": Scheduler({}),
    _S + "CosineAnnealingLR": Scheduler({"T_max": 1}),
    _S + "CosineAnnealingWarmRestarts": Scheduler({"T_0": 1}),
    _S + "PolynomialLR": Scheduler({"total_iters": 1}),
    _S + "ConstantLR": Scheduler({"total_iters": 2}),
    _S + "LinearLR": Scheduler({"total_iters": 3}),
    _S + "OneCycleLR": Scheduler({"total_steps": 2, "epochs": 3, "steps_per_epoch": 4}),
    _S + "CyclicLR": Scheduler({"step_size_up": 3}),
    _S + "LambdaLR": Scheduler({}),
    _S + "MultiplicativeLR": Scheduler({}),
    _S + "SequentialLR": Scheduler({}),
    _S + "ChainedScheduler": Scheduler({}),
    _S + "ReduceLROnPlateau": Scheduler({}, needs_metric=True),
}
SCHEDULER_FACTORIES: dict[str, Scheduler] = {
    name: schedule
    for prefix in ("transformers.", "transformers.optimization.", "diffusers.optimization.")
    for name, schedule in {
        prefix + "get_linear_schedule_with_warmup": Scheduler({"num_warmup_steps": 1, "num_training_steps": 2}),
        prefix + "get_cosine_schedule_with_warmup": Scheduler({"num_warmup_steps": 1, "num_training_steps": 2}),
        prefix + "get_cosine_with_hard_restarts_schedule_with_warmup": Scheduler(
            {"num_warmup_steps": 1, "num_training_steps": 2}
        ),
        prefix + "get_polynomial_decay_schedule_with_warmup": Scheduler(
            {"num_warmup_steps": 1, "num_training_steps": 2}
        ),
        prefix + "get_constant_schedule_with_warmup": Scheduler({"num_warmup_steps": 1}),
        prefix + "get_constant_schedule": Scheduler({}),
        prefix + "get_scheduler": Scheduler({"num_warmup_steps": 2, "num_training_steps": 3}),
    }.items()
}


_FUNCTIONAL = {
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss",
    "huber_loss": "HuberLoss",
    "kl_div": "KLDivLoss",
    "gaussian_nll_loss": "GaussianNLLLoss",
    "poisson_nll_loss": "PoissonNLLLoss",
    "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss",
    "multi_margin_loss": "MultiMarginLoss",
    "hinge_embedding_loss": "HingeEmbeddingLoss",
    "cosine_embedding_loss": "CosineEmbeddingLoss",
    "triplet_margin_loss": "TripletMarginLoss",
    "margin_ranking_loss": "MarginRankingLoss",
    "soft_margin_loss": "SoftMarginLoss",
    "ctc_loss": "CTCLoss",
}
CRITERIA = frozenset(f"torch.nn.{cls}" for cls in _FUNCTIONAL.values())
LOSS_FUNCTIONS = {f"torch.nn.functional.{name}": f"torch.nn.{cls}" for name, cls in _FUNCTIONAL.items()}
"""The functional losses, each with its criterion."""

MODE_DEPENDENT = frozenset(
    f"torch.nn.{name}"
    for name in (
        "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout", "BatchNorm1d",
        "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d",
        "RReLU", "TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer",
    )
)  # fmt: skip
MODE_FREE = frozenset(
    f"torch.nn.{name}"
    for name in (
        "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "ReLU",
        "GELU", "SiLU", "Tanh", "Sigmoid", "Softmax", "LogSoftmax", "LeakyReLU", "ELU", "PReLU", "Softplus", "Flatten",
        "Unflatten", "Identity", "Embedding", "EmbeddingBag", "LayerNorm", "GroupNorm", "RMSNorm", "MaxPool1d",
        "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d",
        "AdaptiveAvgPool3d", "AdaptiveMaxPool2d", "Upsample", "PixelShuffle", "ZeroPad2d", "ReflectionPad2d",
        "Hardtanh", "ReLU6", "Hardswish", "Mish", "Softsign", "Bilinear",
    )
)  # fmt: skip

WRAPPERS = frozenset(
    {
        "torch.nn.parallel.DistributedDataParallel",
        "torch.nn.DataParallel",
        "torch.distributed.fsdp.FullyShardedDataParallel",
        "apex.parallel.DistributedDataParallel",
    }
)
PREPARERS = frameworks.PREPARERS
PREPARES = frameworks.PREPARES
PREPARING_FUNCTIONS = frameworks.PREPARING_FUNCTIONS
RETURNS_SELF = frozenset(
    {
        "to", "cuda", "cpu", "float", "half", "double", "bfloat16", "type", "train", "eval", "requires_grad_", "apply",
        "share_memory", "to_empty", "xpu", "ipu",
    }
)  # fmt: skip
KNOWN_RESULTS = RETURNS_SELF | PREPARES | {"optimizers", "forward"}
"""Methods that may return something better known than the result of a method."""

SEQUENTIAL = "torch.nn.Sequential"

# classes that an annotation of a parameter settles

ANNOTATIONS = (
    frozenset({OPTIMIZER, LOADER, SCHEDULER, "torch.GradScaler", "torch.cuda.amp.GradScaler"})
    | TORCH_OPTIMIZERS
    | PREPARERS
    | CRITERIA
)

# the range lattice: functions and methods (by last name) that put their result into a known state

RANGE_AFTER: dict[str, str] = {
    "torch.softmax": "prob",
    "torch.nn.functional.softmax": "prob",
    "torch.special.softmax": "prob",
    "torch.nn.functional.gumbel_softmax": "prob",
    ".softmax": "prob",
    "torch.nn.Softmax": "prob",
    "torch.nn.Softmax2d": "prob",
    "torch.sigmoid": "prob01",
    "torch.nn.functional.sigmoid": "prob01",
    "torch.special.expit": "prob01",
    ".sigmoid": "prob01",
    "torch.nn.Sigmoid": "prob01",
    "torch.nn.Hardsigmoid": "prob01",
    "torch.log_softmax": "logprob",
    "torch.nn.functional.log_softmax": "logprob",
    "torch.special.log_softmax": "logprob",
    ".log_softmax": "logprob",
    "torch.nn.LogSoftmax": "logprob",
    "torch.nn.LogSigmoid": "logprob01",
    "torch.nn.functional.logsigmoid": "logprob01",
    "torch.relu": "nonneg",
    "torch.nn.functional.relu": "nonneg",
    ".relu": "nonneg",
    "torch.nn.ReLU": "nonneg",
    "torch.exp": "nonneg",
    ".exp": "nonneg",
    "torch.nn.functional.softplus": "nonneg",
    "torch.nn.Softplus": "nonneg",
    "torch.tanh": "pm1",
    ".tanh": "pm1",
    "torch.nn.Tanh": "pm1",
    "torch.argmax": "int",
    ".argmax": "int",
    ".long": "int",
    ".round": "int",
    ".int": "int",
    "torch.nn.Linear": "raw",
    "torch.nn.LazyLinear": "raw",
    "torch.nn.Bilinear": "raw",
    "torch.nn.functional.linear": "raw",
    "torch.nn.Conv1d": "raw",
    "torch.nn.Conv2d": "raw",
    "torch.nn.Conv3d": "raw",
    "torch.nn.ConvTranspose1d": "raw",
    "torch.nn.ConvTranspose2d": "raw",
    "torch.nn.ConvTranspose3d": "raw",
    "torch.nn.functional.conv1d": "raw",
    "torch.nn.functional.conv2d": "raw",
}
KEEPS_RANGE = frozenset(
    {
        ".view", ".reshape", ".resize", ".squeeze", ".unsqueeze", ".transpose", ".permute", ".flatten", ".contiguous", ".to",
        ".float", ".double", ".half", ".bfloat16", ".cuda", ".cpu", ".detach", ".clone", ".t", ".mT", ".T", ".expand",
        ".repeat", ".type", ".type_as", ".requires_grad_", ".unflatten", ".narrow", ".select", ".chunk", ".split",
        ".gather", ".index_select", ".view_as", ".reshape_as", ".expand_as", ".movedim", ".swapaxes", ".data",
        "torch.squeeze", "torch.unsqueeze", "torch.flatten", "torch.transpose", "torch.permute", "torch.reshape",
        "torch.nn.Flatten", "torch.nn.Identity", "torch.clone", "torch.movedim", "torch.gather",
        "torch.nn.Unflatten", "torch.narrow", "torch.select", "torch.split", "torch.chunk",
    }
)  # fmt: skip

FRAMEWORK_MODULES = frozenset(
    {
        *frameworks.LIGHTNING_MODULES,
        "transformers.PreTrainedModel",
        "transformers.modeling_utils.PreTrainedModel",
        "torch.jit.ScriptModule",
        "timm.models.layers.DropPath",
        "mmengine.model.BaseModule",
        "mmengine.model.BaseModel",
        "mmcv.runner.BaseModule",
    }
)
LIGHTNING_MODULES = frameworks.LIGHTNING_MODULES

# data

DATASETS = frozenset({"torch.utils.data.Dataset", "torch.utils.data.IterableDataset"})

COLLECTIVES = frozenset(
    f"torch.distributed.{name}"
    for name in (
        "all_reduce", "all_gather", "all_gather_object", "all_gather_into_tensor", "broadcast",
        "broadcast_object_list", "reduce", "reduce_scatter", "reduce_scatter_tensor", "gather", "gather_object",
        "scatter", "scatter_object_list", "all_to_all", "all_to_all_single", "barrier", "monitored_barrier",
    )
)  # fmt: skip

NO_GRAD = frozenset({"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad", "torch.autograd.grad_mode.no_grad",
                     "torch.autograd.grad_mode.inference_mode", "torch.autograd.inference_mode"})  # fmt: skip


def is_class(name: str) -> bool:
    """Whether an outside name is a class by the convention that its last part starts with a capital letter."""
    owner, _, last = name.rpartition(".")
    if not last[:1].isupper():
        return False
    return not last.isupper() or owner in ("torch.nn", "torch.optim") or name in OTHER_OPTIMIZERS


def derives_from(name: str, names: tuple[str, ...]) -> bool | None:
    """Whether an outside class derives from one of `names`; `None` where that is not known."""
    if name in names:
        return True
    if MODULE in names:
        return is_module_class(name)
    if OPTIMIZER in names:
        if name in TORCH_OPTIMIZERS or name in OTHER_OPTIMIZERS:
            return True
    elif SCHEDULER in names:
        if name in SCHEDULERS:
            return True
    elif any(n in FRAMEWORK_MODULES for n in names):
        if name in FRAMEWORK_MODULES:
            return any(n.rpartition(".")[2] == name.rpartition(".")[2] for n in names)
    elif "torch.utils.data.Dataset" in names and name == "torch.utils.data.IterableDataset":
        return True
    if name == "object" or name.startswith("torch.") or "." not in name:
        return False
    return None


def is_module_class(name: str) -> bool | None:
    """Whether an outside class is an `nn.Module`."""
    if name == MODULE or name in FRAMEWORK_MODULES or name in WRAPPERS:
        return True
    if name.startswith("torch.nn."):
        last = name.rpartition(".")[2]
        return name.count(".") == 2 and last[:1].isupper() and last not in ("Parameter", "Buffer", "UninitializedParameter",
                                                                           "UninitializedBuffer")  # fmt: skip
    if name.startswith("torch."):
        return False
    if name.startswith("transformers.") and (
        name.endswith(("Model", "PreTrainedModel")) or "For" in name.rpartition(".")[2]
    ):
        return True
    if "." not in name:
        return False
    return None


def makes_module(name: str) -> bool:
    """Whether a call of this outside function returns an `nn.Module`."""
    if name.startswith("torchvision.models."):
        last = name.rpartition(".")[2]
        return last[:1].islower() and not last.startswith(("list_", "get_weight"))
    if name in ("timm.create_model", "timm.models.create_model", "timm.models.factory.create_model"):
        return True
    owner, _, last = name.rpartition(".")
    if last in ("from_pretrained", "from_config") and owner.startswith("transformers."):
        cls = owner.rpartition(".")[2]
        return "Model" in cls or "For" in cls
    if last == "from_pretrained" and owner.startswith("diffusers."):
        return "Model" in owner.rpartition(".")[2] or owner.endswith("AutoencoderKL")
    return name in (
        "peft.get_peft_model",
        "segmentation_models_pytorch.Unet",
        "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
    )


def pretrained(name: str) -> bool:
    """Whether the factory gives a model in eval mode with trained weights."""
    return name.rpartition(".")[2] == "from_pretrained"
