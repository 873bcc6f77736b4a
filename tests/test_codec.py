"""Model values survive the way through JSON; sealed secrets do not take it."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime

import pytest

from magray_sec.model.codec import from_plain, to_plain
from magray_sec.model.finding import Package, Place, Rule, Sealed, Sighting
from magray_sec.model.run import Claim, Database, Limits, ScanContext
from magray_sec.model.scale import Confidence, Domain, Severity

SIGHTING = Sighting(
    native_rule="x",
    domain=Domain.SECRETS,
    message="m",
    rule=Rule(id="secrets/x", domain=Domain.SECRETS, title="X", cwe=("CWE-798",), severity=Severity.HIGH),
    confidence=Confidence.LOW,
    place=Place(path="a\udcff.rs", span=(3, 9)),
    package=Package(purl="pkg:cargo/a@1", name="a", version="1", path=("app 0.1.0", "a 1")),
    score=7.0,
)
CONTEXT = ScanContext(
    today=date(2026, 1, 2),
    started=datetime(2026, 1, 2, tzinfo=UTC),
    work="/w",
    cache=None,
    database=Database(path="/db", date=date(2025, 2, 24), advisories=3),
    limits=Limits(exclude=("a/**",)),
)


@pytest.mark.parametrize("value", [SIGHTING, CONTEXT, Claim(domain=Domain.CODE, item="language:rust")])
def test_round_trip(value: object) -> None:
    plain = json.loads(json.dumps(to_plain(value)))
    assert from_plain(type(value), plain) == value


def test_defaults_are_left_out() -> None:
    assert to_plain(Place(path="a")) == {"path": "a"}


@pytest.mark.parametrize(
    "plain",
    [None, [], {"path": 3}, {"path": "a", "unknown": 1}, {}, {"path": "a", "span": [1]}, {"path": "a", "span": "xy"}],
)
def test_another_shape_is_refused(plain: object) -> None:
    with pytest.raises(ValueError):
        from_plain(Place, plain)


def test_a_sealed_secret_cannot_be_printed_copied_or_encoded() -> None:
    sealed = Sealed(b"the value")
    assert (
        "value"
        not in f"{sealed!r} {sealed} {Sighting(native_rule='x', domain=Domain.SECRETS, message='m', secret=sealed)}"
    )
    for refused in (pickle.dumps, copy.copy, copy.deepcopy, to_plain, bytes):
        with pytest.raises(TypeError):
            refused(sealed)  # type: ignore[operator]
    with pytest.raises(TypeError):
        to_plain(Sighting(native_rule="x", domain=Domain.SECRETS, message="m", secret=sealed))


def test_a_destroyed_secret_is_gone() -> None:
    sealed = Sealed(b"the value")
    assert sealed.use(len) == 9
    sealed.destroy()
    with pytest.raises(ValueError):
        sealed.use(len)
