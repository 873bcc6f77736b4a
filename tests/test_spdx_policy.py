"""Licence expressions against a policy: the examples of the SPDX specification, and those that other tools get wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judging import decide, finding, package, policy
from magray_sec.model.scale import Domain, Verdict
from magray_sec.policy import license as licenses


def judged(expression: str | None, terms: str) -> str:
    made = policy("[]", f"licenses: {terms}")
    return decide(made, finding(domain=Domain.LICENSES, package=package(license=expression))).verdict.value


# The examples of SPDX 2.3, annex D, with the licences that are needed for each.
SPECIFICATION = [
    ("CDDL-1.0", ["CDDL-1.0"]),
    ("CDDL-1.0+", ["CDDL-1.0"]),
    ("GPL-2.0-only", ["GPL-2.0-only"]),
    ("GPL-2.0-or-later", ["GPL-2.0-or-later"]),
    ("LGPL-2.1-only OR MIT", ["MIT"]),
    ("MIT OR LGPL-2.1-only", ["LGPL-2.1-only"]),
    ("(MIT OR LGPL-2.1-only)", ["MIT"]),
    ("LGPL-2.1-only OR MIT OR BSD-3-Clause", ["BSD-3-Clause"]),
    ("LGPL-2.1-only AND MIT", ["LGPL-2.1-only", "MIT"]),
    ("LGPL-2.1-only AND MIT AND BSD-2-Clause", ["LGPL-2.1-only", "MIT", "BSD-2-Clause"]),
    ("GPL-2.0-or-later WITH Bison-exception-2.2", ["GPL-2.0-or-later WITH Bison-exception-2.2"]),
    ("LGPL-2.1-only OR BSD-3-Clause AND MIT", ["BSD-3-Clause", "MIT"]),
    ("LGPL-2.1-only OR BSD-3-Clause AND MIT", ["LGPL-2.1-only"]),
    ("MIT AND (LGPL-2.1-or-later OR BSD-3-Clause)", ["MIT", "BSD-3-Clause"]),
    ("LicenseRef-23", ["LicenseRef-23"]),
    ("LicenseRef-MIT-Style-1", ["LicenseRef-MIT-Style-1"]),
    ("DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2", ["DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2"]),
    ("lgpl-2.1-only or mit", ["MIT"]),
    ("Apache-2.0 OR MIT", ["Apache-2.0"]),
    ("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only WITH Classpath-exception-2.0"]),
]


@pytest.mark.parametrize(("expression", "needed"), SPECIFICATION)
def test_the_examples_of_the_specification(expression: str, needed: list[str]) -> None:
    everything = f"{{allow: [{', '.join(needed)}]}}"
    assert judged(expression, everything) == "pass"
    for left_out in needed:
        others = [name for name in (*needed, "Zlib") if name != left_out]
        assert judged(expression, f"{{allow: [{', '.join(others)}]}}") != "pass", left_out


@pytest.mark.parametrize(
    ("expression", "terms", "verdict"),
    [
        # dependency-review-action 792, 809, 559, 742, 907: compound expressions, and even MIT, "invalid".
        ("MIT", "{allow: [MIT]}", "pass"),
        ("MIT AND Zlib", "{allow: [MIT, Zlib]}", "pass"),
        ("MIT AND Zlib", "{allow: [MIT]}", "block"),
        ("MIT OR Apache-2.0", "{allow: [Apache-2.0]}", "pass"),
        ("(MIT OR Apache-2.0) AND Unicode-DFS-2016", "{allow: [MIT, Unicode-DFS-2016]}", "pass"),
        ("(MIT OR Apache-2.0) AND Unicode-DFS-2016", "{allow: [MIT, Apache-2.0]}", "block"),
        ("MIT AND BSD-3-Clause AND (Apache-2.0 OR ISC)", "{allow: [MIT, BSD-3-Clause, ISC]}", "pass"),
        ("0BSD OR MIT OR Apache-2.0", "{allow: [MIT]}", "pass"),
        ("GPL-3.0-only AND MIT", "{deny: [GPL-3.0-only]}", "block"),
        ("GPL-3.0-only OR MIT", "{deny: [GPL-3.0-only]}", "pass"),
        ("Apache-2.0 AND CC-BY-4.0", "{allow: [Apache-2.0], review: [CC-BY-4.0]}", "review"),
        # 710, 539: an unknown licence asks for review and does not fail, unless the policy says so.
        (None, "{allow: [MIT]}", "review"),
        ("", "{allow: [MIT]}", "review"),
        ("NOASSERTION", "{allow: [MIT]}", "review"),
        ("NONE", "{deny: [GPL-3.0-only]}", "review"),
        ("LicenseRef-scancode-public-domain", "{allow: [MIT]}", "review"),
        ("Custom License", "{allow: [MIT], deny: [unknown]}", "block"),
        ("MIT AND LicenseRef-ours", "{allow: [MIT, LicenseRef-ours]}", "pass"),
        # Cargo manifests and PyPI classifiers of old.
        ("MIT/Apache-2.0", "{allow: [MIT]}", "pass"),
        ("GPL-2.0+", "{allow: [GPL-2.0-or-later]}", "pass"),
        ("GPL-3.0", "{deny: [GPL-3.0-only]}", "block"),
        ("Apache-2.0 WITH LLVM-exception", "{allow: [Apache-2.0]}", "block"),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", "{allow: [MIT]}", "pass"),
    ],
)
def test_what_other_tools_get_wrong(expression: str | None, terms: str, verdict: str) -> None:
    assert judged(expression, terms) == verdict


_NAMES = ("MIT", "Zlib", "MPL-2.0", "GPL-3.0-only", "Apache-2.0 WITH LLVM-exception")
_trees = st.recursive(
    st.sampled_from(_NAMES),
    lambda inner: st.tuples(st.sampled_from(("OR", "AND")), inner, inner),
    max_leaves=7,
)
_said = st.fixed_dictionaries({name: st.sampled_from(Verdict) for name in _NAMES})


def written(tree) -> str:
    return tree if isinstance(tree, str) else f"({written(tree[1])} {tree[0]} {written(tree[2])})"


def meant(tree, said) -> Verdict:
    if isinstance(tree, str):
        return said[tree]
    sides = (meant(tree[1], said), meant(tree[2], said))
    return min(sides) if tree[0] == "OR" else max(sides)


@given(_trees, _said)
def test_a_choice_is_as_good_as_its_best_and_all_together_as_bad_as_the_worst(tree, said) -> None:
    terms = licenses.Terms(said={licenses.key(name): verdict for name, verdict in said.items()}, unlisted=Verdict.BLOCK)
    assert licenses.verdict(written(tree), terms) is meant(tree, said)
    allowed = frozenset(licenses.key(name) for name, verdict in said.items() if verdict is Verdict.PASS)
    assert licenses.is_met(written(tree), allowed) is (meant(tree, said) is Verdict.PASS)


@given(_trees)
def test_what_an_expression_is_made_of_allows_it(tree) -> None:
    leaves = licenses.leaves(written(tree))
    assert licenses.is_met(written(tree), frozenset(leaves))
    assert licenses.is_expression(written(tree))
