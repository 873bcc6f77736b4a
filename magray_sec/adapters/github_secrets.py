"""github-secrets: the secret scanning alerts of a GitHub repository, taken in with `--input github-secrets=FILE`.

https://docs.github.com/en/rest/secret-scanning/secret-scanning

What `gh api --paginate repos/OWNER/NAME/secret-scanning/alerts` prints: a list of alerts, also several lists one after
the other. Where each alert's places were fetched too, they are read from its `locations`; else the first one that the
alert itself names. Open alerts are told; resolved ones are counted. What GitHub knows of whether a secret still works
says how sure it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from magray_sec.adapters import _formats, _secret_reports
from magray_sec.adapters._forge_rules import GITHUB
from magray_sec.adapters._read import decode, document
from magray_sec.adapters._secret_reports import Seen, number_of, text_of, value_of
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.run import Claim, Command, Inventory, Level, Notification, RawOutput, Target
from magray_sec.model.scale import Confidence, Domain
from magray_sec.model.text import clean

_WANTED = "a list of GitHub's secret scanning alerts"
_COMMIT = "commit"
_STATES = {"active": Confidence.HIGH, "inactive": Confidence.LOW}
_NOTES = {"active": "GitHub found it to work", "inactive": "GitHub found it not to work any more"}
_MOST_PAGES = 10_000


def claims(inventory: Inventory) -> tuple[Claim, ...]:  # noqa: ARG001 - it looks at reports, not at the target
    """Nothing."""
    return ()


def imported(target: Target, inventory: Inventory) -> Command:
    """It covers nothing: GitHub looks for the patterns that the repository's owner has switched on."""
    command = _secret_reports.imported(target, inventory)
    return replace(command, facts={**command.facts, "commit": target.commit or ""})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each place of each open alert. ParseError where it is no list of alerts."""
    alerts = _alerts(raw.stdout)
    resolved: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    seen: list[Seen] = []
    unplaced = 0
    for alert in alerts:
        if text_of(alert, "state") == "resolved":
            resolved[text_of(alert, "resolution").replace("_", " ") or "for no reason that is told"] += 1
            continue
        places, others, is_first_alone = _places(alert)
        elsewhere.update(others)
        unplaced += is_first_alone
        seen += [_seen(alert, place, raw) for place in places] or [_seen(alert, {}, raw)]
    yield from _secret_reports.report(raw, seen)
    yield Metric(name="alerts", value=len(alerts))
    for resolution, count in sorted(resolved.items()):
        some = "1 alert is" if count == 1 else f"{count} alerts are"
        message = f"{some} left out: resolved on GitHub ({clean(resolution, limit=60)})"
        yield Notification(level=Level.WARNING, message=message)
    for kind, count in sorted(elsewhere.items()):
        some = "1 place" if count == 1 else f"{count} places"
        message = f"{some} outside of the code ({clean(kind.replace('_', ' '), limit=60)}): see the alerts on GitHub"
        yield Notification(level=Level.WARNING, message=message)
    if unplaced:
        some = "1 alert has" if unplaced == 1 else f"{unplaced} alerts have"
        message = f"{some} more places than the list names: fetch those of each alert's locations_url into `locations`"
        yield Notification(level=Level.NOTE, message=message)


def _alerts(data: bytes) -> list[Mapping[str, Any]]:
    """The alerts of all lists in the file; those of a list of lists, as `--slurp` makes it, too."""
    alerts: list[Mapping[str, Any]] = []
    for page in _pages(data):
        entries = page if isinstance(page, list) else [page]
        flat = [inner for entry in entries for inner in (entry if isinstance(entry, list) else [entry])]
        for entry in flat:
            if not isinstance(entry, dict) or not isinstance(entry.get("secret_type"), str):
                raise _formats.refuse(entry if isinstance(entry, dict) else page, _WANTED)
        alerts += flat
    return alerts


def _pages(data: bytes) -> Iterator[Any]:
    text = decode(data).lstrip("\ufeff \t\r\n")
    try:
        yield _formats.read(data, _WANTED)[0]
    except ParseError:
        # Several lists, as older versions of gh print pages.
        if not text.startswith("["):
            raise
        rest = text.encode("utf-8", "surrogatepass")
        for _ in range(_MOST_PAGES):
            value: Any
            value, notes = document(rest, object)
            if not isinstance(value, list):
                raise ParseError("something else than lists of alerts stands in it") from None
            yield value
            if not notes:
                return
            rest = _behind(rest)
        raise ParseError(f"it holds more than {_MOST_PAGES} lists") from None


def _behind(data: bytes) -> bytes:
    """What stands behind the first list."""
    import json  # noqa: PLC0415

    text = data.decode("utf-8", "replace").lstrip()
    _, end = json.JSONDecoder().raw_decode(text)
    return text[end:].lstrip().encode("utf-8", "surrogatepass")


def _places(alert: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[str], bool]:
    """The places in files, the kinds of the other places, and whether there are more that the list does not name."""
    given = alert.get("locations")
    if not isinstance(given, list):
        first = alert.get("first_location_detected")
        is_file = isinstance(first, dict) and bool(text_of(first, "path"))
        more = alert.get("has_more_locations")
        kinds = [] if is_file or not isinstance(first, dict) else [_kind(first)]
        return [first] if is_file and isinstance(first, dict) else [], kinds, bool(more) or first is None
    places: list[Mapping[str, Any]] = []
    kinds = []
    for entry in given:
        details = entry.get("details") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(details, dict):
            raise ParseError("one of its locations is none")
        if text_of(entry, "type") in (_COMMIT, "") and text_of(details, "path"):
            places.append(details)
        else:
            kinds.append(text_of(entry, "type") or _kind(details))
    return places, kinds, False


def _kind(details: Mapping[str, Any]) -> str:
    """`issue_title` of `issue_title_url`."""
    return next((key.removesuffix("_url") for key in sorted(details) if key.endswith("_url")), "unknown")


def _seen(alert: Mapping[str, Any], place: Mapping[str, Any], raw: RawOutput) -> Seen:
    state = text_of(alert, "validity")
    commit = text_of(place, "commit_sha")
    if commit == raw.command.facts.get("commit"):
        commit = ""
    start, end = number_of(place, "start_column"), number_of(place, "end_column")
    is_one_line = number_of(place, "start_line") == number_of(place, "end_line")
    return Seen(
        rule=text_of(alert, "secret_type"),
        title=text_of(alert, "secret_type_display_name") or text_of(alert, "secret_type"),
        path=text_of(place, "path"),
        line=number_of(place, "start_line"),
        # The file as bytes, GitHub says.
        columns=(start, end) if start and end and is_one_line and 0 < start < end else None,
        value=value_of(text_of(alert, "secret")),
        confidence=_STATES.get(state, Confidence.MEDIUM),
        state=state,
        note=_NOTES.get(state, ""),
        commit=commit,
    )


ADAPTER = Adapter(
    id="github-secrets",
    title="Secret scanning alerts of GitHub",
    domains=frozenset({Domain.SECRETS}),
    claims=claims,
    imported=imported,
    parse=parse,
    canonical=GITHUB,
)
