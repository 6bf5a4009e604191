"""Frameworks: which duties they take over, decided by the object and by the hook that code stands in."""

from __future__ import annotations

from typing import get_args

import pytest

from tests.model.programs import described, module, probe
from torchlint.model import Event
from torchlint.model.frameworks import managed, own_words, runs_for_each_batch, scale_of, takes_over
from torchlint.torch_api.frameworks import FRAMEWORKS, TAKERS, Duty

HEAD = """
import torch
import accelerate
import deepspeed
import lightning
import timm
from accelerate import Accelerator
from fastai.callback.core import Callback as FastaiCallback
from ignite.engine import create_supervised_evaluator, create_supervised_trainer
from lightning.fabric import Fabric
from peft import get_peft_model
from thirdparty import Base, Helper
from torch import nn
from torch.utils.data import DataLoader
from torchrl.trainers import Trainer as RLTrainer
from torchtune.training import register_optim_in_bwd_hooks, scale_grads
from transformers import AutoModel, AutoModelForCausalLM, GPT2LMHeadModel, Trainer, get_scheduler
"""

OBJECTS = """
class OwnTrainer(Trainer):
    pass


def make(dataset, config, other):
    model = nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(dataset)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
"""


def of_object(body: str, duty: Duty) -> bool | None:
    """The answer about the object that is probed at the end of a function."""
    text = HEAD + OBJECTS + "".join(f"    {line}\n" for line in body.splitlines())
    return takes_over(duty, probe(module(text)))


@pytest.mark.parametrize(
    ("body", "duty", "answer"),
    [
        # the object decides
        ("probe(loader)", "set-epoch", False),
        ("accelerator = Accelerator()\nprobe(loader)", "set-epoch", False),
        ("accelerator = Accelerator()\nloader = accelerator.prepare(loader)\nprobe(loader)", "set-epoch", True),
        ("loader, model = Accelerator().prepare(loader, model)\nprobe(loader)", "set-epoch", True),
        ("a = accelerate.Accelerator()\na.prepare(model, [loader])\nprobe(loader)", "set-epoch", True),
        ("a = Accelerator()\nmodel = a.prepare(model)\nprobe(loader)", "set-epoch", False),
        ("a = Accelerator()\nloader = a.prepare_data_loader(loader)\nprobe(loader)", "set-epoch", True),
        ("loader = config.prepare(loader)\nprobe(loader)", "set-epoch", None),
        ("probe(other)", "set-epoch", None),
        ("a = Accelerator()\nschedule = a.prepare(schedule)\nprobe(schedule)", "schedule-unit", True),
        ("a = Accelerator()\noptimizer = a.prepare(optimizer)\nprobe(schedule)", "schedule-unit", False),
        ("a = Accelerator()\nschedule = a.prepare(schedule)\nprobe(schedule)", "schedule", False),
        ("a = Accelerator()\noptimizer = a.prepare(optimizer)\nprobe(optimizer)", "zero-grad", False),
        ("fabric = Fabric()\nloader = fabric.setup_dataloaders(loader)\nprobe(loader)", "set-epoch", True),
        ("fabric = lightning.Fabric()\nmodel = fabric.setup(model)\nprobe(model)", "placement", True),
        ("fabric = Fabric()\nmodel = fabric.setup(model)\nprobe(model)", "step", False),
        ("engine, *rest = deepspeed.initialize(model=model)\nprobe(model)", "zero-grad", True),
        ("engine, _, _, _ = deepspeed.initialize(model=model)\nprobe(engine)", "clipping", True),
        ("engine = deepspeed.initialize(model=model)[0]\nprobe(engine)", "accumulation", True),
        ("deepspeed.initialize(model=model, lr_scheduler=schedule)\nprobe(schedule)", "schedule-unit", True),
        ("deepspeed.initialize(model=model)\nprobe(schedule)", "schedule-unit", False),
        ("deepspeed.initialize(model=model)\nprobe(loader)", "set-epoch", False),
        ("Trainer(model, None, optimizers=(optimizer, schedule))\nprobe(schedule)", "schedule", True),
        ("Trainer(model)\nprobe(optimizer)", "step", False),
        ("Trainer(model)\nprobe(model)", "modes", True),
        ("OwnTrainer(model)\nprobe(model)", "modes", True),
        ("other.Trainer(model)\nprobe(model)", "modes", False),
        ("create_supervised_trainer(model, optimizer, loss)\nprobe(optimizer)", "zero-grad", True),
        ("create_supervised_trainer(model, optimizer, loss)\nprobe(model)", "no-grad", False),
        ("create_supervised_evaluator(model)\nprobe(model)", "no-grad", True),
        ("create_supervised_evaluator(model)\nprobe(optimizer)", "zero-grad", False),
        ("RLTrainer(loss_module=model, optimizer=optimizer)\nprobe(optimizer)", "step", True),
        ("RLTrainer(loss_module=model, optimizer=optimizer)\nprobe(optimizer)", "accumulation", False),
        ("register_optim_in_bwd_hooks(model, {})\nprobe(model)", "step", True),
        ("scale_grads(model, 1 / 8)\nprobe(model)", "accumulation", True),
        ("scale_grads(model, 1 / 8)\nprobe(model)", "step", False),
        ("probe(timm.scheduler.CosineLRScheduler(optimizer, 10))", "schedule-unit", True),
        ("probe(timm.utils.NativeScaler())", "step", True),
        ("probe(timm.utils.NativeScaler())", "zero-grad", False),
        ("probe(get_scheduler('linear', optimizer, 0, 10))", "schedule-unit", False),
        ("probe(AutoModel.from_pretrained('gpt2'))", "modes", False),
        # one of several
        ("if config:\n    schedule = other\nprobe(schedule)", "schedule-unit", None),
        ("schedule = None if config else schedule\nprobe(schedule)", "schedule-unit", False),
        ("adapted = get_peft_model(model, config)\nprobe(model)", "freezing", True),
        ("probe(get_peft_model(model, config))", "freezing", True),
        ("probe(model)", "freezing", False),
        # labels
        ("probe(AutoModelForCausalLM.from_pretrained('gpt2'))", "label-shift", True),
        ("probe(GPT2LMHeadModel(config))", "label-shift", True),
        ("probe(AutoModel.from_pretrained('gpt2'))", "label-shift", False),
        ("probe(model)", "label-shift", False),
        ("probe(other)", "label-shift", None),
    ],
)
def test_what_is_taken_over_for_an_object(body: str, duty: Duty, answer: bool | None) -> None:
    assert of_object(body, duty) is answer


LOOP = """
def main(loader, given):
    model = nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    {made}
    for x in loader:
        loss = model(x).sum()
        {backward}
        optimizer.step()
"""


def backward_of(text: str, function: str = "main") -> Event:
    found = [trace for trace in module(text).traces if trace.function is not None and trace.function.name == function]
    return found[0].of("backward")[0]


@pytest.mark.parametrize(
    ("made", "backward", "step", "accumulation"),
    [
        ("pass", "loss.backward()", False, False),
        ("accelerator = Accelerator()", "loss.backward()", False, False),
        ("a = Accelerator()", "a.backward(loss)", False, False),
        ("a = Accelerator(gradient_accumulation_steps=1)", "a.backward(loss)", False, False),
        ("a = Accelerator(gradient_accumulation_steps=8)", "a.backward(loss)", False, True),
        ("a = Accelerator(gradient_accumulation_steps=given)", "a.backward(loss)", False, True),
        ("a = Accelerator(gradient_accumulation_plugin=given)", "a.backward(loss)", False, True),
        ("a = Accelerator(deepspeed_plugin=given)", "a.backward(loss)", True, True),
        ("a = Accelerator(**given)", "a.backward(loss)", None, None),
        ("fabric = Fabric(devices=2)", "fabric.backward(loss)", False, False),
        ("engine, _, _, _ = deepspeed.initialize(model=model)", "engine.backward(loss)", True, True),
        ("scaler = torch.amp.GradScaler()", "scaler.scale(loss).backward()", False, False),
        ("helper = Helper()", "helper.backward(loss)", None, None),
        ("pass", "given.backward(loss)", None, None),
    ],
)
def test_who_owns_the_step_after_a_backward(
    made: str, backward: str, step: bool | None, accumulation: bool | None
) -> None:
    event = backward_of(HEAD + LOOP.format(made=made, backward=backward))
    assert takes_over("zero-grad", event) is step
    assert managed(event) is step
    assert takes_over("accumulation", event) is accumulation


@pytest.mark.parametrize(
    ("made", "scales"),
    [
        ("Accelerator(mixed_precision='fp16')", True),
        ("Accelerator(True, False, 'fp16')", True),
        ("Accelerator(mixed_precision='bf16')", False),
        ("Accelerator(mixed_precision=given)", False),
        ("Accelerator()", False),
        ("Fabric(precision='16-mixed')", True),
        ("Fabric(precision='bf16-mixed')", False),
        ("Helper(precision='16-mixed')", False),
    ],
)
def test_who_certainly_scales_the_loss(made: str, scales: bool) -> None:
    event = backward_of(HEAD + LOOP.format(made=f"manager = {made}", backward="manager.backward(loss)"))
    assert (scale_of(event) is not None) is scales


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ("loss, optimizer", "backward step"),
        ("loss, optimizer, need_update=True", "backward step"),
        ("loss, optimizer, need_update=False", "backward"),
        ("loss, optimizer, need_update=given", "backward call"),
    ],
)
def test_a_scaler_of_timm_is_a_backward_and_a_step(arguments: str, kinds: str) -> None:
    text = f"""{HEAD}
def main(loss, given):
    optimizer = torch.optim.SGD(given, lr=0.1)
    loss_scaler = timm.utils.NativeScaler()
    loss_scaler({arguments})
"""
    (trace,) = [t for t in module(text).traces if t.function is not None]
    events = [event for event in trace.events if event.kind != "optimizer"][1:]
    assert " ".join(event.kind for event in events) == kinds
    assert events[0].subject is not None and described(events[0].subject) == "param loss"
    assert managed(events[0]) is False


LIT = """
class Lit({base}):
    {attribute}

    def __init__(self, given):
        super().__init__()
        self.net = nn.Linear(2, 3)
        {stored}

    def {hook}(self, x, i=0):
        loss = self.net(x).sum()
        {backward}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
"""


@pytest.mark.parametrize(
    ("base", "hook", "attribute", "stored", "answers"),
    [
        # (backward, zero-grad, loss-scale, no-grad)
        ("lightning.LightningModule", "training_step", "pass", "pass", "yes yes yes no"),
        ("lightning.pytorch.core.LightningModule", "training_step", "pass", "pass", "yes yes yes no"),
        ("lightning.LightningModule", "validation_step", "pass", "pass", "yes yes yes yes"),
        ("lightning.LightningModule", "on_test_epoch_end", "pass", "pass", "yes yes yes yes"),
        ("lightning.LightningModule", "training_step", "automatic_optimization = False", "pass", "no no yes no"),
        ("lightning.LightningModule", "training_step", "pass", "self.automatic_optimization = False", "no no yes no"),
        ("lightning.LightningModule", "training_step", "pass", "self.automatic_optimization = given", "? ? yes no"),
        ("lightning.LightningModule", "fit_by_hand", "pass", "pass", "? ? ? ?"),
        ("lightning.pytorch.Callback", "on_validation_epoch_end", "pass", "pass", "yes yes yes yes"),
        ("Trainer", "compute_loss", "pass", "pass", "yes yes yes yes"),
        ("Trainer", "training_step", "pass", "pass", "no yes no no"),
        ("Trainer", "prediction_step", "pass", "pass", "no no no no"),
        ("FastaiCallback", "after_loss", "pass", "pass", "yes yes yes no"),
        ("FastaiCallback", "before_validate", "pass", "pass", "yes yes yes yes"),
        ("nn.Module", "training_step", "pass", "pass", "no no no no"),
        ("object", "validation_step", "pass", "pass", "no no no no"),
        ("Base", "training_step", "pass", "pass", "? ? ? no"),
        ("Base", "validation_step", "pass", "pass", "? ? ? ?"),
        ("Base", "run", "pass", "pass", "no no no no"),
    ],
)
def test_what_is_taken_over_around_a_hook(base: str, hook: str, attribute: str, stored: str, answers: str) -> None:
    text = HEAD + LIT.format(base=base, hook=hook, attribute=attribute, stored=stored, backward="loss.backward()")
    event = backward_of(text, hook)
    words = {True: "yes", False: "no", None: "?"}
    duties: tuple[Duty, ...] = ("backward", "zero-grad", "loss-scale", "no-grad")
    assert " ".join(words[takes_over(duty, event)] for duty in duties) == answers


def test_what_a_hook_calls_runs_under_the_framework() -> None:
    text = HEAD + (
        "def run(model, batches):\n    model.eval()\n    for x in batches:\n        model(x).sum().backward()\n\n"
        "class Lit(lightning.LightningModule):\n    def on_validation_epoch_end(self):\n        run(self.net, self.data)\n"
    )
    assert takes_over("no-grad", backward_of(text, "on_validation_epoch_end")) is True
    assert takes_over("no-grad", backward_of(text, "run")) is False


@pytest.mark.parametrize(
    ("hook", "stored", "answer"),
    [
        ("training_step", "self.automatic_optimization = False", True),
        ("training_step", "pass", False),
        ("training_step", "self.automatic_optimization = given", None),
        ("validation_step", "self.automatic_optimization = False", False),
    ],
)
def test_hooks_that_do_the_step_for_each_batch(hook: str, stored: str, answer: bool | None) -> None:
    text = HEAD + LIT.format(
        base="lightning.LightningModule",
        hook=hook,
        attribute="pass",
        stored=stored,
        backward="self.manual_backward(loss)",
    )
    (trace,) = [t for t in module(text).traces if t.function is not None and t.function.name == hook]
    assert runs_for_each_batch(trace) is answer


@pytest.mark.parametrize(
    ("returned", "optimizers"),
    [
        ("one", "instance torch.optim.SGD"),
        ("[one]", "instance torch.optim.SGD"),
        ("one, two", "list of instance torch.optim.SGD, instance torch.optim.Adam"),
        ("[one, two], [schedule]", "list of instance torch.optim.SGD, instance torch.optim.Adam"),
        ("[one], [schedule]", "instance torch.optim.SGD"),
        ("{'optimizer': one, 'lr_scheduler': schedule}", "instance torch.optim.SGD"),
        ("({'optimizer': one}, {'optimizer': two})", "list of instance torch.optim.SGD, instance torch.optim.Adam"),
        ("self.thing", "instance Lit.optimizers()"),
        ("[one, self.thing]", "instance Lit.optimizers()"),
    ],
)
def test_the_optimizers_that_lightning_hands_back(returned: str, optimizers: str) -> None:
    text = f"""{HEAD}
class Lit(lightning.LightningModule):
    def training_step(self, x):
        probe(self.optimizers())

    def configure_optimizers(self):
        one = torch.optim.SGD(self.parameters(), lr=0.1)
        two = torch.optim.Adam(self.other.parameters())
        schedule = torch.optim.lr_scheduler.StepLR(one, 3)
        return {returned}
"""
    assert described(probe(module(text))) == optimizers


def test_only_lightning_hands_optimizers_back() -> None:
    text = f"""{HEAD}
class Plain(nn.Module):
    def training_step(self, x):
        probe(self.optimizers())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
"""
    assert described(probe(module(text))) == "instance Plain.optimizers()"


def test_every_entry_says_what_was_read_and_speaks_of_known_duties() -> None:
    known = set(get_args(Duty))
    for framework in FRAMEWORKS:
        assert any(char.isdigit() for char in framework.read), framework.name
        tables = (framework.objects, framework.takers, framework.hooks)
        assert all(set(duties) <= known and duties for table in tables for duties in table.values()), framework.name
        assert bool(framework.bases) == bool(framework.hooks), framework.name
    assert all(name.endswith(last) for last, takers in TAKERS.items() for name in takers)


def test_what_is_handed_back_is_not_made_anew() -> None:
    text = HEAD + LIT.format(
        base="lightning.LightningModule",
        hook="training_step",
        attribute="automatic_optimization = False",
        stored="pass",
        backward="self.optimizers().step()",
    )
    (trace,) = [t for t in module(text).traces if t.function is not None and t.function.name == "training_step"]
    assert [event.kind for event in trace.events if event.kind != "forward"] == ["call", "call", "step"]


@pytest.mark.parametrize(
    ("base", "known"),
    [("lightning.LightningModule", True), ("nn.Module", True), ("object", True), ("Base", False)],
)
def test_the_words_of_a_class(base: str, known: bool) -> None:
    text = HEAD + LIT.format(base=base, hook="training_step", attribute="pass", stored="pass", backward="x.zero_grad()")
    words = own_words(module(text).classes[0])
    assert (words is not None) is known
    assert words is None or {"zero_grad", "training_step", "SGD"} <= words
