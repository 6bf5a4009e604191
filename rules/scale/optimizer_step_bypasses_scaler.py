"""The loss is scaled by a gradient scaler, but the optimizer is stepped without it.

`scaler.scale(loss).backward()` multiplies the gradients by 65,536; `scaler.step(optimizer)` divides them again and
skips the step if they overflowed. A bare `optimizer.step()` does neither: SGD moves 65,536 times too far and diverges
at once; Adam, which does not care about scale, hides it until the first overflow writes NaN into the weights.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cuda")
    model.cuda().train()
    for x, y in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
        scaler.scale(loss).backward()
        optimizer.step()  # TL802
        scaler.update()
```

```py fixed
import torch
from torch import nn


def train(model: nn.Module, loader) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cuda")
    model.cuda().train()
    for x, y in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, amp: bool) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cuda")
    model.cuda().train()
    for x, y in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16, enabled=amp):
            loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
        if amp:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        else:
            loss.backward()
            optimizer.step()
```

One of two optimizers is forgotten:

```py bad
import torch
from torch import nn


class GanTrainer:
    def __init__(self, generator: nn.Module, critic: nn.Module) -> None:
        self.generator, self.critic = generator.cuda(), critic.cuda()
        self.opt_g = torch.optim.Adam(self.generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.opt_c = torch.optim.Adam(self.critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.scaler = torch.amp.GradScaler("cuda")

    def step(self, real: torch.Tensor, noise: torch.Tensor) -> None:
        self.opt_c.zero_grad()
        fake = self.generator(noise).detach()
        critic_loss = self.critic(fake).mean() - self.critic(real).mean()
        self.scaler.scale(critic_loss).backward()
        self.scaler.step(self.opt_c)
        self.opt_g.zero_grad()
        generator_loss = -self.critic(self.generator(noise)).mean()
        self.scaler.scale(generator_loss).backward()
        self.opt_g.step()  # TL802
        self.scaler.update()
```

```py good
import torch
from torch import nn


class GanTrainer:
    def __init__(self, generator: nn.Module, critic: nn.Module) -> None:
        self.generator, self.critic = generator.cuda(), critic.cuda()
        self.opt_g = torch.optim.Adam(self.generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.opt_c = torch.optim.Adam(self.critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.scaler = torch.amp.GradScaler("cuda")

    def step(self, real: torch.Tensor, noise: torch.Tensor) -> None:
        self.opt_c.zero_grad()
        fake = self.generator(noise).detach()
        critic_loss = self.critic(fake).mean() - self.critic(real).mean()
        critic_loss.backward()
        self.opt_c.step()
        self.opt_g.zero_grad()
        generator_loss = -self.critic(self.generator(noise)).mean()
        self.scaler.scale(generator_loss).backward()
        self.scaler.step(self.opt_g)
        self.scaler.update()
```

## When it is fine

An optimizer whose loss is not scaled, a scaler that is never enabled, and gradients that are unscaled by hand. After
`scaler.unscale_(optimizer)` a bare step has the right size and only misses the check for overflow; it is not reported.

## Not seen

Scalers made by apex or another library.

## Fix safety

Unsafe: the step becomes smaller by the scale, and overflowing steps are skipped.

## References

- https://docs.pytorch.org/docs/stable/notes/amp_examples.html
- https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling
"""

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Trace,
    Value,
    finding,
    gradients_by_hand,
    may_touch,
    on_the_way_to_step,
    replace,
    rule,
    scaled_backwards,
)


@rule("TL802", "optimizer-step-bypasses-scaler", Category.CORRECTNESS, since="0.1", triggers=("scaler", "Scaler"))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for backward, scaler in scaled_backwards(trace):
            if gradients_by_hand(trace, backward.loop):
                continue
            for step in trace.of("step"):
                if step.manager is not None or not (step.is_local or backward.is_local):
                    continue
                if not _follows(trace, backward, step, scaler):
                    continue
                yield finding(
                    step,
                    f"`{module.code(step.node)}` uses gradients that carry the scale of `{_scaler_text(module, backward)}`",
                    see=[(backward, "the loss is scaled here")],
                    fix=_fix(module, trace, backward, step),
                )


def _follows(trace: Trace, backward: Event, step: Event, scaler: Value) -> bool:
    """Whether a step certainly uses the scaled gradients: nothing between, and no condition of its own."""

    def blocks(event: Event) -> bool:
        other = event.kind == "step" and event is not step
        return other or on_the_way_to_step(event) or may_touch(event, (scaler,))

    taken = {(id(guard.test), guard.outcome) for guard in backward.guards}
    own = [guard for guard in step.guards if (id(guard.test), guard.outcome) not in taken]
    if any(not guard.is_periodic for guard in own):
        return False
    return trace.path(backward, lambda event: event is step, blocks, across=False) is not None


def _scaler_text(module: Module, backward: Event) -> str:
    node: ast.AST = backward.node
    for _ in range(2):
        node = getattr(getattr(node, "func", None), "value", node)
    return module.code(node)


def _fix(module: Module, trace: Trace, backward: Event, step: Event) -> Fix | None:
    updated = any(event.loops == step.loops for event in trace.of("scaler_update"))
    if backward.frame is not step.frame or not isinstance(step.node, ast.Call) or step.node.args or not updated:
        return None
    call = f"{_scaler_text(module, backward)}.step({step.text})"
    return Fix.unsafe("Step through the scaler, which takes its scale off the gradients", replace(step.node, call))


def evidence() -> Evidence:
    """One SGD step of a linear model with scaled gradients, through the scaler and around it; and one that overflows."""
    import torch
    from torch import nn

    def update(through: bool, size: float) -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.Linear(8, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
        before = model.weight.detach().clone()
        scaler.scale((model(torch.full((4, 8), size)) ** 2).mean()).backward()
        if through:
            scaler.step(optimizer)
        else:
            optimizer.step()
        return (model.weight - before).norm()

    bad, good = update(False, 1.0).item(), update(True, 1.0).item()
    broken, skipped = update(False, 1e18), update(True, 1e18)
    return Evidence(
        "distance that one SGD step moves the weights, around the scaler and through it",
        (
            Measured("norm of the update", bad=bad, good=good),
            Measured(
                "weights broken by an overflow",
                bad=float(not broken.isfinite()),
                good=float(not skipped.isfinite()),
            ),
        ),
        holds=bad > 10_000 * good and not broken.isfinite() and bool(skipped.isfinite()),
    )
