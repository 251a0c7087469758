"""The cost of a call, in instructions of Python's interpreter: the same whatever else the machine does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(function: Callable[[], object]) -> int:
    """How many instructions a call takes. What runs in C (a search, a regular expression) counts as one."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # before settrace, or Python 3.12 traces none the first time
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
