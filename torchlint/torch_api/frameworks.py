"""Training frameworks as data: how code that runs under one is recognised, and which duties it takes over.

Three things can take a duty over. An *object* does it itself (a DeepSpeed engine clears the gradients). A *taker* is a
function or method that is handed an object and looks after it from then on (`accelerator.prepare(scheduler)`). A *hook*
is a method of the user's class that the framework calls, with everything else done around it (`training_step`).

Every entry was read in the source of the version that it names. What was not read is not here, and unknown is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

Duty: TypeAlias = Literal[
    "backward",
    "loss-scale",
    "accumulation",
    "clipping",
    "step",
    "zero-grad",
    "schedule",
    "schedule-unit",
    "modes",
    "no-grad",
    "placement",
    "set-epoch",
    "label-shift",
    "freezing",
]
"""What can be taken over.

- `backward`: calls the backward pass
- `loss-scale`: puts the scale of mixed precision on the loss and takes it off before clipping and step
- `accumulation`: divides by the number of micro-batches (or tokens) that a step is made of
- `clipping`, `step`, `zero-grad`: does these at the right time
- `schedule`: advances the learning-rate schedule
- `schedule-unit`: one `scheduler.step()` of the user is not one step of the schedule
- `modes`: `train()` and `eval()`
- `no-grad`: switches gradients off in evaluation
- `placement`: brings model and batches to the device
- `set-epoch`: tells the distributed sampler the epoch
- `label-shift`: moves the labels one token on
- `freezing`: keeps all weights but those of adapters out of training
"""


_NONE: Mapping[str, frozenset[Duty]] = {}
_ALWAYS: Mapping[Duty, tuple[tuple[int | None, str], ...]] = {}


class Framework(NamedTuple):
    """One framework.

    - `read`: what was read to write the entry
    - `objects`: canonical names of classes and functions whose instances and results do these duties by themselves;
      `f[0]` is the first item of what `f` returns
    - `only_if`: a duty that an object does only if it was made with one of these arguments (position or `None`, keyword)
    - `scales`: the argument and its values that make an object scale every loss that it sends backward
    - `takers`: functions and methods (`class.method`) and their duties towards each object that they are given
    - `bases`, `hooks`: the base classes, and the methods that the framework calls with what it does around them
    - `manual`: the attribute that hands duties back to the user where it is false, and these duties
    """

    name: str
    read: str
    objects: Mapping[str, frozenset[Duty]] = _NONE
    only_if: Mapping[Duty, tuple[tuple[int | None, str], ...]] = _ALWAYS
    scales: tuple[int | None, str, tuple[object, ...]] = (None, "", ())
    takers: Mapping[str, frozenset[Duty]] = _NONE
    bases: frozenset[str] = frozenset()
    hooks: Mapping[str, frozenset[Duty]] = _NONE
    manual: tuple[str, frozenset[Duty]] = ("", frozenset())


def _names(names: str, *homes: str) -> tuple[str, ...]:
    return tuple(f"{home}.{name}" for home in homes for name in names.split())


_STEP: frozenset[Duty] = frozenset({"backward", "accumulation", "clipping", "step", "zero-grad", "schedule"})
_TRAINING: frozenset[Duty] = _STEP | {"loss-scale", "modes", "placement", "set-epoch"}
_ALL: frozenset[Duty] = _TRAINING | {"no-grad"}

ACCELERATORS = frozenset({"accelerate.Accelerator", "accelerate.accelerator.Accelerator"})
FABRICS = frozenset({"lightning.Fabric", "lightning.fabric.Fabric", "lightning_fabric.Fabric",
                     "lightning_fabric.fabric.Fabric"})  # fmt: skip
PREPARERS = ACCELERATORS | FABRICS
"""Objects whose methods of `PREPARES` return what they are given, made ready: Accelerate's and Fabric's."""
_SETUPS = frozenset({"setup", "setup_module", "setup_optimizers"})
_PREPARATIONS = frozenset({"prepare", "prepare_model", "prepare_optimizer", "prepare_data_loader", "prepare_scheduler"})
PREPARES = _PREPARATIONS | _SETUPS | {"setup_dataloaders"}
PREPARING_FUNCTIONS: Mapping[str, tuple[str, ...]] = {"apex.amp.initialize": ("models", "optimizers")}
"""Functions that return what they are given, made ready, by the parameters that they give back, first ones first."""

LIGHTNING_MODULES = frozenset(
    _names(
        "LightningModule",
        *("lightning", "lightning.pytorch", "lightning.pytorch.core", "lightning.pytorch.core.module"),
        *("pytorch_lightning", "pytorch_lightning.core", "pytorch_lightning.core.module"),
        "pytorch_lightning.core.lightning",
    )
)
_LIGHTNING_CALLBACKS = frozenset(
    _names(
        "Callback",
        *("lightning", "lightning.pytorch", "lightning.pytorch.callbacks", "lightning.pytorch.callbacks.callback"),
        *("pytorch_lightning", "pytorch_lightning.callbacks", "pytorch_lightning.callbacks.callback"),
        "pytorch_lightning.callbacks.base",
    )
)
_LIGHTNING_TRAINS = (
    "training_step", "training_step_end", "training_epoch_end", "configure_optimizers", "configure_gradient_clipping",
    "optimizer_step", "optimizer_zero_grad", "lr_scheduler_step", "backward", "on_train_start", "on_train_end",
    "on_train_epoch_start", "on_train_epoch_end", "on_train_batch_start", "on_train_batch_end", "on_before_zero_grad",
    "on_before_backward", "on_after_backward", "on_before_optimizer_step", "train_dataloader",
)  # fmt: skip
_LIGHTNING_EVALUATES = tuple(
    hook.format(stage)
    for stage in ("validation", "test", "predict")
    for hook in (
        "{}_step", "{}_step_end", "{}_epoch_end", "on_{}_start", "on_{}_end", "on_{}_epoch_start", "on_{}_epoch_end",
        "on_{}_batch_start", "on_{}_batch_end",
    )
)  # fmt: skip

TRAINERS = frozenset(
    (
        *_names("Trainer", "transformers", "transformers.trainer"),
        *_names("Seq2SeqTrainer", "transformers", "transformers.trainer_seq2seq"),
        *_names("SFTTrainer DPOTrainer RewardTrainer KTOTrainer GRPOTrainer RLOOTrainer", "trl", "trl.trainer"),
        *_names("SentenceTransformerTrainer", "sentence_transformers", "sentence_transformers.trainer"),
    )
)
"""The `Trainer` of Hugging Face and what is built on it."""
TRAINING_ARGUMENTS = {
    name: rate
    for names, rate in (
        (_names("TrainingArguments", "transformers", "transformers.training_args"), 5e-5),
        (_names("Seq2SeqTrainingArguments", "transformers", "transformers.training_args_seq2seq"), 5e-5),
        (_names("SFTConfig", "trl", "trl.trainer", "trl.trainer.sft_config"), 2e-5),
        (_names("RewardConfig", "trl", "trl.trainer", "trl.trainer.reward_config"), 1e-4),
    )
    for name in names
}
"""The classes of a `Trainer`'s settings, with their default learning rate. None of them warms up by default."""

SHIFTS_LABELS = ("ForCausalLM", "LMHeadModel")
"""Ends of the names of models of Hugging Face that move the labels one token on by themselves."""

_FASTAI = ("fastai.learner", "fastai.basics", "fastai.vision.all", "fastai.text.all", "fastai.tabular.all")
_FASTAI_TRAINS = ("before_fit", "after_fit", "before_epoch", "after_epoch", "before_train", "after_train",
                  "before_backward", "after_backward", "before_step", "after_step", "after_loss")  # fmt: skip
_FASTAI_BOTH = ("before_batch", "after_pred", "after_batch")
_FASTAI_VALIDATES = ("before_validate", "after_validate")
_TIMM_SCHEDULERS = (
    "CosineLRScheduler MultiStepLRScheduler PlateauLRScheduler PolyLRScheduler StepLRScheduler TanhLRScheduler"
)

_PEFT_MODELS = ("peft.get_peft_model", "peft.mapping.get_peft_model", "peft.inject_adapter_in_model")
STEPPERS = frozenset(_names("NativeScaler ApexScaler", "timm.utils", "timm.utils.cuda"))
"""Classes whose instances, called with a loss and an optimizer, do the backward pass and the step."""
_DEEPSPEED_PLUGINS: tuple[tuple[int | None, str], ...] = ((6, "deepspeed_plugin"), (None, "deepspeed_plugins"))

FRAMEWORKS: tuple[Framework, ...] = (
    Framework(
        "Accelerate",
        "accelerate 1.15.0: accelerator.py, optimizer.py, scheduler.py, data_loader.py, utils/deepspeed.py",
        # a prepared optimizer steps and clears only where gradients are synchronized, but the loop has to call it, unless
        # a DeepSpeed engine does all of that in `accelerator.backward`
        objects=dict.fromkeys(ACCELERATORS, _STEP | {"loss-scale"}),
        only_if={
            "accumulation": (
                (3, "gradient_accumulation_steps"),
                (None, "gradient_accumulation_plugin"),
                *_DEEPSPEED_PLUGINS,
            ),
            **dict.fromkeys(("clipping", "step", "zero-grad", "schedule"), _DEEPSPEED_PLUGINS),
        },
        scales=(2, "mixed_precision", ("fp16",)),
        # a prepared scheduler steps once for each process, and not at all inside an accumulation
        takers={
            f"{owner}.{method}": frozenset({"loss-scale", "placement", "set-epoch", "schedule-unit"})
            for owner in ACCELERATORS
            for method in _PREPARATIONS
        },
    ),
    Framework(
        "Fabric",
        "lightning_fabric of pytorch-lightning 2.6.6: fabric.py, wrappers.py, strategies/strategy.py",
        objects=dict.fromkeys(FABRICS, frozenset({"backward", "loss-scale"})),
        scales=(None, "precision", ("16-mixed", "16", 16)),
        takers={
            **{f"{o}.{m}": frozenset({"loss-scale", "placement"}) for o in FABRICS for m in _SETUPS},
            **{f"{owner}.setup_dataloaders": frozenset({"set-epoch", "placement"}) for owner in FABRICS},
        },
    ),
    Framework(
        "Lightning",
        "pytorch-lightning 2.6.6 and 1.9.5: core/module.py, loops/fit_loop.py, loops/optimization/, loops/utilities.py, "
        "loops/evaluation_loop.py",
        bases=LIGHTNING_MODULES | _LIGHTNING_CALLBACKS,
        hooks={**dict.fromkeys(_LIGHTNING_TRAINS, _TRAINING), **dict.fromkeys(_LIGHTNING_EVALUATES, _ALL)},
        manual=("automatic_optimization", _STEP),
    ),
    Framework(
        "Hugging Face Trainer",
        "transformers 5.23.0: trainer.py; trl 1.16.0 and sentence-transformers for what derives from it",
        bases=TRAINERS,
        # a `training_step` of the user has to switch the mode and run backward, a `prediction_step` to stop recording
        hooks={
            "compute_loss": _ALL - {"placement"},
            "training_step": frozenset({"clipping", "step", "zero-grad", "schedule", "set-epoch"}),
            "prediction_step": frozenset({"modes"}),
            **dict.fromkeys(("create_optimizer", "create_scheduler", "create_optimizer_and_scheduler"), _TRAINING),
            "get_train_dataloader": frozenset({"set-epoch", "placement"}),
        },
        takers=dict.fromkeys(TRAINERS, _ALL | {"schedule-unit"}),
    ),
    Framework(
        "DeepSpeed",
        "deepspeed 0.19.8: runtime/engine.py (backward, step, _take_model_step)",
        objects={"deepspeed.initialize[0]": _STEP | {"loss-scale"}},
        takers={"deepspeed.initialize": _STEP | {"loss-scale", "placement", "schedule-unit"}},
    ),
    Framework(
        "fastai",
        "fastai 2.8.12: learner.py, callback/core.py, callback/training.py",
        takers=dict.fromkeys(
            (*_names("Learner", *_FASTAI), *_names("vision_learner unet_learner cnn_learner", "fastai.vision.all")),
            _ALL - {"set-epoch"},
        ),
        bases=frozenset(_names("Callback", "fastai.callback.core", "fastai.callback.all", *_FASTAI[1:])),
        hooks={
            **dict.fromkeys(_FASTAI_TRAINS, _TRAINING - {"set-epoch"}),
            **dict.fromkeys((*_FASTAI_BOTH, *_FASTAI_VALIDATES), _ALL - {"set-epoch"}),
        },
    ),
    Framework(
        "Ignite",
        "pytorch-ignite 0.5.5: engine/__init__.py, handlers/param_scheduler.py, contrib/engines/common.py",
        takers={
            **dict.fromkeys(
                _names("create_supervised_trainer", "ignite.engine"),
                frozenset({"backward", "loss-scale", "accumulation", "step", "zero-grad", "modes", "placement"}),
            ),
            **dict.fromkeys(
                _names("create_supervised_evaluator", "ignite.engine"), frozenset({"modes", "no-grad", "placement"})
            ),
            **dict.fromkeys(
                _names("LRScheduler", "ignite.handlers", "ignite.handlers.param_scheduler"), frozenset({"schedule"})
            ),
            "ignite.contrib.engines.common.setup_common_training_handlers": frozenset({"schedule", "set-epoch"}),
        },
    ),
    Framework(
        "timm",
        "timm 1.0.31: utils/cuda.py, scheduler/",
        objects={
            **dict.fromkeys(STEPPERS, frozenset({"backward", "loss-scale", "clipping", "step"})),
            **dict.fromkeys(_names(_TIMM_SCHEDULERS, "timm.scheduler"), frozenset({"schedule-unit"})),
            "timm.scheduler.create_scheduler[0]": frozenset({"schedule-unit"}),
            "timm.scheduler.create_scheduler_v2[0]": frozenset({"schedule-unit"}),
        },
    ),
    Framework(
        "PEFT",
        "peft 0.21.2: mapping_func.py, tuners/tuners_utils.py (_mark_only_adapters_as_trainable)",
        objects=dict.fromkeys(_PEFT_MODELS, frozenset({"freezing"})),
        takers=dict.fromkeys(_PEFT_MODELS, frozenset({"freezing"})),
    ),
    Framework(
        "torchtune",
        "torchtune 0.6.1: training/memory.py, training/_grad_scaler.py",
        takers={
            "torchtune.training.register_optim_in_bwd_hooks": frozenset({"step", "zero-grad"}),
            "torchtune.training.memory.register_optim_in_bwd_hooks": frozenset({"step", "zero-grad"}),
            "torchtune.training.scale_grads": frozenset({"accumulation"}),
        },
    ),
    Framework(
        "TorchRL",
        "torchrl 0.14.1: trainers/trainers.py",
        takers=dict.fromkeys(
            _names("Trainer", "torchrl.trainers", "torchrl.trainers.trainers"),
            frozenset({"backward", "clipping", "step", "zero-grad"}),
        ),
    ),
)

OBJECTS: dict[str, tuple[Framework, frozenset[Duty]]] = {
    name: (framework, duties) for framework in FRAMEWORKS for name, duties in framework.objects.items()
}
"""The duties of an object by the canonical name of what made it."""

TAKERS: dict[str, dict[str, frozenset[Duty]]] = {}
"""The duties of takers: by their last name, then by their canonical name."""
for _framework in FRAMEWORKS:
    for _name, _duties in _framework.takers.items():
        TAKERS.setdefault(_name.rpartition(".")[2], {})[_name] = _duties

WITH_HOOKS: tuple[Framework, ...] = tuple(framework for framework in FRAMEWORKS if framework.hooks)
