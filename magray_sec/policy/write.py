"""Waivers written into a policy's YAML, and taken out of it, with the file's comments and layout left as they are.

What is written is read again before it is returned: a text that would not be a policy, or that would say anything else
than the old one and the change, is never handed out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from magray_sec.errors import EngineError, SettingsError
from magray_sec.model.text import shown_path
from magray_sec.policy.load import Sheet, read_sheet
from magray_sec.policy.types import Policy

_QUOTED_DATE = re.compile(r"^( *(?:created|expires): )'([0-9]{4}-[0-9]{2}-[0-9]{2})'$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWaiver:
    """A waiver to be written. `match` holds the keys of a waiver's match as they are written."""

    match: tuple[tuple[str, str], ...]
    reason: str
    owner: str
    created: date
    expires: date
    until_fixed: bool = False


def with_waiver(text: str, waiver: NewWaiver, *, file: str) -> str:
    """The policy's text with the waiver behind the others. SettingsError where the text is no policy or already holds a
    waiver of the same that is in force then.
    """
    before = read_sheet(text, file)
    entry: dict[str, Any] = {
        "match": dict(waiver.match),
        "reason": waiver.reason,
        "owner": waiver.owner,
        "created": waiver.created.isoformat(),
        "expires": waiver.expires.isoformat(),
    }
    if waiver.until_fixed:
        entry["until_fixed"] = True
    after = _append(text, entry) if before.policy.waivers else _begin(text, entry)
    read = read_sheet(after, file)
    *old, new = read.policy.waivers
    for other in before.policy.waivers:
        if other.match == new.match and waiver.created <= other.expires:
            raise SettingsError(
                f"{shown_path(file)}:{other.line}:1: a waiver of the same holds until {other.expires}",
                "change its 'expires' there, or remove it first",
            )
    _same(before, read, kept=len(old))
    return after


def without_waivers(text: str, lines: Collection[int], *, file: str) -> str:
    """The policy's text without the waivers that start on these lines. SettingsError where it is no policy."""
    before = read_sheet(text, file)
    kept = [index for index, waiver in enumerate(before.policy.waivers) if waiver.line not in lines]
    if len(kept) == len(before.policy.waivers):
        return text
    plain = replace(before.policy, waivers=tuple(before.policy.waivers[index] for index in kept))
    wanted = replace(before, policy=plain, given=tuple(key for key in before.given if kept or key != "waivers"))
    gone = [index for index in range(len(before.policy.waivers)) if index not in kept]
    after = _cut(text, [waiver.line for waiver in before.policy.waivers], gone)
    if after is not None and _says(after, wanted, file):
        return after
    data, yaml = _parsed(text)
    if kept:
        for index in reversed(gone):
            del data["waivers"][index]
    else:
        del data["waivers"]
    after = _dumped(data, yaml)
    _same(wanted, read_sheet(after, file))
    return after


def _says(text: str, wanted: Sheet, file: str) -> bool:
    """Whether a text is a policy that says what is wanted."""
    try:
        _same(wanted, read_sheet(text, file))
    except (SettingsError, EngineError):
        return False
    return True


def _cut(text: str, starts: list[int], gone: list[int]) -> str | None:
    """The text without the lines of those of the waivers that start on the lines `starts`, and of the comments right
    above them; None where they do not stand in lines of their own.
    """
    lines = text.splitlines(keepends=True)
    if any(not lines[start - 1].lstrip().startswith("- ") for start in starts) or len(set(starts)) < len(starts):
        return None
    dash = len(lines[starts[0] - 1]) - len(lines[starts[0] - 1].lstrip())
    last = starts[-1]
    while last < len(lines) and (not lines[last].strip() or _depth(lines[last]) > dash):
        last += 1
    while not lines[last - 1].strip():
        last -= 1
    begins = [_with_comments(lines, start - 1, dash) for start in starts]
    ends = [*begins[1:], last]
    dropped = {number for index in gone for number in range(begins[index], ends[index])}
    if len(gone) == len(starts):
        key = next((number for number in range(begins[0] - 1, -1, -1) if lines[number].startswith("waivers:")), None)
        if key is None:
            return None
        dropped |= set(range(key, begins[0]))
        while key > 0 and not lines[key - 1].strip():
            key -= 1
            dropped.add(key)
    return "".join(line for number, line in enumerate(lines) if number not in dropped)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _with_comments(lines: list[str], start: int, dash: int) -> int:
    """The first of the comment lines right above an entry, or the entry's own."""
    while start > 0 and lines[start - 1].lstrip().startswith("#") and _depth(lines[start - 1]) >= dash > 0:
        start -= 1
    return start


def _same(before: Sheet, after: Sheet, *, kept: int | None = None) -> None:
    """EngineError where the two say anything different; of the waivers of `after`, the first `kept` are compared."""
    waivers = after.policy.waivers if kept is None else after.policy.waivers[:kept]
    left, right = _plain(before.policy), _plain(replace(after.policy, waivers=waivers))
    if left != right or {*before.given, "waivers"} != {*after.given, "waivers"}:
        raise EngineError("the policy would say something else than before", "write the waiver by hand")


def _plain(policy: Policy) -> Policy:
    """The policy without what tells where it stands."""
    terms = policy.licenses
    return replace(
        policy,
        rules=tuple(replace(rule, line=0) for rule in policy.rules),
        waivers=tuple(replace(waiver, line=0) for waiver in policy.waivers),
        accept=tuple(replace(entry, line=0) for entry in policy.accept),
        licenses=replace(
            terms,
            line=0,
            exceptions=tuple(replace(entry, line=0) for entry in terms.exceptions),
            clarify=tuple(replace(entry, line=0) for entry in terms.clarify),
        ),
        require_line=0,
        default_line=0,
        warnings=(),
    )


def _begin(text: str, entry: dict[str, Any]) -> str:
    """The text with a list of waivers at its end: nothing of it is parsed and written again."""
    data, yaml = _parsed(text)
    if "waivers" in data:  # an empty list
        data["waivers"] = [entry]
        return _dumped(data, yaml)
    return _joined(text, f"\nwaivers:\n{_block(entry)}")


def _joined(text: str, more: str) -> str:
    """The text with more lines, which end as its own do."""
    end = "" if text.endswith("\n") else "\n"
    more = end + more
    return text + (more.replace("\n", "\r\n") if "\r\n" in text else more)


def _append(text: str, entry: dict[str, Any]) -> str:
    data, yaml = _parsed(text)
    entries = data["waivers"]
    block = _at_the_end(text, data)
    if block is not None:
        # The list is the last thing in the file: a text behind it changes no line of what stands there.
        return _joined(text, _block(entry, indent=block))
    entries.append(entry)
    return _dumped(data, yaml)


def _at_the_end(text: str, data: Any) -> int | None:
    """How far the waivers are indented where they are a block list at the end of the file."""
    entries = data["waivers"]
    if entries.fa.flow_style() or list(data)[-1] != "waivers":
        return None
    line, column = entries.lc.item(len(entries) - 1)
    lines = text.splitlines()
    dash = lines[line].rfind("-", 0, column)
    behind = [entry for entry in lines[line + 1 :] if entry.strip()]
    # A comment that stands less far in belongs to what would come next.
    return None if dash < 0 or any(len(entry) - len(entry.lstrip()) < dash for entry in behind) else dash


def _block(entry: dict[str, Any], indent: int = 2) -> str:
    from ruamel.yaml import YAML  # noqa: PLC0415

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 4096
    yaml.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    yaml.dump([entry], stream)
    # To the strict reader a date is text with or without quotes.
    written = _QUOTED_DATE.sub(r"\1\2", stream.getvalue())
    return "".join(f"{' ' * indent}{line}\n" for line in written.splitlines())


def _parsed(text: str) -> tuple[Any, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml.load(text), yaml


def _dumped(data: Any, yaml: Any) -> str:
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
