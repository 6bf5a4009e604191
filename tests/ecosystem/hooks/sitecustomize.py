"""Answers pip in the place of a source distribution's build backend, so that downloading it runs none of its code.

Loaded at start-up by the Python processes of `projects.download`. In the process in which pip would import the
backend, a stand-in takes the backend's name; it knows the metadata that pip compares with what was asked for.
"""

from __future__ import annotations

import os
import sys
import types


def stand_in() -> types.ModuleType:
    """A build backend that writes the name and version of the pinned project and nothing else."""
    backend = types.ModuleType("stand_in")
    name, version = os.environ["TORCHLINT_STUB_NAME"], os.environ["TORCHLINT_STUB_VERSION"]

    def requirements(config_settings: object = None) -> list[str]:
        return []

    def prepare_metadata(directory: str, config_settings: object = None) -> str:
        info = f"{name.replace('-', '_').replace('.', '_')}-{version}.dist-info"
        os.makedirs(os.path.join(directory, info))
        with open(os.path.join(directory, info, "METADATA"), "w", encoding="utf-8") as out:
            out.write(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        return info

    backend.get_requires_for_build_wheel = requirements  # type: ignore[attr-defined]
    backend.get_requires_for_build_sdist = requirements  # type: ignore[attr-defined]
    backend.prepare_metadata_for_build_wheel = prepare_metadata  # type: ignore[attr-defined]
    return backend


for prefix in ("_PYPROJECT_HOOKS", "PEP517"):
    wanted = os.environ.get(f"{prefix}_BUILD_BACKEND")
    if wanted and "TORCHLINT_STUB_NAME" in os.environ:
        os.environ.pop(f"{prefix}_BACKEND_PATH", None)
        module, _, attribute = wanted.partition(":")
        parent, stand = "", stand_in()
        for part in module.split("."):
            parent = f"{parent}.{part}" if parent else part
            sys.modules[parent] = stand
        if attribute:
            setattr(stand, attribute.split(".")[0], stand)
