"""The ecosystem set from the command line: `python tests/ecosystem/run.py --help`, and README.md beside this file."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from ecosystem import baseline, checking, fixes, notebooks, oracle, precision, projects, recall, robust, verdicts  # noqa: E402
from ecosystem.checking import Found, Run  # noqa: E402
from ecosystem.projects import Split  # noqa: E402
from torchlint import packs  # noqa: E402
from torchlint.rule import Rule  # noqa: E402

CODE_AROUND = 15


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="ecosystem", description="Real projects, and what torchlint finds in them.")
    parser.add_argument("--split", choices=projects.SPLITS, default="main", help="the part of the set that is meant")
    commands = parser.add_subparsers(dest="command", required=True)

    fetch = commands.add_parser("fetch", help="download, verify and unpack the pinned projects")
    fetch.add_argument("names", nargs="*")
    fetch.add_argument("--small", action="store_true", help="only those of continuous integration")

    pin = commands.add_parser("pin", help="pin projects: NAME==VERSION, sdist where there is one")
    pin.add_argument("requirements", nargs="+")
    pin.add_argument("--wheel", action="store_true")

    check = commands.add_parser("check", help="run torchlint and compare with the committed findings")
    check.add_argument("names", nargs="*")
    check.add_argument("--small", action="store_true")
    check.add_argument("--rule", action="append", default=[], help="code or name; several are allowed")
    check.add_argument("--accept", action="store_true", help="commit to the findings")
    check.add_argument("--quiet", action="store_true", help="only the difference")

    sample = commands.add_parser("sample", help="unjudged findings of a rule, in the order of the draw")
    sample.add_argument("rule")
    sample.add_argument("number", nargs="?", type=int, default=10)

    show = commands.add_parser("show", help="findings by id, with the code around")
    show.add_argument("ids", nargs="+")

    judge = commands.add_parser("judge", help="write verdicts: ID WORD REASON, or such lines from standard input")
    judge.add_argument("words", nargs="*")

    commands.add_parser("precision", help="precision per rule from the verdicts, against the bars")
    fixes.add_arguments(commands)
    robust.add_arguments(commands)
    oracle.add_arguments(commands)
    notebooks.add_arguments(commands)
    recall.add_arguments(commands)
    baseline.add_arguments(commands)

    arguments = parser.parse_args()
    split = projects.SPLITS[arguments.split]
    match arguments.command:
        case "fetch":
            return fetch_all(projects.pinned(arguments.names, small=arguments.small, split=split))
        case "pin":
            return pin_all(arguments.requirements, split, wheel=arguments.wheel)
        case "check":
            chosen = projects.pinned(arguments.names, small=arguments.small, split=split)
            return check_all(chosen, arguments.rule, split, accept=arguments.accept, quiet=arguments.quiet)
        case "sample":
            return sample_of(arguments.rule, arguments.number, split)
        case "show":
            return show_all(arguments.ids, split)
        case "judge":
            lines = [" ".join(arguments.words)] if arguments.words else sys.stdin.read().splitlines()
            return judge_all(lines, split)
        case "precision":
            return show_precision(split)
        case "notebooks":
            return notebooks.run(arguments)
        case "fixes":
            return fixes.run(arguments)
        case "robust":
            return robust.main(arguments)
        case "baseline":
            return baseline.run(arguments)
        case "recall":
            return recall.run(arguments)
        case _:
            return oracle.main(arguments)


def fetch_all(chosen: list[projects.Project]) -> int:
    """Fetch what is missing, two at a time; the exit code tells whether everything is there."""

    def one(project: projects.Project) -> str | None:
        try:
            projects.fetch(project)
        except RuntimeError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(2) as pool:
        failures = [failure for failure in pool.map(one, chosen) if failure]
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{len(chosen) - len(failures)} of {len(chosen)} projects in {projects.cache()}")
    return 1 if failures else 0


def pin_all(requirements: list[str], split: Split, *, wheel: bool) -> int:
    """Download, unpack and pin; a source distribution is preferred, for its examples and tests."""
    failed = 0
    for requirement in requirements:
        name, _, version = requirement.partition("==")
        for kind in ("wheel",) if wheel else ("sdist", "wheel"):
            try:
                with tempfile.TemporaryDirectory() as scratch:
                    archive = projects.download(name, version, kind, Path(scratch))
                    sha256, size = projects.hash_of(archive), archive.stat().st_size
                    project = projects.Project(name, version, kind, sha256, size)
                    projects.unpack(archive, project.root, sha256)
            except RuntimeError as error:
                print(f"{kind}: {error}", flush=True)
                continue
            projects.write_pins([*(p for p in projects.pinned(split=split) if p.name != name), project], split)
            print(f"{name} {version}: {kind}, {size / 1e6:.1f} MB", flush=True)
            break
        else:
            failed += 1
    return 1 if failed else 0


def check_all(chosen: list[projects.Project], rules: list[str], split: Split, *, accept: bool, quiet: bool) -> int:
    """Check, report and compare; exit code 1 if the findings differ from the committed ones or something went wrong."""
    absent = [project.name for project in chosen if not project.is_there]
    if absent:
        print(f"not unpacked, see `fetch`: {', '.join(absent)}", file=sys.stderr)
    present = [project for project in chosen if project.is_there]
    codes = {code_of(rule) for rule in rules}
    done = Run([], {}, [])
    for part in checking.check(present, sorted(codes)):
        done = Run([*done.found, *part.found], done.sizes | part.sizes, [*done.errors, *part.errors])
        ((name, size),) = part.sizes.items()
        if not part.errors:
            checking.remember(part, codes, split)
        if not quiet:
            per_thousand = 1000 * len(part.found) / max(1, size.lines)
            counts = f"{len(part.found):5} findings {size.lines:8} lines {per_thousand:7.2f} per 1,000 lines"
            print(f"{name:32} {counts} {size.seconds:6.1f} s", flush=True)
    print(*done.errors, sep="\n", end="\n" if done.errors else "", file=sys.stderr)
    if not quiet:
        print_rules(done)
    return compare(done, codes, split, accept=accept) or (1 if done.errors or absent else 0)


def print_rules(run: Run) -> None:
    """Findings per rule."""
    total = sum(size.lines for size in run.sizes.values())
    counts = Counter((found.code, found.name) for found in run.found)
    print(f"\n{len(run.found)} findings in {total:,} lines of torch code of {len(run.sizes)} projects")
    for (code, name), count in sorted(counts.items()):
        where = len({found.project for found in run.found if found.code == code})
        print(f"{code} {name:36} {count:6} in {where:3} projects {1000 * count / max(1, total):8.4f} per 1,000 lines")


def compare(run: Run, codes: set[str], split: Split, *, accept: bool) -> int:
    """Print what differs from the committed findings of the same projects and rules, or commit to it."""

    def concerned(line: str) -> bool:
        project, code = line.partition("/")[0], line.partition(": ")[2].partition(" ")[0]
        return project in run.sizes and (not codes or code in codes)

    before = checking.accepted(split)
    old, new = {line for line in before if concerned(line)}, {str(found) for found in run.found}
    if accept:
        checking.accept(run.found, (line for line in before if not concerned(line)), split)
        print(f"{checking.FINDINGS}: {len(new - old)} added, {len(old - new)} removed")
        return 0
    for line in sorted(old ^ new):
        print("+" if line in new else "-", line)
    return 1 if old != new else 0


def sample_of(rule: str, number: int, split: Split) -> int:
    """Print the next unjudged findings."""
    code = code_of(rule)
    found = [f for f in checking.last(split).found if f.code == code]
    judged = verdicts.read(rule_of(code).name, split)
    waiting = [f for f in precision.drawn(found) if f.place not in judged]
    print_findings(waiting[:number])
    print(f"{len(waiting)} of {len(found)} findings of {code} not judged")
    return 0


def show_all(ids: list[str], split: Split) -> int:
    """Print findings by id."""
    print_findings(f for f in checking.last(split).found if f.id in ids)
    return 0


def print_findings(found: Iterable[Found]) -> None:
    """Findings with the code around."""
    for finding in found:
        print(f"=== {finding.id} {finding}")
        print_code(finding.path, finding.line, CODE_AROUND)
        for path, line, message in finding.related:
            print(f"  -- related {path}:{line}: {message}")
            if path != finding.path or abs(line - finding.line) > CODE_AROUND:
                print_code(path, line, CODE_AROUND // 3)
        print()


def print_code(path: str, line: int, around: int) -> None:
    """Numbered lines around a line, which is marked."""
    lines = (projects.cache() / path).read_text(encoding="utf-8", errors="replace").splitlines()
    for number in range(max(1, line - around), min(len(lines), line + around) + 1):
        print(f"{'>' if number == line else ' '}{number:6} {lines[number - 1]}")


def judge_all(lines: list[str], split: Split) -> int:
    """Write verdicts given as `ID WORD REASON`."""
    by_id = {f.id: f for f in checking.last(split).found}
    wrong = 0
    for line in filter(str.strip, lines):
        key, _, rest = line.strip().partition(" ")
        word, _, reason = rest.partition(" ")
        if key not in by_id or word not in verdicts.WORDS or not reason.strip():
            print(f"not understood, want ID true|false|unclear REASON: {line}", file=sys.stderr)
            wrong += 1
            continue
        found = by_id[key]
        name = rule_of(found.code).name
        judged = verdicts.read(name, split)
        judged[found.place] = verdicts.Verdict(found.place, word, " ".join(reason.split()))
        verdicts.write(name, judged.values(), split)
    return 1 if wrong else 0


def show_precision(split: Split) -> int:
    """Print precision per rule, and write it for the main part; exit code 1 if a bar is missed."""
    run = checking.last(split)
    table = precision.records(all_rules(), run, split)
    if split is projects.MAIN:
        precision.write(table, run)
    header = f"{'rule':41} {'category':16} {'findings':>8} {'true':>5} {'false':>5} {'unclear':>7} {'precision':>9}"
    print(f"{header} {'to judge':>8} {'lost':>4}")
    for r in table:
        share = "" if r.precision is None else f"{r.precision:.1%}"
        label = f"{r.rule.code} {r.rule.name}" + (" (preview)" if r.rule.preview else "")
        counts = f"{r.findings:8} {r.true:5} {r.false:5} {r.unclear:7} {share:>9}"
        print(f"{label:41} {r.rule.category.value:16} {counts} {r.needed:8} {r.lost:4}")
    lines = sum(size.lines for size in run.sizes.values())
    missing = precision.shortfalls(table, lines)
    print(f"\n{len(run.sizes)} projects, {lines:,} lines of torch code")
    print(*(missing or ["every bar is met"]), sep="\n")
    return 1 if missing else 0


def all_rules() -> list[Rule]:
    """Every rule that loads; says on the error stream which do not."""
    rules, errors = packs.read()
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    return rules


def rule_of(code: str) -> Rule:
    """The rule of a code."""
    return next(rule for rule in all_rules() if rule.code == code)


def code_of(rule: str) -> str:
    """The code of a rule given by code or name; leaves with a sentence where there is none."""
    for known in all_rules():
        if rule in (known.code, known.name, *known.formerly):
            return known.code
    raise SystemExit(f"no rule is called {rule}")


if __name__ == "__main__":
    sys.exit(main())
