"""The experiments behind the rules, run with the user's own torch: the only importer of torch outside evidence."""

from __future__ import annotations

import time
from typing import NamedTuple

from torchlint.evidence import Evidence
from torchlint.rule import Rule


class Proof(NamedTuple):
    """What an experiment showed here, with which torch, and how many seconds it took."""

    rule: Rule
    evidence: Evidence
    torch_version: str
    seconds: float


class NoTorch(Exception):
    """torch cannot be imported; the message says how to install it."""


class NoEvidence(Exception):
    """The rule has no experiment."""


def prove(rule: Rule) -> Proof:
    """Run the experiment of a rule on the CPU with one thread and fixed seeds.

    Raises:
        NoTorch: if torch is missing.
        NoEvidence: if the rule has no experiment.
    """
    if rule.evidence is None:
        raise NoEvidence(f"{rule.name} ({rule.code}) has no experiment")
    try:
        import torch
    except ImportError as error:
        raise NoTorch("the experiments need torch: pip install 'torchlint[torch]'") from error
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    default_dtype, deterministic = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    start = time.perf_counter()
    try:
        evidence = rule.evidence()
    finally:
        seconds = time.perf_counter() - start
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        torch.set_default_dtype(default_dtype)
        torch.use_deterministic_algorithms(deterministic)
    return Proof(rule, evidence, torch.__version__, seconds)
