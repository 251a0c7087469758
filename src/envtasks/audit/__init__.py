"""Proof that an image holds no secret, no private key, no env file and no dotenvx: in any layer, also deleted ones."""

from .looking import audit
from .opening import Limits
from .report import Finding, NotChecked, Report

__all__ = ["Finding", "Limits", "NotChecked", "Report", "audit"]
