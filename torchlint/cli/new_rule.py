"""`torchlint new-rule`: the file of a rule that waits to be written."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable

from torchlint import atomic, packs
from torchlint.rule import Rule
from torchlint.settings import SettingsError, nearest
from torchlint.workspace import Overrides, Workspace
from torchlint.workspace import shown as place_shown

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CODE = re.compile(r"([A-Z]{2,})([0-9]{3})")

_TEMPLATE = '''\
"""<One plain sentence that states what happens, such as: The loss is printed in every step.>

<What happens, and why nobody notices.>

```py bad
import torch


def train(model, loader, optimizer):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()  # {code}
```

```py good
import torch


def train(model, loader, optimizer):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
```

## When it is fine

<What people legitimately do that looks like this, and is not reported.>

## Not seen

<What would be wrong in the same way, and is not reported.>
"""

from torchlint.api import Category, Findings, Module, finding, rule


@rule("{code}", "{name}", Category.{category}, since="{since}")
def check(module: Module) -> Findings:
    yield from ()
'''


def new_rule(options: argparse.Namespace) -> int:
    """Write the file of a new rule and say what to do next; returns the exit code."""
    name: str = options.name
    if not _NAME.fullmatch(name):
        hint = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        raise SettingsError(
            "", f"`{name}` is no name of a rule: small letters and hyphens, such as `{hint or 'my-rule'}`"
        )
    pack = _pack(options)
    rules, _ = packs.read([] if pack == packs.builtin() else [pack] * os.path.isdir(pack))
    if taken := next((rule for rule in rules if name in (rule.name, *rule.formerly)), None):
        raise SettingsError("", f"`{name}` is taken by {taken.code} in {os.path.relpath(taken.file)}")
    folder = os.path.join(pack, options.subject) if options.subject else pack
    code = _code(options, rules, pack)
    file = os.path.join(folder, name.replace("-", "_") + ".py")
    if os.path.lexists(file):
        raise SettingsError("", f"{os.path.relpath(file)} is there already")
    text = _TEMPLATE.format(code=code, name=name, category=options.category.upper(), since=_since(pack))
    try:
        os.makedirs(folder, exist_ok=True)
        atomic.write(file, text.encode())
    except OSError as error:
        raise SettingsError(
            place_shown(os.path.abspath(file)), f"cannot be written: {error.strerror or error}"
        ) from None
    shown = os.path.relpath(file)
    sys.stdout.write(f"{shown}: {code} {name}\n")
    sys.stdout.write("Write the title, the examples and the check; `torchlint.api` has the words.\n")
    sys.stdout.write(f"{_next(pack, name)}\n")
    return 0


def _pack(options: argparse.Namespace) -> str:
    if options.subject:
        return _builtin(options)
    asked: str | None = options.pack
    if asked:
        return os.path.abspath(asked)
    configured = Workspace(Overrides()).settings(os.getcwd()).packs
    directories = [pack for pack in configured if os.path.isabs(pack)]
    if not directories:
        raise SettingsError("", "no pack is configured; say where with --pack DIRECTORY")
    return directories[0]


def _builtin(options: argparse.Namespace) -> str:
    if options.pack:
        raise SettingsError("--subject", "is for torchlint's own rules; a pack of your own has --pack only")
    if options.subject not in packs.SUBJECTS:
        raise SettingsError("--subject", f"`{options.subject}` is no subject{nearest(options.subject, packs.SUBJECTS)}")
    builtin = packs.builtin()
    if not os.path.isdir(os.path.join(os.path.dirname(builtin), "tests")):
        raise SettingsError(
            "--subject", "torchlint's own rules are written in a checkout of torchlint; use --pack here"
        )
    return builtin


def _code(options: argparse.Namespace, rules: list[Rule], pack: str) -> str:
    taken = {rule.code for rule in rules}
    asked: str | None = options.code
    if asked:
        match = _CODE.fullmatch(asked)
        if not match:
            raise SettingsError("--code", f"`{asked}` is not two or more capital letters and three digits")
        if match[1] == "TL" and not options.subject:
            raise SettingsError("--code", "codes that begin with TL are torchlint's own; choose another prefix")
        if asked in taken:
            raise SettingsError("--code", f"{asked} is taken")
        return asked
    if options.subject:
        prefix = packs.SUBJECTS[options.subject]
        return _free(prefix[:2], int(prefix[2:]) * 100 + 1, taken)
    prefixes = sorted({match[1] for code in _codes_in(rules, pack) if (match := _CODE.fullmatch(code))})
    if not prefixes:
        raise SettingsError("", "the first rule of a pack needs a code of its own, such as --code XY101")
    return _free(prefixes[0], 101, taken)


def _codes_in(rules: Iterable[Rule], pack: str) -> list[str]:
    return [rule.code for rule in rules if rule.file.startswith(os.path.join(pack, ""))]


def _free(prefix: str, first: int, taken: set[str]) -> str:
    return next(code for number in range(first, 1000) if (code := f"{prefix}{number:03}") not in taken)


def _since(pack: str) -> str:
    from torchlint import __version__

    return ".".join(__version__.split(".")[:2]) if pack == packs.builtin() else "0.1"


def _next(pack: str, name: str) -> str:
    if pack == packs.builtin():
        return f"Then: pytest tests/test_every_rule.py -k {name} --accept; python -m torchlint.docs"
    configured = Workspace(Overrides()).settings(os.getcwd()).packs
    shown = os.path.relpath(pack).replace(os.sep, "/")
    switch = "" if pack in configured else f'\nTo switch the pack on: packs = ["{shown}"] in [tool.torchlint].'
    return f"Then: torchlint test-pack {shown}{switch}"
