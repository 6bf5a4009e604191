"""Starts the language server for the extension, with the bundled libraries or with those of the environment.

Runs on any Python 3, so that an old one gets a clear message.
"""

import os
import sys

OLDEST = (3, 10)
HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLED = os.path.join(os.path.dirname(HERE), "libs")


def main():
    if sys.version_info < OLDEST:
        needed, found = (".".join(map(str, version[:2])) for version in (OLDEST, sys.version_info))
        sys.stderr.write(f"torchlint needs Python {needed} or newer; {sys.executable} is {found}\n")
        return 78
    if os.environ.get("TORCHLINT_IMPORT_STRATEGY") == "fromEnvironment":
        sys.path.append(BUNDLED)
    else:
        sys.path.insert(0, BUNDLED)
    extra = os.environ.get("TORCHLINT_EXTRA_LIBS")
    if extra:
        sys.path.append(extra)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != HERE]
    from torchlint.cli import main as torchlint

    return torchlint(["server"])


if __name__ == "__main__":
    sys.exit(main())
