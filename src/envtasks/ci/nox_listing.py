"""Print nox's JSON listing with the environment that each session declares: `plan.list_sessions` runs this module."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout


def main(arguments: Sequence[str]) -> int:
    """Print the sessions that nox lists with these arguments, in one line; returns nox's exit code."""
    import nox
    from nox import registry

    listing, code = io.StringIO(), 0
    sys.argv = ["nox", "--list", "--json", *arguments]
    with redirect_stdout(listing):
        try:
            nox.main()
        except SystemExit as end:
            code = int(end.code or 0)
    if code:
        sys.stderr.write(listing.getvalue())
        return code
    rows = json.loads(listing.getvalue())
    declared = registry.get()
    for row in rows:
        # `@session` leaves its environment on the function
        row["environment"] = getattr(declared.get(row["name"]), "environment", None)
    sys.stdout.write(json.dumps(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
