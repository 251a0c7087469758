"""Lines of a job's script that would put a secret into its log."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_TRACE: Final = re.compile(r"(?:^|[;&|]\s*|\s)(?:set\s+-[a-z]*x|set\s+-o\s+xtrace|(?:ba|z)?sh\s+-[a-z]*x)\b")
_DUMP: Final = re.compile(r"(?:^|[;&|]\s*)(?:env|printenv|export\s+-p|export|set)\s*(?:$|[;&|])")
_REVEAL: Final = re.compile(r"\b(?:inv|invoke|envtasks|nox)\b.*\s--(?:reveal|no-mask)\b")
_GET: Final = re.compile(r"(?<!\()\b(?:inv|invoke|envtasks)\s+env\.get\b.*?\s([A-Z]\w*)")
_PRINT: Final = re.compile(r"(?:^|[;&|(]\s*)(?:echo|printf|cat|printenv|Write-Output|Write-Host)\b(.*)")
_GOES_ELSEWHERE: Final = re.compile(
    r">(?!\s*(?:&[12]|/dev/(?:stdout|stderr|tty)))|\|(?!\s*(?:tee|cat|base64|rev|xxd|od)\b)"
)


def prints(text: str, secrets: Collection[str]) -> str:
    """How a line of a script prints secrets, as the end of a sentence; empty if it does not."""
    if _TRACE.search(text):
        return "prints every command with its values (set -x)"
    if _DUMP.search(text):
        return "prints its whole environment"
    elsewhere = _GOES_ELSEWHERE.search(text)
    if _REVEAL.search(text) and not elsewhere:
        return "shows secrets that would be hidden"
    got = _GET.search(text)
    if got and not elsewhere and got[1] in secrets:
        return f"prints {got[1]}"
    printed = _PRINT.search(text)
    if printed and not _GOES_ELSEWHERE.search(printed[1]):
        names = re.findall(r"\$\{?(\w+)|secrets\.(\w+)", printed[1])
        for variable, secret in names:
            if secret or variable.startswith("DOTENV_PRIVATE_KEY") or variable in secrets:
                return f"prints {secret or variable}"
    return ""
