"""Completion in real shells, typed on a terminal; and Invoke's own, which stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envtasks.completion import script
from tests.projects import Sandbox
from tests.ptys import Typist

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="terminals and shells of POSIX"),
]
READY = "READY> "
# how each shell is started, and the file that it loads, with a prompt to wait for
SHELLS = {
    "bash": (["bash", "--noprofile", "-i"], ".bashrc", f"PS1='{READY}'\n"),
    "zsh": (["zsh", "-i"], ".zshrc", f"PS1='{READY}'\n"),
    "fish": (
        ["fish", "--interactive"],
        ".config/fish/config.fish",
        f"function fish_prompt; echo -n '{READY}'; end\nfunction fish_greeting; end\n",
    ),
}
TASKS = """
from envtasks import namespace, task

@task(env="local", only=["local", "staging"])
def serve(c, port=8000):
    "Run the service: with a colon."

ns = namespace(__name__)
"""


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A project, an `envtasks` on the PATH, and an `inv` that prints the words it is given."""
    sandbox.write("tasks.py", TASKS)
    sandbox.write(".env.local", "PLAIN=1\n")
    sandbox.write(".env.staging", "UNLIKE_OTHERS=1\n")
    sandbox.write("compose.yaml", "services:\n  webserver: {image: x}\n")
    sandbox.write("a file.txt", "")
    for name, command in {
        "envtasks": f'exec "{sys.executable}" -m envtasks "$@"',
        "inv": 'echo "GOT$(printf "<%s>" "$@")"',
    }.items():
        sandbox.write(f"bin/{name}", f"#!/bin/sh\n{command}\n").chmod(0o755)
    return sandbox


def typed(project: Sandbox, shell: str, keys: str) -> str:
    """What `inv` is given when these keys are typed in a shell that has loaded its script."""
    argv, start_file, prompt = SHELLS[shell]
    home = project.root / "home"
    path = home / start_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(prompt + script(shell), encoding="utf-8")
    env = {
        **project.env,
        "HOME": str(home),
        "PATH": f"{project.root / 'bin'}{os.pathsep}{project.env['PATH']}",
        "TERM": "xterm",
        "XDG_CONFIG_HOME": str(home / ".config"),
    }
    env.pop("ZDOTDIR", None)
    with Typist(argv, env=env, cwd=str(project.root)) as typist:
        typist.expect(READY)
        typist.type(f"{keys}\r")
        typist.expect("GOT")
        return typist.expect("\n").strip()


@pytest.mark.parametrize(
    "shell",
    ["bash", pytest.param("zsh", marks=pytest.mark.zsh), pytest.param("fish", marks=pytest.mark.fish)],
)
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("inv ser\t", "<serve>"),
        ("inv serve --po\t", "<serve><--port>"),
        ("inv serve --env sta\t", "<serve><--env><staging>"),
        ("inv serve --env=loc\t", "<serve><--env=local>"),
        ("inv env.get --env staging UNL\t", "<env.get><--env><staging><UNLIKE_OTHERS>"),
        ("inv env.get --env staging PLA\t", "<env.get><--env><staging><PLA>"),
        ("inv compose.up webs\t", "<compose.up><webserver>"),
        ("inv env.set PLAIN --from-file a\\ fi\t", "<env.set><PLAIN><--from-file><a file.txt>"),
    ],
)  # fmt: skip
def test_a_shell_completes(project: Sandbox, shell: str, keys: str, expected: str) -> None:
    """Tasks, flags, environments, variables of the environment, services, and files where nothing else is known."""
    assert typed(project, shell, keys) == expected


@pytest.mark.parametrize(
    "shell",
    ["bash", pytest.param("zsh", marks=pytest.mark.zsh), pytest.param("fish", marks=pytest.mark.fish)],
)
def test_a_shell_without_the_command_completes_files(project: Sandbox, shell: str) -> None:
    """Where envtasks is not on the PATH nothing is said, and files are completed."""
    project.write("bin/envtasks", "#!/bin/sh\necho not here >&2\nexit 127\n")

    assert typed(project, shell, "inv tas\t") == "<tasks.py>"


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell is not installed")
def test_powershell_completes(project: Sandbox) -> None:
    """PowerShell's own completion gives the task, with its help."""
    project.write("script.ps1", script("powershell"))
    line = ". ./script.ps1; (TabExpansion2 'inv ser' 7).CompletionMatches | % { $_.CompletionText + '|' + $_.ToolTip }"
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-NonInteractive", "-Command", line],
        cwd=project.root,
        env={**project.env, "PATH": f"{project.root / 'bin'}{os.pathsep}{project.env['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "serve|Run the service: with a colon."


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_invoke_stays(project: Sandbox, shell: str) -> None:
    """`inv --print-completion-script` prints Invoke's own script."""
    done = project.inv("--print-completion-script", shell)

    assert (done.returncode, done.stderr) == (0, "")
    assert "--complete --" in done.stdout


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("inv ser", {"serve", "exec", "env.get"}),
        ("inv serve --", {"--port", "--env", "--yes"}),
        ("inv serve --echo --", {"--port", "--env"}),
        ("inv env.get --", {"--name", "--env"}),
        ("inv -", {"--list", "-l"}),
    ],
)
def test_the_completion_of_invoke_stays(project: Sandbox, words: str, some: set[str]) -> None:
    """`inv --complete`, which Invoke's scripts call, gives the tasks and flags that it always gave."""
    done = project.inv("--complete", "--", words)

    assert (done.returncode, done.stderr) == (0, "")
    assert some <= {*done.stdout.splitlines()}


def test_the_start_up_file_that_doctor_names(project: Sandbox) -> None:
    """The command that doctor and docs give sets completion up, and doctor then finds it."""
    home = project.root / "home"
    home.mkdir()
    env = {
        "HOME": str(home),
        "SHELL": "/bin/bash",
        "PATH": f"{project.root / 'bin'}{os.pathsep}{project.env['PATH']}",
    }
    before = project.python("-m", "envtasks", "doctor", **env)
    command = before.stdout.partition("not set up for bash\n")[2].splitlines()[0].strip()

    subprocess.run(["bash", "-c", command], cwd=project.root, env={**project.env, **env}, check=True)

    assert (
        f"shell completion: bash, in {home / '.bashrc'}\n"
        in project.python("-m", "envtasks", "doctor", **env).stdout
    )


def test_pages_name_the_commands_that_set_it_up() -> None:
    """docs/completion.md has the command of each shell."""
    from envtasks.completion import SHELLS, setup_command

    page = (Path(__file__).parents[2] / "docs/completion.md").read_text(encoding="utf-8")

    assert [shell for shell in SHELLS if setup_command(shell).replace("|", "\\|") not in page] == []
