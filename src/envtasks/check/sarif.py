"""Findings as SARIF 2.1.0, which GitHub, GitLab and editors show beside the lines."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from ..errors import LeakFound
from .findings import KINDS, Finding, Kind

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(findings: tuple[Finding, ...], *, version: str) -> dict[str, Any]:
    """The SARIF log of one run."""
    driver = {
        "name": "envtasks",
        "version": version,
        "rules": [_rule(kind) for kind in KINDS],
    }
    results = [_result(each) for each in findings]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _rule(kind: Kind) -> dict[str, Any]:
    return {
        "id": kind.id,
        "shortDescription": {"text": kind.title},
        "defaultConfiguration": {"level": _level(kind)},
        "properties": {"part": kind.part, "exitCode": kind.code},
    }


def _result(finding: Finding) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(finding.file), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": max(finding.line, 1)},
    }
    return {
        "ruleId": finding.id,
        "level": _level(finding.kind),
        "message": {"text": f"{finding.sentence} {finding.hint}"},
        "locations": [{"physicalLocation": place}],
        # the line moves when the file is edited, the finding stays the same one
        "partialFingerprints": {"key/v1": f"{finding.key}:{finding.file}"},
    }


def _level(kind: Kind) -> str:
    return "error" if kind.code == LeakFound.code else "warning"
