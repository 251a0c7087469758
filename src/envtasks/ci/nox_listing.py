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
    # nox's is the last line; a noxfile may print something of its own before, without a line end too
    line = listing.getvalue().rstrip().rpartition("\n")[2]
    rows = json.loads(line[line.index("[") :])
    declared = registry.get()
    for row in rows:
        # `@session` leaves its environment on the function
        row["environment"] = getattr(declared.get(row["name"]), "environment", None)
    sys.stdout.write(f"\n{json.dumps(rows)}\n")  # on a line of its own
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
