"""The scripts that shells load; what they offer is decided by `envtasks complete-words`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

ANSWER: Final = "complete-words"  # the command that the scripts call

_BASH: Final = """\
# completion of inv and envtasks for bash; made by `envtasks completion bash`
_envtasks_complete() {
    local IFS=$'\\n'
    COMPREPLY=($(envtasks complete-words bash "=$2" "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null </dev/null))
}
complete -o default -F _envtasks_complete inv invoke envtasks
"""

_ZSH: Final = """\
# completion of inv and envtasks for zsh; made by `envtasks completion zsh`
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }
_envtasks_complete() {
    local -a found
    found=("${(@f)$(envtasks complete-words zsh "=${(Q)PREFIX}" "${(@Q)words[1,CURRENT-1]}" 2>/dev/null </dev/null)}")
    found=("${(@)found:#}")
    if (( $#found )); then
        _describe -V -t values 'inv' found
    else
        _files
    fi
}
compdef _envtasks_complete inv invoke envtasks
"""

_FISH: Final = """\
# completion of inv and envtasks for fish; made by `envtasks completion fish`
function __envtasks_complete
    set -l words (commandline --cut-at-cursor --current-process --tokenize)
    set -l current (commandline --cut-at-cursor --current-token | string unescape)
    set -l found (envtasks complete-words fish "=$current" $words 2>/dev/null </dev/null)
    if count $found >/dev/null
        printf '%s\\n' $found
    else
        __fish_complete_path "$current"
    end
end
for program in inv invoke envtasks
    complete --command $program --erase
    complete --command $program --no-files --keep-order --arguments '(__envtasks_complete)'
end
"""

_POWERSHELL: Final = """\
# completion of inv and envtasks for PowerShell; made by `envtasks completion powershell`
Register-ArgumentCompleter -Native -CommandName 'inv', 'invoke', 'envtasks' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.Extent.Text })
    $encoding = [Console]::OutputEncoding
    [Console]::OutputEncoding = [System.Text.Encoding]::UTF8
    try {
        & envtasks complete-words powershell "=$wordToComplete" @words 2>$null | ForEach-Object {
            $value, $text = $_ -split "`t", 2
            if (-not $text) { $text = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $text)
        }
    } finally {
        [Console]::OutputEncoding = $encoding
    }
}
"""

SHELLS: Final[Mapping[str, str]] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}

# where each shell looks, below the home folder; the command that sets completion up writes to the first
_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "bash": (".bashrc", ".bash_profile", ".bash_completion", ".local/share/bash-completion/completions/inv"),
    "zsh": (".zshrc", ".zprofile", ".zshenv"),
    "fish": (
        ".config/fish/conf.d/envtasks.fish",
        ".config/fish/completions/inv.fish",
        ".config/fish/config.fish",
    ),
    "powershell": (
        "Documents/PowerShell/Microsoft.PowerShell_profile.ps1",
        "Documents/WindowsPowerShell/Microsoft.PowerShell_profile.ps1",
        ".config/powershell/Microsoft.PowerShell_profile.ps1",
    ),
}
_SETUP: Final[Mapping[str, str]] = {
    "bash": "envtasks completion bash >> ~/.bashrc",
    "zsh": "envtasks completion zsh >> ~/.zshrc",
    "fish": "envtasks completion fish > ~/.config/fish/conf.d/envtasks.fish",
    "powershell": "envtasks completion powershell | Add-Content $PROFILE",
}


def script(shell: str) -> str:
    """What the shell has to load, one of `SHELLS`."""
    return SHELLS[shell]


def setup_command(shell: str) -> str:
    """The command line, typed in that shell, that sets completion up for good."""
    return _SETUP[shell]


def installed_in(shell: str, home: Path, process_env: Mapping[str, str]) -> Path | None:
    """The start-up file of a shell that has the script; None if no usual one has it."""
    folders = [home]
    if shell == "zsh" and process_env.get("ZDOTDIR"):
        folders.insert(0, Path(process_env["ZDOTDIR"]))
    for folder in folders:
        for name in _FILES[shell]:
            path = folder / name
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if ANSWER in text.replace("\0", "") or f"envtasks completion {shell}" in text:
                return path
    return None
