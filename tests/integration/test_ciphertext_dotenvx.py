"""Keys and encrypted values, exchanged with the real dotenvx command in both directions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.config import Environment
from envtasks.envfiles import decrypt, encrypt, find_keys, generate_keys, key_variables, settable_name
from tests.implementations import IMPLEMENTATIONS, only
from tests.integration.dotenvx_npm import dotenvx_command, package

pytestmark = [pytest.mark.integration, pytest.mark.node]

VALUES: Mapping[str, str] = {
    "EMPTY": "",
    "ONE": "x",
    "DOLLARS": "pa$$word ${HOME} $(exit 3)",
    "UNICODE": "ünïcödé ☃ 😀 \ufeff",
    "LINES": 'two\nlines "quoted" `and` so on\n',
    "LONG": "0123456789" * 10_000,
    "HUGE": "0123456789abcdef" * 327_680,
}


def ciphertexts(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+)=[\"']?(encrypted:[A-Za-z0-9+/=]+)", text, re.MULTILINE))


def test_dotenvx_decrypts_what_we_encrypt(tmp_path: Path) -> None:
    """The command decrypts values that we encrypted for a key that we made: empty, dollars, unicode, 5 MB."""
    private, public = generate_keys()
    lines = [f"{name}='{encrypt(value, public)}'" for name, value in VALUES.items()]
    (tmp_path / ".env").write_text("\n".join([f'DOTENV_PUBLIC_KEY="{public}"', *lines]), encoding="utf-8")
    out = dotenvx_command(tmp_path, "get", "--strict", "--format", "json", DOTENV_PRIVATE_KEY=private)
    assert json.loads(out) == {"DOTENV_PUBLIC_KEY": public, **VALUES}


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_we_decrypt_what_the_command_encrypts(tmp_path: Path, implementation: str) -> None:
    """We find the key that `dotenvx encrypt` wrote, and decrypt what it encrypted."""
    values = {name: value for name, value in VALUES.items() if len(value) < 1000}  # it fails for longer ones
    path = tmp_path / ".env.staging"
    path.write_text("".join(f"{name}='{value}'\n" for name, value in values.items()), encoding="utf-8")
    dotenvx_command(tmp_path, "encrypt", "-f", ".env.staging")
    made = ciphertexts(path)
    assert list(made) == list(values)
    ring = find_keys(Environment("staging", tmp_path, (path,)), {})
    assert [(key.variable, key.source) for key in ring.keys] == [("DOTENV_PRIVATE_KEY_STAGING", ".env.keys")]
    with only(implementation):
        assert decrypt(list(made.values()), ring.hexes) == list(values.values())


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_we_decrypt_what_its_own_code_encrypts(implementation: str) -> None:
    """Values too long for the command, encrypted by the function behind it, come back whole: 100 KB, 5 MB."""
    private, public = generate_keys()
    code = """
        const { encrypt } = require(process.argv[1])
        const { key, values } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
        console.log(JSON.stringify(values.map(value => encrypt(key, value))))
    """
    primitives = package() / "node_modules" / "@dotenvx" / "primitives"
    asked = json.dumps({"key": public, "values": list(VALUES.values())})
    done = subprocess.run(
        ["node", "-e", code, str(primitives)], input=asked, capture_output=True, encoding="utf-8", check=True
    )
    with only(implementation):
        assert decrypt(json.loads(done.stdout), [private]) == list(VALUES.values())


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.STAGING", ".env.ci.local", ".env.a.b.c", "secrets.env", ".env1", ".envrc"),
        *("secrets.env.local", "sub/.env.prod", ".env.my-env", ".env.production.txt", ".env.txt", ".env..a"),
    ],
)
def test_key_names_are_dotenvxs(tmp_path: Path, name: str) -> None:
    """A file's keys are called as the command calls them, before it is encrypted and after it was renamed."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("A=1\n", encoding="utf-8")
    ours = key_variables(path)
    dotenvx_command(tmp_path, "encrypt", "-f", name)
    renamed = path.rename(tmp_path / ".env.renamed")
    private = re.findall(
        r"^(DOTENV_PRIVATE_KEY[^=]*)=", (tmp_path / ".env.keys").read_text("utf-8"), re.MULTILINE
    )
    public = re.findall(r"^(DOTENV_PUBLIC_KEY[^=]*)=", renamed.read_text("utf-8"), re.MULTILINE)
    assert [ours] == list(zip(private, public, strict=True))
    assert key_variables(renamed) == ours


def test_dotenvx_takes_the_key_under_the_name_that_we_give_a_ci(tmp_path: Path) -> None:
    """The name of `.env.my-env`'s key has a `-`, which no CI takes: the command reads and writes with `_` too."""
    path = tmp_path / ".env.my-env"
    path.write_text("A=1\n", encoding="utf-8")
    dotenvx_command(tmp_path, "encrypt", "-f", path.name)
    key_file = tmp_path / ".env.keys"
    (variable,) = key_variables(path)[:1]
    private = dict(re.findall(r"^(\S+)=(\w+)$", key_file.read_text("utf-8"), re.MULTILINE))[variable]
    key_file.unlink()
    env = {settable_name(variable): private}
    assert list(env) == ["DOTENV_PRIVATE_KEY_MY_ENV"]
    dotenvx_command(tmp_path, "set", "B", "2", "-f", path.name, **env)
    out = dotenvx_command(tmp_path, "get", "--strict", "--format", "json", "-f", path.name, **env)
    assert {name: value for name, value in json.loads(out).items() if name in "AB"} == {"A": "1", "B": "2"}
    assert not key_file.exists()


def test_the_public_key_is_the_one_that_dotenvx_derives(tmp_path: Path) -> None:
    """Of a key that we made, the command derives the public key that we did."""
    private, public = generate_keys()
    assert public in dotenvx_command(tmp_path, "primitives", "derive", private)


def test_the_key_trap_of_a_sub_folder_is_real(tmp_path: Path) -> None:
    """`dotenvx encrypt -f sub/.env` leaves the key above `sub`: we say where it lies and what to do."""
    path = tmp_path / "sub" / ".env.staging"
    path.parent.mkdir()
    path.write_text("A=1\n", encoding="utf-8")
    dotenvx_command(tmp_path, "encrypt", "-f", "sub/.env.staging")
    ring = find_keys(Environment("staging", tmp_path, (path,)), {})
    assert ring.keys == ()
    assert ring.advice == (
        ".env.keys is not read, because a key file belongs beside its env file: "
        "move its line to sub/.env.keys, or declare keys = ['.env.keys'] for staging"
    )
