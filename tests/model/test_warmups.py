"""Warm-ups: schedules that start at the top, settings that are read, weights that stay, trainers without a warm-up."""

from __future__ import annotations

import pytest

from tests.model.programs import module, probe
from torchlint.model.warmups import (
    cold_modules,
    cold_trainers,
    may_be_frozen,
    starts_at_the_top,
    warmup_is_read,
)

HEAD = """
import torch
from peft import get_peft_model
from torch import nn
from torch.optim import lr_scheduler as S
from transformers import (
    BertConfig, BertModel, Trainer, TrainingArguments, get_constant_schedule, get_cosine_schedule_with_warmup,
)


def halved(step):
    return 0.5**step


def ramp(step):
    if step < 100:
        return step / 100
    return 1.0
"""


@pytest.mark.parametrize(
    ("schedule", "answer"),
    [
        ("S.CosineAnnealingLR(optimizer, 10)", True),
        ("S.ReduceLROnPlateau(optimizer)", True),
        ("S.OneCycleLR(optimizer, 0.1, 100)", False),
        ("S.LinearLR(optimizer)", False),
        ("S.SequentialLR(optimizer, [a, b], [5])", False),
        ("S.LambdaLR(optimizer, lambda step: 0.95**step)", True),
        ("S.LambdaLR(optimizer, lr_lambda=lambda step: 1.0)", True),
        ("S.LambdaLR(optimizer, lambda step: 0.1)", False),
        ("S.LambdaLR(optimizer, lambda step: min(1.0, step / given))", False),
        ("S.LambdaLR(optimizer, halved)", True),
        ("S.LambdaLR(optimizer, ramp)", False),
        ("S.LambdaLR(optimizer, given)", False),
        ("get_cosine_schedule_with_warmup(optimizer, 0, 100)", True),
        ("get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=given, num_training_steps=100)", False),
        ("given(optimizer)", False),
    ],
)
def test_schedules_that_start_at_the_top(schedule: str, answer: bool) -> None:
    assert (
        starts_at_the_top(probe(module(f"{HEAD}\ndef main(optimizer, given, a, b):\n    probe({schedule})"))) is answer
    )


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("pass", False),
        ("# warm-up", False),
        ("'''A warmup would help.'''", False),
        ("warmup = 500", False),
        ("print(args.warmup_steps)", True),
        ("print(args['warm_up'])", True),
        ("print(args.get('warmup-epochs', 5))", True),
        ("print('warmup')", False),
        ("args.run(warmup=5)", True),
        ("linear_warmup(args)", True),
    ],
)
def test_whether_a_warmup_is_read(line: str, read: bool) -> None:
    text = f"""{HEAD}
def main(loader, args, warmup_epochs=3):
    model = nn.Linear(2, 3)
    optimizer = torch.optim.Adam(model.parameters())
    {line}
    for x in loader:
        model(x).sum().backward()
        optimizer.step()


def other(args):
    return args.warmup
"""
    (trace,) = [t for t in module(text).traces if t.function is not None and t.function.name == "main"]
    (made,) = trace.of("optimizer")
    assert warmup_is_read(trace, made.value) is read


@pytest.mark.parametrize(
    ("made", "line", "answer"),
    [
        ("BertModel(BertConfig())", "pass", False),
        ("BertModel(BertConfig())", "# LoRA, freeze, requires_grad = False", False),
        ("BertModel(BertConfig())", "model.encoder.requires_grad_(False)", True),
        ("BertModel(BertConfig())", "model.pooler.weight.requires_grad = False", True),
        ("BertModel(BertConfig())", "model.freeze_encoder()", True),
        ("BertModel(BertConfig())", "model.add_adapter('task')", True),
        ("get_peft_model(BertModel(BertConfig()), given)", "pass", True),
    ],
)
def test_weights_that_may_stay(made: str, line: str, answer: bool) -> None:
    found = module(f"{HEAD}\ndef main(given):\n    model = {made}\n    {line}\n    probe(model)")
    assert may_be_frozen(probe(found), (found.source,)) is answer


@pytest.mark.parametrize(
    ("arguments", "trainer", "rates"),
    [
        ("learning_rate=1e-3", "Trainer(model, args)", [1e-3]),
        ("learning_rate=1e-3", "Trainer(args=args, model=model)", [1e-3]),
        ("learning_rate=1e-3, warmup_steps=0, warmup_ratio=0.0", "Trainer(model, args)", [1e-3]),
        ("learning_rate=1e-3, lr_scheduler_type='constant', optim='adamw_torch_fused'", "Trainer(model, args)", [1e-3]),
        ("learning_rate=rate", "Trainer(model, args)", [2e-3]),
        ("learning_rate=given", "Trainer(model, args)", []),
        ("", "Trainer(model, args)", []),
        ("learning_rate=1e-3, warmup_steps=100", "Trainer(model, args)", []),
        ("learning_rate=1e-3, warmup_steps=given", "Trainer(model, args)", []),
        ("learning_rate=1e-3, **given", "Trainer(model, args)", []),
        ("learning_rate=1e-3, lr_scheduler_type='greedy'", "Trainer(model, args)", []),
        ("learning_rate=1e-3, lr_scheduler_type=given", "Trainer(model, args)", []),
        ("learning_rate=1e-3, optim='sgd'", "Trainer(model, args)", []),
        ("learning_rate=1e-3, deepspeed=given", "Trainer(model, args)", []),
        ("learning_rate=1e-3", "Trainer(model, args, **given)", []),
        ("learning_rate=1e-3", "Trainer(model, args, optimizers=given)", []),
        ("learning_rate=1e-3", "Trainer(model, args, callbacks=given)", []),
        ("learning_rate=1e-3", "Trainer(model, given)", []),
        ("learning_rate=1e-3", "given.Trainer(model, args)", []),
    ],
)
def test_trainers_without_a_warmup(arguments: str, trainer: str, rates: list[float]) -> None:
    text = f"""{HEAD}
def main(given, rate=2e-3):
    model = BertModel(BertConfig())
    args = TrainingArguments("out", {arguments})
    {trainer}.train()
"""
    assert [cold.rate for cold in cold_trainers(module(text))] == rates


@pytest.mark.parametrize("line", ["args.warmup_steps = 5", "args.set_lr_scheduler('cosine')", "trainer.optimizer = 5"])
def test_settings_that_are_changed_later(line: str) -> None:
    text = f"""{HEAD}
def main(given):
    args = TrainingArguments("out", learning_rate=1e-3)
    trainer = Trainer(BertModel(BertConfig()), args)
    {line}
    trainer.train()
"""
    assert list(cold_trainers(module(text))) == []


@pytest.mark.parametrize(
    ("returned", "schedules"),
    [
        ("one", 0),
        ("[one]", 0),
        ("{'optimizer': one}", 0),
        ("[one], [falls]", 1),
        ("{'optimizer': one, 'lr_scheduler': falls}", 1),
        ("{'optimizer': one, 'lr_scheduler': {'scheduler': falls, 'interval': 'step'}}", 1),
        ("[one], [rises]", None),
        ("[one], [falls, rises]", None),
        ("[one], self.schedules", None),
        ("{'optimizer': one, 'lr_scheduler': self.schedule}", None),
        ("{'optimizer': one, 'lr_scheduler': {'scheduler': falls, **self.rest}}", None),
        ("{'optimizer': one, **self.rest}", None),
        ("[one, two]", None),
        ("[one, two], [falls]", None),
        ("self.thing", None),
    ],
)
def test_modules_of_lightning_without_a_warmup(returned: str, schedules: int | None) -> None:
    text = f"""{HEAD}
import lightning


class Lit(lightning.LightningModule):
    def configure_optimizers(self):
        one = torch.optim.AdamW(self.parameters())
        two = torch.optim.AdamW(self.head.parameters())
        falls, rises = S.CosineAnnealingLR(one, 10), S.OneCycleLR(one, 0.1, 100)
        return {returned}
"""
    found = [len(cold.schedules) for cold in cold_modules(module(text))]
    assert found == ([] if schedules is None else [schedules])


@pytest.mark.parametrize(
    "line",
    [
        "def optimizer_step(self, *args): ...",
        "def on_train_batch_start(self, batch, i): print(self.warmup)",
        "def configure_callbacks(self): return []",
        "def on_train_batch_start(self, batch, i): self.lr_schedulers().step()",
        "automatic_optimization = False",
        "def ramp(self, group): group['lr'] = 1e-3 * len(group.get('param_groups'))",
    ],
)
def test_modules_of_lightning_that_may_warm_up(line: str) -> None:
    text = f"""{HEAD}
import lightning


class Lit(lightning.LightningModule):
    {line}

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())
"""
    assert list(cold_modules(module(text))) == []
