"""Lines of a job's script that would put a secret into its log."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_TRACE: Final = re.compile(
    r"(?:^|[;&|]\s*|\s)(?:set\s+-[a-z]*x[a-z]*|set\s+-o\s+xtrace|(?:ba|z)?sh\s+-[a-z]*x[a-z]*)\b"
)
_DUMP: Final = re.compile(r"(?:^|[;&|]\s*)(?:env|printenv|export\s+-p|export|set)\s*(?:$|[;&|])")
_REVEAL: Final = re.compile(r"\b(?:inv|invoke|envtasks|nox)\b.*\s--(?:reveal|no-mask)\b")
_GET: Final = re.compile(r"(?<!\()\b(?:inv|invoke|envtasks)\s+env\.get\b.*?\s([A-Z]\w*)")
_PRINT: Final = re.compile(r"(?:^|[;&|(]\s*)(?:echo|printf|cat|Write-Output|Write-Host)\b(.*)")
_PRINTENV: Final = re.compile(r"(?:^|[;&|(]\s*)printenv\s+(\w+)")
_NAMES: Final = re.compile(r"\$(?:[Ee]nv:)?\{?(\w+)|secrets\.(\w+)")
_GOES_ELSEWHERE: Final = re.compile(
    r">(?!\s*(?:&[12]|/dev/(?:stdout|stderr|tty)))|\|(?!\s*(?:tee|cat|base64|rev|xxd|od)\b)"
)


def prints(text: str, secrets: Collection[str]) -> str:
    """How a line of a script prints secrets, as the end of a sentence; empty if it does not."""
    if _TRACE.search(text):
        return "prints every command with its values (set -x)"
    if _DUMP.search(text):
        return "prints its whole environment"
    if _GOES_ELSEWHERE.search(text):
        return _printed(_GOES_ELSEWHERE.split(text)[-1], secrets)
    if _REVEAL.search(text):
        return "shows secrets that would be hidden"
    return _printed(text, secrets)


def _printed(text: str, secrets: Collection[str]) -> str:
    for line in _PRINT.findall(text):
        for variable, secret in _NAMES.findall(line):
            if secret or variable.startswith("DOTENV_PRIVATE_KEY") or variable in secrets:
                return f"prints {secret or variable}"
    named = [name for name in (*_GET.findall(text), *_PRINTENV.findall(text)) if name in secrets]
    return f"prints {named[0]}" if named else ""
