"""Policies tested by small cases: findings in a short form, and what the policy has to say of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from magray_sec import datafiles, documents
from magray_sec.errors import SettingsError
from magray_sec.model.decision import Decision
from magray_sec.model.finding import Finding, Location, Package, Rule, Witness
from magray_sec.model.run import Database, Gap, GapKind, ToolRun
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, State, Verdict
from magray_sec.model.text import clean, shown_path
from magray_sec.policy.explain import Case
from magray_sec.policy.types import Policy

_SUFFIXES = (".yaml", ".yml")
_SCANNER = "any-scanner"
"""Who looked at everything in a case, unless it says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case."""

    name: str
    file: str
    line: int
    scan: Mapping[str, Any]
    """The case as it is written."""
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFile:
    """The cases of one file, and the policy that they are for."""

    file: str
    policy: str
    """A shipped policy's name, or a path from the current folder; empty: not said."""
    place: str
    """`file:line:column` of the policy's name, for messages."""
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a policy says of a case where something else was expected."""

    what: str
    expected: str
    found: str


def trial_files(folder: str) -> tuple[str, ...]:
    """The paths of the case files in a folder and those below it, sorted; of a file, itself. SettingsError for none."""
    if os.path.isfile(folder):
        return (folder,)
    found = [
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith(_SUFFIXES) and not name.startswith(".")
    ]
    if not found:
        raise SettingsError(f"{shown_path(folder)}: there are no cases", "a case file ends with .yaml")
    return tuple(sorted(found))


def load_trials(path: str) -> TrialFile:
    """The cases of one file. SettingsError with the place and what is wrong."""
    with open(datafiles.schema("policy-test"), encoding="utf-8") as stream:
        schema = json.load(stream)
    document = documents.load(documents.read(path, file=path), file=path, schema=schema)
    data = document.data
    names: set[str] = set()
    for index, entry in enumerate(data["cases"]):
        if entry["name"] in names:
            message = f"the name '{clean(entry['name'], limit=60)}' is given twice"
            documents.fail(document, ("cases", index, "name"), message, "each case has its own")
        names.add(entry["name"])
    policy = data.get("policy", "")
    if policy.endswith(_SUFFIXES) or "/" in policy:
        policy = os.path.normpath(os.path.join(os.path.dirname(path), policy))
        policy = policy if "/" in policy else f"./{policy}"
    line, column = document.position(("policy",))
    return TrialFile(
        file=shown_path(path),
        policy=policy,
        place=f"{shown_path(path)}:{line}:{column}",
        trials=tuple(
            Trial(
                name=clean(entry["name"], limit=200),
                file=shown_path(path),
                line=document.line(("cases", index)),
                scan={key: value for key, value in entry.items() if key not in ("name", "expect")},
                expect=entry["expect"],
            )
            for index, entry in enumerate(data["cases"])
        ),
    )


def differences(trial: Trial, policy: Policy, *, today: date) -> tuple[tuple[Difference, ...], Decision]:
    """What the policy says of the case where something else was expected, and all that it says."""
    decision = scan_of(trial.scan, policy, today=today).judged()
    expect = trial.expect
    found: list[Difference] = []

    def compare(what: str, expected: object, given: object) -> None:
        if expected != given:
            found.append(Difference(what=what, expected=_shown(expected), found=_shown(given)))

    if "verdict" in expect:
        compare("verdict", expect["verdict"], decision.verdict.value)
    compare("complete", expect.get("complete", True), decision.complete)
    if "rules" in expect:
        compare("rules", sorted(expect["rules"]), sorted(speaking(decision)))
    if "belongs" in expect:
        compare("belongs", expect["belongs"], [ruling.rule for ruling in decision.rulings])
    if "waived" in expect:
        compare("waived", expect["waived"], sum(ruling.waiver is not None for ruling in decision.rulings))
    found += [
        Difference(what="notes", expected=f"one with '{text}'", found=_shown(list(decision.notes)))
        for text in expect.get("notes", ())
        if not any(text in note for note in decision.notes)
    ]
    return tuple(found), decision


def speaking(decision: Decision) -> frozenset[str]:
    """The ids of the rules that ask for review or block."""
    return frozenset(
        reason.rule for reason in decision.reasons if reason.verdict is not Verdict.PASS and not reason.incomplete
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


def scan_of(scan: Mapping[str, Any], policy: Policy, *, today: date) -> Case:
    """The scan that a case is of: all that the policy requires was looked at, unless it says otherwise."""
    day = date.fromisoformat(scan["today"]) if "today" in scan else today
    findings = tuple(finding for entry in scan.get("findings", ()) for finding in _findings(entry))
    everything = tuple(Domain)
    ended = {
        _SCANNER: (everything, Outcome.COMPLETED, ""),
        **dict.fromkeys(policy.require_scanners, (everything, Outcome.COMPLETED, "")),
        **dict.fromkeys(scan.get("missing", ()), ((), Outcome.MISSING, "not installed")),
        **dict.fromkeys(scan.get("failed", ()), ((), Outcome.FAILED, "exit code 2")),
    }
    runs = tuple(
        ToolRun(adapter=name, domains=domains, outcome=outcome, reason=reason)
        for name, (domains, outcome, reason) in ended.items()
    )
    age = scan.get("database_age")
    return Case(
        findings=findings,
        gaps=tuple(_gap(entry) for entry in scan.get("gaps", ())),
        runs=runs,
        database=None if age is None else Database(path="", date=day - timedelta(days=age), advisories=1),
        policy=policy,
        today=day,
        branch=scan.get("branch"),
        event=scan.get("event"),
    )


def _findings(entry: Mapping[str, Any]) -> Iterator[Finding]:
    domain = Domain(entry["domain"])
    rule = entry.get("rule", "example")
    rule = rule if "/" in rule else f"{domain.value}/{rule}"
    severity = Severity(entry.get("severity", "unknown"))
    made = Finding(
        identity="",
        domain=domain,
        rule=Rule(id=rule, domain=domain, title=rule, cwe=tuple(sorted(entry.get("cwe", ()))), severity=severity),
        severity=severity,
        score=float(entry["score"]) if "score" in entry else None,
        confidence=Confidence(entry.get("confidence", "medium")),
        message="an example",
        location=Location(path=entry.get("path") or entry.get("lockfile") or "example"),
        package=_package(entry),
        aliases=tuple(entry.get("aliases", ())),
        kind=entry.get("kind", ""),
        witnesses=(Witness(tool=entry.get("tool", _SCANNER), native_rule=rule),),
        state=State(entry.get("state", "uncompared")),
    )
    written = json.dumps(entry, sort_keys=True)
    for number in range(entry.get("count", 1)):
        digest = hashlib.sha256(f"{written} {number}".encode()).hexdigest()
        yield made.replace(identity=entry.get("identity", f"v1:{digest[:32]}"))


def _package(entry: Mapping[str, Any]) -> Package | None:
    if not {"package", "version", "lockfile", "license", "fixed", "dependency_kind"} & entry.keys():
        return None
    named = entry.get("package", "example")
    version = entry.get("version", "1.0.0")
    bare = named if named.startswith("pkg:") else f"pkg:cargo/{named}"
    return Package(
        purl=f"{bare}@{version}",
        name=bare.rpartition("/")[2],
        version=version,
        fixed_versions=tuple(entry.get("fixed", ())),
        lockfile=entry.get("lockfile", ""),
        license=entry.get("license"),
        dependency_kind=entry.get("dependency_kind"),
    )


def _gap(entry: Mapping[str, Any]) -> Gap:
    return Gap(
        kind=GapKind.FILE if "path" in entry and "item" not in entry else GapKind.ITEM,
        reason="not looked at in this case",
        domain=Domain(entry["domain"]) if "domain" in entry else None,
        item=entry.get("item", ""),
        path=entry.get("path", ""),
        scanner=entry.get("scanner", ""),
    )
