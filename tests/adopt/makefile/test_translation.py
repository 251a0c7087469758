"""What lines of a Makefile become in tasks.py, without make and, where it is installed, with it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from envtasks.adopt.makefile import migrate, translation
from envtasks.adopt.makefile.values import Values
from envtasks.config import Project
from envtasks.errors import ConfigInvalid, LeakFound
from tests.adopt.makefile.translated import body, translated

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def test_dotenvx_macros_become_environments(tmp_path: Path) -> None:
    """A task has the environment of its lines; a line of another environment keeps its dotenvx."""
    made = translated(
        tmp_path,
        "FILES := .env .env.local\nLOCAL := dotenvx run $(addprefix -f ,$(FILES)) --\n"
        "STAGING = npx dotenvx run -f .env.staging --\n"
        "a:\n\t$(LOCAL) pytest\nb:\n\t$(STAGING) alembic upgrade head\n\t$(LOCAL) pytest\n",
    )

    assert '@task(env="local", default=True)\ndef a(' in made.after
    assert '@task(env="staging")\ndef b(' in made.after
    assert body(made, "a") == ['c.exec("pytest")']
    assert body(made, "b")[1].startswith("# check: this line runs in local")
    assert "FILES" not in made.after


def test_an_environment_named_by_a_variable(tmp_path: Path) -> None:
    """`.env.$(ENV)` is `--env`, and the variable elsewhere is the environment's name."""
    made = translated(tmp_path, "ENV ?= dev\nt:\n\tdotenvx run -f .env.$(ENV) -- pytest tests/$(ENV)\n")

    assert '@task(env="dev", default=True)\ndef t(c: Context) -> None:' in made.after
    assert body(made, "t") == ['c.exec("pytest", f"tests/{c.environment}")']


def test_an_included_env_file_is_the_environment(tmp_path: Path) -> None:
    """Its variables are read when the task runs; without export only tasks that use them are in the environment."""
    (tmp_path / ".env").write_text("DB_URL=postgresql://secret\n")

    made = translated(tmp_path, "include .env\na:\n\tpsql $(DB_URL)\nb:\n\tls -l\n")
    exported = translated(tmp_path, "include .env\nexport\nb:\n\tls -l\n")

    assert '@task(env="local", default=True)\ndef a(' in made.after
    assert body(made, "a") == ['c.exec("psql", c.env["DB_URL"])']
    assert "@task\ndef b(" in made.after
    assert "def b(c: Context)" in exported.after
    assert 'env="local"' in exported.after
    assert made.left[0] == 'pyproject.toml, [tool.envtasks.environments]: local = { files = [".env"] }'


def test_an_environment_that_init_made_has_the_included_file_already(tmp_path: Path) -> None:
    """Where .env.local is there, `include .env` means the environment as it is declared."""
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / ".env.local").write_text("A=1\n")

    made = translated(tmp_path, "include .env\na:\n\tpsql $(A)\n")

    assert '@task(env="local", default=True)\ndef a(' in made.after
    assert made.left == ()


def test_tasks_of_compose_are_named_where_an_environment_has_its_values(tmp_path: Path) -> None:
    """docker compose reads `.env` beside it by itself, which is gone one day: the tasks need the environment."""
    (tmp_path / ".env.local").write_text("A=1\n")
    text = "COMPOSE = docker compose\nup:\n\t$(COMPOSE) up -d\nls:\n\tls -l\n"

    made = translated(tmp_path, text)

    assert [each for each in made.left if each.startswith("tasks.py: up: docker compose")] == list(made.left)
    assert len(made.left) == 1


def test_a_package_of_tasks_is_not_hidden(tmp_path: Path) -> None:
    """Where the tasks are in tasks/__init__.py no tasks.py is written beside it."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("from invoke import task\n")

    with pytest.raises(ConfigInvalid, match="would hide them"):
        translated(tmp_path, "a:\n\techo x\n")


@needs_make
def test_a_variable_that_a_function_uses_is_a_constant(tmp_path: Path) -> None:
    """What `$(shell …)` of a variable refers to is no parameter of a task, whose name the function would not know."""
    text = (
        "DIR ?= .venv\nTOOL = $(shell command -v \"$(DIR)/tool\" || printf '%s' x)\n"
        "a:\n\t$(TOOL) run\nb:\n\techo $(DIR)\n"
    )

    made = translated(tmp_path, text, with_make=True)

    assert "{DIR}/tool" in made.after
    assert made.same, made.rows


@needs_make
def test_no_value_of_an_env_file_is_written_or_shown(tmp_path: Path) -> None:
    """Not where make expands it, not in a frozen line, not in the comparison."""
    (tmp_path / ".env").write_text("TOKEN=s3cret-value\n")
    text = "include .env\nexport\nNOW := $(TOKEN)-x\na:\n\tcurl -H $(TOKEN) $(sort b $(TOKEN)) $(NOW)\n"

    made = translated(tmp_path, text, with_make=True)

    assert "s3cret" not in made.after + repr(made)
    assert 'c.env["TOKEN"]' in made.after or "{TOKEN}" in made.after


@needs_make
@pytest.mark.parametrize(
    "head",
    [
        "ifneq (,$(wildcard ./.env))\n    include .env\n    export\nendif\n",
        "ifdef CI\n-include .env\nendif\n",
        "FILE ?= .env\ninclude $(FILE)\nexport $(shell sed 's/=.*//' .env)\n",
        "-include .env more.mk\n",
        "$(eval include .env)\n",
        "include env.mk\n",
    ],
)
def test_no_value_is_written_however_the_file_is_included(tmp_path: Path, head: str) -> None:
    """In conditionals, by a variable, beside other files, from an included file."""
    (tmp_path / ".env").write_text("TOKEN=s3cret-value\n")
    (tmp_path / "env.mk").write_text("include .env\n")
    text = head + "NOW := $(TOKEN)-x\na:\n\tcurl $(TOKEN) $(sort b $(TOKEN)) $(NOW)\n"

    made = translated(tmp_path, text, with_make=True)

    assert "s3cret" not in made.after + repr(made)
    assert 'c.env["TOKEN"]' in made.after or "NotImplementedError" in made.after or "{TOKEN}" in made.after


@needs_make
def test_a_value_that_a_command_prints_is_found(tmp_path: Path) -> None:
    """What `$(shell cat .env)` brings into a frozen line is refused, not written."""
    (tmp_path / ".env").write_text("TOKEN=s3cret-value\n")

    with pytest.raises(LeakFound, match=r"The value of TOKEN in \.env would stand in tasks\.py") as raised:
        translated(tmp_path, "a:\n\tcurl $(sort $(shell cut -d= -f2 .env))\n", with_make=True)

    assert "s3cret" not in str(raised.value)


@needs_make
def test_no_variable_of_the_caller_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """make sees PATH and HOME; a variable that is not set in the Makefile is read when the task runs."""
    monkeypatch.setenv("DEPLOY_TOKEN", "s3cret-value")

    made = translated(tmp_path, "a:\n\techo $(DEPLOY_TOKEN) $(sort $(DEPLOY_TOKEN))\n", with_make=True)

    assert "s3cret" not in made.after + repr(made)


def test_parameters(tmp_path: Path) -> None:
    """`?=` and variables that are not set: those in capitals come from the process environment, as with make."""
    made = translated(
        tmp_path, 'PORT ?= 8000\nrun:\n\tserve --port $(PORT) $(ARGS)\nnew:\n\talembic -m "$(name)" $(ENV)\n'
    )

    assert 'def run(c: Context, port: str = os.getenv("PORT", "8000"), args: str = "") -> None:' in made.after
    assert body(made, "run") == ['c.exec("serve", "--port", port, *shlex.split(args))']
    assert 'def new(c: Context, name: str = "", env_name: str = os.getenv("ENV", "")) -> None:' in made.after
    assert made.flags["new"] == {"name": "--name", "ENV": "--env-name"}


def test_values_reach_prerequisites(tmp_path: Path) -> None:
    """A prerequisite with parameters is called in the body with them, and once."""
    made = translated(tmp_path, "TAG ?= 1\na:\n\techo a\nb: a\n\tbuild $(TAG)\nc: b\n\tpush $(TAG)\n")

    assert body(made, "c_") == ["a(c)", "b(c, tag=tag)", 'c.exec("push", tag)']


def test_a_value_that_two_prerequisites_share_is_a_constant(tmp_path: Path) -> None:
    """In a diamond, where a called task would run twice, the process environment sets the variable."""
    made = translated(
        tmp_path,
        "TAG ?= 1\nb:\n\tbuild $(TAG)\nscan: b\n\tscan $(TAG)\npush: b\n\tpush $(TAG)\nall: scan push\n",
    )

    assert 'TAG = os.getenv("TAG", "1")' in made.after
    assert '@task(scan, push, name="all")' in made.after
    assert made.process_variables == ("TAG",)


def test_a_prerequisite_of_another_environment_keeps_its_own(tmp_path: Path) -> None:
    """A pre task would run in the environment of the task that needs it."""
    made = translated(
        tmp_path, "m:\n\tdotenvx run -f .env.staging -- a\nd: m\n\tdotenvx run -f .env.production -- b\n"
    )

    assert body(made, "d")[0] == 'm(c, env="staging")'


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        ("\t-rm -f x", ['c.exec("rm", "-f", "x", warn=True)']),
        ("\t@echo 'a \"b\"'", ["print('a \"b\"')"]),
        ("\techo $$HOME", ['c.run("echo $HOME")']),
        ("\tcd web && npm ci", ['with c.cd("web"):', 'c.exec("npm", "ci")']),
        ("\tA=1 pytest", ['c.exec("pytest", env={"A": "1"})']),
        ("\t# a note\n\tls", ["# a note", 'c.exec("ls")']),
        ("\tdocker run -v $(PWD):/app x", ['c.exec("docker", "run", "-v", f"{Path.cwd()}:/app", "x")']),
        ("\techo $@ > $@", ['c.run("echo t > t")']),
        ("\tcp {a,b} c", ['c.run("cp {a,b} c", shell="/bin/sh")']),
        ("\t$(MAKE) other", ["other(c)"]),
        ("\techo {$(X)}", ['c.run(f"echo {{{x}}}")']),
        ("\t@true", []),
    ],
)
def test_lines(tmp_path: Path, recipe: str, code: list[str]) -> None:
    """Each construct becomes the shortest Python that does the same."""
    made = translated(tmp_path, f".PHONY: t other\nt:\n{recipe}\nother:\n\tls other\n")

    assert body(made, "t") == code


def test_constants(tmp_path: Path) -> None:
    """A command of several words is a tuple, a text a string; those that nothing uses are left out."""
    made = translated(
        tmp_path,
        "COMPOSE = docker compose -f x.yml\nRUN = $(COMPOSE) run\nNAME := app\nIMAGE := acme/$(NAME)\nUNUSED = 1\n"
        "a:\n\t$(RUN) web\n\t$(COMPOSE) ps | cat\n\tdocker push $(IMAGE)\n",
    )

    assert 'COMPOSE = ("docker", "compose", "-f", "x.yml")\n' in made.after
    assert 'RUN = (*COMPOSE, "run")\n' in made.after
    assert 'IMAGE = f"acme/{NAME}"\n' in made.after
    assert "UNUSED" not in made.after
    assert body(made, "a") == [
        'c.exec(*RUN, "web")',
        "c.run(f\"{' '.join(COMPOSE)} ps | cat\")",
        'c.exec("docker", "push", IMAGE)',
    ]


def test_outputs_of_commands(tmp_path: Path) -> None:
    """`$(shell …)` runs when the task does, also as the default of a parameter."""
    made = translated(
        tmp_path,
        "SHA := $(shell git rev-parse HEAD)\nTAG ?= v$(SHA)\na:\n\tbuild $(SHA) $(shell date +%F)\nb:\n\tpush $(TAG)\n",
    )

    assert 'return _output(c, "git rev-parse HEAD")' in made.after
    assert body(made, "a") == ['c.exec("build", _sha(c), _output(c, "date +%F"))']
    assert body(made, "b")[0] == 'tag = tag or f"v{_sha(c)}"'


def test_what_only_a_text_names_is_not_imported(tmp_path: Path) -> None:
    """A variable that holds a Python program brings neither its imports nor a helper of ours."""
    made = translated(
        tmp_path,
        "define SCRIPT\nimport os; print(os.name, Path(1), _output(2))\nendef\nexport SCRIPT\na:\n\techo\n",
    )

    assert "os.name" in made.after
    assert "import os" not in made.after.partition("ns = ")[0]
    assert "pathlib" not in made.after
    assert "def _output" not in made.after


def test_files_are_made_where_they_are_not_current(tmp_path: Path) -> None:
    """A target that is a file has make's check; one that needs a task that always runs has none."""
    (tmp_path / "in.txt").write_text("")

    made = translated(
        tmp_path, ".PHONY: p\nout/x.txt: in.txt\n\tcp $< $@\np:\n\tls\nout/y.txt: p\n\tcp $< $@\n"
    )

    assert body(made, "out_x_txt")[:2] == ['if _is_current("out/x.txt", "in.txt"):', "return"]
    assert not any("_is_current" in line for line in body(made, "out_y_txt"))


def test_a_parameter_hides_no_task_that_is_called(tmp_path: Path) -> None:
    """A variable with the name of a target that its task calls is a parameter of another name."""
    made = translated(tmp_path, "build ?= x\nbuild:\n\tmk $(build)\npush: build\n\tpush $(build)\n")

    assert body(made, "push") == ["build(c, build_value=build_value)", 'c.exec("push", build_value)']


def test_a_variable_that_is_set_to_nothing_is_a_parameter(tmp_path: Path) -> None:
    """It is there to be given; the process environment does not set it, as with make."""
    made = translated(tmp_path, "EXTRA =\na:\n\tpytest $(EXTRA)\n")

    assert 'def a(c: Context, extra: str = "") -> None:' in made.after


@pytest.mark.parametrize("with_make", [False, pytest.param(True, marks=needs_make)])
def test_a_target_that_forces_others(tmp_path: Path, with_make: bool) -> None:
    """One with neither recipe nor prerequisites is no task, and what needs it always runs."""
    text = "v.txt: FORCE\n\tdate > $@\nFORCE:\n.PHONY: gone\nb: gone\n\tls\n"

    made = translated(tmp_path, text, with_make=with_make)

    assert {row.target for row in made.rows} == {"v.txt", "b"}
    assert body(made, "v_txt") == ['c.run("date > v.txt")']
    assert body(made, "b") == ['c.exec("ls")']
    assert made.same


def test_names(tmp_path: Path) -> None:
    """Names are those of inv; a function hides nothing of Python, and no two tasks have one name."""
    made = translated(tmp_path, "format:\n\tls\na_b:\n\tls\na.b:\n\tls\n2to3:\n\tls\nimport:\n\tls\n")

    assert {row.target: row.task for row in made.rows} == {
        "format": "format", "a_b": "a-b", "a.b": "a-b-2", "2to3": "2to3", "import": "import",
    }  # fmt: skip
    assert '@task(name="format", default=True)\ndef format_(' in made.after
    assert '@task(name="2to3")\ndef run_2to3(' in made.after
    compile(made.after, "tasks.py", "exec")


def test_what_only_make_can_do_is_left_open(tmp_path: Path) -> None:
    """Without make a function of make is an error with the line, when the task runs."""
    made = translated(tmp_path, "a:\n\techo $(sort b a)\n\techo c\n")

    assert body(made, "a") == [
        "# check: $(sort …): not translated",
        'raise NotImplementedError("echo $(sort b a)")',
    ]
    assert made.checks == (("a", "$(sort …): not translated"),)


@needs_make
def test_what_only_make_can_do_is_frozen(tmp_path: Path) -> None:
    """With make it is the line as make expands it, below the reason; the lines around it are translated."""
    made = translated(
        tmp_path,
        "define two\nls $(1)\nls $(1)/x\nendef\nD = src\n"
        "a:\n\techo $(sort b a)\n\tls $(D)\n\t$(call two,$(D))\n\tls .\n",
        with_make=True,
    )

    assert body(made, "a") == [
        "# check: $(sort …): frozen as make expands it today",
        'print("a b")',
        'c.exec("ls", D)',
        "# check: $(call …): frozen as make expands it today",
        'c.exec("ls", "src")',
        'c.exec("ls", "src/x")',
        'c.exec("ls", ".")',
    ]
    assert made.same


@needs_make
def test_a_conditional_is_said(tmp_path: Path) -> None:
    """What depends on ifdef has a comment with the condition."""
    made = translated(tmp_path, "a:\nifdef CI\n\tls ci\nelse\n\tls here\nendif\n", with_make=True)

    assert "# check: only what holds today of the Makefile's `ifdef CI` is here\n@task" in made.after
    assert body(made, "a") == ['c.exec("ls", "here")']


@needs_make
def test_one_shell(tmp_path: Path) -> None:
    """With .ONESHELL a recipe is one script, with the options of .SHELLFLAGS."""
    made = translated(
        tmp_path,
        "SHELL := bash\n.ONESHELL:\n.SHELLFLAGS := -eu -c\na:\n\tx=1\n\techo $$x\n",
        with_make=True,
    )

    assert body(made, "a") == ["c.run(", '"set -eu\\n"', '"x=1\\n"', '"echo $x"', ")"]
    assert made.same


@needs_make
def test_no_command_of_a_recipe_runs(tmp_path: Path) -> None:
    """Even make -n runs lines with $(MAKE) or +: such targets are read, not dry-run."""
    made = translated(tmp_path, "a:\n\ttouch ran; $(MAKE) b\nb:\n\t+touch ran\nc: a\n\tls\n", with_make=True)

    assert not (tmp_path / "ran").exists()
    assert {row.verdict for row in made.rows} == {"not compared"}
    assert all("dry run" in row.why for row in made.rows)


@needs_make
def test_exports_of_one_target(tmp_path: Path) -> None:
    """`t: export A = 1` is given to each command of the task; `export A := 1` to all."""
    made = translated(tmp_path, "export B := 2\nt: export A = 1\nt:\n\tpytest\n", with_make=True)

    assert body(made, "t") == ['c.exec("pytest", env={"A": "1"})']
    assert re.search(r'ns\.configure\(\{"run": \{"env": \{"B": B\}\}\}\)', made.after)
    assert made.same


@needs_make
def test_what_changes_from_run_to_run_is_not_compared(tmp_path: Path) -> None:
    """A target whose dry run prints the time is said to be that."""
    made = translated(tmp_path, "a:\n\techo $(shell date +%N)\n", with_make=True)

    assert [(row.verdict, row.why) for row in made.rows] == [("not compared", "two dry runs of make differ")]


@needs_make
def test_a_difference_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that would not run what make runs is reported with both commands."""
    monkeypatch.setattr(translation, "align", lambda expected, own: [[line] for line in own])
    monkeypatch.setattr(Values, "_default", lambda self, variable: '"wrong"')

    made = translated(tmp_path, "port ?= 1\na:\n\tserve $(port)\n", with_make=True)

    assert [(row.verdict, row.why) for row in made.rows] == [("differs", "make: serve 1 | task: serve wrong")]
    assert not made.same


@needs_make
def test_blanks_within_a_quoted_value_stay(tmp_path: Path) -> None:
    """The shell splits at blanks where make would; inside quotes each of them counts."""
    made = translated(tmp_path, 'NAME = my  app\na:\n\t@echo "$(NAME)" | cat\n', with_make=True)

    assert 'NAME = "my  app"' in made.after


@pytest.mark.parametrize("with_make", [False, pytest.param(True, marks=needs_make)])
def test_an_exported_define_reaches_the_commands(tmp_path: Path, with_make: bool) -> None:
    """Its lines and its dollars as make gives them; one that make expands is reported."""
    makefile = 'define HELP\none $$x\n  two\nendef\nexport HELP\nusage:\n\t@echo "$$HELP"\n'
    made = translated(tmp_path, makefile, with_make=with_make)
    other = translated(tmp_path, makefile.replace("$$x", "$(shell date)"), with_make=with_make)

    assert '"HELP": "one $x\\n  two"' in made.after
    assert made.left == ()
    assert "Makefile:1: the value of HELP, which is exported, is not translated" in other.left


@pytest.mark.parametrize("exports", [".EXPORT_ALL_VARIABLES:\nA = 1\n", "A = 1\nexport\n"])
def test_all_variables_are_exported(tmp_path: Path, exports: str) -> None:
    """By the special target as by `export` alone."""
    assert '{"run": {"env": {"A": A}}}' in translated(tmp_path, f"{exports}t:\n\tprintenv A\n").after


def test_what_is_unexported_is_not_exported(tmp_path: Path) -> None:
    """The last word on a variable counts."""
    assert "ns.configure" not in translated(tmp_path, "export A = 1\nunexport A\nt:\n\tprintenv A\n").after


@needs_make
def test_a_circle_of_prerequisites_is_left_open(tmp_path: Path) -> None:
    """make drops what closes it; so does tasks.py, which otherwise could not be loaded."""
    made = translated(tmp_path, ".PHONY: a b\na: b\n\techo a\nb: a\n\techo b\n", with_make=True)

    assert "@task(b, default=True)\ndef a(" in made.after
    assert made.rows[0].verdict == "same"


@needs_make
def test_a_makefile_that_is_not_utf_8(tmp_path: Path) -> None:
    """Names of other encodings are asked for as they are written."""
    (tmp_path / "Makefile").write_bytes(b"caf\xe9 = 1\nrun:\n\techo one\n")

    made = migrate(tmp_path / "Makefile", Project.load(tmp_path), os.environ)

    assert body(made, "run") == ['print("one")']


@pytest.mark.parametrize("with_make", [False, pytest.param(True, marks=needs_make)])
@pytest.mark.parametrize("line", [b"\techo caf\xe9", b"# caf\xe9\nb:\n\techo"])
def test_bytes_that_are_not_utf_8_are_not_written(tmp_path: Path, line: bytes, with_make: bool) -> None:
    """tasks.py could not print them, or could not be written: the line of the Makefile is named."""
    (tmp_path / "Makefile").write_bytes(b"run:\n" + line + b"\n")

    with pytest.raises(ConfigInvalid, match=r"^Makefile:2: its bytes are not UTF-8"):
        migrate(tmp_path / "Makefile", Project.load(tmp_path), os.environ, with_make=with_make)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "a:\n    echo x\n", r"^Makefile:2: missing separator: make cannot read it", marks=needs_make
        ),
        ("A = 1\n", r"^Makefile has no target"),
    ],
)
def test_a_makefile_without_a_target_becomes_no_file(tmp_path: Path, text: str, message: str) -> None:
    """What make says of a Makefile that it cannot read is said, with its line."""
    (tmp_path / "Makefile").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigInvalid, match=message):
        migrate(tmp_path / "Makefile", Project.load(tmp_path), os.environ)
