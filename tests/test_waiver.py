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
    assert (last.verdict, last.notes) == (Verdict.PASS, ())
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
