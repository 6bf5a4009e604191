"""The JSON schema of `[tool.torchlint]`, for completion and checks in editors.

`torchlint config --schema` prints it; `torchlint.schema.json` is what it prints for the built-in rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from torchlint.findings import Category
from torchlint.rule import Rule
from torchlint.settings import KEYS, Key


def schema(rules: Sequence[Rule]) -> dict[str, Any]:
    """The schema as plain JSON; `rules` are those whose names and options are offered."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "torchlint",
        "description": "The table `[tool.torchlint]` of pyproject.toml, or the whole of torchlint.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _property(key) for key in KEYS},
        "definitions": {"selector": _selector(rules), "rules": _options(rules)},
    }


def _property(key: Key) -> dict[str, Any]:
    text = f"{key.doc}\n\nDefault: {key.default}\n\n{key.example}"
    known = _default(key.default)
    has_default = {} if known is None else {"default": known}
    if "$ref" in key.kind.schema:  # draft 7 ignores what stands beside a reference
        return {"description": text, "allOf": [key.kind.schema], **has_default}
    return {"description": text, **key.kind.schema, **has_default}


def _default(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return None


def _selector(rules: Sequence[Rule]) -> dict[str, Any]:
    """Names and codes of rules, prefixes and categories; any other word may belong to a rule pack."""
    prefixes = {prefix for rule in rules for prefix in _prefixes(rule.code)}
    words = [*(category.value for category in Category), "ALL", *sorted(prefixes)]
    named = [
        {"const": word, "description": f"{rule.code}, {rule.name}: {_title(rule)}"}
        for rule in rules
        for word in (rule.name, rule.code)
    ]
    return {"anyOf": [{"enum": words}, *named, {"type": "string"}]}


def _prefixes(code: str) -> tuple[str, ...]:
    found = re.match(r"[A-Z]+", code)
    letters = found.group() if found else ""
    return letters, code[: len(letters) + 1]


def _options(rules: Sequence[Rule]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": {"type": "object"},
        "properties": {
            rule.name: {
                "description": _title(rule),
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    name: {"type": _type(value), **({} if value is None else {"default": _plain(value)})}
                    for name, value in rule.options.items()
                },
            }
            for rule in rules
            if rule.options
        },
    }


def _title(rule: Rule) -> str:
    return rule.doc.strip().splitlines()[0] if rule.doc.strip() else rule.name


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _type(value: Any) -> Any:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (list, tuple)):
        return "array"
    return ["boolean", "number", "string", "array", "object"]
