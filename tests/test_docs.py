"""README, CONTRIBUTING and docs: what they name exists."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from envtasks import check, compose, docker, errors, kubernetes
from envtasks.ci import plan
from envtasks.ci.files import BEGIN, END
from envtasks.config import Project
from envtasks.hydration import checks
from envtasks.kubernetes.allowlist import read_rules
from tests.guides import REPOSITORY, Block, blocks, fenced

PAGES = sorted(
    str(path.relative_to(REPOSITORY))
    for path in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
)
SOURCES = REPOSITORY / "src" / "envtasks"


def _text(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link of a page is a file, and its anchor a heading of that file."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / name if name else REPOSITORY / page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_code_lines_hold_no_explanation(page: str) -> None:
    """cmd has no comments: what is pasted with one ends in an error. What stands in a block is the command alone."""
    typed = [line for line in "".join(blocks(page, "console")).splitlines() if line.startswith("$ ")]
    typed += "".join([*blocks(page, ""), *blocks(page, "sh"), *blocks(page, "powershell")]).splitlines()

    assert [line for line in typed if re.search(r"(^|\s)#\s", line)] == []


def test_contributing_names_modules_that_exist() -> None:
    """Every module, package and function of the architecture section is where CONTRIBUTING says."""
    text = _text("CONTRIBUTING.md")
    modules = set(re.findall(r"`([\w/]+\.py)`", text))
    packages = set(re.findall(r"`(\w+/)`", text))
    functions = re.findall(r"`([\w.]+)` in `([\w/]+\.py)`", text)
    assert (len(modules) > 20, len(packages) > 8, len(functions) > 5) == (True, True, True)

    missing = [name for name in {*modules, *packages} if not (SOURCES / name).exists()]
    missing = [name for name in missing if not (REPOSITORY / name).exists()]
    undefined = [
        f"{name} in {module}"
        for name, module in functions
        if not re.search(rf"\b{name.rpartition('.')[2]}\b", (SOURCES / module).read_text(encoding="utf-8"))
    ]

    assert (missing, undefined) == ([], [])


def test_every_package_has_its_line() -> None:
    """The architecture section leaves no package and no module of the top out."""
    table = _text("CONTRIBUTING.md").partition("| package or module |")[2].partition("| to change …")[0]
    top = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in SOURCES.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert {name for name in top - {"__init__.py"} if f"`{name}`" not in table} == set()


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_valid(page: str, tmp_path: Path) -> None:
    """Python, JSON and YAML blocks can be read, and a TOML block has tables and keys that there are."""
    for block in blocks(page, "python"):
        ast.parse(block)
    for block in blocks(page, "json"):
        json.loads(block)
    for block in blocks(page, "yaml"):
        list(yaml.compose_all(block))
    for number, block in enumerate(blocks(page, "toml")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "pyproject.toml").write_text(block, encoding="utf-8")
        project = Project.load(folder)
        docker.image_settings(project)
        compose.declared_files(project)
        if "environments" not in project.tables["deploy"]:
            kubernetes.declared_environments(project)
        plan.read_settings(
            project._replace(
                tables={**project.tables, "ci": {**project.tables["ci"], "images": [], "deploy": []}}
            )
        )


def test_every_page_with_commands_is_run() -> None:
    """A page with console blocks is named in a test that runs it; the how-to pages are run by their pattern."""
    tests = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").rglob("test_*.py"))
    with_commands = [page for page in PAGES if blocks(page, "console")]
    assert len(with_commands) > 10

    assert [page for page in with_commands if "/howto-" not in page and f'"{page}"' not in tests] == []


def _is_accounted_for(block: Block, *, walked: bool) -> bool:
    """Whether a block is run, or the comment above it names the test that uses it, or says why it is not run."""
    if tested := re.fullmatch(r"tested: (\S+\.py)::(\w+)", block.comment):
        path = REPOSITORY / "tests" / tested[1]
        return path.exists() and f"def {tested[2]}(" in path.read_text(encoding="utf-8")
    run = block.language in ("console", "toml") or (
        block.path is not None and (walked or block.language == "yaml")
    )
    return run or re.fullmatch(r"not run: \w.{9,}", block.comment) is not None


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    """Commands and files of a walked page are run, tables of pyproject.toml read; what else there is has a mark."""
    walked = (
        page in ("docs/index.md", "docs/tutorial-fastapi.md", "docs/troubleshooting.md") or "/howto-" in page
    )

    left = [
        f"{page}:{block.line}: <!-- tested: file.py::test --> or <!-- not run: reason --> is missing or wrong"
        for block in fenced(page)
        if not _is_accounted_for(block, walked=walked)
    ]

    assert left == []


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_is_a_block(page: str) -> None:
    """No block is indented, unclosed or fenced by other characters, so that none is overlooked."""
    fences = re.findall(r"^[ >]*(?:```|~~~)", _text(page), re.MULTILINE)

    assert fences == ["```"] * (2 * len(fenced(page)))


def test_the_declarations_of_the_page_are_accepted() -> None:
    """The task and the session that docs/tasks.md shows can be declared as they stand there."""
    for block in (block for block in blocks("docs/tasks.md", "python") if "hydrate(" not in block):
        exec(compile(f"from envtasks import task\n{block}", "docs/tasks.md", "exec"), {})


def test_the_program_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program of docs/tasks.md prints a value and its line."""
    (tmp_path / ".env.local").write_text("# where\nDB_HOST=localhost\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DB_HOST", raising=False)
    [program] = [block for block in blocks("docs/tasks.md", "python") if "hydrate(" in block]

    exec(compile(program, "docs/tasks.md", "exec"), {})

    assert capsys.readouterr().out == "localhost from line 2\n"


def test_the_allowlist_of_the_page_is_read(tmp_path: Path) -> None:
    """Every line of the allowlist that docs/guide-deploy.md shows is a rule, its comment aside."""
    [text] = blocks("docs/guide-deploy.md", "text")
    (tmp_path / "env.allowlist").write_text(text, encoding="utf-8")

    rules = read_rules(tmp_path / "env.allowlist", "deploy/env.allowlist")

    assert [rule.name for rule in rules] == [line.split()[0] for line in text.splitlines()]


def test_the_files_of_an_image_and_a_stack_are_without_findings(tmp_path: Path) -> None:
    """docs/guide-containers.md's .dockerignore keeps env files out, and its compose file asks for what is there."""
    page = "docs/guide-containers.md"
    [ignored] = [block for block in blocks(page, "") if block.startswith("*\n")]
    [stack] = blocks(page, "yaml")
    files = {
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n',
        ".env.local": "DB_PASSWORD=changeme\n",
        "docker/Dockerfile": "FROM python:3.13-slim\nCOPY . .\n",
        "docker/compose.yaml": stack,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    def found() -> set[str]:
        return {finding.id for finding in check.check(Project.load(tmp_path), {}).findings}

    assert {"ET060", "ET073"} & found() == {"ET073"}
    (tmp_path / ".dockerignore").write_text(ignored, encoding="utf-8")
    assert {"ET060", "ET073"} & found() == set()
    (tmp_path / ".env.local").write_text("OTHER=1\n", encoding="utf-8")
    assert {"ET060", "ET073"} & found() == {"ET060"}


def test_the_markers_of_the_page_are_those_of_the_code() -> None:
    """docs/guide-ci.md shows the two lines of the managed block."""
    [text] = [block for block in blocks("docs/guide-ci.md", "yaml") if "envtasks (" in block]
    begin, end = text.splitlines()

    assert (begin.startswith(f"{BEGIN} "), end) == (True, END)


def test_the_reference_is_that_of_the_code() -> None:
    """docs/reference.md is what `python scripts/reference.py` writes."""
    from scripts.reference import reference

    assert _text("docs/reference.md") == reference(), "python scripts/reference.py writes it anew"


def test_every_page_is_in_the_navigation() -> None:
    """mkdocs.yml lists every page of docs, and no other."""
    text = _text("mkdocs.yml").partition("\nnav:\n")[2]

    assert sorted(re.findall(r"(\S+\.md)$", text, re.MULTILINE)) == sorted(
        path.name for path in (REPOSITORY / "docs").glob("*.md")
    )


def test_the_readme_lists_every_error() -> None:
    """README's table of exit codes has each error class with its code."""
    rows = dict(re.findall(r"^\| (\d+) \| ([^|]+) \|", _text("README.md"), re.MULTILINE))
    listed = {(name, int(code)) for code, names in rows.items() for name in re.findall(r"`(\w+)`", names)}
    classes = {
        (each.__name__, each.code)
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.EnvtasksError) and each.code != 1
    }

    assert listed == classes


def test_the_refused_names_are_those_of_the_page() -> None:
    """The names that docs/security.md lists are refused in env files, and no others are."""
    rows = re.search(r"\| of \| refused names \|\n.*?\n((?:\|.*\n)+)", _text("docs/security.md"))
    assert rows
    listed = re.findall(r"`([A-Z0-9_*]+)`", rows[1])
    beginnings = {f"{prefix}*" for prefix in checks.STEERING_PREFIXES}

    assert sorted(listed) == sorted(checks.STEERING | checks.STEERING_IN_ANY_CASE | beginnings)
    assert not any(map(checks.steers, ("PATH", "HOME", "DATABASE_URL", "UV_INDEX_URL", "GUNICORN_CMD_ARGS")))
