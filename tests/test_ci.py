"""The GitHub action and the recipes of `docs/ci/`: what they run is run here, on a repository of several hundred files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from readers import workflow_commands
from sample import repository
from surface import ROOT, program

yaml = pytest.importorskip("yaml", reason="`pip install torchlint[dev]` installs pyyaml")

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INSTALL, CHECK, UPLOAD = ACTION["runs"]["steps"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A directory with `torchlint`, a `pip` that only notes what it is asked for, and a `python3` for `-m venv` alone."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name, line in (
        ("torchlint", f'exec "{sys.executable}" -m torchlint "$@"'),
        ("pip", f'echo "$@" >> "{directory}/pip.log"'),
        ("python3", '[ "$1 $2" = "-m venv" ] && mkdir -p "$3/bin" && : > "$3/bin/activate"'),
    ):
        path = directory / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    return directory


class Step(NamedTuple):
    """What a step of a workflow leaves behind."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str


def run(step: dict[str, Any], known: dict[str, str], cwd: Path, temp: Path) -> Step:
    """A step of the action, run by bash as the runner does it; `known` are the values of expressions."""
    temp.mkdir(exist_ok=True)
    (temp / "output").write_text("")
    (temp / "summary").write_text("")
    environment = {
        **os.environ,
        **{name: evaluated(value, known) for name, value in step.get("env", {}).items()},
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(temp),
        "GITHUB_OUTPUT": str(temp / "output"),
        "GITHUB_STEP_SUMMARY": str(temp / "summary"),
    }
    where = cwd / evaluated(step.get("working-directory", "."), known)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=500
    )
    lines = (temp / "output").read_text().splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    return Step(done.returncode, done.stdout + done.stderr, outputs, (temp / "summary").read_text(encoding="utf-8"))


def evaluated(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ *(\S+) *\}\}", lambda found: known[found[1]], text)


def inputs(**given: str) -> dict[str, str]:
    """All inputs as expressions, with their defaults where they are not given."""
    values = {name: about["default"] for name, about in ACTION["inputs"].items()}
    assert given.keys() <= {name.replace("-", "_") for name in values}
    return {f"inputs.{name}": given.get(name.replace("-", "_"), value) for name, value in values.items()}


def checked(commands: Path, cwd: Path, temp: Path, **given: str) -> Step:
    return run(CHECK, {**inputs(**given), "steps.install.outputs.bin": str(commands)}, cwd, temp)


def test_the_action_is_well_formed() -> None:
    assert ACTION["runs"]["using"] == "composite"
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"inputs\.([\w-]+)", text))
    assert named == set(ACTION["inputs"])
    for step in (INSTALL, CHECK):
        assert "${{" not in step["run"], "values come through the environment, so that nothing in them is run"
        assert step["shell"] == "bash"
    for output in ACTION["outputs"].values():
        _, step, name = re.findall(r"(steps)\.(\w+)\.outputs\.([\w-]+)", output["value"])[0]
        assert f"{name}=" in next(each["run"] for each in (INSTALL, CHECK) if each["id"] == step)
    assert UPLOAD["with"]["sarif_file"] == ACTION["outputs"]["sarif-file"]["value"]
    assert "inputs.upload-sarif == 'true'" in UPLOAD["if"]
    assert "!cancelled()" in UPLOAD["if"], "findings fail the step before, and are uploaded all the same"


def test_the_check_of_the_action(sample: Path, commands: Path, tmp_path: Path) -> None:
    temp = tmp_path / "runner temp"
    step = checked(commands, sample, temp, upload_sarif="true")
    found = program("check", ".", "--output-format", "json", cwd=sample).json
    assert len(found) > 100
    assert (step.code, step.outputs["exit-code"]) == (1, "1")
    annotations = list(workflow_commands(step.log))
    places = {(each["filename"].removeprefix(f"{sample}/"), each["location"]["row"], each["code"]) for each in found}
    assert {(at["file"], int(at["line"]), at["title"].split()[1]) for _, at, _ in annotations} == places
    assert step.outputs["sarif-file"] == str(temp / "torchlint.sarif")
    (run,) = json.loads(Path(step.outputs["sarif-file"]).read_text())["runs"]
    prints = {result["partialFingerprints"]["torchlint/v1"] for result in run["results"]}
    assert prints == {each["fingerprint"] for each in found}
    assert len(prints) == len(found) == len(annotations)
    assert step.summary.startswith(f"### torchlint: {len(found)} findings in ")


def test_inputs_of_the_action(sample: Path, commands: Path, tmp_path: Path) -> None:
    temp = tmp_path / "temp"
    (sample / "a b").mkdir(exist_ok=True)
    (sample / "a b" / "c.py").write_text("import torch\n\nx = torch.ones(1).data\nprint(\n")
    step = checked(
        *(commands, sample, temp),
        paths="'a b' src/kl_div_reduction",
        args="--select 'TL000, TL208' --fail-on never",
        annotations="false",
        summary="false",
        sarif_file="out.sarif",
        working_directory=".",
    )
    assert (step.code, step.outputs) == (0, {"exit-code": "0", "sarif-file": str(sample / "out.sarif")})
    assert "a b/c.py:4:" in step.log
    assert "TL208" in step.log
    assert "::error" not in step.log
    assert step.summary == ""
    assert not (temp / "torchlint.md").exists()
    (sample / "out.sarif").unlink()
    step = checked(commands, sample, temp, args="--since HEAD", annotations="false")
    assert re.findall(r"^(.+?):\d+:\d+: (TL\d+)", step.log, re.MULTILINE) == [("a b/c.py", "TL000")]
    step = checked(commands, sample, temp, working_directory="src/kl_div_reduction")
    assert {at["file"].split("/")[1] for _, at, _ in workflow_commands(step.log)} == {"kl_div_reduction"}


@pytest.mark.parametrize("paths", ["$(touch hit)", "`touch hit`", "; touch hit", 'x"; touch hit; "'])
def test_nothing_in_an_input_is_run(sample: Path, commands: Path, tmp_path: Path, paths: str) -> None:
    step = checked(commands, sample, tmp_path / "temp", paths=paths)
    assert step.code != 0
    assert not (sample / "hit").exists()


def test_a_job_that_cannot_be_done(sample: Path, commands: Path, tmp_path: Path) -> None:
    step = checked(commands, sample, tmp_path / "temp", paths="nowhere")
    assert (step.code, step.outputs["exit-code"]) == (2, "2")
    assert "torchlint: nowhere: no such file or directory" in step.log


def test_the_installation_of_the_action(tmp_path: Path) -> None:
    step = run(INSTALL, {**inputs(), "github.action_path": str(ROOT)}, tmp_path, tmp_path / "temp")
    unreachable(step.log)
    assert step.code == 0, step.log
    done = subprocess.run(
        [f"{step.outputs['bin']}/torchlint", "rules"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "TL101" in done.stdout


def unreachable(log: str) -> None:
    """Skip where pip says that no index answers."""
    for sign in (
        "NewConnectionError",
        "NameResolutionError",
        "Temporary failure in name resolution",
        "No matching dist",
    ):
        if sign in log:
            pytest.skip(f"no package index can be reached ({sign})")


# The recipes.


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page of `docs/ci/`."""
    text = (ROOT / "docs" / "ci" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def bash(script: str, commands: Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_every_block_of_yaml_is_yaml() -> None:
    pages = sorted(path.name for path in (ROOT / "docs" / "ci").glob("*.md"))
    parsed = [yaml.safe_load(block) for page in pages for block in blocks(page, "yaml")]
    assert len(parsed) >= 9
    assert all(isinstance(each, (dict, list)) for each in parsed)


def test_the_workflows_for_github_use_inputs_that_exist() -> None:
    used = 0
    for block in blocks("github.md", "yaml"):
        workflow = yaml.safe_load(block)
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("torchlint/torchlint@"):
                    used += 1
                    assert set(step.get("with", {})) <= set(ACTION["inputs"])
                    if step.get("with", {}).get("upload-sarif"):
                        assert job["permissions"]["security-events"] == "write"
    assert used >= 2


def test_the_jobs_for_gitlab(sample: Path, commands: Path) -> None:
    entries = [entry for block in blocks("gitlab.md", "yaml") for entry in yaml.safe_load(block).values()]
    jobs = [entry for entry in entries if "script" in entry]
    assert len(jobs) == 2
    for job in jobs:
        script = "\n".join([*job.get("before_script", []), *job["script"]])
        done = bash(script, commands, sample, CI_PROJECT_DIR=str(sample), CI_MERGE_REQUEST_DIFF_BASE_SHA="HEAD")
        assert done.returncode in (0, 1), done.stderr
        reports = job["artifacts"]["reports"]
        issues = json.loads((sample / reports["codequality"]).read_text())
        assert len({issue["fingerprint"] for issue in issues}) == len(issues)
        cases = ElementTree.parse(sample / reports["junit"]).findall("testsuite/testcase/failure")
        assert len(cases) == len(issues)
        assert job["artifacts"]["when"] == "always"
        (sample / reports["codequality"]).unlink()
        (sample / reports["junit"]).unlink()
    assert "torchlint" in (commands / "pip.log").read_text()


def test_the_pipeline_for_jenkins(sample: Path, commands: Path) -> None:
    (pipeline,) = blocks("jenkins.md", "groovy")
    (script,) = re.findall(r"sh '''\n(.*?)'''", pipeline, re.DOTALL)
    done = bash(script, commands, sample, WORKSPACE_TMP=str(commands / "tmp"))
    assert done.returncode == 0, done.stderr
    assert "torchlint" in (commands / "pip.log").read_text()
    (junit,) = re.findall(r"junit.*'(.*\.xml)'", pipeline)
    (sarif,) = re.findall(r"sarif\(pattern: '(.*)'\)", pipeline)
    cases = ElementTree.parse(sample / junit).findall("testsuite/testcase/failure")
    results = json.loads((sample / sarif).read_text())["runs"][0]["results"]
    assert len(cases) == len(results) > 100
    (sample / junit).unlink()
    (sample / sarif).unlink()


def test_the_image_installs_what_it_runs() -> None:
    """Building it needs a registry of images; only its form is looked at here."""
    text = (ROOT / "docs" / "ci" / "Dockerfile").read_text(encoding="utf-8")
    words = [line.split(maxsplit=1) for line in text.replace("\\\n", " ").splitlines() if line and line[0].isupper()]
    assert [word for word, _ in words] == ["FROM", "ARG", "RUN", "WORKDIR", "USER", "ENTRYPOINT", "CMD"]
    assert json.loads(dict(words)["ENTRYPOINT"]) == ["torchlint"]
    assert subprocess.run(["bash", "-n", "-c", dict(words)["RUN"]], check=False).returncode == 0
