"""Waivers written into a policy and taken out again: whatever else stands there stays as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judging import identity
from magray_sec.errors import SettingsError
from magray_sec.policy.load import parse_policy
from magray_sec.policy.write import NewWaiver, with_waiver, without_waivers

NEW = NewWaiver(
    match=(("identity", identity(1)),),
    reason="because",
    owner="@sec",
    created=date(2026, 6, 1),
    expires=date(2026, 9, 1),
)
HEAD = "# ours\nversion: 1   # of the language\nrequire: [code]\nrules:\n- {id: a, match: {}, verdict: block}  # all\n"
LIST = """\
# what we live with
waivers:
  # the first
  - match: {rule: ONE}   # by rule
    reason: r
    owner: o
    expires: 2026-01-01

  # the second
  # in two lines
  - {match: {rule: TWO}, reason: "r", owner: 'o', expires: "2027-01-01"}
  - match:
      package: x
      version: "<2"
    reason: >-
      long
      text
    owner: o
    expires: 2027-01-01
"""
WRITTEN = f"""\
- match:
    identity: {identity(1)}
  reason: because
  owner: '@sec'
  created: 2026-06-01
  expires: 2026-09-01
"""


def indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, f"{HEAD}\nwaivers:\n{indented(WRITTEN, 2)}"),
        (HEAD.rstrip("\n"), f"{HEAD}\nwaivers:\n{indented(WRITTEN, 2)}"),
        (HEAD + LIST, HEAD + LIST + indented(WRITTEN, 2)),
        (HEAD + LIST.replace("\n  ", "\n"), HEAD + LIST.replace("\n  ", "\n") + WRITTEN),
    ],
)
def test_a_waiver_is_written_behind_all_that_is_there(before: str, after: str) -> None:
    assert with_waiver(before, NEW, file="p.yaml") == after


def test_lines_end_as_those_of_the_file_do() -> None:
    made = with_waiver(HEAD.replace("\n", "\r\n"), NEW, file="p.yaml")
    assert "\n" not in made.replace("\r\n", "")


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "waivers: []\n",
        HEAD + "waivers: [{match: {rule: ONE}, reason: r, owner: o, expires: 2027-01-01}]  # short\n",
        LIST + HEAD,
        HEAD + LIST + "# the end\n",
        HEAD + LIST + "\ndefault: review  # last\n",
    ],
)
def test_a_list_in_any_place_and_form_keeps_its_comments(text: str) -> None:
    made = with_waiver(text, NEW, file="p.yaml")
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert all(comment in made for comment in comments)
    assert parse_policy(made, file="p.yaml").waivers[-1].match.identity == (identity(1),)


def test_the_same_again_is_refused_with_its_line_and_after_its_end_it_is_not() -> None:
    once = with_waiver(HEAD, NEW, file="p.yaml")
    with pytest.raises(SettingsError, match=r"p.yaml:8:1: a waiver of the same holds until 2026-09-01"):
        with_waiver(once, NEW, file="p.yaml")
    later = replace(NEW, created=date(2026, 9, 2), expires=date(2026, 10, 1))
    assert len(parse_policy(with_waiver(once, later, file="p.yaml"), file="p.yaml").waivers) == 2


def test_a_text_that_is_no_policy_is_refused_with_its_place() -> None:
    with pytest.raises(SettingsError, match=r"p.yaml:1:1: missing key 'version'"):
        with_waiver("verson: 1\nrequire: []\nrules: []\n", NEW, file="p.yaml")


_texts = st.text(min_size=1, max_size=40).filter(lambda text: text.strip() and text.isprintable())


@settings(max_examples=100, deadline=None)
@given(_texts, _texts, st.booleans(), st.sampled_from([HEAD, HEAD + LIST]))
def test_whatever_is_written_is_what_is_read(reason: str, owner: str, until_fixed: bool, text: str) -> None:
    made = with_waiver(text, replace(NEW, reason=reason, owner=owner, until_fixed=until_fixed), file="p.yaml")
    assert made.startswith(text)
    found = parse_policy(made, file="p.yaml").waivers[-1]
    assert (found.reason.split(), found.owner.split()) == (reason.split(), owner.split())
    assert (found.until_fixed, found.created, found.expires) == (until_fixed, NEW.created, NEW.expires)


def lines_of(text: str, *rules: str) -> set[int]:
    return {waiver.line for waiver in parse_policy(text, file="p").waivers if waiver.match.rule[:1] in {(r,) for r in rules} or (not waiver.match.rule and "" in rules)}  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (("ONE",), LIST.replace(LIST[LIST.index("  # the first") : LIST.index("  # the second")], "")),
        (("TWO",), LIST.replace(LIST[LIST.index("  # the second") : LIST.index("  - match:\n      package")], "")),
        (("",), LIST[: LIST.index("  - match:\n      package")]),
        (("ONE", ""), LIST[: LIST.index("  # the first")] + LIST[LIST.index("  # the second") : LIST.index("  - match:\n      package")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("behind", ["", "\n# the rest\ndefault: review\n"])
def test_a_waiver_goes_with_its_own_comments_alone(gone: tuple[str, ...], left: str, behind: str) -> None:
    text = HEAD + LIST + behind
    assert without_waivers(text, lines_of(text, *gone), file="p.yaml") == HEAD + left + behind


def test_the_last_waiver_takes_the_key_with_it() -> None:
    once = with_waiver(HEAD, NEW, file="p.yaml")
    assert without_waivers(once, {8}, file="p.yaml") == HEAD
    assert without_waivers(once, set(), file="p.yaml") == once
    assert without_waivers(once, {3}, file="p.yaml") == once


def test_a_list_in_one_line_loses_an_entry_too() -> None:
    entry = "{match: {rule: %s}, reason: r, owner: o, expires: 2027-01-01}"
    text = f"{HEAD}waivers:\n  - {entry % 'A'}\n  -  {entry % 'B'}\n"
    (kept,) = parse_policy(without_waivers(text, {7}, file="p"), file="p").waivers
    assert kept.match.rule == ("B",)
    flow = f"{HEAD}waivers: [{entry % 'A'},\n  {entry % 'B'}]\n"
    (kept,) = parse_policy(without_waivers(flow, {6}, file="p"), file="p").waivers
    assert kept.match.rule == ("B",)
