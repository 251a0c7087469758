"""Every case recorded from the real dotenvx command, on the native engine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.recorded import Case, check, recorded


@pytest.mark.parametrize("case", recorded(), ids=lambda case: f"{case['group']}: {case['name']}")
def test_gives_what_its_policy_says(case: Case, tmp_path: Path) -> None:
    """A recorded case gives the recorded values, or the refusal that its policy asks for."""
    if sys.platform == "win32" and case["policy"] == "refuse":
        pytest.skip("the command lines in the cases are for a POSIX shell")
    check(case, tmp_path)


def test_no_case_is_left_out() -> None:
    """All 350 recorded cases are here, each with a known policy."""
    policies = [case["policy"] for case in recorded()]
    assert {policy: policies.count(policy) for policy in sorted(set(policies))} == {
        "error": 6,
        "fail_closed": 25,
        "match": 293,
        "ours": 9,
        "refuse": 17,
    }
