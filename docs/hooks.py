"""The pages of the site that are made from the code: rules, command line, configuration, interface, front page.

mkdocs calls `on_files` for each build. Nothing that is made here is committed.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from torchlint import api, packs, settings  # noqa: E402
from torchlint.cli import _parser  # noqa: E402
from torchlint.cli.rules import measured, read_precision  # noqa: E402
from torchlint.docs import Example, doc_of  # noqa: E402
from torchlint.rule import CLAIM_OF, Rule  # noqa: E402
from torchlint.torch_api import frameworks  # noqa: E402

SCHEMA = "https://raw.githubusercontent.com/torchlint/torchlint/main/torchlint.schema.json"
REPOSITORY = "https://github.com/torchlint/torchlint/blob/main"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages to the written ones."""
    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    for name in sorted(os.listdir(os.path.join(ROOT, "vscode-extension", "media", "screenshots"))):
        source = os.path.join(ROOT, "vscode-extension", "media", "screenshots", name)
        files.append(File.generated(config, f"screenshots/{name}", abs_src_path=source))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The order of the pages: rules by subject, in the order of their codes."""
    by_subject: list[Any] = ["rules/index.md"]
    rules = packs.load()
    for subject, prefix in packs.SUBJECTS.items():
        names = [f"rules/{rule.name}.md" for rule in rules if rule.code.startswith(prefix)]
        by_subject.append({_heading(subject): names})
    folders = {name: _written(name) for name in ("ci", "editors")}
    config.nav = [
        "index.md",
        {"Rules": by_subject},
        "configuration.md",
        "cli.md",
        "frameworks.md",
        *(name for name in _written("") if name not in ("migrate.md", "custom-rules.md")),
        *({"In CI" if name == "ci" else "Editors": pages} for name, pages in folders.items() if pages),
        "custom-rules.md",
        "api.md",
        "migrate.md",
    ]
    return config


def _heading(subject: str) -> str:
    return "API" if subject == "api" else subject.capitalize()


def _written(folder: str) -> list[str]:
    """The written pages of a folder, its index first."""
    path = os.path.join(ROOT, "docs", folder)
    names = [name for name in (os.listdir(path) if os.path.isdir(path) else []) if name.endswith(".md")]
    return [os.path.join(folder, name) for name in sorted(names, key=lambda name: (name != "index.md", name))]


def pages() -> Iterator[tuple[str, str]]:
    """Paths in the site and their Markdown."""
    rules = packs.load()
    precision = read_precision()
    proofs = {rule.code: _proof(rule) for rule in rules}
    yield "index.md", front()
    yield "rules/index.md", rule_index(rules, precision, proofs)
    for rule in rules:
        yield f"rules/{rule.name}.md", rule_page(rule, measured(rule.code, precision), proofs[rule.code])
    yield "cli.md", command_line()
    yield "configuration.md", configuration()
    yield "frameworks.md", framework_page()
    yield "api.md", interface()


def front() -> str:
    """The README, with links that work from the site."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read()

    def linked(match: re.Match[str]) -> str:
        target = match[1]
        if target.startswith(("http", "#")):
            return match[0]
        if target.startswith("vscode-extension/media/screenshots/"):
            return f"](screenshots/{os.path.basename(target)})"
        if target == "rules/README.md":
            return "](rules/index.md)"
        if target.startswith("docs/"):
            return f"]({target.removeprefix('docs/')})"
        return f"]({REPOSITORY}/{target})"

    return re.sub(r"\]\(([^)\s]+)\)", linked, text)


def rule_index(rules: list[Rule], precision: dict[str, dict[str, Any]], proofs: dict[str, Any]) -> str:
    """Every rule with its promise, its fix, its precision on real code and the first figure of its experiment."""
    out = [
        "# Rules",
        "",
        "*Precision* is the share of true findings among those that were judged in real projects. *Evidence* is the",
        "first figure of the rule's experiment, for the bad form and for the good one.",
    ]
    for subject, prefix in packs.SUBJECTS.items():
        members = [rule for rule in rules if rule.code.startswith(prefix)]
        if not members:
            continue
        out += ["", f"## {_heading(subject)}", "", "| code | rule | category | fix | precision | evidence |"]
        out += ["|---|---|---|---|---|---|"]
        for rule in members:
            fix = "yes" if doc_of(rule).of("fixed") else ""
            share = measured(rule.code, precision)
            out.append(
                f"| {rule.code} | [{rule.name}]({rule.name}.md) | {rule.category.value} | {fix} | {share} "
                f"| {_figure(proofs[rule.code])} |"
            )
    return "\n".join(out) + "\n"


def rule_page(rule: Rule, share: str, proof: Any) -> str:
    """The page of a rule."""
    doc = doc_of(rule)
    default = "on" if rule.default else "off"
    facts = [
        f"`{rule.code}`",
        f"{rule.category.value}: {CLAIM_OF[rule.category]}",
        f"severity {rule.severity.value}",
        f"{default} by default",
        f"since {rule.since}",
    ]
    if share:
        facts.append(f"precision {share} judged findings")
    out = [f"# {rule.name}", "", f"**{doc.title}**", "", " · ".join(facts)]
    for part in doc.story:
        out += ["", part] if isinstance(part, str) else ["", *_blocks(part)]
    for heading, text in doc.sections.items():
        out += ["", f"## {heading}", "", text]
    if proof is not None:
        out += ["", "## Evidence", "", *_evidence(rule, proof)]
    out += ["", "## Silence it", "", f"```python\n# torchlint: ignore[{rule.name}] the reason\n```"]
    source = os.path.relpath(rule.file, ROOT).replace(os.sep, "/")
    out += ["", f"[Source of the rule]({REPOSITORY}/{source})"]
    return "\n".join(out) + "\n"


def framework_page() -> str:
    """What each training framework does by itself, so that no rule speaks of it."""
    out = ["# Frameworks", "", *_FRAMEWORKS.strip().splitlines()]
    for framework in frameworks.FRAMEWORKS:
        out += [
            "",
            f"## {framework.name}",
            "",
            f"Read in {framework.read}.",
            "",
            "| where | done for you |",
            "|---|---|",
        ]
        tables = (("{}", framework.objects), ("what is given to {}", framework.takers), ("around {}", framework.hooks))
        for words, table in tables:
            rows: dict[frozenset[frameworks.Duty], set[str]] = {}
            for name, duties in table.items():
                rows.setdefault(duties, set()).add(f"`{name.rpartition('.')[2]}`")
            for duties, names in rows.items():
                done = ", ".join(_duty(framework, duty) for duty in sorted(duties))
                out.append(f"| {words.format(', '.join(sorted(names)))} | {done} |")
        attribute, handed_back = framework.manual
        if attribute:
            out += ["", f"With `{attribute} = False`, {', '.join(sorted(handed_back))} are up to you."]
    return "\n".join(out) + "\n"


def _duty(framework: frameworks.Framework, duty: frameworks.Duty) -> str:
    asked_by = [f"`{keyword}`" for _, keyword in framework.only_if.get(duty, ())]
    return f"{duty} (if made with {' or '.join(asked_by)})" if asked_by else duty


_FRAMEWORKS = """
A rule about a part of the training is silent where a framework does that part. The object decides, not the import: a
loader that `accelerator.prepare` was given is told its epochs, another loader in the same script is not. A plain loop
beside a framework is checked like any other.
"""


def command_line() -> str:
    """Every command with its options, from the parser itself."""
    parser = _parser()
    out = ["# Command line", "", parser.description or "", ""]
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    seen: set[int] = set()
    for name, command in commands.choices.items():
        if id(command) in seen:
            continue
        seen.add(id(command))
        help_ = next((a.help for a in commands._choices_actions if a.dest == name), "") or ""
        out += [f"## torchlint {name}", "", f"{help_[:1].upper()}{help_[1:]}.", ""]
        for group in command._action_groups:
            actions = [a for a in group._group_actions if a.help != argparse.SUPPRESS and a.dest != "help"]
            if not actions:
                continue
            if group.title not in ("positional arguments", "options", "optional arguments"):
                out += [f"**{str(group.title)[:1].upper()}{str(group.title)[1:]}**", ""]
            head = "option" if actions[0].option_strings else "argument"
            out += [f"| {head} | what |", "|---|---|"]
            out += [f"| {_option(action)} | {_plain(action.help or '')} |" for action in actions]
            out.append("")
    out += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    out += ["| 0 | nothing at or above `--fail-on` was found |", "| 1 | something was found |"]
    out += ["| 2 | the job could not be done; a line on standard error says why |"]
    return "\n".join(out) + "\n"


def configuration() -> str:
    """Every configuration key, from its declaration."""
    out = [
        "# Configuration",
        "",
        "In `[tool.torchlint]` of `pyproject.toml`, or at the top of `torchlint.toml`. The nearest file above a",
        "checked file counts; the command line goes before it. Unknown keys are errors.",
        "",
        "`torchlint config --check` looks for mistakes in all configuration files, `torchlint check --show-settings`",
        "tells what holds in a directory and where each value comes from. Editors that know JSON schemas complete keys",
        f"and rules in `torchlint.toml` if its first line is `#:schema {SCHEMA}`.",
        "",
    ]
    for key in settings.KEYS:
        out += [f"## {key.name}", "", _plain(key.doc), "", f"*Type*: {key.kind.words}. *Default*: `{key.default}`.", ""]
        out += [f"```toml\n{key.example}\n```", ""]
    return "\n".join(out) + "\n"


def interface() -> str:
    """The words of `torchlint.api`, with their signatures and what they say of themselves."""
    out = ["# The interface for rules", "", f"`torchlint.api`, version {api.VERSION}. {_first(api)}", ""]
    kinds: dict[str, list[str]] = {"Classes": [], "Functions": [], "Constants": []}
    for name in sorted(api.__all__, key=str.lower):
        value = getattr(api, name)
        if inspect.isclass(value):
            members = [n for n, m in vars(value).items() if not n.startswith("_") and getattr(m, "__doc__", None)]
            listed = ", ".join(f"`{member}`" for member in members if not member.isupper())
            kinds["Classes"] += [f"### {name}", "", _text(value), "", f"Has {listed}." if listed else "", ""]
        elif callable(value):
            kinds["Functions"] += [
                f"### {name}",
                "",
                f"```python\n{name}{_signature(value)}\n```",
                "",
                _text(value),
                "",
            ]
        elif not inspect.ismodule(value):
            kinds["Constants"] += [f"### {name}", "", f"`{_short(value)}`", ""]
    for heading, lines in kinds.items():
        out += [f"## {heading}", "", *lines]
    return "\n".join(out) + "\n"


def _proof(rule: Rule) -> Any:
    from torchlint.witness import NoEvidence, NoTorch, prove

    try:
        return prove(rule)
    except (NoEvidence, NoTorch):
        return None


def _figure(proof: Any) -> str:
    from torchlint.witness import number

    if proof is None or not proof.evidence.measured:
        return ""
    first = proof.evidence.measured[0]
    unit = f" {first.unit}" if first.unit else ""
    return f"{first.quantity}: {number(first.bad)} against {number(first.good)}{unit}".replace("|", "\\|")


def _evidence(rule: Rule, proof: Any) -> list[str]:
    from torchlint.witness import number

    said = " ".join((getattr(rule.evidence, "__doc__", None) or "").split())
    claim = proof.evidence.claim
    out = [said, "", "| | bad | good |", "|---|---|---|"]
    for item in proof.evidence.measured:
        label = f"{item.quantity} ({item.unit})" if item.unit else item.quantity
        out.append(f"| {_plain(label)} | {number(item.bad)} | {number(item.good)} |")
    return [*out, "", f"{claim[:1].upper()}{claim[1:]} (torch {proof.torch_version}, CPU)."]


_LABELS = {"bad": "Reported", "fixed": "What the fix makes of it", "good": "Not reported"}


def _blocks(example: Example) -> list[str]:
    out = []
    for name, text in example.files:
        file = f": {name}" if len(example.files) > 1 else ""
        out += [f'```python title="{_LABELS[example.word]}{file}"\n{text}```', ""]
    return out[:-1]


def _option(action: argparse.Action) -> str:
    words = ", ".join(f"`{word}`" for word in action.option_strings) or f"`{action.metavar or action.dest}`"
    if action.option_strings and action.nargs != 0:
        value = action.metavar or (
            "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        )
        words += f" `{value}`"
    return words.replace("|", "\\|")


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")


def _text(value: Any) -> str:
    lines = inspect.cleandoc(value.__doc__ or "").split("\n")
    return "\n".join(re.sub(r"^(Args|Raises|Returns):$", r"\n*\1*", line) for line in lines)


def _first(value: Any) -> str:
    return " ".join(inspect.cleandoc(value.__doc__ or "").split("\n\n")[0].split())


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value)).replace("torchlint.", "")
    except (TypeError, ValueError):
        return "(...)"


def _short(value: Any) -> str:
    text = repr(sorted(value)) if isinstance(value, (set, frozenset)) else repr(value)
    return text if len(text) < 200 else f"{text[:190]} …"
