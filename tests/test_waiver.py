"""Waivers: what they fit, until when, and what is said of those that expired or are not needed."""

from __future__ import annotations

from datetime import date

import pytest

from judging import decide, finding, identity, package, policy
from magray_sec.model.finding import Finding
from magray_sec.model.scale import Domain, Severity, Verdict

RULES = "[{id: any, match: {}, verdict: block}]"
FOUND = finding(
    1,
    rule="RUSTSEC-2023-0071",
    severity=Severity.HIGH,
    aliases=("CVE-2023-49092", "GHSA-c38w-74pg-36hr"),
    also_known_as=(identity(2), identity(3)),
    package=package("rsa", "0.9.6"),
    path="service/Cargo.lock",
)


def waivers(*matches: str, expires: str = "2026-12-31") -> str:
    return "waivers:\n" + "".join(
        f"  - {{match: {match}, reason: because, owner: '@sec', expires: {expires}}}\n" for match in matches
    )


def waived(match: str, found: Finding = FOUND) -> bool:
    decision = decide(policy(RULES, waivers(match)), found)
    assert (decision.verdict is Verdict.PASS) is (decision.rulings[0].waiver == 0)
    assert decision.waivers[0].used == (decision.rulings[0].waiver == 0)
    return decision.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (f"{{identity: '{identity(1)}'}}", True),
        (f"{{identity: '{identity(3)}'}}", True),
        (f"{{identity: ['{identity(8)}', '{identity(2)}']}}", True),
        (f"{{identity: '{identity(4)}'}}", False),
        ("{rule: RUSTSEC-2023-0071}", True),
        ("{rule: rustsec-2023-0071}", True),
        ("{rule: dependencies/RUSTSEC-2023-0071}", True),
        ("{rule: CVE-2023-49092}", True),
        ("{rule: [nothing, ghsa-c38w-74pg-36hr]}", True),
        ("{rule: RUSTSEC-2023-0072}", False),
        ("{package: rsa}", True),
        ("{package: 'pkg:cargo/rsa'}", True),
        ("{package: openssl}", False),
        ("{package: rsa, version: 0.9.6}", True),
        ("{package: rsa, version: '<0.9.6'}", False),
        ("{path: 'service/**'}", True),
        ("{path: '/Cargo.lock'}", False),
        ("{rule: RUSTSEC-2023-0071, package: rsa}", True),
        ("{rule: RUSTSEC-2023-0071, package: openssl}", False),
        ("{rule: RUSTSEC-2023-0072, package: rsa}", False),
        (f"{{identity: '{identity(1)}', path: 'other/**'}}", False),
    ],
)
def test_what_a_waiver_fits(match: str, fits: bool) -> None:
    assert waived(match) is fits


def test_a_waiver_by_package_fits_no_finding_without_one() -> None:
    assert not waived("{package: rsa}", finding(domain=Domain.SECRETS, rule="github-pat", path="x"))
    assert waived("{rule: github-pat, path: x}", finding(domain=Domain.SECRETS, rule="github-pat", path="x"))


def test_waived_findings_do_not_count_against_the_limit() -> None:
    rules = "[{id: high, match: {}, max: 2, verdict: review}]"
    found = [finding(number) for number in range(4)]
    made = policy(rules, waivers(f"{{identity: ['{identity(0)}', '{identity(1)}']}}"))
    decision = decide(made, *found)
    assert decision.verdict is Verdict.PASS
    assert [ruling.waiver for ruling in decision.rulings] == [0, 0, None, None]
    assert {ruling.rule for ruling in decision.rulings} == {"high"}
    assert (decision.reasons[0].count, decision.waivers[0].used) == (2, 2)
    spoken = decide(made, *found, finding(4))
    assert [ruling.verdict for ruling in spoken.rulings] == [Verdict.PASS, Verdict.PASS, *[Verdict.REVIEW] * 3]


def test_every_waiver_is_reported() -> None:
    (use,) = decide(policy(RULES, waivers("{rule: CVE-2023-49092, package: rsa}")), FOUND).waivers
    assert use.label == "rule CVE-2023-49092, package rsa"
    assert (use.reason, use.owner, use.expires) == ("because", "@sec", date(2026, 12, 31))
    assert (use.used, use.expired, use.file, use.line) == (1, False, "p.yaml", 5)


def test_a_waiver_holds_through_its_last_day_and_then_the_finding_counts_again() -> None:
    made = policy(RULES, waivers("{rule: CVE-2023-49092}"))
    last = decide(made, FOUND, today=date(2026, 12, 31))
    assert last.verdict is Verdict.PASS
    assert last.notes == (
        (
            "waiver of rule CVE-2023-49092 (p.yaml:5, owner @sec) ends on 2026-12-31, today: "
            "then the finding it waives counts again"
        ),
    )
    after = decide(made, FOUND, FOUND, today=date(2027, 1, 1))
    assert after.verdict is Verdict.BLOCK
    assert (after.waivers[0].expired, after.waivers[0].used) == (True, 0)
    assert [ruling.waiver for ruling in after.rulings] == [None, None]
    assert after.notes == (
        "waiver of rule CVE-2023-49092 (p.yaml:5, owner @sec) expired on 2026-12-31: the 2 findings it fits count again",
    )


def test_an_expired_waiver_that_fits_nothing_is_to_be_removed() -> None:
    (note,) = decide(policy(RULES, waivers("{rule: X}")), FOUND, today=date(2027, 1, 1)).notes
    assert note == (
        "waiver of rule X (p.yaml:5, owner @sec) expired on 2026-12-31 and fits no finding that counts: remove it"
    )


def test_an_unused_waiver_is_said() -> None:
    decision = decide(policy(RULES, waivers("{rule: X}", "{rule: CVE-2023-49092}")), FOUND)
    assert decision.notes == ("waiver of rule X (p.yaml:5, owner @sec) is unused: no finding needs it",)
    assert [use.used for use in decision.waivers] == [0, 1]


def test_the_first_waiver_in_force_takes_the_finding() -> None:
    made = policy(
        RULES, waivers("{package: rsa}", expires="2026-01-01") + waivers("{rule: CVE-2023-49092}", "{package: rsa}")[9:]
    )
    decision = decide(made, FOUND)
    assert decision.rulings[0].waiver == 1
    assert [(use.used, use.expired) for use in decision.waivers] == [(0, True), (1, False), (0, False)]
    assert [note.partition(": ")[2] for note in decision.notes] == ["remove it", "no finding needs it"]


def test_many_waivers_are_looked_up_not_walked() -> None:
    matches = [f"{{identity: '{identity(n)}'}}" for n in range(500)] + [f"{{rule: R-{n}}}" for n in range(500)]
    made = policy(RULES, waivers(*matches))
    found = [finding(n, rule=f"R-{n}") for n in range(400, 1000)]
    decision = decide(made, *found)
    assert [ruling.waiver for ruling in decision.rulings] == [*range(400, 500), *range(900, 1000), *[None] * 500][
        :100
    ] + [500 + n if n < 500 else None for n in range(500, 1000)]


# --- how long, until when


def limited(match: str, dates: str, limits: str = "{critical: 30d, high: 60d}", more: str = "") -> str:
    return f"waiver_limits: {limits}\nwarn_before: 0d\nwaivers:\n  - {{match: {match}, reason: r, owner: o, {dates}}}\n{more}"


@pytest.mark.parametrize(
    ("dates", "severity", "holds", "says"),
    [
        ("created: 2026-06-01, expires: 2026-07-01", Severity.CRITICAL, True, ""),
        ("created: 2026-06-15, expires: 2030-01-01", Severity.CRITICAL, True, ""),
        ("created: 2026-05-16, expires: 2030-01-01", Severity.CRITICAL, True, ""),
        ("created: 2026-05-15, expires: 2030-01-01", Severity.CRITICAL, False, "ended on 2026-06-14: the policy waives critical findings for 30 days"),
        ("created: 2026-05-15, expires: 2030-01-01", Severity.HIGH, True, ""),
        ("created: 2020-01-01, expires: 2030-01-01", Severity.MEDIUM, True, ""),
        ("expires: 2030-01-01", Severity.LOW, True, ""),
        ("expires: 2026-06-16", Severity.HIGH, False, "does not say when it was made, and the policy waives high findings for 60 days: add 'created'"),
        ("created: 2026-06-16, expires: 2026-07-01", Severity.LOW, False, "begins on 2026-06-16"),
    ],
)  # fmt: skip
def test_a_severity_is_waived_for_as_long_as_the_policy_says(
    dates: str, severity: Severity, says: str, *, holds: bool
) -> None:
    decision = decide(policy(RULES, limited("{rule: R}", dates)), finding(1, rule="R", severity=severity))
    assert (decision.verdict is Verdict.PASS) is holds
    assert decision.notes == (
        (f"waiver of rule R (p.yaml:7, owner o) {says}: the finding it fits counts again",) if says else ()
    )


def test_until_there_is_a_fix() -> None:
    made = policy(RULES, waivers("{package: rsa}").replace("}\n", ", until_fixed: true}\n"))
    assert decide(made, finding(1, package=package("rsa"))).verdict is Verdict.PASS
    reopened = decide(made, finding(1, package=package("rsa", fixed_versions=(">=1.0", "0.9.7"))))
    assert reopened.verdict is Verdict.BLOCK
    assert reopened.notes == (
        (
            "waiver of package rsa (p.yaml:5, owner @sec) held until there is a fix, which >=1.0 or 0.9.7 is: "
            "the finding it fits counts again"
        ),
    )


@pytest.mark.parametrize(("warn", "said"), [("", True), ("warn_before: 14d", True), ("warn_before: 13d", False), ("warn_before: 0d", False)])  # fmt: skip
def test_the_end_of_a_waiver_is_announced(warn: str, *, said: bool) -> None:
    made = policy(RULES, f"{warn}\n" + waivers("{rule: R}", expires="2026-06-28"))
    decision = decide(made, finding(1, rule="R"), finding(2, rule="R"))
    ends = "ends on 2026-06-28, in 13 days: then the 2 findings it waives count again"
    assert [note.partition("@sec) ")[2] for note in decision.notes] == ([ends] if said else [])


def test_a_finding_that_another_waiver_takes_is_not_said_to_count_again() -> None:
    both = waivers("{rule: R}", expires="2026-01-01") + waivers("{package: rsa}")[9:]
    decision = decide(policy(RULES, both), finding(1, rule="R", package=package("rsa")))
    assert decision.verdict is Verdict.PASS
    assert decision.notes == (
        "waiver of rule R (p.yaml:5, owner @sec) expired on 2026-01-01 and fits no finding that counts: remove it",
    )
