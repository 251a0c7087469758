"""Checks of what was read, decrypted and expanded; each error lists every occurrence with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..config import Environment
from ..envfiles import ENCRYPTED, REFERENCES, Keys
from ..errors import ConfigInvalid, DecryptionFailed, EnvFileInvalid, VariableMissing
from .layers import Layers, Location

_CIPHERTEXT: Final = r"encrypted\s*:\s*[A-Za-z0-9+/]{128}"  # 97 bytes at least
# variables that make programs run or load code, as the table in docs/security.md has them
STEERING: Final = frozenset({
    "BASH_ENV", "BASHOPTS", "SHELLOPTS", "ENV", "PS4", "PROMPT_COMMAND", "ZDOTDIR", "SHELL", "COMSPEC", "PATHEXT",
    "PSMODULEPATH", "MAKEFLAGS", "GNUMAKEFLAGS", "MAKEFILES", "TAR_OPTIONS", "RSYNC_RSH", "ANSIBLE_CONFIG",
    "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS",
    "GCONV_PATH", "OPENSSL_CONF",
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONBREAKPOINT",
    "PYTHONUSERBASE", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE", "PYTEST_PLUGINS", "PYTEST_ADDOPTS", "PIP_CONFIG_FILE",
    "UV_CONFIG_FILE",
    "NODE_OPTIONS", "NODE_PATH", "PERLLIB", "RUBYOPT", "RUBYLIB", "R_PROFILE", "R_PROFILE_USER", "R_ENVIRON",
    "R_ENVIRON_USER", "PHPRC", "PHP_INI_SCAN_DIR", "JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS",
    "JDK_JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "_JAVA_TOOL_OPTIONS", "DOTNET_STARTUP_HOOKS", "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PAGER",
    "GIT_PROXY_COMMAND", "GIT_TEMPLATE_DIR", "GIT_DIR", "GIT_WORK_TREE",
    "EDITOR", "VISUAL", "GH_EDITOR", "PSQL_EDITOR", "SUDO_EDITOR", "VIMINIT", "EXINIT", "PAGER", "MANPAGER",
    "AWS_PAGER", "GH_PAGER", "PSQL_PAGER", "SYSTEMD_PAGER", "LESSOPEN", "LESSCLOSE", "BROWSER", "GH_BROWSER",
    "SSH_ASKPASS", "SUDO_ASKPASS",
    "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "KUBECONFIG", "KUBE_EDITOR", "KUBECTL_EXTERNAL_DIFF",
})  # fmt: skip
STEERING_IN_ANY_CASE: Final = frozenset({
    "NPM_CONFIG_SCRIPT_SHELL", "NPM_CONFIG_NODE_OPTIONS", "NPM_CONFIG_USERCONFIG", "NPM_CONFIG_GLOBALCONFIG",
})  # fmt: skip
STEERING_PREFIXES: Final = (
    "BASH_FUNC_", "INVOKE_", "LD_", "DYLD_", "PERL5", "LUA_INIT", "CORECLR_PROFILER", "COR_PROFILER",
    "CARGO_BUILD_RUSTC", "GIT_CONFIG", "GIT_SSH",
)  # fmt: skip
_COMMANDS_OFF = "commands are off"


def why_commands_are_off(environment: Environment, process_env: Mapping[str, str], *, allowed: bool) -> str:
    """The reason why no `$(command)` runs in an environment; empty if commands run."""
    if environment.protected:
        return f"{environment.name} is protected"
    if process_env.get("CI"):
        return "CI is set"
    return "" if allowed else _COMMANDS_OFF


def check_names(layers: Layers) -> None:
    """Raise EnvFileInvalid for ENVTASKS_* in an env file: it would confirm, or choose an engine, for a nested call."""
    found = [it.winner for it in layers.definitions.values() if controls_envtasks(it.name)]
    if found:
        raise EnvFileInvalid(
            f"{_listed(found)}: an env file may not set variables that control envtasks.",
            hint="remove it: ENVTASKS_* is for the process environment alone",
        )


def controls_envtasks(name: str) -> bool:
    """Whether a variable of this name is for envtasks itself."""
    return name.upper().startswith("ENVTASKS_")


def steers(name: str) -> bool:
    """Whether a variable of this name makes programs run or load code."""
    return name in STEERING or name.startswith(STEERING_PREFIXES) or name.upper() in STEERING_IN_ANY_CASE


def is_steering(layers: Layers, name: str) -> bool:
    """Whether a variable of this name makes programs run or load code, and `allow-steering` does not list it."""
    return steers(name) and name not in map(layers.fold, layers.environment.allow_steering)


def contains_ciphertext(value: str) -> bool:
    """Whether a ciphertext stands somewhere in a value."""
    return "encrypted" in value.lower() and re.search(_CIPHERTEXT, value, re.IGNORECASE) is not None


def check_steering(layers: Layers) -> None:
    """Raise EnvFileInvalid for variables that make programs run or load code, unless `allow-steering` lists them."""
    found = [it.winner for name, it in layers.definitions.items() if is_steering(layers, name)]
    if found:
        names = ", ".join(f'"{location.entry.name}"' for location in found)
        raise EnvFileInvalid(
            f"{_listed(found)}: such a variable makes programs run or load code, and an env file is data.",
            hint=f"if that is meant: allow-steering = [{names}] in [tool.envtasks] of pyproject.toml",
        )


def check_decrypted(layers: Layers, failed: Sequence[Location], keys: Keys) -> None:
    """Raise KeyMissing or DecryptionFailed for the assignments whose ciphertext could not be decrypted."""
    if failed:
        from .key_errors import undecrypted

        raise undecrypted(layers, failed, keys)


def check_commands(locations: Sequence[Location], why_off: str) -> None:
    """Raise ConfigInvalid if a value has a command and commands are off."""
    if locations and why_off:
        hint = "write the value itself, or put it into single quotes if it is text"
        if why_off == _COMMANDS_OFF:
            hint += "; to let env files run commands: commands = true in [tool.envtasks]"
        raise ConfigInvalid(f"{_listed(locations)}: $(…) would run a command, and {why_off}.", hint=hint)


def check_required(required: Sequence[tuple[Location, str]]) -> None:
    """Raise VariableMissing for `${NAME:?…}` where NAME is not set."""
    if required:
        listed = ", ".join(
            dict.fromkeys(f"{name} ({location}: {location.entry.name})" for location, name in required)
        )
        raise VariableMissing(
            f"These values require what is not set: {listed}.", hint="set it above the line that refers to it"
        )


def check_expansion(locations: Sequence[Location]) -> None:
    """Raise EnvFileInvalid if the expansion of a value does not end."""
    if locations:
        raise EnvFileInvalid(
            f"{_listed(locations)}: the `$` expansion of this value does not end.",
            hint="put the value that refers to itself into single quotes, or write \\$ for a dollar sign",
        )


def check_values(layers: Layers, values: Mapping[str, str]) -> None:
    """Raise for values of env files that no process may get: ciphertext, NUL, references to a password manager."""
    ciphertexts, nul, references = [], [], []
    for name, definition in layers.definitions.items():
        value = values[name]
        if contains_ciphertext(value) or (value.startswith(ENCRYPTED) and name not in layers.process):
            ciphertexts.append(definition.winner)
        elif name in layers.process:
            continue
        elif "\0" in value:
            nul.append(definition.winner)
        elif value.startswith(REFERENCES):
            references.append(definition.winner)
    if ciphertexts:
        raise DecryptionFailed(
            f"{_listed(ciphertexts)}: the value still contains a ciphertext after decryption and expansion.",
            hint="a value is decrypted only if all of it is a ciphertext: look for a quote that is not closed, a blank "
            "before it or text after it",
        )
    if nul:
        raise EnvFileInvalid(
            f"{_listed(nul)}: the value holds a NUL character, which no environment can hold."
        )
    if references:
        raise EnvFileInvalid(
            f"{_listed(references)}: references to a password manager (op://, bw://) are not resolved.",
            hint='put the value itself there, encrypted, or let dotenvx resolve them: engine = "dotenvx"',
        )


def _listed(locations: Iterable[Location]) -> str:
    return ", ".join(dict.fromkeys(f"{location}: {location.entry.name}" for location in locations))
