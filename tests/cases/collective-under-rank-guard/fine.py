"""Branches on the rank that all ranks pass alike."""

import contextlib

import torch
import torch.distributed as dist


@contextlib.contextmanager
def zero_first(local_rank: int):
    if local_rank not in (-1, 0):
        dist.barrier()
    yield
    if local_rank == 0:
        dist.barrier()


@contextlib.contextmanager
def first(rank: int):
    if dist.get_rank() != 0:
        dist.barrier()
        yield
    else:
        yield
        dist.barrier()


def gather(value: torch.Tensor, rank: int, world_size: int) -> list:
    if rank == 0:
        values = [torch.zeros_like(value) for _ in range(world_size)]
        dist.gather(value, gather_list=values, dst=0)
        return values
    dist.gather(value, dst=0)
    return []


def early(value: torch.Tensor) -> None:
    if dist.get_rank() != 0:
        dist.broadcast(value, src=0)
        return
    value += 1
    dist.broadcast(value, src=0)


def world(value: torch.Tensor, world_size: int) -> torch.Tensor:
    if world_size == 1:
        return value
    dist.all_reduce(value)
    return value


def subgroup(value: torch.Tensor) -> None:
    group = dist.new_group([0, 1])
    if dist.get_rank() < 2:
        dist.all_reduce(value, group=group)


def raises(value: torch.Tensor) -> None:
    if dist.get_rank() >= dist.get_world_size():
        raise ValueError("rank")
    dist.all_reduce(value)


def unrelated(values: list, rank_of_matrix: int) -> None:
    if rank_of_matrix == 0:
        dist.barrier()
    if dist.is_initialized():
        dist.barrier()


class ZeroFirst:
    def __enter__(self):
        if dist.get_rank() != 0:
            dist.barrier()

    def __exit__(self, *error):
        if dist.get_rank() == 0:
            dist.barrier()


class Guarded:
    def barrier(self):
        if dist.is_initialized():
            dist.barrier()

    def run(self, work):
        if dist.get_rank() == 0:
            work()
        self.barrier()
