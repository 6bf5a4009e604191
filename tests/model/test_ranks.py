"""Which collectives some ranks reach alone: one table of function bodies and answers."""

import ast
import textwrap

import pytest

from torchlint.model.project import Project
from torchlint.model.ranks import lonely_collectives
from torchlint.model.syntax import Source

HEAD = """
import torch.distributed as dist
from accelerate import Accelerator

accelerator = Accelerator()


def get_rank():
    if not dist.is_initialized():
        return 0
    return dist.get_rank()


def is_main_process():
    return get_rank() == 0


def helper(x):
    dist.all_reduce(x)
    return x


def program(x, rank_of_user, group):
"""


def collective(body: str) -> str | None:
    text = HEAD + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"
    source = Source("/p/x.py", text, ast.parse(text))
    project = Project("/p", lambda path: None)
    project.add(source)
    found = lonely_collectives(project.frame(source, source.functions[-1]))
    return ast.unparse(found[0].call) if found else None


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("if dist.get_rank() == 0:\n    dist.barrier()", "dist.barrier()"),
        ("if dist.get_rank() != 0:\n    dist.barrier()", "dist.barrier()"),
        ("rank = dist.get_rank()\nif not rank:\n    dist.barrier()", "dist.barrier()"),
        ("if is_main_process():\n    helper(x)", "helper(x)"),
        ("if get_rank() > 0:\n    return\ndist.barrier()", "dist.barrier()"),
        ("if dist.is_initialized() and dist.get_rank() == 0:\n    dist.barrier()", "dist.barrier()"),
        ("for _ in x:\n    if dist.get_rank() == 0:\n        dist.barrier()", "dist.barrier()"),
        ("if dist.get_rank() in (-1, 0):\n    dist.all_reduce(x)\nelse:\n    dist.barrier()", "dist.all_reduce(x)"),
        ("if accelerator.is_main_process:\n    accelerator.wait_for_everyone()", "accelerator.wait_for_everyone()"),
        ("if not accelerator.is_main_process:\n    return\nx = accelerator.gather(x)", "accelerator.gather(x)"),
        ("accelerator.wait_for_everyone()\nif accelerator.is_main_process:\n    print(x)", None),
        ("if accelerator.is_main_process:\n    x.gather(1, x)", None),
        ("if dist.get_rank() == 0:\n    dist.barrier()\nelse:\n    dist.barrier()", None),
        ("if dist.get_rank() != 0:\n    dist.barrier()\nprint(x)\nif dist.get_rank() == 0:\n    dist.barrier()", None),
        ("if dist.get_rank() == 0:\n    print(x)\ndist.barrier()", None),
        ("if dist.get_rank() == 0:\n    dist.all_reduce(x, group=group)", None),
        ("if dist.get_world_size() == 1:\n    return x\ndist.barrier()", None),
        ("if rank_of_user == 0:\n    dist.barrier()", None),
        ("if dist.get_rank() == 1:\n    dist.barrier()", None),
        ("if dist.get_rank() == 0:\n    raise ValueError(x)\ndist.barrier()", None),
        ("if dist.get_rank(group) == 0:\n    dist.barrier()", None),
    ],
)
def test_collectives(body: str, answer: str | None) -> None:
    assert collective(body) == answer
