"""A file from the network is unpickled: whoever can change it can run code on this machine.

A pickle is a program. `torch.load(file, weights_only=False)`, and `torch.load(file)` before torch 2.6, run it;
`torch.hub.load_state_dict_from_url` still does so by default in torch 2.13. With `weights_only=True` the loader refuses
everything but tensors and plain containers. A 100-byte checkpoint below writes a file of its choice in the first case and is
refused in the second.

```py bad
import torch
from huggingface_hub import hf_hub_download
from torch import nn


def pretrained(model: nn.Module, repository: str) -> nn.Module:
    path = hf_hub_download(repository, "model.pt")
    state = torch.load(path, map_location="cpu", weights_only=False)  # TL903
    model.load_state_dict(state)
    return model.eval()
```

```py fixed
import torch
from huggingface_hub import hf_hub_download
from torch import nn


def pretrained(model: nn.Module, repository: str) -> nn.Module:
    path = hf_hub_download(repository, "model.pt")
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state)
    return model.eval()
```

```py bad
from torch import nn
from torch.hub import load_state_dict_from_url

URL = "https://example.org/resnet.pth"


def resnet(model: nn.Module) -> nn.Module:
    model.load_state_dict(load_state_dict_from_url(URL, progress=False))  # TL903
    return model.eval()
```

```py fixed
from torch import nn
from torch.hub import load_state_dict_from_url

URL = "https://example.org/resnet.pth"


def resnet(model: nn.Module) -> nn.Module:
    model.load_state_dict(load_state_dict_from_url(URL, progress=False, weights_only=True))
    return model.eval()
```

```py bad file=weights.py
import os

from huggingface_hub import snapshot_download


def checkpoint(repository: str) -> str:
    return os.path.join(snapshot_download(repository), "pytorch_model.bin")
```

```py bad file=main.py
import torch
from torch import nn
from weights import checkpoint


def load(model: nn.Module) -> None:
    path = checkpoint("example/model")
    model.load_state_dict(torch.load(path, weights_only=False))  # TL903
```

```py good
import torch
from huggingface_hub import hf_hub_download
from torch import nn
from torch.hub import load_state_dict_from_url


def pretrained(model: nn.Module, repository: str) -> nn.Module:
    path = hf_hub_download(repository, "model.pt")
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval()


def resnet(model: nn.Module, url: str) -> nn.Module:
    model.load_state_dict(load_state_dict_from_url(url, weights_only=True))
    return model.eval()
```

A checkpoint of one's own may hold whatever one put into it:

```py good
import torch
from torch import nn


def save(model: nn.Module, optimizer: torch.optim.Optimizer, path: str, args) -> None:
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "args": args}, path)


def resume(model: nn.Module, optimizer: torch.optim.Optimizer, path: str):
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return checkpoint["args"]
```

The hash in the name of the file pins what is loaded:

```py good
from torch import nn
from torch.hub import load_state_dict_from_url


def resnet(model: nn.Module) -> nn.Module:
    url = "https://example.org/resnet50-0676ba61.pth"
    model.load_state_dict(load_state_dict_from_url(url, check_hash=True))
    return model.eval()
```

## When it is fine

If the host and the connection are trusted as much as the code itself; `check_hash=True` pins the content to the hash in the
file's name, and keeps the rule silent. Files that come from a path the caller gives are not reported: most are the
program's own checkpoints.

## Not seen

Downloads by a shell command or in another program, and files that a person has put in place. `pickle.load`, `joblib.load`
and `numpy.load(allow_pickle=True)` are as dangerous and belong to a security linter.

## Fix safety

Unsafe: a checkpoint that holds more than tensors and plain containers is refused after the change, with a message that names
the class; allow it with `torch.serialization.add_safe_globals` if you trust it.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.load.html
- https://docs.pytorch.org/docs/stable/notes/serialization.html#weights-only
"""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.api import (
    Call,
    Category,
    Evidence,
    Finding,
    Findings,
    Fix,
    Measured,
    Module,
    Value,
    finding,
    guarded,
    rule,
    set_keyword,
    starts_at,
)

FROM_URL = ("torch.hub.load_state_dict_from_url", "torch.utils.model_zoo.load_url")
FETCHES = frozenset(
    {
        "cached_path.cached_path",
        "gdown.cached_download",
        "gdown.download",
        "huggingface_hub.cached_download",
        "huggingface_hub.hf_hub_download",
        "huggingface_hub.snapshot_download",
        "modelscope.snapshot_download",
        "pooch.retrieve",
        "requests.get",
        "transformers.utils.cached_file",
        "transformers.utils.hub.cached_file",
        "urllib.request.urlopen",
        "urllib.request.urlretrieve",
        "wget.download",
    }
)
FETCHES_TO = {
    "gdown.download": "output",
    "torch.hub.download_url_to_file": "dst",
    "urllib.request.urlretrieve": "filename",
}
TITLE = "Load tensors only, refusing files that hold other objects"


@rule("TL903", "torch-load-weights-only", Category.SUSPICIOUS, since="0.1", triggers=("load",))
def check(module: Module) -> Findings:
    for call in module.calls("torch.load"):
        fetched = _fetched(module, call)
        if (
            fetched is not None
            and _unpickles(call, starts_at(module, "2.6") is not False)
            and not guarded(module, call.node)
        ):
            yield _finding(call, f"`{fetched.name.rpartition('.')[2]}` fetched", fetched)
    for call in module.calls(*FROM_URL):
        hashed = call.argument(4, "check_hash")
        if (hashed is None or hashed.const is False) and _unpickles(call, False) and not guarded(module, call.node):
            yield _finding(call, "it fetches", None)


def _unpickles(call: Call, checked_by_default: bool) -> bool:
    """Whether the call certainly runs any pickle; `checked_by_default` says what leaving out the argument means."""
    asked = call.argument(6, "weights_only") if call.value.name in FROM_URL else call.argument(None, "weights_only")
    return not checked_by_default if asked is None else asked.kind == "const" and asked.const is False


def _fetched(module: Module, call: Call) -> Value | None:
    """The download that the loaded file comes from, in its path or by writing to that path; `None` if none is seen."""
    path = call.argument(0, "f")
    if path is None:
        return None
    source = path.argument(0) if path.call_of("io.BytesIO") else None
    for value in (source or path).walk():
        if value.call_of(*FETCHES):
            return value
    for fetch in _downloads(module):
        to = fetch.argument(1, FETCHES_TO[fetch.value.name])
        if to is not None and to.known and to.kind != "param" and to.key == path.key:
            return fetch.value
    return None


def _downloads(module: Module) -> Iterator[Call]:
    return (call for call in module.calls(*FETCHES_TO) if call.value.name in FETCHES_TO)


def _finding(call: Call, how: str, fetched: Value | None) -> Finding:
    name = call.module.code(call.node.func)
    fix = Fix.unsafe(TITLE, set_keyword(call.node, "weights_only", "True"))
    see = [(fetched, "the file comes from here")] if fetched is not None and fetched.frame is not None else []
    return finding(call, f"`{name}` runs whatever code the file that {how} holds", see=see, fix=fix)


def evidence() -> Evidence:
    """A checkpoint with a harmless payload is loaded with and without `weights_only`."""
    import os
    import pickle
    import tempfile

    import torch

    class Payload:
        def __init__(self, path: str) -> None:
            self.path = path

        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (self.path,)

    def executed(weights_only: bool) -> bool:
        """Whether loading ran the payload."""
        with tempfile.TemporaryDirectory() as folder:
            proof = os.path.join(folder, "proof")
            checkpoint = os.path.join(folder, "model.pt")
            torch.save({"weight": torch.zeros(1), "extra": Payload(proof)}, checkpoint)
            try:
                torch.load(checkpoint, weights_only=weights_only)
            except pickle.UnpicklingError:
                return False
            return os.path.exists(proof)

    bad, good = executed(weights_only=False), executed(weights_only=True)
    return Evidence(
        f"Loading with weights_only=False {'ran' if bad else 'did not run'} the code in the file, with True it "
        f"{'ran' if good else 'was refused'}",
        (Measured("payloads executed", bad=bad, good=good),),
        holds=bad and not good,
    )
