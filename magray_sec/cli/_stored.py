"""A stored JSON report, and the findings of it that a user names."""

from __future__ import annotations

import os

from magray_sec.errors import SettingsError, UsageError
from magray_sec.model.finding import Finding
from magray_sec.model.report import ScanReport
from magray_sec.policy.load import load_policy, shipped
from magray_sec.policy.types import Policy

_SHORTEST = 6
"""Hexadecimal digits that an identity has to be given by."""


def read(file: str) -> ScanReport:
    """The report in a file. UsageError where it cannot be read, ReportError where it is none."""
    from magray_sec.report import json_v1  # noqa: PLC0415

    try:
        with open(file, "rb") as stored:
            return json_v1.parse(stored.read())
    except OSError as error:
        raise UsageError(f"'{file}' cannot be read: {error.strerror}", "give the file of `scan --json`") from error


def called(report: ScanReport, name: str) -> tuple[int, ...]:
    """The indices of the findings of which `name` is an identity or its start. UsageError for none or several."""
    if len(name) < len("v1:") + _SHORTEST:
        raise UsageError(f"'{name}' is too short to name one finding", f"give {_SHORTEST} digits or more")
    found = tuple(
        index
        for index, finding in enumerate(report.findings)
        if any(known.startswith(name) for known in finding.identities)
    )
    if not found:
        raise UsageError(f"no finding of the report is called '{name}'", "`scan -v` prints the identities")
    if len({report.findings[index].identity for index in found}) > 1:
        raise UsageError(f"'{name}' is the start of several identities", "give more digits")
    return found


def one(report: ScanReport, name: str) -> Finding:
    """The finding of that name; of equal ones the first."""
    return report.findings[called(report, name)[0]]


def policy_of(report: ScanReport, named: str) -> tuple[Policy | None, str]:
    """The policy to judge a report by again (the one that the user names, else the one that the report was judged by),
    and what is to be said of it. None where that one is not at hand.
    """
    reference = named or report.decision.policy
    if not named and reference not in shipped() and not os.path.isfile(reference):
        return None, f"the policy '{reference}' is not here: name it with --policy FILE"
    try:
        policy = load_policy(reference, root=None, cache=None)
    except SettingsError:
        if named:
            raise
        return None, f"the policy '{reference}' cannot be read: name one with --policy FILE"
    if policy.digest != report.decision.policy_digest:
        return policy, "the policy is not the one that the report was judged by"
    return policy, ""
