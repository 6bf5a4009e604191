"""The texts that a client has open, exactly as the client has them.

pygls splits lines as `str.splitlines` does, at form feeds and at several Unicode characters too; the protocol does not,
and a text in which one of them occurs would drift away from the client's with the first edit behind it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from lsprotocol import types
from pygls import uris
from pygls.workspace import TextDocument, Workspace

from torchlint.source.text import split


class Document(TextDocument):
    """One open text."""

    _lines: list[str] | None = None

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their ends, as the protocol counts them."""
        if self._lines is None:
            self._lines = split(self.source)
        return self._lines

    @property
    def is_python(self) -> bool:
        """Whether this is a program that can be checked."""
        return (self.language_id == "python" or self.path.endswith((".py", ".pyw"))) and not self.path.endswith(".toml")

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Apply one edit of the client; places beyond the text count as its end."""
        if not isinstance(change, types.TextDocumentContentChangePartial):
            self._source, self._lines = change.text, None
            return
        text, lines, line = self.source, [*self.lines], change.range.start.line
        start, end = sorted((self.index(change.range.start), self.index(change.range.end)))
        self._source, self._lines = text[:start] + change.text + text[end:], None
        if line == change.range.end.line < len(lines) and change.text.isprintable():  # the other lines stay as they are
            before = sum(map(len, lines[:line]))
            lines[line] = lines[line][: start - before] + change.text + lines[line][end - before :]
            self._lines = lines

    def index(self, at: types.Position) -> int:
        """The index into the text of a position of the client."""
        lines = self.lines
        if at.line >= len(lines):
            return len(self.source)
        return sum(map(len, lines[: at.line])) + self.column(at)

    def column(self, at: types.Position) -> int:
        """The column in code points of a position of the client; at most the end of the line."""
        lines = self.lines
        line = lines[at.line].rstrip("\r\n") if at.line < len(lines) else ""
        if at.character <= 0:
            return 0
        encoding = self.position_codec.encoding
        if encoding == types.PositionEncodingKind.Utf32 or line.isascii():
            return min(at.character, len(line))
        if encoding == types.PositionEncodingKind.Utf8:
            return len(line.encode(errors="replace")[: at.character].decode(errors="ignore"))
        units = line.encode("utf-16-le", "surrogatepass")[: 2 * at.character]
        return len(units.decode("utf-16-le", "surrogatepass"))


class Documents(Workspace):
    """All open texts and notebooks; pygls finds them by their uris without percent signs."""

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> Document:
        return Document(
            doc_uri,
            source=source if source is not None else "",
            version=version,
            language_id=language_id,
            position_codec=self.position_codec,
        )

    def document(self, uri: str) -> Document | None:
        """An open text."""
        found = self.text_documents.get(unquote(uri))
        return found if isinstance(found, Document) else None

    def notebook(self, uri: str) -> types.NotebookDocument | None:
        """An open notebook, by its own uri."""
        return self.get_notebook_document(notebook_uri=uri)

    def holder(self, uri: str) -> str:
        """The uri of the notebook that a cell belongs to; any other uri as it is."""
        notebook = self.get_notebook_document(cell_uri=uri)
        return notebook.uri if notebook is not None else uri

    def cells(self, notebook: types.NotebookDocument) -> list[Document]:
        """The texts of the Python cells of a notebook, in their order."""
        found = (self.document(cell.document) for cell in notebook.cells if cell.kind == types.NotebookCellKind.Code)
        return [cell for cell in found if cell is not None and cell.language_id in ("python", None)]

    def checkable(self) -> list[str]:
        """The uris of all open notebooks, and of all open programs that are not their cells."""
        cells = {unquote(cell.document) for book in self.notebook_documents.values() for cell in book.cells}
        texts = [
            document.uri
            for key, document in self.text_documents.items()
            if key not in cells and isinstance(document, Document) and document.is_python
        ]
        return [*(notebook.uri for notebook in self.notebook_documents.values()), *texts]


def path_of(uri: str) -> str:
    """The path of a document, with forward slashes; for one that was never saved, a name in the working directory."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    if path:
        return path.replace(os.sep, "/")
    name = "".join(c if c.isalnum() else "_" for c in uri.rpartition(":")[2])[-60:] or "untitled"
    return os.path.join(os.getcwd(), f"{name}.py").replace(os.sep, "/")


def uri_of(path: str) -> str:
    """The uri of a file."""
    return uris.from_fs_path(path) or path


def supports(capabilities: Any, *names: str) -> Any:
    """A capability of the client by the names of the protocol's classes; `None` where the client says nothing of it."""
    for name in names:
        capabilities = getattr(capabilities, name, None)
        if capabilities is None:
            return None
    return capabilities
