"""Licences in one spelling, and their families."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec.adapters._spdx import FILE_ONLY, UNKNOWN, Family, read_licence, rule
from magray_sec.model.scale import Domain, Severity
from magray_sec.policy import license as policy
from magray_sec.policy.types import FILE_ONLY as POLICY_FILE_ONLY
from magray_sec.policy.types import UNKNOWN as POLICY_UNKNOWN


@pytest.mark.parametrize(
    ("stated", "expression", "family"),
    [
        ("MIT", "MIT", Family.PERMISSIVE),
        ("MIT/Apache-2.0", "Apache-2.0 OR MIT", Family.PERMISSIVE),
        ("apache-2.0 or mit", "Apache-2.0 OR MIT", Family.PERMISSIVE),
        ("MIT OR MIT", "MIT", Family.PERMISSIVE),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", "(Apache-2.0 OR MIT) AND Unicode-3.0", Family.PERMISSIVE),
        ("GPL-2.0+", "GPL-2.0-or-later", Family.COPYLEFT),
        ("AGPL-3.0", "AGPL-3.0-only", Family.COPYLEFT),
        ("MPL-2.0", "MPL-2.0", Family.WEAK_COPYLEFT),
        ("GPL-3.0-only OR MIT", "GPL-3.0-only OR MIT", Family.PERMISSIVE),
        ("GPL-3.0-only AND MIT", "GPL-3.0-only AND MIT", Family.COPYLEFT),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception", Family.PERMISSIVE),
        ("GPL-2.0 WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", Family.WEAK_COPYLEFT),
        ("LicenseRef-Ours", "LicenseRef-Ours", Family.OTHER),
        ("BUSL-1.1", "BUSL-1.1", Family.OTHER),
        ("MIT OR Ours", "MIT OR Ours", Family.PERMISSIVE),
        ("MIT AND Ours", "MIT AND Ours", Family.UNKNOWN),
    ],
)
def test_an_expression_in_one_spelling(stated: str, expression: str, family: Family) -> None:
    found = read_licence(stated, "LICENSE")
    assert (found.expression, found.family, found.said) == (expression, family, "")


@pytest.mark.parametrize("stated", ["BSD", "MIT AND", "MIT, Apache-2.0", "MIT WITH MIT", "non-standard", "x" * 5000])
def test_what_is_no_expression_is_unknown_and_its_words_are_kept(stated: str) -> None:
    found = read_licence(stated, "LICENSE")
    assert (found.expression, found.family) == (UNKNOWN, Family.UNKNOWN)
    assert found.said.startswith(stated[:100])


def test_a_file_alone_and_nothing_at_all_are_values_of_their_own() -> None:
    assert (read_licence(None, "COPYING").expression, read_licence(" ", "COPYING").said) == (FILE_ONLY, "COPYING")
    assert read_licence(None).expression == read_licence("", "").expression == UNKNOWN
    assert (FILE_ONLY, UNKNOWN) == (POLICY_FILE_ONLY, POLICY_UNKNOWN)


def test_a_policy_tells_a_file_alone_from_nothing_at_all() -> None:
    assert policy.key(FILE_ONLY) == FILE_ONLY
    assert policy.is_met(FILE_ONLY, frozenset({FILE_ONLY}))
    assert policy.is_met(FILE_ONLY, frozenset({UNKNOWN}))
    assert not policy.is_met(FILE_ONLY, frozenset({"MIT"}))
    assert not policy.is_met(UNKNOWN, frozenset({FILE_ONLY}))


_NAMES = st.sampled_from(["MIT", "Apache-2.0", "GPL-2.0+", "MPL-2.0", "BSD", "Apache-2.0 WITH LLVM-exception"])
_EXPRESSIONS = st.recursive(
    _NAMES, lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["OR", "AND"]), inner), max_leaves=6
)


@given(_EXPRESSIONS, st.frozensets(st.sampled_from(["MIT", "Apache-2.0", "GPL-2.0-or-later", "MPL-2.0", "unknown"])))
def test_the_spelling_changes_no_judgement(stated: str, allowed: frozenset[str]) -> None:
    found = read_licence(stated)
    assert policy.is_met(found.expression, allowed) == policy.is_met(stated, allowed)
    if found.family is not Family.UNKNOWN:
        assert read_licence(found.expression) == found


@given(st.text(max_size=80))
def test_any_text_is_read(stated: str) -> None:
    assert read_licence(stated, stated).expression


@pytest.mark.parametrize("family", Family)
def test_every_family_has_its_rule(family: Family) -> None:
    made = rule(family)
    assert (made.id, made.domain) == (f"licenses/{family.value}", Domain.LICENSES)
    assert made.title
    assert made.description in made.help
    assert (made.severity is Severity.UNKNOWN) == (family in (Family.UNKNOWN, Family.FILE_ONLY))
