"""Print a fenced block of an editor's page: what the page tells people to write is what the test runs with.

block.py PAGE LANGUAGE [NUMBER]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "docs" / "editors"


def main(page: str, language: str, number: str = "1") -> int:
    """Print the block of that number (from 1) in that language."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    if len(blocks) < int(number):
        sys.stderr.write(f"{page}.md has no {language} block {number}\n")
        return 1
    sys.stdout.write(blocks[int(number) - 1])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
