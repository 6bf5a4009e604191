"""A collective operation is reached by some ranks only, and waits for the others for ever.

`all_reduce`, `barrier`, `gather` and the like return when *all* ranks have called them. Under `if rank == 0:` the
others never come: the job hangs, in silence, until the timeout of ten or thirty minutes, and then dies with a message
about a socket. Or it does not hang, because the others' *next* collective answers instead, and numbers of different
meaning are mixed. Methods of Accelerate and Fabric that communicate (`wait_for_everyone`, `gather`) count as well.

```py bad
import torch
import torch.distributed as dist


def report(loss: torch.Tensor) -> None:
    if dist.get_rank() == 0:
        dist.all_reduce(loss)  # TL805
        print("loss", loss.item() / dist.get_world_size())
```

```py good
import torch
import torch.distributed as dist


def report(loss: torch.Tensor) -> None:
    dist.all_reduce(loss)
    if dist.get_rank() == 0:
        print("loss", loss.item() / dist.get_world_size())
```

Some ranks have left before:

```py bad
import torch
import torch.distributed as dist
from torch import nn


def save(model: nn.Module, path: str, rank: int) -> None:
    if dist.get_rank() != 0:
        return
    torch.save(model.state_dict(), path)
    dist.barrier()  # TL805
```

```py good
import torch
import torch.distributed as dist
from torch import nn


def save(model: nn.Module, path: str) -> None:
    if dist.get_rank() == 0:
        torch.save(model.state_dict(), path)
    dist.barrier()


def first_rank_first(prepare) -> None:
    rank = dist.get_rank()
    if rank != 0:
        dist.barrier()
    prepare()
    if rank == 0:
        dist.barrier()


def share(values: list) -> list:
    if dist.get_rank() == 0:
        values = [value * 2 for value in values]
        dist.broadcast_object_list(values, src=0)
    else:
        dist.broadcast_object_list(values, src=0)
    return values
```

The collective is in a helper:

```py bad file=metrics.py
import torch
import torch.distributed as dist


def mean_over_ranks(value: torch.Tensor) -> torch.Tensor:
    dist.all_reduce(value)
    return value / dist.get_world_size()
```

```py bad file=train.py
import torch
import torch.distributed as dist

from metrics import mean_over_ranks


def end_of_epoch(loss: torch.Tensor, epoch: int) -> None:
    rank = dist.get_rank()
    if rank == 0:
        print(f"epoch {epoch}: loss {mean_over_ranks(loss).item():.4f}")  # TL805
```

```py good
import torch
import torch.distributed as dist


def gathered(value: torch.Tensor, group) -> list[torch.Tensor]:
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return [value]
    values = [torch.zeros_like(value) for _ in range(dist.get_world_size())]
    dist.all_gather(values, value)
    if dist.get_rank() in (0, 1):
        dist.all_reduce(value, group=group)
    if dist.get_rank() == 0:
        dist.send(value, dst=1)
    elif dist.get_rank() == 1:
        dist.recv(value, src=0)
    return values
```

## When it is fine

Groups of which only these ranks are members (`group=`), `send` and `recv`, a barrier on each side of a branch, and
the pair of barriers by which one rank goes first. Conditions that are the same on all ranks (the world size, the
epoch) do not divide them.

## Not seen

Ranks whose value comes from a configuration; forwards of wrapped models, which also communicate.

## References

- https://docs.pytorch.org/docs/stable/distributed.html#collective-functions
- https://docs.pytorch.org/docs/stable/distributed.html#debugging-torch-distributed-applications
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, finding, lonely_collectives, rule


@rule("TL805", "collective-under-rank-guard", Category.CORRECTNESS, since="0.1", triggers=("rank", "main_process"))
def check(module: Module) -> Findings:
    for function in (None, *module.source.functions):
        for lonely in lonely_collectives(module.frame(function)):
            name = lonely.collective.rpartition(".")[2]
            yield finding(
                module.place(lonely.call),
                f"not all ranks reach this `{name}`: `{module.code(lonely.test)}` divides them",
                see=[(module.place(lonely.test), "the ranks part here")],
            )


def evidence() -> Evidence:
    """Two gloo ranks, in two threads; one of them, and then both, enter an all-reduce with a timeout of one second."""
    import datetime
    import threading
    import time

    import torch
    import torch.distributed as dist

    def run(ranks: tuple[int, ...]) -> tuple[float, float]:
        store = dist.HashStore()
        groups: dict[int, dist.ProcessGroupGloo] = {}

        def join(rank: int) -> None:
            groups[rank] = dist.ProcessGroupGloo(store, rank, 2, datetime.timedelta(seconds=1))

        def all_reduce(rank: int) -> None:
            begin = time.perf_counter()
            try:
                groups[rank].allreduce([torch.ones(1)]).wait()
            except RuntimeError:
                failed.append(rank)
            waited.append(time.perf_counter() - begin)

        waited: list[float] = []
        failed: list[int] = []
        for work, members in ((join, (0, 1)), (all_reduce, ranks)):
            threads = [threading.Thread(target=work, args=(rank,)) for rank in members]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return max(waited), float(len(failed))

    (bad, bad_failed), (good, good_failed) = run((0,)), run((0, 1))
    return Evidence(
        "time until an all-reduce returns that one of two ranks enters, with a timeout of one second",
        (
            Measured("waited", bad=bad, good=good, unit="s"),
            Measured("ranks that fail", bad=bad_failed, good=good_failed),
        ),
        holds=bad_failed == 1 and good_failed == 0 and good < bad,
    )
