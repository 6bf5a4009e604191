"""What is in the extension's package: exactly what should be shipped, and no more bytes than that needs.

vsix.py FILE
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BYTES = 4_000_000
CONTENTS = Path(__file__).with_name("vsix.txt")
UNWANTED = re.compile(r"\.(map|ts|pyc|so|pyd|log|vsix)$|__pycache__|node_modules|(^|/)tests?/|direct_url|/RECORD$")


def summary(names: list[str]) -> list[str]:
    """The names, with the parts of a bundled library as one line."""
    return sorted({re.sub(r"^(extension/bundled/libs/[^/]+)/.*", r"\1/", name) for name in names})


def package(names: list[str]) -> set[str]:
    """The files of the bundled torchlint, as they lie in this checkout."""
    inside = {name.removeprefix("extension/bundled/libs/") for name in names if "/bundled/libs/torchlint/" in name}
    return {name.removeprefix("torchlint/") if name.startswith("torchlint/rules/") else name for name in inside}


def sources() -> set[str]:
    """The files of this checkout that belong into the package."""
    found = {path for folder in ("torchlint", "rules") for path in (ROOT / folder).rglob("*") if path.is_file()}
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def problems(file: Path) -> list[str]:
    """What is wrong with a package, one line each."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        about = json.loads(archive.read("extension/package.json"))
        readme = archive.read("extension/readme.md").decode()
    found = [f"should not be shipped: {name}" for name in names if UNWANTED.search(name)]
    expected, actual = CONTENTS.read_text(encoding="utf-8").split(), summary(names)
    found += [f"new (if it is meant, add it to {CONTENTS.name}): {name}" for name in actual if name not in expected]
    found += [
        f"missing (if it is meant, take it from {CONTENTS.name}): {name}" for name in expected if name not in actual
    ]
    found += [f"differs from the checkout: {name}" for name in sorted(package(names) ^ sources())]
    found += [
        f"a picture of the README is not in its text, where VS Code would show it: {name}"
        for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", readme)
        if not name.startswith("data:image/png;base64,")
    ]
    if file.stat().st_size > BYTES:
        found.append(f"{file.stat().st_size:,} bytes, more than {BYTES:,}")
    version = re.search(
        r'^__version__ = "([^"]+)"', (ROOT / "torchlint" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    if version is None or about["version"] != version[1]:
        found.append(f"the extension is {about['version']}, torchlint is {version and version[1]}")
    return found


def main(file: str) -> int:
    """Print what is wrong; 1 if anything is."""
    found = problems(Path(file))
    with zipfile.ZipFile(file) as archive:
        print(f"  {len(archive.namelist())} files, {Path(file).stat().st_size:,} bytes")
    for line in found:
        print(f"FAIL {line}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
