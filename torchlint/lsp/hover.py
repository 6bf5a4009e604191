"""Hovers: the manual of a rule on its squiggle, and wherever its name stands."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from lsprotocol import types

from torchlint.lsp.convert import card
from torchlint.lsp.core import Server
from torchlint.lsp.documents import Document, path_of
from torchlint.settings import FILES, KEYS

if TYPE_CHECKING:
    from torchlint.rule import Rule

_WORD = re.compile(r"[A-Za-z][\w-]*")
_COMMENT = re.compile(r"#\s*torchlint:\s*(?:file-)?ignore\[[^\]]*$")
_TABLE = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""([\w\s"'.-]+)=""")


async def hover(ls: Server, params: types.HoverParams) -> types.Hover | None:
    """The manuals of the rules whose squiggles, ignore comment or configuration entry are under the cursor."""
    uri, at = params.text_document.uri, params.position
    document = ls.documents.document(uri)
    if document is None:
        return None
    shown = ls.shown.get(ls.documents.holder(uri))
    rules = await ls.run(ls.session.rules, path_of(uri) if shown is None else shown.result.path)
    named = _named(ls, document, at, rules)
    if named is not None:
        return named
    here = [
        item
        for item in (shown.diagnostics.get(uri, ()) if shown is not None else ())
        if _contains(item.range, at) and item.code in rules
    ]
    if not here:
        return None
    cards = [card(rules[name]) for name in dict.fromkeys(str(item.code) for item in here)]
    return types.Hover(_content(ls, "\n---\n\n".join(cards)), here[0].range)


def _named(ls: Server, document: Document, at: types.Position, rules: dict[str, Rule]) -> types.Hover | None:
    """What is said of the word under the cursor, in an ignore comment or in a configuration file."""
    if at.line >= len(document.lines):
        return None
    line = document.lines[at.line]
    column = document.column(at)
    word = next((match for match in _WORD.finditer(line) if match.start() <= column < match.end()), None)
    if word is None:
        return None
    text: str | None = None
    if os.path.basename(document.path) in FILES:
        if _in_our_table(document, at.line):
            text = card(rules[word[0]]) if word[0] in rules else _key(word[0], line[word.end() :])
    elif word[0] in rules and _COMMENT.search(line[: word.start()]):
        text = card(rules[word[0]])
    if text is None:
        return None
    start = at.character - _units(document, line[word.start() : column])
    end = at.character + _units(document, line[column : word.end()])
    where = types.Range(types.Position(at.line, start), types.Position(at.line, end))
    return types.Hover(_content(ls, text), where)


def _units(document: Document, text: str) -> int:
    return int(document.position_codec.client_num_units(text))


def _in_our_table(document: Document, line: int) -> bool:
    """Whether a line of a configuration file belongs to torchlint."""
    if os.path.basename(document.path) != "pyproject.toml":
        return True
    key = table = ""
    for text in reversed(document.lines[: line + 1]):
        header = _TABLE.match(text)
        if header is not None and "=" not in text.split("#")[0]:
            table = header[1]
            break
        if not key and (found := _KEY.match(text)):
            key = found[1]
    return re.sub(r"[\s\"']", "", f"{table}.{key}").lstrip(".").startswith("tool.torchlint")


def _key(word: str, rest: str) -> str | None:
    key = next((key for key in KEYS if key.name == word), None)
    if key is None or not re.match(r"\s*=|\s*\]", rest):
        return None
    return f"**{key.name}** ({key.kind.words}; default {key.default})\n\n{key.doc}\n\n```toml\n{key.example}\n```\n"


def _contains(where: types.Range, at: types.Position) -> bool:
    start, end = (where.start.line, where.start.character), (where.end.line, where.end.character)
    return start <= (at.line, at.character) <= end


def _content(ls: Server, text: str) -> types.MarkupContent:
    return types.MarkupContent(
        types.MarkupKind.Markdown if ls.shows.markdown else types.MarkupKind.PlainText,
        text if ls.shows.markdown else _plain(text),
    )


def _plain(text: str) -> str:
    """Markdown for a client that shows it as it is."""
    text = re.sub(r"^```\w*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^#+ ", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]+)\]\((\w+://[^)]+)\)", r"\1: \2", text)
    return re.sub(r"(\*\*|(?<!\w)_|_(?!\w)|`)", "", text)
