"""The server: requests of an editor, answered from the session. One failing request never ends it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from torchlint import __version__
from torchlint.findings import Safety
from torchlint.lsp.convert import SOURCE, Units, diagnostic, page, plain, workspace_edit
from torchlint.lsp.session import Options, Result, Session, options_of
from torchlint.rule import Rule
from torchlint.settings import BASELINE, FILES

FIX_ALL = "source.fixAll.torchlint"
NOTEBOOK_FIX_ALL = "notebook.source.fixAll.torchlint"
DEBOUNCE = 0.15  # seconds without a key press before a text is checked
_PROVE_SECONDS = 120
_CONFIGURATIONS = (*FILES, BASELINE)

_T = TypeVar("_T")


class Shown(NamedTuple):
    """What was last published for a document: the findings, their units, and the documents that carry them."""

    result: Result
    units: Units
    diagnostics: dict[str, list[types.Diagnostic]]


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
        )
        self.session = Session()
        self.shown: dict[str, Shown] = {}
        self.initial: Any = None
        self._pending: dict[str, asyncio.Task[None]] = {}
        self._worker = ThreadPoolExecutor(1, "torchlint")

    # checking

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run something in the worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, function, *arguments)

    def schedule(self, uri: str, delay: float = DEBOUNCE) -> None:
        """Check a document or notebook after a pause; a newer wish replaces an older one."""
        before = self._pending.pop(uri, None)
        if before is not None:
            before.cancel()
        self._pending[uri] = asyncio.get_running_loop().create_task(self._later(uri, delay))

    async def _later(self, uri: str, delay: float) -> None:
        try:
            if delay:
                await asyncio.sleep(delay)
            await self.refresh(uri)
        except asyncio.CancelledError:
            raise
        except Exception as failure:
            self.tell(f"{uri}: {type(failure).__name__}: {failure}", types.MessageType.Error)

    async def refresh(self, uri: str) -> None:
        """Check a document or notebook now and publish what is found, unless it has changed meanwhile."""
        notebook = self.workspace.get_notebook_document(notebook_uri=uri)
        if notebook is not None:
            await self._refresh_notebook(uri)
            return
        document = self.workspace.text_documents.get(uri)
        if document is None:
            return
        version, text = document.version, document.source
        path = path_of(uri)
        result = await self.run(self._check, path, text)
        current = self.workspace.text_documents.get(uri)
        if current is None or current.version != version or current.source != text:
            return
        await self._publish(uri, result, uri, {uri: version})

    def _check(self, path: str, text: str) -> Result:
        if self.session.unsaved.get(path) != text.encode(errors="replace"):
            self.session.put(path, text)
        return self.session.check(path, text)

    async def _refresh_notebook(self, uri: str) -> None:
        notebook = self.workspace.get_notebook_document(notebook_uri=uri)
        if notebook is None:
            return
        cells = [cell.document for cell in notebook.cells if cell.kind == types.NotebookCellKind.Code]
        documents = [self.workspace.get_text_document(cell) for cell in cells]
        versions: dict[str, int | None] = {d.uri: d.version for d in documents}
        sources = [d.source for d in documents]
        result = await self.run(self.session.check_cells, path_of(uri), sources)
        if [d.source for d in documents] != sources:
            return
        await self._publish(uri, result, lambda index: cells[index], versions)

    async def _publish(
        self, uri: str, result: Result, where: str | Callable[[int], str], versions: dict[str, int | None]
    ) -> None:
        units = Units(result, self.workspace.position_encoding, where)
        made = await self.run(self._diagnostics, result, units, versions)
        if uri not in self.workspace.text_documents and uri not in self.workspace.notebook_documents:
            return
        former = self.shown.get(uri)
        self.shown[uri] = Shown(result, units, made)
        for document in former.diagnostics if former else ():
            if document not in made:
                self.publish(document, None, [])
        for document, diagnostics in made.items():
            self.publish(document, versions.get(document), diagnostics)
        if result.problem:
            self.tell(result.problem, types.MessageType.Warning)

    def _diagnostics(
        self, result: Result, units: Units, versions: dict[str, int | None]
    ) -> dict[str, list[types.Diagnostic]]:
        rules = self.session.rules()
        found: dict[str, list[types.Diagnostic]] = {uri: [] for uri in versions}
        for finding in result.outcome.findings:
            document, made = diagnostic(finding, units, rules.get(finding.code), self.session.text, None)
            assert isinstance(made.data, dict)
            made.data["version"] = versions.get(document)
            found.setdefault(document, []).append(made)
        return found

    def publish(self, uri: str, version: int | None, diagnostics: list[types.Diagnostic]) -> None:
        """Send the diagnostics of one document."""
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, version))

    def refresh_dependents(self, uri: str) -> None:
        """Check the open documents again whose findings rest on a document that has changed."""
        open_ones = {path_of(other): other for other in self.shown}
        for path in self.session.dependents(path_of(uri), open_ones):
            self.schedule(open_ones[path])

    def refresh_all(self) -> None:
        """Check everything that is open again."""
        for uri in (*self.workspace.notebook_documents, *self._documents()):
            self.schedule(uri, 0)

    def _documents(self) -> list[str]:
        cells = {cell.document for n in self.workspace.notebook_documents.values() for cell in n.cells}
        return [uri for uri in self.workspace.text_documents if uri not in cells]

    def forget(self, uri: str) -> None:
        """Clear what is shown for a document that was closed."""
        pending = self._pending.pop(uri, None)
        if pending is not None:
            pending.cancel()
        for document in self.shown.pop(uri).diagnostics if uri in self.shown else (uri,):
            self.publish(document, None, [])

    def tell(self, message: str, kind: types.MessageType = types.MessageType.Log) -> None:
        """Write to the client's log."""
        self.window_log_message(types.LogMessageParams(kind, message))

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log a failing request instead of showing it to the user; the server goes on."""
        self.tell(f"{type(error).__name__}: {error}", types.MessageType.Error)

    # settings

    async def configure(self, settings: Any) -> None:
        """Take over new settings and check everything again."""
        await self.run(self.session.reset, options_of(settings))
        self.refresh_all()
        if self.session.options.diagnostic_mode == "workspace":
            asyncio.get_running_loop().create_task(self.check_workspace())

    async def ask_settings(self) -> Any:
        """The settings of the first folder, asked from a client that can be asked."""
        capability = self.client_capabilities.workspace
        if capability is None or not capability.configuration:
            return None
        item = types.ConfigurationItem(section=SOURCE)
        answer = await self.workspace_configuration_async(types.ConfigurationParams([item]))
        return answer[0] if answer else None

    async def check_workspace(self) -> None:
        """Publish the findings in all files of the folders, with progress where the client shows it."""
        files = await self.run(self.session.files)
        open_paths = {path_of(uri) for uri in self.workspace.text_documents}
        for file in files:
            if file.path in open_paths:
                continue
            result = await self.run(self.session.check_file, file)
            if result is None:
                continue
            uri = uris.from_fs_path(file.path) or file.path
            if uri in self.workspace.text_documents:
                continue
            units = Units(result, self.workspace.position_encoding, uri)
            made = await self.run(self._diagnostics, result, units, {uri: None})
            self.publish(uri, None, made[uri])
            await asyncio.sleep(0)


def path_of(uri: str) -> str:
    """The path of a document; a name in the working directory for one that was never saved."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    if path:
        return path.replace(os.sep, "/")
    name = re.sub(r"\W+", "_", uri.rpartition(":")[2])[-60:] or "untitled"
    return os.path.join(os.getcwd(), f"{name}.py").replace(os.sep, "/")


server = Server()


@server.feature(types.INITIALIZE)
def initialize(ls: Server, params: types.InitializeParams) -> None:
    """Keep what the client says at the start."""
    ls.initial = params.initialization_options


@server.feature(types.INITIALIZED)
async def initialized(ls: Server, _: types.InitializedParams) -> None:
    """Take the folders and settings, and ask to be told of changed files."""
    folders = [path_of(folder.uri) for folder in ls.workspace.folders.values()]
    if not folders and ls.workspace.root_path:
        folders = [ls.workspace.root_path]
    given = ls.initial
    settings = given.get("settings", given) if isinstance(given, dict) else None
    if isinstance(settings, list):
        settings = settings[0] if settings else None
    if settings is None:
        settings = await ls.ask_settings()
    await ls.run(_begin, ls, folders, options_of(settings))
    watched = ls.client_capabilities.workspace and ls.client_capabilities.workspace.did_change_watched_files
    if watched and watched.dynamic_registration:
        watchers = [types.FileSystemWatcher(p) for p in ("**/*.py", *(f"**/{name}" for name in _CONFIGURATIONS))]
        registration = types.Registration(
            "torchlint-files",
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            types.DidChangeWatchedFilesRegistrationOptions(watchers),
        )
        await ls.client_register_capability_async(types.RegistrationParams([registration]))
    ls.refresh_all()
    if ls.session.options.diagnostic_mode == "workspace":
        asyncio.get_running_loop().create_task(ls.check_workspace())


def _begin(ls: Server, folders: Sequence[str], options: Options) -> None:
    unsaved = ls.session.unsaved
    ls.session = Session(folders, options)
    for path, data in unsaved.items():
        ls.session.put(path, data.decode(errors="replace"))


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
async def did_open(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    """Check a document that was opened; cells are checked with their notebook."""
    if ls.workspace.get_notebook_document(cell_uri=params.text_document.uri) is None:
        ls.schedule(params.text_document.uri, 0)


@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
async def did_change(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    """Check a document after an edit, and the open ones that rest on it."""
    ls.schedule(params.text_document.uri)
    ls.refresh_dependents(params.text_document.uri)


@server.feature(types.TEXT_DOCUMENT_DID_SAVE)
async def did_save(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    """Check again at once; a saved configuration changes everything."""
    if os.path.basename(path_of(params.text_document.uri)) in _CONFIGURATIONS:
        await ls.run(ls.session.reset)
        ls.refresh_all()
        return
    ls.schedule(params.text_document.uri, 0)
    ls.refresh_dependents(params.text_document.uri)


@server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
async def did_close(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    """Clear what is shown; the file on disk counts again."""
    ls.forget(params.text_document.uri)
    await ls.run(ls.session.drop, path_of(params.text_document.uri))
    ls.refresh_dependents(params.text_document.uri)


@server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
async def notebook_did_open(ls: Server, params: types.DidOpenNotebookDocumentParams) -> None:
    """Check a notebook that was opened."""
    ls.schedule(params.notebook_document.uri, 0)


@server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
async def notebook_did_change(ls: Server, params: types.DidChangeNotebookDocumentParams) -> None:
    """Check a notebook after an edit of any of its cells."""
    ls.schedule(params.notebook_document.uri)


@server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
async def notebook_did_save(ls: Server, params: types.DidSaveNotebookDocumentParams) -> None:
    """Check a notebook again at once."""
    ls.schedule(params.notebook_document.uri, 0)


@server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
async def notebook_did_close(ls: Server, params: types.DidCloseNotebookDocumentParams) -> None:
    """Clear what is shown in all cells."""
    ls.forget(params.notebook_document.uri)


@server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
async def watched_files(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
    """Take notice of files that changed outside the editor."""
    if any(os.path.basename(path_of(event.uri)) in _CONFIGURATIONS for event in params.changes):
        await ls.run(ls.session.reset)
        ls.refresh_all()
        return
    for event in params.changes:
        await ls.run(ls.session.changed, path_of(event.uri))
        ls.refresh_dependents(event.uri)


@server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
async def did_change_configuration(ls: Server, params: types.DidChangeConfigurationParams) -> None:
    """Take over changed settings, sent along or asked for."""
    sent = params.settings
    settings = sent.get(SOURCE, sent) if isinstance(sent, dict) and sent else await ls.ask_settings()
    await ls.configure(settings)


@server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
async def did_change_folders(ls: Server, _: types.DidChangeWorkspaceFoldersParams) -> None:
    """Take over the new list of folders."""
    folders = [path_of(folder.uri) for folder in ls.workspace.folders.values()]
    await ls.run(_begin, ls, folders, ls.session.options)
    ls.refresh_all()


@server.feature(
    types.TEXT_DOCUMENT_CODE_ACTION,
    types.CodeActionOptions(
        code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL, NOTEBOOK_FIX_ALL], resolve_provider=False
    ),
)
def code_action(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Fixes for the diagnostics under the cursor; `source.*` actions only when they are asked for by name."""
    only = params.context.only or []
    if any(kind in (types.CodeActionKind.SourceFixAll, types.CodeActionKind.Source, FIX_ALL) for kind in only):
        return _fix_all_actions(ls, params.text_document.uri, FIX_ALL)
    if any(str(kind).startswith("notebook.source") for kind in only):
        return _fix_all_actions(ls, params.text_document.uri, NOTEBOOK_FIX_ALL)
    if only and not any(types.CodeActionKind.QuickFix.value.startswith(str(getattr(k, "value", k))) for k in only):
        return []
    actions: list[types.CodeAction] = []
    for item in params.context.diagnostics:
        if item.source == SOURCE and isinstance(item.data, dict):
            actions.extend(_actions(ls, params.text_document.uri, item))
    return actions


def _actions(ls: Server, uri: str, item: types.Diagnostic) -> list[types.CodeAction]:
    data: dict[str, Any] = item.data  # type: ignore[assignment]
    document = ls.workspace.text_documents.get(uri)
    if document is not None and data.get("version") not in (None, document.version):
        return []
    options = ls.session.options
    actions: list[types.CodeAction] = []
    actions.extend(
        types.CodeAction(
            title=fix["title"],
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[item],
            is_preferred=fix["safe"] or None,
            edit=workspace_edit(fix["edits"]),
        )
        for fix in (data.get("fixes", ()) if options.show_fixes else ())
    )
    same = _safe_edits(ls, uri, data["name"]) if options.show_fixes else None
    if same is not None and same[1] > 1:
        actions.append(
            types.CodeAction(
                title=f"Fix all {same[1]} safe `{data['name']}` in this file",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[item],
                edit=workspace_edit(same[0]),
            )
        )
    if options.show_ignore:
        for key, title in (("ignore", "on this line"), ("ignoreFile", "in this file")):
            actions.append(
                types.CodeAction(
                    title=f"Ignore {data['name']} {title}",
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[item],
                    edit=workspace_edit(data[key]),
                )
            )
    actions.append(
        types.CodeAction(
            title=f"Explain {data['name']}",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[item],
            command=types.Command("Explain", "torchlint.explain", arguments=[data["name"]]),
        )
    )
    return actions


def _holder(ls: Server, uri: str) -> Shown | None:
    """What is shown for a document, or for the notebook that a cell belongs to."""
    notebook = ls.workspace.get_notebook_document(cell_uri=uri)
    return ls.shown.get(notebook.uri if notebook is not None else uri)


def _safe_edits(ls: Server, uri: str, name: str | None = None) -> tuple[dict[str, Any], int] | None:
    """All safe fixes shown for a document (of one rule, if named) that can be made at once, and their number."""
    shown = _holder(ls, uri)
    if shown is None or not shown.result.outcome.complete:
        return None
    from torchlint import fixes

    text = shown.units.lines.text
    wanted = [
        finding.fixes[0]
        for finding in shown.result.outcome.findings
        if finding.fixes and finding.fixes[0].safety is Safety.SAFE
        if (finding not in shown.result.known if name is None else finding.name == name)
    ]
    if not wanted:
        return None
    edits, taken = fixes.compatible([fixes.edits_of(text, fix) for fix in wanted])
    found: dict[str, Any] = {}
    for edit in edits:
        document, where = shown.units.range(edit.span)
        found.setdefault(document, []).append({"range": plain(where), "newText": edit.text})
    return (found, len(taken)) if found else None


def _fix_all_actions(ls: Server, uri: str, kind: str) -> list[types.CodeAction]:
    made = _safe_edits(ls, uri)
    if made is None:
        return []
    return [types.CodeAction("Fix all safe findings of torchlint", kind=kind, edit=workspace_edit(made[0]))]


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(ls: Server, params: types.HoverParams) -> types.Hover | None:
    """The manual of the rule whose squiggle, ignore comment or configuration entry is under the cursor."""
    uri, at = params.text_document.uri, params.position
    rules = ls.session.rules()
    named = _named_rule(ls, uri, at, rules)
    if named is not None:
        return named
    shown = _holder(ls, uri)
    for item in shown.diagnostics.get(uri, ()) if shown is not None else ():
        if _contains(item.range, at) and item.code in rules:
            return types.Hover(_markdown(page(rules[str(item.code)])), item.range)
    return None


def _named_rule(ls: Server, uri: str, at: types.Position, rules: dict[str, Rule]) -> types.Hover | None:
    """The manual of the rule whose name stands under the cursor, in an ignore comment or a configuration file."""
    document = ls.workspace.text_documents.get(uri)
    if document is None or at.line >= len(document.lines):
        return None
    line = document.lines[at.line]
    configuration = os.path.basename(path_of(uri)) in _CONFIGURATIONS
    for match in re.finditer(r"[A-Za-z][\w-]*", line):
        inside = configuration or re.search(r"torchlint:\s*(file-)?ignore\[[^\]]*$", line[: match.start()])
        if match.start() <= at.character < match.end() and inside and match[0] in rules:
            where = types.Range(types.Position(at.line, match.start()), types.Position(at.line, match.end()))
            return types.Hover(_markdown(page(rules[match[0]])), where)
    return None


def _contains(where: types.Range, at: types.Position) -> bool:
    start, end = (where.start.line, where.start.character), (where.end.line, where.end.character)
    return start <= (at.line, at.character) <= end


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, text)


@server.command("torchlint.explain")
def explain(ls: Server, name: str) -> dict[str, str] | None:
    """The manual of a rule as Markdown, by name or code."""
    rule = ls.session.rules().get(name)
    return {"title": rule.name, "markdown": page(rule)} if rule is not None else None


@server.command("torchlint.applyFixAll")
async def apply_fix_all(ls: Server, uri: str) -> bool:
    """Apply all safe fixes in a document."""
    made = _safe_edits(ls, uri)
    if made is None:
        return False
    params = types.ApplyWorkspaceEditParams(workspace_edit(made[0]), label="Fix all safe findings of torchlint")
    answer = await ls.workspace_apply_edit_async(params)
    return answer.applied


@server.command("torchlint.prove")
async def prove(ls: Server, name: str, interpreter: str | None) -> dict[str, Any]:
    """Run the evidence of a rule with the user's interpreter, in a process of its own."""
    python = interpreter or next(iter(ls.session.options.interpreter), sys.executable)
    code = "import sys; sys.path.append(sys.argv.pop(1)); from torchlint.cli import main; sys.exit(main(sys.argv[1:]))"
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    try:
        process = await asyncio.create_subprocess_exec(
            *(python, "-c", code, home, "explain", name, "--prove"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "NO_COLOR": "1"},
        )
        output, _ = await asyncio.wait_for(process.communicate(), _PROVE_SECONDS)
    except (OSError, asyncio.TimeoutError) as failure:
        return {"ok": False, "text": f"{python}: {failure or 'took too long'}"}
    return {"ok": process.returncode == 0, "text": output.decode(errors="replace")}


@server.command("torchlint.debugInformation")
def debug_information(ls: Server) -> str:
    """Versions, folders, options and what is open, for bug reports."""
    from torchlint import fixes

    return json.dumps(
        {
            "torchlint": __version__,
            "python": sys.version.split()[0],
            "executable": sys.executable,
            "location": os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
            "fixes": fixes.available(),
            "folders": ls.session.folders,
            "options": ls.session.options._asdict() | {"severity": str(ls.session.options.severity)},
            "open": {uri: len(shown.result.outcome.findings) for uri, shown in ls.shown.items()},
            "rules": len({rule.code for rule in ls.session.rules().values()}),
        },
        indent=2,
    )


def main() -> int:
    """Serve on standard input and output until the client ends the session; 1 if it ends without a shutdown."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    output, sys.stdout = sys.stdout, sys.stderr  # whatever prints must not break the protocol
    server.start_io(sys.stdin.buffer, output.buffer)
    return 0 if server.protocol._shutdown else 1
