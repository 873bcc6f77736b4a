"""Sightings become findings: places, rules and identities are made, secrets are opened once and gone."""

from __future__ import annotations

import json
import random
import string

import pytest

from magray_sec.correlate import correlate
from magray_sec.model.adapter import Adapter, Interpretation
from magray_sec.model.codec import to_plain
from magray_sec.model.finding import Finding, Package, Place, Region, Rule, Sealed, Sighting
from magray_sec.model.run import Gap, GapKind, Level, Notification, ToolRun
from magray_sec.model.scale import Domain, Outcome, Severity
from magray_sec.normalize import Normalized, normalize
from memory import MemorySource


def random_value(seed: int = 5, length: int = 36) -> str:
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=length))


VALUE = random_value()
TEXT = f'# \u00e9\U0001f600 first\nkey = "{VALUE}"\n'.encode()
SOURCE = MemorySource(
    {"a.env": TEXT, "src/lib.rs": b"fn a() {\n\tquery(format!(x));\n}\n", "Cargo.toml": b"[package]\n"}
)


def adapter(name: str, canonical: dict[str, str] | None = None) -> Adapter:
    domains = frozenset({Domain.SECRETS})
    return Adapter(id=name, title=name, domains=domains, claims=lambda _: (), canonical=canonical or {})


def normalized(*tools: tuple[Adapter, tuple[Sighting, ...]], run: ToolRun | None = None) -> Normalized:
    heard = [
        Interpretation(
            run=run or ToolRun(adapter=tool.id, domains=(), outcome=Outcome.COMPLETED),
            sightings=sightings,
        )
        for tool, sightings in tools
    ]
    return normalize(heard, SOURCE, {tool.id: tool for tool, _ in tools}, anchor="Cargo.toml")


def one(sighting: Sighting, canonical: dict[str, str] | None = None) -> Finding:
    (finding,) = normalized((adapter("tool", canonical), (sighting,))).findings
    return finding


def secret(**changes: object) -> Sighting:
    return Sighting(native_rule="pat", domain=Domain.SECRETS, message="a token", **changes)  # type: ignore[arg-type]


SPAN = (TEXT.index(VALUE.encode()), TEXT.index(VALUE.encode()) + len(VALUE))


def test_three_scanners_that_point_at_one_token_in_their_own_ways_meet() -> None:
    by_span = secret(place=Place(path="a.env", span=SPAN))
    by_line = secret(place=Place(path="/target/a.env", start_line=2), secret=Sealed(VALUE.encode()))
    by_column = secret(place=Place(path="./a.env", start_line=2, start_column=7, end_line=2, end_column=44))
    found = normalized(
        (adapter("one"), (by_span,)), (adapter("two"), (by_line,)), (adapter("three"), (by_column,))
    ).findings
    assert len({finding.identity for finding in found}) == 1
    (merged,) = correlate(found)
    assert [witness.tool for witness in merged.witnesses] == ["one", "three", "two"]
    assert merged.location.path == "a.env"
    assert merged.location.region == Region(start_line=2, start_column=8, end_line=2, end_column=8 + len(VALUE))


def test_a_secret_is_destroyed_and_in_no_string() -> None:
    sealed = Sealed(VALUE.encode())
    run = ToolRun(
        adapter="tool",
        domains=(),
        outcome=Outcome.PARTIAL,
        reason=f"stopped at {VALUE}",
        notifications=(Notification(level=Level.NOTE, message=f"saw {VALUE}"),),
        gaps=(Gap(kind=GapKind.FILE, path="x", reason=f"line with {VALUE}"),),
        version=VALUE,
    )
    leaky = Sighting(
        native_rule=f"rule-{VALUE}",
        domain=Domain.SECRETS,
        message=f"found {VALUE} here",
        title=f"title {VALUE}",
        secret=sealed,
        place=Place(path="a.env", start_line=2),
        url=f"https://example.org/?q={VALUE}",
        preview=VALUE,
        hidden_by=f"comment {VALUE}",
    )
    result = normalized((adapter("tool"), (leaky,)), run=run)
    assert VALUE not in json.dumps(to_plain(result.findings)) + json.dumps(to_plain(result.runs))
    assert "[REDACTED]" in result.findings[0].message
    with pytest.raises(ValueError):
        sealed.use(len)


def test_hundreds_of_secrets_are_all_taken_out() -> None:
    values = [random_value(seed) for seed in range(300)]
    sightings = tuple(
        secret(place=Place(path="a.env", start_line=2), secret=Sealed(value.encode()), hidden_by=" ".join(values))
        for value in values
    )
    found = normalized((adapter("tool"), sightings)).findings
    text = json.dumps(to_plain(found))
    assert not [value for value in values if value in text]


def test_hundreds_of_secrets_are_taken_out_of_what_is_no_text() -> None:
    values = [random_value(seed) for seed in range(200)]
    said = tuple(secret(secret=Sealed(value.encode())) for value in values)
    hide = normalized((adapter("x"), said)).hide
    assert hide(f"caf\udce9 {values[7]} \u00e9\ud800 {values[99]}") == "caf\udce9 [REDACTED] \u00e9\ud800 [REDACTED]"
    assert hide("caf\udce9 \ud800") == "caf\udce9 \ud800"


def test_a_secret_that_is_not_in_the_file_as_such_keeps_its_line() -> None:
    finding = one(secret(place=Place(path="a.env", start_line=2), secret=Sealed(b"decoded from base64")))
    assert finding.location.region == Region(start_line=2)
    assert finding.identity.startswith("v1:")


def test_code_region_and_identity_by_columns_in_characters() -> None:
    sighting = Sighting(
        native_rule="sql",
        domain=Domain.CODE,
        message="sql",
        place=Place(path="src/lib.rs", start_line=2, start_column=2, end_column=19, column_unit="characters"),
    )
    finding = one(sighting, {"sql": "code/sql-injection"})
    assert finding.rule.id == "code/sql-injection"
    assert finding.location.region == Region(start_line=2, start_column=2, end_line=2, end_column=19)
    assert finding.line_hash is not None


def test_an_unmapped_rule_is_named_after_its_tool() -> None:
    finding = one(Sighting(native_rule="Weird Rule!", domain=Domain.CODE, message="m", title="T"))
    assert (finding.rule.id, finding.rule.title) == ("code/tool.weird-rule", "T")
    assert finding.location.path == "Cargo.toml"


def test_credentials_found_as_code_are_secrets() -> None:
    rule = Rule(id="code/hard-coded", domain=Domain.CODE, title="Hard-coded", cwe=("CWE-798",))
    finding = one(
        Sighting(native_rule="x", domain=Domain.CODE, message="m", rule=rule, place=Place(path="a.env", span=SPAN))
    )
    assert finding.domain is Domain.SECRETS


def test_a_dependency_goes_by_all_its_aliases() -> None:
    package = Package(purl="pkg:cargo/idna@0.4.0", name="idna", version="0.4.0", lockfile="Cargo.lock")
    rule = Rule(id="dependencies/RUSTSEC-2024-0421", domain=Domain.DEPENDENCIES, title="idna")
    finding = one(
        Sighting(
            native_rule="RUSTSEC-2024-0421",
            domain=Domain.DEPENDENCIES,
            message="m",
            rule=rule,
            package=package,
            aliases=("CVE-2024-12224", "RUSTSEC-2024-0421"),
        )
    )
    assert finding.aliases == ("CVE-2024-12224",)
    assert len(finding.also_known_as) == 1


def test_foreign_strings_are_harmless() -> None:
    finding = one(
        Sighting(
            native_rule="x",
            domain=Domain.CODE,
            message="\x1b[2J::error::one\ntwo",
            title="a\rb",
            severity=Severity.LOW,
            url="javascript:alert(1)",
        )
    )
    assert finding.message == ": :error::one two"
    assert finding.rule.title == "a b"
    assert finding.witnesses[0].url == ""


def test_a_place_beyond_the_file_is_kept_without_columns() -> None:
    finding = one(
        Sighting(native_rule="x", domain=Domain.CODE, message="m", place=Place(path="gone.rs", start_line=900))
    )
    assert finding.location.path == "gone.rs"
    assert finding.location.region == Region(start_line=900)
    assert finding.line_hash is None


def test_one_text_a_rule_whoever_says_it() -> None:
    full = Rule(id="code/x", domain=Domain.CODE, title="Full", help="help")
    bare = Rule(id="code/x", domain=Domain.CODE, title="Bare")
    for order in ((full, bare), (bare, full)):
        found = normalized(
            *(
                (adapter(f"tool{index}"), (Sighting(native_rule="x", domain=Domain.CODE, message="m", rule=rule),))
                for index, rule in enumerate(order)
            )
        ).findings
        assert {finding.rule.title for finding in found} == {"Full"}
