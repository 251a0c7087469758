"""Checks of what was read, decrypted and expanded; each error lists every occurrence with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..config import Environment
from ..envfiles import ENCRYPTED, REFERENCES, Keys
from ..errors import ConfigInvalid, DecryptionFailed, EnvFileInvalid, VariableMissing
from .layers import Layers, Location

_CIPHERTEXT: Final = re.compile(r"encrypted\s*:\s*[A-Za-z0-9+/]{128}", re.IGNORECASE)  # 97 bytes at least
# shells and make, dynamic linkers, interpreters and compilers, git, editors and pagers, clients of Docker and
# Kubernetes; docs/security.md lists them
STEERING: Final = re.compile(
    r"BASH_ENV|BASH_FUNC_.*|BASHOPTS|SHELLOPTS|ENV|PS4|PROMPT_COMMAND|ZDOTDIR|SHELL|COMSPEC|PATHEXT|PSMODULEPATH"
    r"|MAKEFLAGS|GNUMAKEFLAGS|MAKEFILES|TAR_OPTIONS|RSYNC_RSH|INVOKE_.*|XDG_CONFIG_(?:HOME|DIRS)"
    r"|LD_.*|DYLD_.*|GCONV_PATH|OPENSSL_CONF"
    r"|PYTHON(?:PATH|HOME|STARTUP|WARNINGS|INSPECT|BREAKPOINT|USERBASE|PLATLIBDIR|EXECUTABLE)|PYTEST_(?:PLUGINS|ADDOPTS)"
    r"|(?:PIP|UV)_CONFIG_FILE|NODE_OPTIONS|NODE_PATH|(?i:npm_config_(?:script_shell|node_options))|PERL5.*|PERLLIB"
    r"|RUBYOPT|RUBYLIB|LUA_INIT.*|PHPRC|PHP_INI_SCAN_DIR|(?:_|JDK_)?JAVA_(?:TOOL_)?OPTIONS|DOTNET_STARTUP_HOOKS"
    r"|COR(?:ECLR)?_PROFILER.*|RUSTC_(?:WORKSPACE_)?WRAPPER|CARGO_BUILD_RUSTC.*"
    r"|GIT_(?:CONFIG.*|SSH.*|ASKPASS|EXEC_PATH|EXTERNAL_DIFF|EDITOR|SEQUENCE_EDITOR|PAGER|PROXY_COMMAND|TEMPLATE_DIR)"
    r"|GIT_(?:DIR|WORK_TREE)|(?:SSH|SUDO)_ASKPASS|(?:(?:GH|PSQL|SUDO)_)?EDITOR|VISUAL|VIMINIT|EXINIT|(?:GH_)?BROWSER"
    r"|(?:(?:AWS|GH|PSQL|SYSTEMD)_|MAN)?PAGER|LESSOPEN|LESSCLOSE"
    r"|DOCKER_(?:HOST|CONFIG|CONTEXT)|KUBECONFIG|KUBE_EDITOR|KUBECTL_EXTERNAL_DIFF"
    r"|(?i:npm_config_(?:user|global)config)|R_(?:PROFILE|ENVIRON)(?:_USER)?|ANSIBLE_CONFIG"
)
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
    found = [it.winner for it in layers.definitions.values() if it.name.upper().startswith("ENVTASKS_")]
    if found:
        raise EnvFileInvalid(
            f"{_listed(found)}: an env file may not set variables that control envtasks.",
            hint="remove it: ENVTASKS_* is for the process environment alone",
        )


def steers(name: str) -> bool:
    """Whether a variable of this name makes programs run or load code."""
    return STEERING.fullmatch(name) is not None


def is_steering(layers: Layers, name: str) -> bool:
    """Whether a variable of this name makes programs run or load code, and `allow-steering` does not list it."""
    return steers(name) and name not in map(layers.fold, layers.environment.allow_steering)


def contains_ciphertext(value: str) -> bool:
    """Whether a ciphertext stands somewhere in a value."""
    return bool(_CIPHERTEXT.search(value))


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
