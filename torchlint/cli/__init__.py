"""The command line: what each command is called, and which options it has.

Exit codes: 0 nothing at or above `--fail-on`; 1 findings; 2 the job could not be done.
"""

from __future__ import annotations

import argparse
import functools
import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

_FORMATS = (
    "full (the default, unless TORCHLINT_OUTPUT_FORMAT is set), concise, grouped, "
    "json, json-lines, sarif, github, gitlab, junit, rdjson, markdown or agent"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; never raises for anything a user can cause.

    Without arguments of its own it serves the process's command line, and ends the process at once: taking the models
    apart object by object would cost a fifth of a short run.
    """
    if argv is not None:
        return _guarded(list(argv))
    gc.disable()  # models free themselves, and a run is short
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = _guarded(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)


def _open_what_is_closed() -> None:
    """Streams that the caller has closed (`>&-`) lead nowhere; their numbers must not go to files that are opened."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open until the end


def _guarded(arguments: list[str]) -> int:
    from torchlint.settings import SettingsError

    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:
        sys.stdout.flush()
        return stop.code if isinstance(stop.code, int) else 2
    except SettingsError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return _refuse("interrupted")
    except BrokenPipeError:
        _silence()
        return 1
    except OSError as error:
        _silence()
        what = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{what}{error.strerror or error}")
    except Exception:
        import traceback

        traceback.print_exc()
        return _refuse("this is a bug in torchlint; the lines above belong in a report")


def _run(arguments: list[str]) -> int:
    word = arguments[0] if arguments else ""
    names = [name for command in _COMMANDS for name in (command.name, *command.aliases)]
    if word and not word.startswith("-") and word not in names:
        return _refuse(_no_command(word, names))
    parser = _parser(word)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        return _refuse(_no_option(parser, options.command, unknown[0]))
    if options.command == "check":
        from torchlint.cli.check import check

        return check(options)
    if options.command in ("explain", "rule"):
        from torchlint.cli.explain import explain

        return explain(options)
    if options.command in ("rules", "linter"):
        from torchlint.cli.rules import rules

        return rules(options)
    if options.command == "baseline":
        from torchlint.cli.baseline import baseline

        return baseline(options)
    if options.command == "config":
        from torchlint.cli.config import config

        return config(options)
    if options.command == "clean":
        from torchlint.cli.clean import clean

        return clean(options)
    if options.command == "new-rule":
        from torchlint.cli.new_rule import new_rule

        return new_rule(options)
    if options.command == "test-pack":
        from torchlint.cli.test_pack import test_pack

        return test_pack(options)
    if options.command in ("server", "lsp"):
        return _serve()
    if options.command == "version" or options.version:
        from torchlint.cli.version import version

        return version(options)
    parser.print_help()
    return 2


def _no_command(word: str, names: list[str]) -> str:
    from torchlint.settings import nearest

    if os.path.exists(word):
        return f"`{word}` is no command; `torchlint check {word}` checks it"
    return f"`{word}` is no command{nearest(word, names)}\nTry `torchlint --help`."


def _no_option(parser: argparse.ArgumentParser, command: str | None, word: str) -> str:
    from torchlint.settings import nearest

    prog = f"{parser.prog} {command}" if command else parser.prog
    if not word.startswith("-"):
        return f"`{word}` is one word too many\nTry `{prog} --help`."
    known = list(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and command is not None:
            known = list(action.choices[command]._option_string_actions)
    return f"`{word}` is no option of `{prog}`{nearest(word.partition('=')[0], known)}\nTry `{prog} --help`."


def _serve() -> int:
    try:
        from torchlint.lsp import first

        said = first.Input(sys.stdin.buffer)
        begun = first.begin(said.first)
        from torchlint.lsp.server import main as serve
    except ImportError as missing:
        return _refuse(f"the server needs {missing.name or 'pygls'}: `pip install torchlint` installs it")
    gc.enable()
    gc.freeze()
    return serve(said, begun)


def _refuse(message: str) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()
    sys.stderr.write(f"torchlint: {message}\n")
    return 2


def _silence() -> None:
    """Whoever read our output is gone: let the interpreter's last flush go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


class _Formatter(argparse.HelpFormatter):
    """Help as wide as the terminal, found out without the imports that argparse would make for it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=_width())


@functools.cache
def _width() -> int:
    try:
        return max(60, min(120, os.get_terminal_size().columns - 2))
    except (OSError, ValueError):
        return 100


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one clear line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter, **options})

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"torchlint: {message}\nTry `{self.prog} --help`.\n")
        raise SystemExit(2)


class _Words(argparse.Action):
    """Values separated by commas, from an option that may be repeated."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        words = [word.strip() for word in values.split(",") if word.strip()]
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), *words])


def _parser(word: str = "") -> argparse.ArgumentParser:
    """The parser for a command line that begins with a word; of the commands it knows that one, or else all."""
    parser = _Parser(
        prog="torchlint",
        description="Finds the bugs in PyTorch training code that raise no exception.",
        epilog="`torchlint COMMAND --help` shows the options of a command.",
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser, prog=parser.prog)
    asked = [command for command in _COMMANDS if word in (command.name, *command.aliases)]
    for name, aliases, describe, text in asked or _COMMANDS:
        describe(commands.add_parser(name, aliases=aliases, help=text, allow_abbrev=name not in ("check", "baseline")))
    return parser


def _configuration(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("configuration")
    group.add_argument("--isolated", action="store_true", help="read no configuration file")
    group.add_argument(
        "--config", action="append", default=[], metavar="PATH|KEY=VALUE", help="read this file, or set one key"
    )


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="KEY", help="a key such as `select`; with --check files, directories"
    )
    parser.add_argument("--check", action="store_true", help="look for mistakes in configuration files")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema, for completion in editors")
    _configuration(parser)


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", help="a code (TL101), a name, or a place such as train.py:42")
    parser.add_argument("--prove", action="store_true", help="run the experiment behind the rule with your torch")
    parser.add_argument("--json", action="store_true", help="as JSON")
    _configuration(parser)


def _new_rule(parser: argparse.ArgumentParser) -> None:
    from torchlint.packs import SUBJECTS

    parser.add_argument("name", help="what the pattern is called, such as `loss-printed-in-loop`")
    parser.add_argument("--pack", metavar="DIRECTORY", help="where it belongs (default: the configured pack)")
    parser.add_argument("--code", help="such as XY101 (default: the next free one of the pack)")
    parser.add_argument("--subject", metavar="SUBJECT", help=f"of torchlint's own rules: {', '.join(SUBJECTS)}")
    parser.add_argument(
        "--category",
        choices=("correctness", "suspicious", "performance", "reproducibility", "pedantic"),
        default="suspicious",
        help="what a finding promises (default: suspicious)",
    )


def _test_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("packs", nargs="*", metavar="PACK", help="directories or names (default: the configured packs)")
    parser.add_argument("--rule", metavar="RULE", help="this rule only")
    parser.add_argument("--prove", action="store_true", help="run the experiments of the rules, too")


def _baseline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or directories (default: here)")
    parser.add_argument("--baseline", metavar="FILE", help="the file to write (default: .torchlint-baseline.json)")
    parser.add_argument("--prune", action="store_true", help="only take out what no longer stands for a finding")
    parser.add_argument(
        "--except",
        dest="excepted",
        action=_Words,
        default=[],
        metavar="RULES",
        help="rules whose findings stay out of the baseline, such as `correctness`",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    parser.set_defaults(since=None, no_baseline=False, staged=False)
    _selection(parser)
    _files(parser)
    _configuration(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or directories; `-` is standard input")
    parser.add_argument("--stdin-filename", metavar="PATH", help="the file that standard input stands for")
    _selection(parser)
    group = parser.add_argument_group("fixes")
    group.add_argument("--fix", action="store_true", help="apply the safe fixes")
    group.add_argument("--unsafe-fixes", action="store_true", help="with --fix or --diff: the unsafe ones too")
    group.add_argument("--diff", action="store_true", help="print what --fix would change, as a patch")
    group.add_argument("--fix-only", action="store_true", help="apply the safe fixes and report nothing else")
    group.add_argument("--review", action="store_true", help="go through the fixes one by one and ask about each")
    group.add_argument("--show-fixes", action="store_true", help="with --fix or --fix-only: list the fixes made")
    group.add_argument(
        "--add-ignore", metavar="REASON", help="write a comment with this reason at each finding, which suppresses it"
    )
    group = parser.add_argument_group("what is new")
    group.add_argument("--baseline", metavar="FILE", help="the baseline, whose findings are not reported")
    group.add_argument("--no-baseline", action="store_true", help="report what is in the baseline too")
    group.add_argument("--since", metavar="REF", help="leave out what was there where the work parted from this commit")
    group.add_argument("--staged", action="store_true", help="check what git would commit, not the work tree")
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output-format",
        action="append",
        metavar="FORMAT[:FILE]",
        help=f"{_FORMATS}; may be repeated, with a file to write to",
    )
    group.add_argument("-o", "--output-file", metavar="FILE", help="write the report to a file")
    group.add_argument(
        "--min-severity", choices=("error", "warning", "info"), help="leave out findings that are less severe"
    )
    group.add_argument(
        "--show-suppressed", action="store_true", help="in json, json-lines and sarif: suppressed findings too, marked"
    )
    group.add_argument("--statistics", action="store_true", help="counts for each rule instead of findings")
    group.add_argument("--show-files", action="store_true", help="list the files that would be checked")
    group.add_argument("--show-settings", action="store_true", help="print the settings and where they come from")
    group.add_argument("-v", "--verbose", action="store_true", help="also how many files were checked, and the time")
    group.add_argument("-q", "--quiet", action="store_true", help="findings only")
    group.add_argument("-s", "--silent", action="store_true", help="nothing but the exit code, errors and files")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colours (default: auto)")
    group.add_argument("--watch", action="store_true", help="check again after every change, until ctrl-C")
    group = parser.add_argument_group("exit code")
    group.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    group.add_argument("--exit-non-zero-on-fix", action="store_true", help="exit with 1 if a fix was made")
    group.add_argument(
        "--fail-on",
        choices=("error", "warning", "info", "never"),
        help="the least severity that makes the exit code 1 (default: warning)",
    )
    _files(parser)
    _configuration(parser)


def _selection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rules (codes, prefixes, names, categories or ALL, separated by commas)")
    group.add_argument("--select", action=_Words, metavar="RULES", help="the rules that are on")
    group.add_argument("--extend-select", action=_Words, default=[], metavar="RULES", help="rules that are on besides")
    group.add_argument("--ignore", action=_Words, default=[], metavar="RULES", help="rules that are off")
    group.add_argument(
        "--per-file-ignores", action=_Words, default=[], metavar="PATTERN:RULE", help="rules that are off in some files"
    )


def _files(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument(
        "--exclude", action=_Words, metavar="PATTERNS", help="files and directories to skip, instead of the default"
    )
    group.add_argument("--extend-exclude", action=_Words, metavar="PATTERNS", help="files and directories to skip")
    group.add_argument("--no-respect-gitignore", action="store_true", help="check files that git ignores")
    group.add_argument(
        "--force-exclude", action="store_true", help="skip what is excluded even if it is named on the command line"
    )
    group.add_argument("-j", "--jobs", type=int, metavar="N", help="processes (default: as many as it pays)")
    group.add_argument("--no-cache", action="store_true", help="neither use nor keep what earlier runs have found")
    _cache_dir(group)


def _cache_dir(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cache-dir",
        metavar="DIR",
        help="where results of earlier runs are kept (default: TORCHLINT_CACHE_DIR, else torchlint in the user's "
        "cache directory)",
    )


def _rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    _configuration(parser)


def _version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="store_true", help="also Python, torch, configuration and rules")


class _Command(NamedTuple):
    """A command: its names, what tells its parser the options, and what it does."""

    name: str
    aliases: tuple[str, ...]
    describe: Callable[[argparse.ArgumentParser], None]
    help: str


_COMMANDS = (
    _Command("check", (), _check, "check files and directories"),
    _Command("explain", ("rule",), _explain, "explain a rule or the findings on a line"),
    _Command("rules", ("linter",), _rules, "list the rules"),
    _Command("config", (), _config, "explain the configuration keys, or check configuration files"),
    _Command("baseline", (), _baseline, "take the findings of now as given"),
    _Command("new-rule", (), _new_rule, "start a rule of your own"),
    _Command("test-pack", (), _test_pack, "try the rules of a pack on their own examples"),
    _Command("clean", (), _cache_dir, "remove what earlier runs have kept"),
    _Command("server", ("lsp",), lambda parser: None, "serve an editor on standard input and output"),
    _Command("version", (), _version, "show the version"),
)
