"""What a machine or a job has and lacks: programs, keys, values, settings, stray env files, shell completion.

Nothing here uses the network.
"""

from .checks import Check
from .job import check_job
from .machine import check_machine

__all__ = ["Check", "check_job", "check_machine"]
