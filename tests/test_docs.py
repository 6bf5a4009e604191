"""A rule's docstring as a value."""

from __future__ import annotations

from torchlint.docs import Example, Mark, SourceFile, marks_of, parse, without_marks

PAGE = """Gradients pile up when `step()` runs in a loop that never clears them.

First paragraph,
two lines.

```py bad
optimizer.step()  # TL101
x = 1  # kept  # TL101
```

```py fixed
optimizer.step()
```

Between the examples.

```py good file=a.py
import b
```

```py good file=b.py

y = 2
```

```py good file=a.py
z = 3
```

```text
not an example
```

## When it is fine

Never.

## Not seen

```py
shown only
```
"""


def test_all_parts() -> None:
    doc = parse(PAGE)
    assert doc.title == "Gradients pile up when `step()` runs in a loop that never clears them."
    assert doc.body == "First paragraph,\ntwo lines.\n\nBetween the examples.\n\n```text\nnot an example\n```"
    assert doc.sections == {"When it is fine": "Never.", "Not seen": "```py\nshown only\n```"}
    assert doc.of("good") == [
        Example("good", (SourceFile("a.py", "import b\n"), SourceFile("b.py", "\ny = 2\n"))),
        Example("good", (SourceFile("a.py", "z = 3\n"),)),
    ]
    bad, fixed, *good = doc.examples
    first, between, shown = "First paragraph,\ntwo lines.", "Between the examples.", "```text\nnot an example\n```"
    assert doc.story == (first, bad, fixed, between, *good, shown)
    assert doc.of("bad")[0].plain.text == "optimizer.step()\nx = 1  # kept\n"
    assert doc.of("bad")[0].marks == {("example.py", 1, "TL101"), ("example.py", 2, "TL101")}
    assert "```python\noptimizer.step()\nx = 1  # kept\n```" in doc.markdown
    order = [first, "Bad:", "Fixed:", between, "Good:", shown, "## When it is fine"]
    assert sorted(order, key=doc.markdown.index) == order
    assert doc.brief.startswith(f"**{doc.title}**\n\n{first}\n\nBad:")
    assert "Fixed:" in doc.brief
    assert between not in doc.brief
    assert "Good:" not in doc.brief


def test_an_empty_docstring_is_an_empty_page() -> None:
    assert parse("") == ("", "", (), {}, ())


def test_marks_may_follow_one_another() -> None:
    text = "a = 1  # TL101?  # TL202!\nb = 2  # TL1\n"
    assert marks_of(text) == [(1, Mark("TL202", "!")), (1, Mark("TL101", "?"))]
    assert without_marks(text) == "a = 1\nb = 2  # TL1\n"
