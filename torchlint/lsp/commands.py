"""Commands that an editor can have carried out."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import zlib
from typing import Any

from lsprotocol import types

from torchlint import __version__, hygiene
from torchlint.docs import doc_of
from torchlint.lsp import actions
from torchlint.lsp.convert import page
from torchlint.lsp.core import Server
from torchlint.lsp.documents import uri_of

_PROVE_SECONDS = 120
_PROVE = (
    "import sys; sys.path[:] = [*filter(None, sys.path), sys.argv.pop(1)]; "  # not from the user's folder
    "from torchlint.cli.explain import experiment; sys.exit(experiment(sys.argv[1]))"
)


async def explain(ls: Server, *arguments: Any) -> dict[str, str] | None:
    """The manual of a rule as Markdown, by name or code; with a second argument that is true, also shown as a file."""
    rules = await ls.run(ls.session.rules)
    rule = rules.get(str(arguments[0])) if arguments else None
    if rule is None:
        return None
    if len(arguments) > 1 and arguments[1] is True and ls.shows.documents:
        there = bool(rule.file)
        uri = uri_of(rule.file) if there else rule.url or ""
        await ls.window_show_document_async(types.ShowDocumentParams(uri, external=not there, take_focus=True))
    return {"title": rule.name, "markdown": page(rule)}


async def list_rules(ls: Server, *_: Any) -> list[dict[str, Any]]:
    """All rules that hold here, by code, those about torchlint's own work last: what a person picks one from."""
    return await ls.run(_listed, ls)


def _listed(ls: Server) -> list[dict[str, Any]]:
    rules = {rule.code: rule for rule in ls.session.rules().values()}
    own = {rule.code for rule in hygiene.RULES}
    return [
        {
            "code": code,
            "name": rule.name,
            "category": rule.category.value,
            "title": doc_of(rule).title,
            "evidence": rule.evidence is not None,
        }
        for code, rule in sorted(rules.items(), key=lambda item: (item[0] in own, item[0]))
    ]


async def apply_fix_all(ls: Server, *arguments: Any) -> bool:
    """Apply all safe fixes in a document."""
    edit = await actions.all_safe(ls, str(arguments[0])) if arguments else None
    if edit is None:
        return False
    params = types.ApplyWorkspaceEditParams(edit, label="Fix all safe findings of torchlint")
    answer = await ls.workspace_apply_edit_async(params)
    return answer.applied


async def reload(ls: Server, *_: Any) -> bool:
    """Read the configuration, the rule packs and the files of the project anew, and check everything again."""
    await ls.configure()
    return True


async def prove(ls: Server, *arguments: Any) -> dict[str, Any]:
    """Run the evidence of a rule with the user's interpreter, in a process of its own.

    Arguments are the rule and the interpreter; without one, that of the settings, else the server's own.
    """
    name = str(arguments[0]) if arguments else ""
    given = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], str) else None
    python = given or next(iter(ls.session.options.general.interpreter), sys.executable)
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    try:
        process = await asyncio.create_subprocess_exec(
            *(python, "-c", _PROVE, home, name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "NO_COLOR": "1"},
        )
    except OSError as failure:
        return {"ok": False, "text": f"{python} cannot be run: {failure.strerror or failure}"}
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _PROVE_SECONDS)
    except asyncio.TimeoutError:
        process.kill()
        return {"ok": False, "text": f"the evidence of {name} took longer than {_PROVE_SECONDS} seconds"}
    return {"ok": process.returncode == 0, "text": output.decode(errors="replace")}


async def debug_information(ls: Server, *_: Any) -> str:
    """Versions, folders, options and what is open, for bug reports."""
    from torchlint import fixes

    rules = await ls.run(ls.session.rules)
    options = {"": ls.session.options.general, **dict(ls.session.options.folders)}
    return json.dumps(
        {
            "torchlint": __version__,
            "python": sys.version.split()[0],
            "executable": sys.executable,
            "location": os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
            "fixes": fixes.available(),
            "folders": ls.session.folders,
            "options": {
                folder: {**one._asdict(), "severity": {name: level.value for name, level in one.severity}}
                for folder, one in options.items()
            },
            "positions": str(getattr(ls.workspace.position_encoding, "value", ls.workspace.position_encoding)),
            "open": {
                document.uri: {
                    "version": document.version,
                    "characters": len(document.source),
                    "checksum": zlib.crc32(document.source.encode(errors="surrogatepass")),
                }
                for document in ls.documents.text_documents.values()
            },
            "findings": {uri: len(shown.result.outcome.findings) for uri, shown in ls.shown.items()},
            "rules": len({rule.code for rule in rules.values()}),
        },
        indent=2,
    )


COMMANDS = {
    "torchlint.explain": explain,
    "torchlint.rules": list_rules,
    "torchlint.applyFixAll": apply_fix_all,
    "torchlint.reload": reload,
    "torchlint.prove": prove,
    "torchlint.debugInformation": debug_information,
}
