"""The report: exit code, what is accepted, one environment, what is staged, JSON and SARIF."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envtasks.check import KINDS, Report, check, write_sarif
from envtasks.check.findings import append_command
from envtasks.config import Project
from envtasks.errors import ConfigInvalid, EnvFileInvalid, Refused, UnknownEnvironment
from tests.check.shop import Shop


def _check(shop: Shop, *, environment: str | None = None, staged: bool = False) -> Report:
    return check(Project.load(shop.root), os.environ, environment=environment, staged=staged)


def _ids(report: Report) -> list[str]:
    return [each.id for each in report.findings]


def _ignore(shop: Shop, *entries: str) -> None:
    shop.replace("pyproject.toml", "ignore = []", f"ignore = {json.dumps(entries)}")


def _without_keys(shop: Shop) -> None:
    (shop.root / ".env.keys").unlink()


def test_the_code_is_that_of_the_gravest_finding(shop: Shop) -> None:
    """The highest of all: a leak before what is missing."""
    shop.replace(".env.example", "PORT=8000\n", "")
    assert _check(shop).code == 2

    shop.git("add", "--force", ".env")
    assert _check(shop).code == 9


@pytest.mark.skipif(sys.platform == "win32", reason="sh")
@pytest.mark.parametrize("name", [".gitignore", "docker/my app.dockerignore"])
@pytest.mark.parametrize("last", ["node_modules", "node_modules\n", ""])
@pytest.mark.parametrize("line", [".env", "!.env.local", "**/.env*", "it's # me"])
def test_the_command_that_adds_a_line_adds_that_line(tmp_path: Path, line: str, last: str, name: str) -> None:
    """Also where the last line has no end, and where a shell would find files that fit the pattern."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(last, encoding="utf-8")
    (tmp_path / ".env.other").touch()

    subprocess.run(["sh", "-c", append_command(tmp_path, path, line)], cwd=tmp_path, check=True, timeout=60)

    assert path.read_text(encoding="utf-8").splitlines() == [*last.splitlines(), line]


@pytest.mark.parametrize(
    "entry",
    ["ET042:staging:PORT", "ET042:staging", "ET042", "ET042:*:PORT", "ET042:stag*:P?RT"],
)
def test_a_finding_is_accepted(shop: Shop, entry: str) -> None:
    """By id, environment and variable, each a pattern, those at the end left out; it is counted."""
    shop.replace(".env.staging", "PORT=8000", "PORT=http")
    _ignore(shop, entry)

    report = _check(shop)

    assert (_ids(report), report.code, [each.name for each in report.accepted]) == ([], 0, ["PORT"])


@pytest.mark.parametrize("entry", ["ET042:production:PORT", "ET042:staging:PORTS", "ET041"])
def test_an_entry_for_something_else_accepts_nothing(shop: Shop, entry: str) -> None:
    """The finding stays, and the entry is one too."""
    shop.replace(".env.staging", "PORT=8000", "PORT=http")
    _ignore(shop, entry)

    assert _ids(_check(shop)) == ["ET042", "ET001"]


def test_an_entry_that_is_no_id(shop: Shop) -> None:
    """It is named, with its line."""
    _ignore(shop, "ET999")

    (finding,) = _check(shop).findings

    assert finding.sentence == "ignore = ['ET999'] begins with no id of a finding."
    assert finding.line == shop.line("pyproject.toml", "ET999")


def test_entries_for_what_was_not_checked_are_no_findings(shop: Shop) -> None:
    """Without a key a finding about encrypted values is not there to be accepted."""
    _ignore(shop, "ET042:staging:API_TOKEN")
    assert _ids(_check(shop)) == ["ET001"]

    _without_keys(shop)
    assert _ids(_check(shop)) == []
    assert _ids(_check(shop, environment="local")) == []


def test_ignore_is_a_list_of_texts(shop: Shop) -> None:
    """Anything else is ConfigInvalid."""
    shop.replace("pyproject.toml", "ignore = []", "ignore = 3")

    with pytest.raises(ConfigInvalid, match=r"\[tool.envtasks.check\] ignore must be a list"):
        _check(shop)


def test_one_environment(shop: Shop) -> None:
    """Only what is about it; another name is an error."""
    shop.replace(".env.staging", "PORT=8000", "PORT=http")

    assert _ids(_check(shop, environment="production")) == []
    assert _ids(_check(shop, environment="staging")) == ["ET042"]
    with pytest.raises(UnknownEnvironment):
        _check(shop, environment="stagin")


def test_without_a_key_all_that_shows_without_one_is_found(shop: Shop) -> None:
    """A missing required variable, a plain secret, a wrong plain value; what was not checked is said."""
    _without_keys(shop)
    shop.replace(".env.staging", "SHOP_WORKERS=2\n", "")
    shop.replace(".env.production", "PORT=8000", "PORT=http")
    shop.set_secret(".env.staging", "API_TOKEN", "Tr0ub4dor-3")

    report = _check(shop)

    assert sorted(_ids(report)) == ["ET020", "ET041", "ET042", "ET080"]
    assert [each.what for each in report.not_checked if each.part == "secrets"] == [
        "the values of local, staging, production that no key at hand opens"
    ]


def test_an_encrypted_value_is_neither_missing_nor_wrong(shop: Shop) -> None:
    """A number and a list that are encrypted: without a key nothing can be said of them."""
    shop.replace(".env.staging", "PORT=8000", f"PORT='{shop.encrypted('http', 'staging')}'")
    shop.replace(".env.staging", """TAGS='["a", "b"]'""", f"TAGS='{shop.encrypted('a,b', 'staging')}'")
    assert _ids(_check(shop)) == ["ET042", "ET042"]

    _without_keys(shop)
    assert _ids(_check(shop)) == []


def test_what_is_staged_is_judged(shop: Shop) -> None:
    """Neither what is changed and not staged, nor what git does not have."""
    shop.replace(".env.staging", "PORT=8000", "PORT=http")
    assert (_ids(_check(shop)), _ids(_check(shop, staged=True))) == (["ET042"], [])

    shop.git("add", ".env.staging")
    shop.replace(".env.staging", "PORT=http", "PORT=8000")
    assert (_ids(_check(shop)), _ids(_check(shop, staged=True))) == ([], ["ET042"])


def test_the_index_of_the_commit_that_is_being_made(shop: Shop) -> None:
    """`git commit --all` gives its hook an index of its own: that one is judged, but none of another repository."""
    index = shop.root / ".git" / "next-index-1.lock"
    shutil.copy(shop.root / ".git" / "index", index)
    shop.replace(".env.staging", "PORT=8000", "PORT=http")
    of_commit = {**os.environ, "GIT_INDEX_FILE": str(index)}
    subprocess.run(["git", "add", ".env.staging"], cwd=shop.root, env=of_commit, check=True)
    shop.replace(".env.staging", "PORT=http", "PORT=8000")
    project = Project.load(shop.root)

    assert _ids(check(project, of_commit, staged=True)) == ["ET042"]
    assert _ids(check(project, {**os.environ, "GIT_INDEX_FILE": "/elsewhere/index"}, staged=True)) == []


def test_a_key_file_that_is_staged(shop: Shop) -> None:
    """It is found before it is committed."""
    shop.git("add", "--force", ".env.keys")

    assert _ids(_check(shop, staged=True)) == ["ET031"]


def test_keys_that_git_has_not_open_what_is_staged(shop: Shop) -> None:
    """The key file beside the env files counts, though it is not staged."""
    shop.set_secret(".env.production", "API_TOKEN", shop.encrypted("staging-t0ken-5566", "production"))
    shop.git("add", "--all")

    report = _check(shop, staged=True)

    assert (_ids(report), [each.part for each in report.not_checked]) == (["ET025"], ["history"])


def test_a_project_in_a_folder_of_a_repository(tmp_path: Path) -> None:
    """What is staged of it is judged by the same rules."""
    shop = Shop(tmp_path / "services" / "shop")
    (shop.root / ".git").rename(tmp_path / ".git")
    subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
    assert _ids(_check(shop, staged=True)) == []

    shop.replace(".env.staging", "PORT=8000", "PORT=http")
    shop.git("add", "--all")
    assert _ids(_check(shop, staged=True)) == ["ET042"]


def test_nothing_can_be_staged_without_a_repository(tmp_path: Path) -> None:
    """An error that says so; without --staged everything but git is checked."""
    (tmp_path / ".env.local").write_text("A=1\n", encoding="utf-8")

    with pytest.raises(Refused, match="Nothing is staged"):
        check(Project.load(tmp_path), os.environ, staged=True)
    report = check(Project.load(tmp_path), os.environ)
    assert (report.code, "git" in [each.part for each in report.not_checked]) == (0, True)


def test_a_project_without_environments(tmp_path: Path) -> None:
    """Nothing is found, and that is said."""
    report = check(Project.load(tmp_path), os.environ)

    assert (report.findings, [each.what for each in report.not_checked]) == ((), ["there is no environment"])


def test_the_developers_shell_does_not_count(shop: Shop) -> None:
    """A required variable that only the process environment has is missing all the same."""
    shop.replace(".env.staging", "SHOP_WORKERS=2\n", "")

    report = check(Project.load(shop.root), {**os.environ, "SHOP_WORKERS": "3"})

    assert "ET041" in _ids(report)


def test_sarif(shop: Shop, tmp_path: Path) -> None:
    """A rule for every kind; file, line, level and a fingerprint that no line is part of."""
    shop.replace(".env.staging", "PORT=8000", "PORT=http")
    shop.git("add", "--force", ".env")
    path = tmp_path / "out" / "check.sarif"

    write_sarif(_check(shop), path, version="1.2")

    log = json.loads(path.read_text(encoding="utf-8"))
    (run,) = log["runs"]
    assert (log["version"], run["tool"]["driver"]["version"]) == ("2.1.0", "1.2")
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [kind.id for kind in KINDS]
    leak, wrong = run["results"]
    assert (leak["ruleId"], leak["level"]) == ("ET031", "error")
    place = wrong["locations"][0]["physicalLocation"]
    assert (wrong["ruleId"], wrong["level"]) == ("ET042", "warning")
    assert (place["artifactLocation"]["uri"], place["region"]) == (".env.staging", {"startLine": 4})
    assert wrong["partialFingerprints"] == {"key/v1": "ET042:staging:PORT:.env.staging"}


def test_a_sarif_file_that_cannot_be_written(shop: Shop, tmp_path: Path) -> None:
    """One sentence."""
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(EnvFileInvalid, match="cannot be written"):
        write_sarif(_check(shop), tmp_path / "file" / "check.sarif", version="1")


def test_what_follows_a_wrong_table_is_said(shop: Shop) -> None:
    """The part is not checked, so an entry of `ignore` for it is no finding."""
    shop.append("pyproject.toml", "\n[tool.envtasks.docker]\ntarget = 5\n")
    _ignore(shop, "ET071:Dockerfile:X")

    report = _check(shop)

    assert _ids(report) == ["ET002"]
    assert "the rest of Dockerfile, as pyproject.toml is wrong" in [each.what for each in report.not_checked]


def test_an_example_in_conflict_is_merged_first(shop: Shop) -> None:
    """env.example writes no such file."""
    shop.append(".env.example", "<<<<<<< HEAD\nA=1\n=======\nA=2\n>>>>>>> topic\n")

    (found,) = _check(shop).findings

    assert (found.id, found.file, found.hint) == ("ET011", ".env.example", "git mergetool -- .env.example")


@pytest.mark.parametrize("tracked", [True, False])
def test_a_file_that_sets_nothing_is_restored_or_edited(shop: Shop, *, tracked: bool) -> None:
    """git restores what it has; the hint for another one is a command that works."""
    shop.write(".env.staging", "PORT:8000\n")
    if not tracked:
        shop.git("rm", "--cached", "--force", "--quiet", ".env.staging")

    hints = {each.id: each.hint for each in _check(shop, environment="staging").findings}

    assert hints["ET010"] == ("git checkout -- .env.staging" if tracked else "inv env.edit --env staging")
