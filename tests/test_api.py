"""The words that rules may use: a change of them is seen in review, and asks for another version of the interface."""

from __future__ import annotations

import inspect
from pathlib import Path

from torchlint import api

SURFACE = Path(__file__).resolve().parent / "api.txt"


def surface() -> str:
    """The version, and each word with what it is called with."""
    lines = [f"torchlint.api {api.VERSION}"]
    for name in sorted(api.__all__):
        value = getattr(api, name)
        if inspect.isclass(value):
            public = sorted(member for member in dir(value) if not member.startswith("_"))
            lines.append(f"class {name}: {', '.join(public)}")
        elif inspect.isfunction(value):
            called = ", ".join(str(p).partition(":")[0] for p in inspect.signature(value).parameters.values())
            lines.append(f"{name}({called})")
        else:
            lines.append(name)
    return "\n".join(lines) + "\n"


def test_the_interface_is_the_recorded_one(accept: bool) -> None:
    """Where this fails on purpose, raise `torchlint.api.VERSION` and run `pytest --accept`."""
    if accept:
        SURFACE.write_text(surface(), encoding="utf-8")
    assert surface() == SURFACE.read_text(encoding="utf-8")


def test_every_word_is_there_and_says_what_it_is() -> None:
    assert len(set(api.__all__)) == len(api.__all__)
    words = {name: getattr(api, name) for name in api.__all__}
    assert not [
        name for name, value in words.items() if inspect.isfunction(value) and not (value.__doc__ or "").strip()
    ]
