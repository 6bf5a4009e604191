"""`torchlint test-pack`: whether the rules of a pack keep the laws that the built-in rules keep."""

from __future__ import annotations

import argparse
import os
import sys

from torchlint import packs
from torchlint.cli.terminal import style_of
from torchlint.laws import LAWS, breaches
from torchlint.rule import Rule
from torchlint.settings import SettingsError, nearest
from torchlint.workspace import Overrides, Workspace


def test_pack(options: argparse.Namespace) -> int:
    """Try every rule of the packs on its own examples, and print what is wrong; returns the exit code."""
    named = options.packs or _configured()
    try:
        roots = [packs.directory(pack) for pack in named]
    except packs.PackError as missing:
        raise SettingsError("", str(missing)) from None
    rules, errors = packs.read(roots)
    own = [rule for rule in rules if any(_inside(rule.file, root) for root in roots)]
    if options.rule:
        own = _chosen(own, options.rule)
    for error in errors:
        sys.stdout.write(f"{error}\n")
    if not own and not errors:
        raise SettingsError("", f"{', '.join(roots)}: no rules here; `torchlint new-rule NAME` starts one")
    broken = sum(_tell(rule, rules, options) for rule in own)
    good = len(own) - broken
    style = style_of(sys.stdout, "auto")
    sys.stdout.write(style.bold(f"{good} of {len(own)} rules keep all {len(LAWS)} laws.\n"))
    return 1 if broken or errors else 0


def _configured() -> tuple[str, ...]:
    named = Workspace(Overrides()).settings(os.getcwd()).packs
    if not named:
        raise SettingsError("", "no pack is named; say which directory, or set `packs` in the configuration")
    return named


def _chosen(rules: list[Rule], asked: str) -> list[Rule]:
    chosen = [rule for rule in rules if asked in (rule.code, rule.name)]
    if not chosen:
        names = [word for rule in rules for word in (rule.code, rule.name)]
        raise SettingsError("", f"`{asked}` is no rule of these packs{nearest(asked, names)}")
    return chosen


def _tell(rule: Rule, rules: list[Rule], options: argparse.Namespace) -> bool:
    file = os.path.relpath(rule.file)
    found = list(breaches(rule, rules))
    for breach in found:
        sys.stdout.write(f"{file}:{breach.line}: {rule.code} {rule.name}: {breach.law}: {breach.reason}\n")
    if options.prove and rule.evidence is not None and not _proven(rule, file):
        return True
    return bool(found)


def _proven(rule: Rule, file: str) -> bool:
    from torchlint.witness import NoTorch, prove

    try:
        evidence = prove(rule).evidence
    except NoTorch as reason:
        raise SettingsError("", str(reason)) from None
    except Exception as error:
        sys.stdout.write(f"{file}:1: {rule.code} {rule.name}: the experiment: {type(error).__name__}: {error}\n")
        return False
    if not evidence.holds:
        sys.stdout.write(f"{file}:1: {rule.code} {rule.name}: the experiment: the claim does not hold here\n")
    return evidence.holds


def _inside(file: str, root: str) -> bool:
    return os.path.commonpath([file, root]) == root
