"""The real `inv`, as a process, in a temporary project."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.deadlines import SECONDS, killed_late, wait_until
from tests.projects import Sandbox
from tests.ptys import Typist
from tests.watching import is_running

pytestmark = pytest.mark.integration

SECRET = "correct-horse-battery"
TASK = """
import time
from envtasks import namespace, task

@task(env="local")
def body(c):
    "The body."
    {body}

ns = namespace(__name__)
"""
SHOW = "import os, sys; print(os.environ.get(sys.argv[1]))"


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with an encrypted local, staging and production."""
    sandbox.environment("local", "A=1\nURL=db://app:${PW}@host\n", PW="pw-" + SECRET)
    sandbox.environment("staging", "A=2\nONLY_STAGING=yes\n", PW=SECRET)
    sandbox.environment("production", "A=3\n", PW=SECRET)
    return sandbox


def test_exec_takes_what_follows_the_dashes_as_typed(shop: Sandbox) -> None:
    """Every argument after `--` arrives as it was typed, quotes, spaces and further dashes included."""
    words = ["a b", '"', "--env", "$A", "*", "", "--", "é"]

    done = shop.inv("exec", "--env", "local", "--", "python", "-c", "import sys; print(sys.argv[1:])", *words)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{words}\n", "")


def test_exec_takes_one_shell_line(shop: Sandbox) -> None:
    """Without `--` exec takes one argument, a shell line (for PowerShell)."""
    done = shop.inv("exec", "--env", "local", "echo $A-$APP_ENV")

    assert (done.returncode, done.stdout) == (0, "1-local\n")


def test_exec_without_command_or_environment_says_how(shop: Sandbox) -> None:
    """exec without an environment or without a command is code 2, and the hint says what to add."""
    without = shop.inv("exec", "--", "true")
    empty = shop.inv("exec", "--env", "local", "--")

    assert (without.returncode, empty.returncode) == (2, 2)
    assert "hint: add --env NAME, one of: local, staging, production" in without.stderr
    assert "exec needs a command." in empty.stderr


@pytest.mark.parametrize(
    ("code", "exit_code"), [("raise SystemExit(42)", 42), ("import os; os.kill(os.getpid(), 15)", 143)]
)
def test_exit_codes_pass_through(shop: Sandbox, code: str, exit_code: int) -> None:
    """A command's exit code is inv's; a signal N gives 128+N."""
    assert shop.inv("exec", "-e", "local", "--", "python", "-c", code).returncode == exit_code


def test_secrets_are_hidden_when_piped(shop: Sandbox) -> None:
    """In a pipe every secret value is ***, also one made of another and in base64; --no-mask shows it."""
    code = "import os, base64 as b; s = os.environ['PW']; print(s, os.environ['URL'], b.b64encode(s.encode()).decode())"

    hidden = shop.inv("exec", "-e", "local", "--", "python", "-c", code)
    shown = shop.inv("exec", "-e", "local", "--no-mask", "--", "python", "-c", code)

    encoded = base64.b64encode(f"pw-{SECRET}".encode()).decode()
    assert hidden.stdout == "*** *** ***\n"
    assert shown.stdout == f"pw-{SECRET} db://app:pw-{SECRET}@host {encoded}\n"


def test_the_checksums_of_the_marker_are_hidden(shop: Sandbox) -> None:
    """A log that shows the environment does not let a short value be guessed by its checksum; --no-mask shows that."""
    show = ("--", "python", "-c", SHOW, "ENVTASKS_HYDRATED")

    hidden = shop.inv("exec", "-e", "local", *show)
    shown = shop.inv("exec", "-e", "local", "--no-mask", *show)

    checksums, _, names = shown.stdout.partition(";")
    assert re.fullmatch(r"crc:[0-9a-f]{16,}", checksums)
    assert names.startswith("local;DOTENV_PUBLIC_KEY_LOCAL,PW,A,URL,APP_ENV;")
    assert hidden.stdout == f"***;{names}"


def test_stderr_is_hidden_too(shop: Sandbox) -> None:
    """Secrets on stderr are hidden as on stdout."""
    done = shop.inv(
        "exec", "-e", "local", "--", "python", "-c", "import os, sys; sys.stderr.write(os.environ['PW'])"
    )

    assert (done.stdout, done.stderr) == ("", "***")


@pytest.mark.skipif("sys.platform == 'win32'", reason="a pseudo-terminal")
def test_captured_output_is_redacted_on_a_terminal_too(shop: Sandbox) -> None:
    """What Invoke prints of a failed command whose output was captured is redacted, though a terminal is not."""
    shop.write("tasks.py", TASK.format(body='c.run("echo it is $PW >&2; exit 3", hide=True)'))

    with Typist([sys.executable, "-m", "invoke", "body"], env=shop.env, cwd=str(shop.root)) as terminal:
        code, screen = terminal.finish()

    assert (code, "it is ***" in screen) == (3, True)
    assert SECRET not in screen


def test_a_missing_key_stops_before_anything_runs(shop: Sandbox) -> None:
    """Without a key nothing runs: code 4, the variable, its line, the key variable and the places looked at."""
    (shop.root / ".env.keys").unlink()

    done = shop.inv("show", "--env", "staging")

    assert (done.returncode, done.stdout) == (4, "")
    for part in ("PW", ".env.staging:2", "DOTENV_PRIVATE_KEY_STAGING", ".env.keys", "process environment"):
        assert part in done.stderr


def test_a_key_in_the_process_environment_opens_and_is_not_passed_on(shop: Sandbox) -> None:
    """DOTENV_PRIVATE_KEY_STAGING opens staging, and no private key reaches the command."""
    (shop.root / ".env.keys").unlink()
    keys = {"DOTENV_PRIVATE_KEY_STAGING": shop.private_keys["staging"], "DOTENV_PRIVATE_KEY": "f" * 64}
    code = (
        "import os; print(len(os.environ['PW']), [n for n in os.environ if n.startswith('DOTENV_PRIVATE')])"
    )

    done = shop.inv("exec", "-e", "staging", "--", "python", "-c", code, **keys)

    assert (done.returncode, done.stdout) == (0, f"{len(SECRET)} []\n")


def test_a_missing_baseline_is_code_3(shop: Sandbox) -> None:
    """A declared environment without its file is EnvFileMissing."""
    shop.write("pyproject.toml", '[project]\nname = "x"\n[tool.envtasks.environments]\nqa = {}\nlocal = {}\n')

    done = shop.inv("show", "--env", "qa")

    assert done.returncode == 3
    assert ".env.qa" in done.stderr


def test_wrong_configuration_is_one_sentence(shop: Sandbox) -> None:
    """A wrong table ends every call with code 2 and no traceback."""
    shop.write("pyproject.toml", "[tool.envtasks]\nengin = 'native'\n")

    done = shop.inv("--list")

    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: pyproject.toml: [tool.envtasks] has no key 'engin': did you mean engine?"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("call", ["env.list", "ci.doctor --env local --tools python"])
def test_a_search_root_is_where_the_project_is(
    shop: Sandbox, tmp_path_factory: pytest.TempPathFactory, call: str
) -> None:
    """`inv --search-root` reads the project that tasks.py belongs to, not that of the current folder."""
    elsewhere = Sandbox(tmp_path_factory.mktemp("elsewhere"), shop.env)

    done = elsewhere.inv("--search-root", str(shop.root), *call.split())

    assert done.returncode == 0, done.stderr
    assert "local" in done.stdout


def test_nested_calls_never_mix_environments(shop: Sandbox) -> None:
    """inv in staging that calls inv in local: no value of staging survives, local's own are there."""
    inner = "import os; print(os.environ['A'], os.environ['APP_ENV'], 'ONLY_STAGING' in os.environ)"
    shop.write("inner.py", inner)

    done = shop.inv(
        "exec",
        "-e",
        "staging",
        "--",
        "python",
        "-m",
        "invoke",
        "exec",
        "-e",
        "local",
        "--",
        "python",
        "inner.py",
    )

    assert (done.returncode, done.stdout) == (0, "1 local False\n")


def test_app_env_of_the_shell_is_ignored(shop: Sandbox) -> None:
    """APP_ENV is the environment's name, whatever the shell says; that it chooses nothing is said."""
    done = shop.inv("exec", "-e", "local", "--", "python", "-c", SHOW, "APP_ENV", APP_ENV="production")

    assert done.stdout == "local\n"
    assert done.stderr.startswith("note: APP_ENV of the process environment chooses no environment")
    assert done.stderr.count("\n") == 1


def test_shadowing_is_said_once_and_refused_in_production(shop: Sandbox) -> None:
    """A variable of the shell that differs from a baseline's is named once on stderr; in production it is refused."""
    local = shop.inv("exec", "-e", "local", "--", "python", "-c", SHOW, "A", A="shell")
    production = shop.inv("exec", "-e", "production", "-y", "--", "python", "-c", SHOW, "A", A="shell")

    assert (local.returncode, local.stdout) == (0, "shell\n")
    assert local.stderr.count("warning:") == 1
    assert (production.returncode, production.stdout) == (6, "")


def test_dry_and_echo_print_the_equivalent_line(shop: Sandbox) -> None:
    """--dry runs nothing and prints the dotenvx line that would; --echo prints it and runs."""
    line = "env APP_ENV=local dotenvx run --strict -f .env.local -- python -c pass"

    dry = shop.inv("--dry", "exec", "-e", "local", "--", "python", "-c", "pass")
    echo = shop.inv("--echo", "exec", "-e", "local", "--", "python", "-c", "pass")

    assert line in dry.stdout
    assert line in echo.stdout


def test_the_equivalent_line_fits_the_folder_and_the_shell(shop: Sandbox) -> None:
    """From a sub-folder the printed line names the files from there, and runs the shell that `c.run` runs."""
    shop.write("tasks.py", TASK.format(body='with c.cd("/"): c.run("pwd", shell="/bin/sh")'))
    (shop.root / "sub").mkdir()
    folder = Sandbox(shop.root / "sub", shop.env)

    done = folder.inv("--dry", "body")

    assert done.stdout.splitlines()[0] == (
        "env APP_ENV=local dotenvx run --strict -f ../.env.local -- /bin/sh -c 'cd / && pwd'"
    )


@pytest.mark.skipif("sys.platform == 'win32'", reason="a POSIX pipe")
def test_a_reader_that_stops_is_no_traceback(shop: Sandbox) -> None:
    """`inv --dry … | head` ends quietly."""
    line = f"{sys.executable} -m invoke --dry exec -e local -- true | true"
    done = subprocess.run(
        ["bash", "-c", line], cwd=shop.root, env=shop.env, capture_output=True, text=True, check=False
    )

    assert "Traceback" not in done.stderr


def test_no_dedupe_is_honoured(shop: Sandbox) -> None:
    """Invoke's --no-dedupe runs a task again."""
    twice, once = shop.inv("--no-dedupe", "show", "show"), shop.inv("show", "show")

    assert (twice.stdout, once.stdout) == ("1\n1\n", "1\n")


def test_an_unreadable_environment_has_its_row(shop: Sandbox) -> None:
    """env.list says what is wrong with one environment in its row, and lists the others."""
    (shop.root / ".env.staging").unlink()
    (shop.root / ".env.staging").mkdir()
    shop.write(
        "pyproject.toml", '[project]\nname = "x"\n[tool.envtasks.environments]\nlocal = {}\nstaging = {}\n'
    )

    rows = {row["name"]: row["key"] for row in json.loads(shop.inv("env.list", "--json").stdout)}

    assert rows["local"] == "yes, from .env.keys"
    assert ".env.staging" in rows["staging"]


def test_completion_lists_tasks_and_flags(shop: Sandbox) -> None:
    """Invoke's --complete knows the tasks and our flags."""
    assert "env.show" in shop.inv("--complete", "--", "inv").stdout
    assert "--env" in shop.inv("--complete", "--", "inv show -").stdout


def test_env_get_prints_the_raw_value_and_nothing_else(shop: Sandbox) -> None:
    """env.get writes the bytes of the value to stdout, unhidden, without even a line end."""
    done = shop.inv("env.get", "PW", "-e", "staging")
    missing = shop.inv("env.get", "ONLY_STAGINF", "-e", "staging")

    assert (done.returncode, done.stdout, done.stderr) == (0, SECRET, "")
    assert missing.returncode == 5
    assert "did you mean ONLY_STAGING?" in missing.stderr


def test_env_show_hides_unless_revealed(shop: Sandbox) -> None:
    """env.show names origin and kind of each variable; secrets, also derived ones, only with --reveal."""
    hidden = shop.inv("env.show", "-e", "local")
    revealed = json.loads(shop.inv("env.show", "-e", "local", "--reveal", "--json").stdout)

    assert SECRET not in hidden.stdout
    assert [row["name"] for row in revealed if row["secret"]] == ["PW", "URL"]
    assert {row["name"]: row["value"] for row in revealed}["PW"] == f"pw-{SECRET}"
    assert {(row["name"], row["file"], row["line"]) for row in revealed} >= {
        ("PW", ".env.local", 2),
        ("A", ".env.local", 3),
    }


def test_env_list_needs_no_key(shop: Sandbox) -> None:
    """env.list counts variables and says whether a key is at hand, without one."""
    (shop.root / ".env.keys").unlink()

    rows = json.loads(shop.inv("env.list", "--json").stdout)

    assert [(row["name"], row["plain"], row["encrypted"], row["protected"], row["key"]) for row in rows] == [
        ("local", 2, 1, False, "no"),
        ("staging", 2, 1, False, "no"),
        ("production", 1, 1, True, "no"),
    ]


def test_list_shows_every_task_with_one_line(shop: Sandbox) -> None:
    """`inv --list` has a sentence for the project's task and for every built-in one."""
    done = shop.inv("--list", "--list-format=json")

    root = json.loads(done.stdout)
    tasks = {task["name"]: task["help"] for task in root["tasks"]}
    for collection in root["collections"]:
        tasks |= {f"{collection['name']}.{task['name']}": task["help"] for task in collection["tasks"]}
    assert {
        "show",
        "exec",
        "env.list",
        "env.show",
        "env.get",
        "docker.build",
        "compose.up",
        "deploy.apply",
    } <= {*tasks}
    assert [name for name, text in tasks.items() if not (text or "").endswith(".")] == []


def test_a_project_task_wins_over_a_built_in_of_its_name(shop: Sandbox) -> None:
    """A task named `doctor` hides the built-in one; `inv --list` alone says so, once."""
    shop.write(
        "tasks.py",
        """
        from envtasks import namespace, task

        @task
        def doctor(c):
            "Mine."
            print("mine")

        ns = namespace(__name__)
        """,
    )

    done, listed = shop.inv("doctor"), shop.inv("--list")
    quiet = [done, shop.inv("--complete", "--", "inv"), shop.inv("--help", "doctor")]
    quiet += [shop.inv("exec", "--env", "local", *dashes, "ls", "-l") for dashes in ([], ["--"])]

    assert (done.returncode, done.stdout) == (0, "mine\n")
    assert [each.stderr for each in quiet] == [""] * 5
    assert listed.stderr.count("warning:") == 1


def test_command_without_tasks_py(shop: Sandbox) -> None:
    """`envtasks` offers the built-in tasks where there is no tasks.py."""
    (shop.root / "tasks.py").unlink()

    done = shop.python("-m", "envtasks", "exec", "--env", "local", "--", "python", "-c", SHOW, "A")

    assert (done.returncode, done.stdout) == (0, "1\n")


@pytest.mark.parametrize(
    ("table", "code", "message"),
    [
        (
            "",
            2,
            "error: There is no environment 'nope' in shop.\n  hint: environments: local, staging, production\n",
        ),
        ("[tool.envtasks]\nengin = 1\n", 2, "error: pyproject.toml: [tool.envtasks] has no key 'engin'"),
    ],
)
def test_errors_of_the_envtasks_command_are_messages(
    shop: Sandbox, table: str, code: int, message: str
) -> None:
    """The `envtasks` command ends as `inv` does: message, hint and exit code, no traceback."""
    shop.write("pyproject.toml", '[project]\nname = "shop"\n' + table)

    done = shop.python("-m", "envtasks", "env.show", "--env", "nope")

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.replace(shop.root.name, "shop").startswith(message)
    assert "Traceback" not in done.stderr


def test_a_command_that_takes_too_long_is_one_sentence(shop: Sandbox) -> None:
    """A timeout ends with 124 and a message instead of Invoke's traceback."""
    shop.write(
        "tasks.py", TASK.format(body='c.exec("python", "-c", "import time; time.sleep(60)", timeout=1)')
    )

    done = shop.inv("body")

    assert done.returncode == 124
    assert done.stderr.startswith("error: The command took longer than 1 second: ")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif("sys.platform == 'win32'", reason="signals of POSIX")
def test_term_ends_the_commands_of_a_bodys_threads(shop: Sandbox) -> None:
    """A body that runs commands in threads leaves none behind when `inv` is ended."""
    body = """
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor() as pool:
        pool.submit(c.exec, "python", "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
        for _ in range(600):  # a signal right before a long sleep would be handled after it, as always in Python
            time.sleep(0.1)
    """
    shop.write("tasks.py", TASK.format(body=body))
    inv = subprocess.Popen(
        [sys.executable, "-m", "invoke", "body"],
        cwd=shop.root,
        env=shop.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert inv.stdout is not None
    with killed_late(inv):
        child = int(inv.stdout.readline())
        inv.terminate()
        assert inv.wait(SECONDS) == 143
    inv.stdout.close()
    wait_until(lambda: not is_running(child), "the end of the command")


# of envtasks: what no task of the project's own needs, nor a value without `$`
UNUSED = {
    "adopt", "audit", "authoring", "check", "ci", "completion", "compose", "docker", "doctor", "kubernetes", "sessions",
    "git", "inventory", "redaction", "yaml_nodes", "tasks.env", "tasks.doctor", "process.runner", "process.tools",
    "envfiles.commands", "envfiles.ecies", "envfiles.editing", "envfiles.expansion", "envfiles.key_command",
    "envfiles.storage", "hydration.dotenvx", "hydration.examination", "hydration.key_errors", "hydration.mistakes",
}  # fmt: skip
KEYS = {"envfiles.encryption", "envfiles.keys"}
SETTINGS = {"settings_class", "settings_class.source"}
HEAVY = {
    "asyncio", "cryptography", "encodings.utf_8_sig", "fnmatch", "hashlib", "nox", "pydantic", "pydantic_settings",
    "python_on_whales", "rich", "tempfile", "yaml",
}  # fmt: skip


@pytest.mark.parametrize(
    ("secrets", "settings", "used"),
    [({}, "", set()), ({"PW": SECRET}, "", {*KEYS, "cryptography"}), ({}, "app:Settings", SETTINGS)],
    ids=["plain", "encrypted", "settings"],
)
def test_the_hot_path_imports_nothing_it_does_not_use(
    sandbox: Sandbox, secrets: dict[str, str], settings: str, used: set[str]
) -> None:
    """`inv TASK --env E` imports nothing that the call does not need, of envtasks or of others."""
    sandbox.environment("local", "A=1\n", **secrets)
    if settings:
        sandbox.write("pyproject.toml", f"[tool.envtasks]\nsettings = '{settings}'\n")
        sandbox.write("app.py", "class Settings(BaseSettings):\n    a: int\n")
    sandbox.write(
        "tasks.py",
        """
        import sys
        from envtasks import namespace, task

        @task
        def modules(c):
            "Print the imported modules, as the first output, which is redacted."
            print(*sys.modules)

        ns = namespace(__name__)
        """,
    )
    plain = sandbox.python("-c", "import sys, invoke; print(*sys.modules)").stdout.split()

    done = sandbox.inv("modules", "--env", "local")

    imported = {name.removeprefix("envtasks.") for name in done.stdout.split()}
    assert done.returncode == 0
    assert imported & ((UNUSED | KEYS | SETTINGS | HEAVY) - {*plain} - used) == set()


def test_bytecode_is_written_of_what_is_not_the_projects(sandbox: Sandbox) -> None:
    """`inv` keeps Python from writing bytecode: only modules of the project are compiled on every call."""
    sandbox.environment("local", PW=SECRET)
    sandbox.write("helper.py", "")
    sandbox.write("later.py", "")
    sandbox.write(
        "tasks.py",
        """
        import sys
        from pathlib import Path
        from envtasks import namespace, task
        import helper

        @task
        def compiled(c):
            "Print the modules that will be compiled again."
            c.exec("python", "-c", "")
            import later
            found = [name for name, module in sys.modules.items() if getattr(module, "__cached__", None)]
            again = [name for name in found if not Path(sys.modules[name].__cached__).exists()]
            print(*(name for name in again if name.partition(".")[0] in ("envtasks", "helper", "later", "tasks")))

        ns = namespace(__name__)
        """,
    )
    env = {name: value for name, value in sandbox.env.items() if name != "PYTHONDONTWRITEBYTECODE"}
    cached = replace(sandbox, env={**env, "PYTHONPYCACHEPREFIX": str(sandbox.root / "cache")})

    done = cached.inv("compiled", "--env", "local")
    built_in = cached.inv("env.list")

    assert set(done.stdout.split()) == {"envtasks", "envtasks.bytecode", "helper", "later", "tasks"}
    assert built_in.returncode == 0
    written = {
        path.as_posix().partition("/envtasks/")[2].partition(".")[0] for path in cached.root.rglob("*.pyc")
    }
    assert written >= {"redaction/encodings", "tasks/env", "process/runner", "hydration/checks"}


def test_import_envtasks_imports_nothing_heavy(sandbox: Sandbox) -> None:
    """`import envtasks` imports neither Invoke nor anything else of its dependencies."""
    done = sandbox.python("-c", "import sys, envtasks; print(*{n.split('.')[0] for n in sys.modules})")

    assert set(done.stdout.split()) & {*HEAVY, "invoke"} == set()
