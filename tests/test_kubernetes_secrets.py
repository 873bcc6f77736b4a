"""Every value of a Kubernetes Secret is a secret of its own, written plain or in base64."""

from __future__ import annotations

import base64

import pytest

from cases import shared_cache
from magray_sec import datafiles
from magray_sec.model.scale import Domain
from magray_sec.regex.checks import CHECKS
from magray_sec.regex.compile import compile_rules
from magray_sec.regex.confirm import Confirmed
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import load_packs
from magray_sec.regex.scan import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    rules = load_packs(datafiles.files("rules"), shared_cache()).only(frozenset({Domain.SECRETS}))
    return Engine(rules, compile_rules(rules, shared_cache()))


def tokens(engine: Engine, text: str) -> list[str]:
    found = {j.token for j in engine.examine("secret.yaml", text.encode()) if isinstance(j.outcome, Confirmed)}
    return [text[slice(*span)] for span in sorted(found)]


def test_each_entry_is_found_at_its_place(engine: Engine) -> None:
    plain = [fill("{{alnum:24}}", f"k8s {number}") for number in range(3)]
    values = [base64.b64encode(value.encode()).decode() for value in plain]
    lines = "".join(f"  key{number}: {value}\n" for number, value in enumerate(values))
    text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\ntype: Opaque\ndata:\n{lines}"
    assert tokens(engine, text) == values


def test_hosts_certificates_and_words_beside_them_are_none(engine: Engine) -> None:
    value = base64.b64encode(fill("{{alnum:24}}", "k8s one").encode()).decode()
    others = [base64.b64encode(text).decode() for text in (b"db.internal.example:5432", b"postgres", b"8080")]
    lines = "".join(f"  k{number}: {entry}\n" for number, entry in enumerate([others[0], value, *others[1:]]))
    text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\ndata:\n{lines}"
    assert tokens(engine, text) == [value]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("postgres", False),
        ("8080", False),
        ("db.internal.example:5432", False),
        ("https://example.org/path", False),
        ("-----BEGIN CERTIFICATE-----\nMIIB", False),
        ("abc", False),
        ("a!b#c d", True),
        ("https://user:{}@example.org/".format("word-19"), True),
    ],
)
def test_what_a_value_of_a_secret_may_be(text: str, is_one: bool) -> None:
    check = CHECKS["kubernetes-value"]
    assert check(text.encode()) is is_one
    assert check(base64.b64encode(text.encode())) is is_one


def test_a_mark_is_what_no_name_and_no_base64_has() -> None:
    assert CHECKS["marked"](b"p@ss")
    assert not CHECKS["marked"](b"ab+/=.-_9")
