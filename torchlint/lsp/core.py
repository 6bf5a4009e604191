"""The heart of the server: what is open, when it is checked, and what is published.

Messages are handled in one thread and checks are made in another, in order.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter

from torchlint import __version__
from torchlint.engine import Outcome
from torchlint.lsp import background
from torchlint.lsp.convert import SOURCE, Shows, Units, diagnostic, of_problem
from torchlint.lsp.documents import Documents, path_of, uri_of
from torchlint.lsp.first import Begun
from torchlint.lsp.options import DEBOUNCE, Scoped, options_of, scoped
from torchlint.lsp.session import Problem, Result, Session, on_disk

_SETTLE = 0.5  # seconds without a change of files before the workspace is checked again
_QUIET = 2.0  # seconds without a check before unreachable objects are looked for
_GROWTH = (
    200_000  # objects more than there were, from which on it is worth looking: a key press may have to wait for it
)

_T = TypeVar("_T")


class Shown(NamedTuple):
    """What was last published for a document or notebook: the findings, the versions of the documents that they were
    found in, and their diagnostics. `edits` holds those of the fixes that somebody has looked at, by the number of the
    finding and of the fix."""

    result: Result
    units: Units
    versions: dict[str, int | None]
    diagnostics: dict[str, list[types.Diagnostic]]
    edits: dict[tuple[int, int], Any]


class _Protocol(LanguageServerProtocol):
    """pygls's protocol, with an answer to requests whose parameters cannot be read."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except Exception as wrong:
            if "jsonrpc" in data and "method" in data and isinstance(data.get("id"), (int, str)):
                code = types.ErrorCodes.InvalidParams
                self._send_response(data["id"], error=types.ResponseError(code, f"{type(wrong).__name__}: {wrong}"))
            raise


class Server(LanguageServer):
    """A pygls server with a session and one worker thread that all checks run in, in order."""

    def __init__(self) -> None:
        super().__init__(
            SOURCE,
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            notebook_document_sync=types.NotebookDocumentSyncOptions(
                notebook_selector=[
                    types.NotebookDocumentFilterWithCells(
                        notebook=types.NotebookDocumentFilterNotebookType(notebook_type=kind),
                        cells=[types.NotebookCellLanguage(language="python")],
                    )
                    for kind in ("jupyter-notebook", "interactive")
                ],
                save=True,
            ),
            protocol_cls=_Protocol,
            converter_factory=default_converter,
        )
        self.session = Session()
        self.shows = Shows()
        self.shown: dict[str, Shown] = {}
        self.begun: Begun | None = None  # a check of the workspace that nobody has looked at yet
        self.initial: Any = None
        self._sent: Any = None
        self._configured = 0
        self.ready = False
        self._closed: set[str] = set()  # documents that are not open and have diagnostics
        self._problems: dict[str, set[Problem]] = {}  # by the document whose check has met them
        self._told: set[str] = set()
        self._pending: dict[str, asyncio.Task[None]] = {}
        self._whole: asyncio.Task[None] | None = None
        self._tidying: asyncio.TimerHandle | None = None
        self._worker = ThreadPoolExecutor(1, "torchlint")

    @property
    def documents(self) -> Documents:
        """The open texts and notebooks."""
        workspace = self.workspace
        assert isinstance(workspace, Documents)
        return workspace

    def begin(self, params: types.InitializeParams) -> None:
        """Keep what the client says at the start, and hold its texts as it counts their lines."""
        self.initial = params.initialization_options
        self.shows = Shows(params.capabilities)
        self._worker.submit(_warm)
        made = self.workspace
        self.protocol._workspace = Documents(
            made.root_uri,
            types.TextDocumentSyncKind.Incremental,
            params.workspace_folders or [],
            made.position_encoding,
        )

    # checking

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run something in the worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, function, *arguments)

    def schedule(self, uri: str, delay: float = DEBOUNCE) -> None:
        """Check a document or notebook after a pause; a newer wish replaces an older one."""
        before = self._pending.pop(uri, None)
        if before is not None:
            before.cancel()
        task = asyncio.get_running_loop().create_task(self._later(uri, delay))
        self._pending[uri] = task
        task.add_done_callback(lambda done: self._pending.pop(uri) if self._pending.get(uri) is done else None)

    async def _later(self, uri: str, delay: float) -> None:
        if not self.ready:
            return  # everything that is open is checked when the settings are known
        try:
            if delay:
                await asyncio.sleep(delay)
            await self.refresh(uri)
        except Exception as failure:
            self.tell(f"{uri}: {type(failure).__name__}: {failure}", types.MessageType.Error)

    async def refresh(self, uri: str) -> None:
        """Check a document or notebook now and publish what is found, unless it has changed meanwhile."""
        notebook = self.documents.notebook(uri)
        if notebook is not None:
            cells = self.documents.cells(notebook)
            uris = [cell.uri for cell in cells]
            sources = [cell.source for cell in cells]
            versions = {cell.uri: cell.version for cell in cells}
            check = self.session.check_cells
            units, made = await self.run(self._checked, check, uri, sources, lambda index: uris[index], versions)
            if [(cell.uri, cell.source) for cell in self.documents.cells(notebook)] == list(
                zip(uris, sources, strict=True)
            ):
                self._publish(uri, units, made, versions)
            return
        document = self.documents.document(uri)
        if document is None or not document.is_python:
            return
        text, versions = document.source, {uri: document.version}
        units, made = await self.run(self._checked, self.session.check, uri, text, uri, versions)
        current = self.documents.document(uri)
        if current is not None and current.source == text:
            if current.version != versions[uri]:
                versions = {uri: current.version}
                made = await self.run(self._diagnostics, units, versions)
            self._publish(uri, units, made, versions)

    def _checked(
        self,
        check: Callable[[str, Any], Result],
        uri: str,
        source: str | Sequence[str],
        where: str | Callable[[int], str],
        versions: dict[str, int | None],
    ) -> tuple[Units, dict[str, list[types.Diagnostic]]]:
        """Check a document or notebook, in the worker."""
        units = Units(check(on_disk(path_of(uri)), source), self.workspace.position_encoding, where)
        return units, self._diagnostics(units, versions)

    def _publish(
        self,
        uri: str,
        units: Units,
        made: dict[str, list[types.Diagnostic]],
        versions: dict[str, int | None],
    ) -> None:
        if self.documents.document(uri) is None and self.documents.notebook(uri) is None:
            return
        former = self.shown.get(uri)
        self.shown[uri] = Shown(units.result, units, versions, made, {})
        for document in former.diagnostics if former else ():
            if document not in made:
                self.publish(document, None, [])
        for document, diagnostics in made.items():
            self.publish(document, versions.get(document), diagnostics)
        self._closed.discard(uri)
        self.tell_problems(uri, units.result.problems)
        self._tidy_later()

    def _diagnostics(self, units: Units, versions: dict[str, int | None]) -> dict[str, list[types.Diagnostic]]:
        found: dict[str, list[types.Diagnostic]] = {uri: [] for uri in versions}
        findings = units.result.outcome.findings
        if findings:
            rules = self.session.rules(units.result.path)
            for number in range(len(findings)):
                document, made = diagnostic(number, units, rules, self.session.text, versions, self.shows)
                found.setdefault(document, []).append(made)
        return found

    def publish(self, uri: str, version: int | None, diagnostics: list[types.Diagnostic]) -> None:
        """Send the diagnostics of one document."""
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, version))

    def _tidy_later(self) -> None:
        """Models free themselves; what they have missed is looked for when nothing happens for a while."""
        self._worker.submit(self.session.rest)
        if self._tidying is not None:
            self._tidying.cancel()
        if gc.get_count()[0] > _GROWTH:
            self._tidying = asyncio.get_running_loop().call_later(_QUIET, self._worker.submit, gc.collect)

    def refresh_dependents(self, uri: str) -> None:
        """Check the open documents again whose findings rest on a document that has changed."""
        dependents = set(self.session.dependents(on_disk(path_of(uri))))
        for other in self.documents.checkable():
            if other != uri and on_disk(path_of(other)) in dependents:
                self.schedule(other)

    def refresh_all(self) -> None:
        """Check everything that is open again."""
        for uri in self.documents.checkable():
            self.schedule(uri, 0)

    def forget(self, uri: str) -> None:
        """Clear what is shown for a document that was closed."""
        pending = self._pending.pop(uri, None)
        if pending is not None:
            pending.cancel()
        shown = self.shown.pop(uri, None)
        self.tell_problems(uri, ())
        for document in shown.diagnostics if shown is not None else (uri,):
            self.publish(document, None, [])

    # a whole workspace

    def check_workspace(self, delay: float = 0) -> None:
        """Check all files of the folders that want it, in the background; a newer wish replaces an older one."""
        if self._whole is not None:
            self._whole.cancel()
        self._whole = asyncio.get_running_loop().create_task(self._check_workspace(delay))

    def refresh_closed(self) -> None:
        """Check files again that are not open, where their findings are shown; only what has changed costs time."""
        if any(self.session.whole()):
            self.check_workspace(_SETTLE)

    async def _check_workspace(self, delay: float) -> None:
        try:
            await asyncio.sleep(delay)
            checked = await background.check(self)
            for uri in self._closed - {uri_of(path) for path in checked}:
                self._closed.discard(uri)
                if self.documents.document(uri) is None:
                    self.publish(uri, None, [])
        except Exception as failure:
            self.tell(f"checking the workspace: {type(failure).__name__}: {failure}", types.MessageType.Error)

    async def show_closed(self, path: str, outcome: Outcome) -> None:
        """Publish what was found in a file on disk, if it is not open."""
        uri = uri_of(path)
        made = await self.run(self._of_disk, uri, path, outcome) if outcome.findings else []
        self.session.rests_on(path, outcome)
        if self.documents.document(uri) is not None or not (made or uri in self._closed):
            return
        (self._closed.add if made else self._closed.discard)(uri)
        self.publish(uri, None, made)

    def _of_disk(self, uri: str, path: str, outcome: Outcome) -> list[types.Diagnostic]:
        result = self.session.take_over(path, outcome)
        if result is None:
            return []
        return self._diagnostics(Units(result, self.workspace.position_encoding, uri), {uri: None})[uri]

    # telling

    def tell(self, message: str, kind: types.MessageType = types.MessageType.Log) -> None:
        """Write to the client's log."""
        self.window_log_message(types.LogMessageParams(kind, message))

    def tell_once(self, message: str, kind: types.MessageType = types.MessageType.Warning, *, show: bool) -> None:
        """Write to the client's log what is true until the settings change, and show it to the person if it must be
        known."""
        if message in self._told:
            return
        self._told.add(message)
        self.tell(message, kind)
        if show:
            self.window_show_message(types.ShowMessageParams(kind, f"torchlint: {message}"))

    def tell_problems(self, uri: str, problems: Sequence[Problem]) -> None:
        """Show what is wrong with the configuration: once to the person, and in the file as long as it is so."""
        if not problems and uri not in self._problems:
            return
        touched = {p.file for p in (*problems, *self._problems.get(uri, ())) if p.file}
        self._problems[uri] = set(problems)
        if not problems:
            del self._problems[uri]
        for problem in problems:
            self.tell_once(problem.message, types.MessageType.Error, show=True)
        for file in touched:
            there = {p for found in self._problems.values() for p in found if p.file == file}
            self.publish(uri_of(file), None, [of_problem(problem) for problem in sorted(there)])

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log a failing request instead of showing it to the user; the server goes on."""
        self.tell(f"{type(error).__name__}: {error}", types.MessageType.Error)

    # settings

    async def configure(self, settings: Any = None, *, ask: bool = False) -> None:
        """Take over folders and settings, sent along or asked for, and check everything again.

        Without `settings` those count that were sent before. A client that has sent none is asked, and so is one that
        has sent one object for several folders; what it says nothing of stays as it was sent.
        """
        self._sent = settings = settings if settings is not None else self._sent
        self._configured += 1
        mine = self._configured
        folders = self.folders()
        options = scoped(settings, path_of)
        try:
            many = isinstance(settings, dict) and len(folders) > 1
            if self.shows.configuration and (ask or settings is None or many):
                options = await self._asked(options, folders)
                if mine != self._configured:
                    return  # what was sent meanwhile is newer
            self._told.clear()
            await self.run(self.session.reset, folders, options)
        finally:
            self.ready = self.ready or mine == self._configured
        self.refresh_all()
        self.check_workspace()

    async def _asked(self, known: Scoped, folders: Sequence[str]) -> Scoped:
        """The settings of each folder, from a client that can be asked; what is not trusted stays so."""
        items = [types.ConfigurationItem(section=SOURCE)]
        items += [types.ConfigurationItem(scope_uri=uri_of(folder), section=SOURCE) for folder in folders]
        try:
            answer = await asyncio.wait_for(
                self.workspace_configuration_async(types.ConfigurationParams(items)), timeout=10
            )
        except Exception as failure:
            self.tell(f"the client does not tell its settings: {type(failure).__name__}: {failure}")
            return known
        found = [options_of(plain(item)) if item is not None else known.general for item in answer]
        found = [options._replace(isolated=options.isolated or known.general.isolated) for options in found]
        if not found:
            return known
        own = zip(folders, found[1:], strict=False)
        return Scoped(found[0], tuple((folder, options) for folder, options in own if options != found[0]))

    def folders(self) -> list[str]:
        """The folders that the client has open."""
        folders = [path_of(folder.uri) for folder in self.workspace.folders.values()]
        root = self.workspace.root_path
        return list(dict.fromkeys(on_disk(folder) for folder in folders or ([root] if root else [])))

    def stop(self) -> None:
        """End what runs in the background."""
        if self._whole is not None:
            self._whole.cancel()


def _warm() -> None:
    """Read what every check needs, while the client is still busy with the start."""
    from torchlint import packs
    from torchlint.model import Module

    packs.read()
    assert Module is not None


def plain(value: Any) -> Any:
    """A setting as plain JSON; pygls makes tuples with names of objects that it does not know."""
    if hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
