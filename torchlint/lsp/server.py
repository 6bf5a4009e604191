"""The server: requests of an editor, answered from the session. One failing request never ends it.

What an editor tells is taken here; `actions`, `hover` and `commands` answer what it asks, and `background` checks a
whole workspace in a process of its own.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from lsprotocol import types

from torchlint.lsp import actions, commands, hover
from torchlint.lsp.convert import SOURCE
from torchlint.lsp.core import Server, plain
from torchlint.lsp.documents import path_of, uri_of
from torchlint.lsp.first import Begun, Input
from torchlint.lsp.options import given
from torchlint.lsp.session import on_disk
from torchlint.settings import BASELINE, FILES

_CONFIGURATIONS = (*FILES, BASELINE)
_SWITCH = 0.001  # seconds that a check may keep the thread that handles messages waiting


def initialize(ls: Server, params: types.InitializeParams) -> None:
    """Keep what the client says at the start."""
    ls.begin(params)


async def initialized(ls: Server, _: types.InitializedParams) -> None:
    """Take the folders and settings, and ask to be told of changed files."""
    await ls.configure(given(ls.initial))
    if ls.shows.watching:
        watchers = [types.FileSystemWatcher(p) for p in ("**/*.py", *(f"**/{name}" for name in _CONFIGURATIONS))]
        registration = types.Registration(
            "torchlint-files",
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            types.DidChangeWatchedFilesRegistrationOptions(watchers),
        )
        await ls.client_register_capability_async(types.RegistrationParams([registration]))


async def did_open(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    """Check a document that was opened; cells are checked with their notebook."""
    uri = ls.documents.holder(params.text_document.uri)
    if uri == params.text_document.uri:
        ls.schedule(uri, 0)


async def did_change(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    """Check a document after an edit, and the open ones that rest on it."""
    uri = ls.documents.holder(params.text_document.uri)
    ls.schedule(uri)
    ls.refresh_dependents(uri)


async def did_save(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    """Check again at once; a saved configuration changes everything."""
    uri = params.text_document.uri
    if _is_configuration(uri):
        await ls.configure()
        return
    ls.schedule(ls.documents.holder(uri), 0)
    ls.refresh_closed()


async def did_close(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    """Clear what is shown; the file on disk counts again."""
    uri, path = params.text_document.uri, on_disk(path_of(params.text_document.uri))
    if _is_configuration(uri):
        return
    ls.forget(uri)
    await ls.run(ls.session.drop, path)
    ls.refresh_dependents(uri)
    ls.refresh_closed()


async def notebook_did_open(ls: Server, params: types.DidOpenNotebookDocumentParams) -> None:
    """Check a notebook that was opened."""
    ls.schedule(params.notebook_document.uri, 0)


async def notebook_did_change(ls: Server, params: types.DidChangeNotebookDocumentParams) -> None:
    """Check a notebook after an edit of any of its cells."""
    ls.schedule(params.notebook_document.uri)


async def notebook_did_save(ls: Server, params: types.DidSaveNotebookDocumentParams) -> None:
    """Check a notebook again at once."""
    ls.schedule(params.notebook_document.uri, 0)


async def notebook_did_close(ls: Server, params: types.DidCloseNotebookDocumentParams) -> None:
    """Clear what is shown in all cells."""
    ls.forget(params.notebook_document.uri)
    await ls.run(ls.session.drop, on_disk(path_of(params.notebook_document.uri)))


async def watched_files(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
    """Take notice of files that changed outside the editor."""
    if any(_is_configuration(event.uri) for event in params.changes):
        await ls.configure()
        return
    changes = [(path_of(event.uri), event.type) for event in params.changes]
    changes = [(path, kind) for path, kind in changes if ls.session.minds(path)]
    for path, _ in changes:
        await ls.run(ls.session.changed, path)
        ls.refresh_dependents(uri_of(path))
    if any(kind != types.FileChangeType.Changed for _, kind in changes):
        ls.refresh_all()  # an import may mean another file now
    ls.refresh_closed()


async def did_change_configuration(ls: Server, params: types.DidChangeConfigurationParams) -> None:
    """Take over changed settings, sent along or asked for."""
    sent = plain(params.settings)
    settings = sent.get(SOURCE, sent) if isinstance(sent, dict) and sent else sent or None
    await ls.configure(settings, ask=settings is None)


async def did_change_folders(ls: Server, _: types.DidChangeWorkspaceFoldersParams) -> None:
    """Take over the new list of folders."""
    await ls.configure()


def shutdown(ls: Server, _: Any) -> None:
    """End what runs in the background."""
    ls.stop()


def _is_configuration(uri: str) -> bool:
    return os.path.basename(path_of(uri)) in _CONFIGURATIONS


_TOLD: dict[str, Callable[..., Any]] = {
    types.INITIALIZE: initialize,
    types.INITIALIZED: initialized,
    types.SHUTDOWN: shutdown,
    types.TEXT_DOCUMENT_DID_OPEN: did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: did_change,
    types.TEXT_DOCUMENT_DID_SAVE: did_save,
    types.TEXT_DOCUMENT_DID_CLOSE: did_close,
    types.NOTEBOOK_DOCUMENT_DID_OPEN: notebook_did_open,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: notebook_did_change,
    types.NOTEBOOK_DOCUMENT_DID_SAVE: notebook_did_save,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: notebook_did_close,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: watched_files,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: did_change_configuration,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: did_change_folders,
}


def make() -> Server:
    """A server with all that it answers."""
    server = Server()
    for method, handler in _TOLD.items():
        server.feature(method)(handler)
    server.feature(types.TEXT_DOCUMENT_CODE_ACTION, actions.OPTIONS)(actions.code_action)
    server.feature(types.TEXT_DOCUMENT_HOVER)(hover.hover)
    for name, command in commands.COMMANDS.items():
        server.command(name)(command)
    return server


def main(said: Input, begun: Begun | None) -> int:
    """Serve on standard input and output until the client ends the session; 1 if it ends without a shutdown.

    Args:
        said: what the client says.
        begun: the check of the workspace that its first message has made begin.
    """
    logging.basicConfig(level=logging.CRITICAL, stream=sys.stderr)
    gc.disable()  # models free themselves; the server looks for the rest when nothing happens
    sys.setswitchinterval(_SWITCH)
    output, sys.stdout = sys.stdout, sys.stderr  # whatever prints must not break the protocol
    server = make()
    server.begun = begun
    server.start_io(cast(BinaryIO, said), output.buffer)
    return 0 if server.protocol._shutdown else 1
