"""SARIF's objects, made here alone: `sarif_om` classes with GitHub's limits kept, and their way into JSON.

`sarif_om` was generated from a draft of the schema: one property has another name there (`Suppression`), and its own
serialiser drops a result's `level: warning`, which then becomes the rule's. Hence a serialiser of our own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, TypeAlias

import attr
import msgspec
import sarif_om

from magray_sec.model.finding import Region

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
TOOL = "magray-sec"
HOME = "urn:magray-sec"
"""What stands for the tool's home page wherever SARIF wants a URI of it."""
LOCAL_REPOSITORY = "urn:magray-sec:local-repository"
"""Stands for a repository without a remote that others could reach."""
ROOT = "%SRCROOT%"
MESSAGE = "default"
"""The id of the one message string of each rule."""

MOST_RESULTS = 5000
"""What GitHub stores of a run."""
MOST_TAGS = 10
MOST_EXTENSIONS = 100
_LONGEST_DESCRIPTION = 1024
_LONGEST_NAME = 255
_LONGEST_MESSAGE = 1000
_LONGEST_HELP = 12_000
_LARGEST = 2**31 - 2

Object: TypeAlias = Any
"""An instance of a `sarif_om` class; the package has no types."""
Uri: TypeAlias = Callable[[str], str]
"""A path of the target -> its URI in the file."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_WEB = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
                  r"(?:#(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?", re.ASCII)  # fmt: skip
_SCP_LIKE = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9.-]{2,}):(?!/)([\w./~-]+)", re.ASCII)
_REMOTE = re.compile(r"(?:https?|ssh|git)://[A-Za-z0-9.-]+(?::\d{1,5})?/[\w./~%-]*", re.ASCII)

# The order of the schema where reading profits from it; what is not named follows in the classes' own order.
_ORDER: Mapping[str, tuple[str, ...]] = {
    "SarifLog": ("$schema", "version", "runs"),
    "Run": (
        "tool",
        "invocations",
        "versionControlProvenance",
        "originalUriBaseIds",
        "automationDetails",
        "columnKind",
        "redactionTokens",
        "results",
    ),
    "ToolComponent": ("name", "fullName", "version", "semanticVersion", "informationUri", "shortDescription"),
    "ReportingDescriptor": (
        "id",
        "name",
        "shortDescription",
        "fullDescription",
        "messageStrings",
        "defaultConfiguration",
        "helpUri",
        "help",
    ),
    "Result": ("ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "relatedLocations"),
    "Message": ("text", "markdown", "id", "arguments"),
    "Location": ("id", "physicalLocation", "logicalLocations", "message"),
    "LogicalLocation": ("name", "fullyQualifiedName", "kind"),
    "PhysicalLocation": ("artifactLocation", "region", "contextRegion"),
    "ArtifactLocation": ("uri", "uriBaseId"),
    "Region": ("startLine", "startColumn", "endLine", "endColumn", "snippet"),
    "Invocation": ("commandLine", "startTimeUtc", "endTimeUtc", "executionSuccessful", "exitCode", "exitSignalNumber"),
    "Notification": ("level", "message", "locations"),
    "VersionControlDetails": ("repositoryUri", "revisionId", "branch", "mappedTo"),
    "Suppression": ("kind", "status", "justification"),
}


# `sarif_om` knows the draft's `state`, which makes a file invalid; the standard's word is `status`.
_Suppression: Any = attr.make_class(
    "Suppression",
    {"status": attr.ib(default=None, metadata={"schema_property_name": "status"})},
    bases=(sarif_om.Suppression,),
)


class Serializer:
    """Objects -> plain dicts and lists for JSON: keys in a fixed order, nothing that is None or the standard's default
    (but each `level`), and objects that are used many times are converted once.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Object, Any]] = {}

    def plain(self, value: Object) -> Any:
        """`value` as JSON values."""
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind is list:
            return [self.plain(entry) for entry in value]
        if kind is dict:
            return {key: self.plain(entry) for key, entry in value.items()}
        if kind.__name__ not in _SHARED:
            return self._object(value, kind)
        known = self._known.get(id(value))
        if known is None:
            # The object is kept with its form: an id is only good while its object lives.
            known = self._known[id(value)] = (value, self._object(value, kind))
        return known[1]

    def sealed(self, value: Object) -> msgspec.Raw:
        """`value` as finished JSON, to stand in an object in its place: thousands of results kept as objects would
        cost more in garbage collection than in anything else."""
        return msgspec.Raw(msgspec.json.encode(self.plain(value)))

    def _object(self, value: Object, kind: type) -> dict[str, Any]:
        values, steps = _plan(kind)
        plain = {}
        for entry, (key, default) in zip(values(value), steps, strict=True):
            if entry is None or (entry == default and key != "level"):
                continue
            is_plain = type(entry) in _SCALARS or key in _PLAIN_VALUES
            plain[key] = entry if is_plain else self.plain(entry)
        return plain


_SCALARS = frozenset({str, int, float, bool, type(None), msgspec.Raw})
_SHARED = frozenset({"ArtifactLocation", "ArtifactContent"})
# Properties whose values are made of plain values alone.
_PLAIN_VALUES = frozenset({"properties", "arguments", "partialFingerprints", "redactionTokens"})


@functools.cache
def _plan(kind: type) -> tuple[Callable[[Object], tuple[Any, ...]], tuple[tuple[str, Any], ...]]:
    """What takes the attributes of a class's objects, and the (property, default) of each, in the order of writing."""
    order = {key: place for place, key in enumerate(_ORDER.get(kind.__name__, ()))}
    steps = []
    for entry in attr.fields(kind):
        default = entry.default
        if isinstance(default, attr.Factory):  # type: ignore[arg-type]
            default = default.factory()
        steps.append((entry.name, entry.metadata["schema_property_name"], default))
    steps.sort(key=lambda step: (order.get(step[1], len(order)), step[1] == "properties"))
    names = [name for name, _, _ in steps]
    values = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)
    return values, tuple((key, default) for _, key, default in steps)


def safe(text: str) -> str:
    """`text` without lone surrogates, which JSON cannot carry."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, the cut marked by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "\u2026"


def sentence(text: str) -> str:
    """A message that GitHub shows as it is: it half reads messages as Markdown, so there is no backquote and no link,
    and it ends like a sentence."""
    text = cut(" ".join(safe(text).replace("`", "'").replace("](", "] (").split()), _LONGEST_MESSAGE)
    return text if text.endswith((".", "!", "?", "\u2026")) else text + "."


def description(text: str) -> str:
    """A rule's short or full description."""
    return cut(" ".join(safe(text).replace("`", "'").split()), _LONGEST_DESCRIPTION)


def is_web_address(text: str) -> bool:
    """Whether it can be linked to: a complete http(s) URL of harmless characters."""
    return len(text) <= 2000 and _WEB.fullmatch(text) is not None


def repository_uri(remote: str | None) -> str:
    """A remote as a URI; a name of our own for none, and for one that is a folder of this machine."""
    remote = remote or ""
    if _REMOTE.fullmatch(remote):
        return re.sub("%(?![0-9A-Fa-f]{2})", "%25", remote)
    if match := _SCP_LIKE.fullmatch(remote):
        return f"ssh://{match[1]}/{match[2]}"
    return LOCAL_REPOSITORY


def pascal_name(title: str, rule_id: str) -> str:
    """A rule's `name`: one Pascal identifier made of its title (else its id), and never equal to its id."""
    for text in (title, rule_id):
        name = ""
        for word in re.findall(r"[A-Za-z][A-Za-z0-9]*|[0-9]+", text):
            if len(word) > 1 and word[0].isalpha():
                name += word.capitalize()
            elif name:
                name += word.lower()
        name = name[: _LONGEST_NAME - 4]
        if name:
            return name if name.lower() != rule_id.lower() else name + "Rule"
    return "Rule"


def utc(moment: datetime, plus_s: float = 0.0) -> str:
    """A moment as SARIF writes it, to the millisecond."""
    moment += timedelta(seconds=plus_s)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Factory:
    """Makes the objects that results are full of, each place once."""

    def __init__(self) -> None:
        self._files: dict[str, Object] = {}
        # Reports carry no source text: the snippet that the standard recommends is there, and empty.
        self._snippet = sarif_om.ArtifactContent()

    def file(self, uri: str) -> Object:
        """A file of the target."""
        known = self._files.get(uri)
        if known is None:
            known = self._files[uri] = sarif_om.ArtifactLocation(uri=uri, uri_base_id=ROOT)
        return known

    def place(self, uri: str, region: Region | None, *, logical: Object = None) -> Object:
        """A location for a result: one line, since a pull request shows an alert only when all its lines changed."""
        shown, context = self._one_line(region)
        physical = sarif_om.PhysicalLocation(artifact_location=self.file(uri), region=shown, context_region=context)
        return sarif_om.Location(physical_location=physical, logical_locations=[logical] if logical else None)

    def whole(self, uri: str, region: Region, text: str) -> Object:
        """All lines of a region, for `relatedLocations`."""
        end = min(max(region.end_line or region.start_line, region.start_line), _LARGEST)
        stretch = sarif_om.Region(
            start_line=min(region.start_line, _LARGEST),
            start_column=region.start_column,
            end_line=end,
            end_column=region.end_column,
        )
        physical = sarif_om.PhysicalLocation(artifact_location=self.file(uri), region=stretch)
        return sarif_om.Location(id=1, physical_location=physical, message=sarif_om.Message(text=text))

    def _one_line(self, region: Region | None) -> tuple[Object, Object]:
        line, start, end = 1, None, None
        if region is not None:
            line, start = min(max(region.start_line, 1), _LARGEST), region.start_column
            if region.end_line is None or region.end_line == region.start_line:
                end = region.end_column
            if start is not None and end is not None and end < start:
                end = None
        if line == 1 and (start or 1) == 1 and end is None:
            start = end = 1  # a file as a whole: nothing stands before its first line that could be its context
        shown = sarif_om.Region(
            start_line=line, start_column=start, end_line=line, end_column=end, snippet=self._snippet
        )
        if (start or 1) == 1 and end is None:
            return shown, sarif_om.Region(start_line=line - 1, end_line=line, snippet=self._snippet)
        return shown, sarif_om.Region(start_line=line, snippet=self._snippet)


def result(
    *,
    rule_id: str,
    rule_index: int,
    level: str,
    text: str,
    argument: str,
    locations: list[Object],
    fingerprints: dict[str, str],
    properties: dict[str, Any] | None,
    related: list[Object] | None = None,
    suppressions: list[Object] | None = None,
) -> Object:
    """A result. `text` is what is shown; `argument` fills the rule's own message string for those who translate."""
    return sarif_om.Result(
        rule_id=rule_id,
        rule_index=rule_index,
        level=level,
        message=sarif_om.Message(text=text, id=MESSAGE, arguments=[argument]),
        locations=locations,
        partial_fingerprints=fingerprints,
        related_locations=related,
        suppressions=suppressions,
        properties=properties,
    )


def package(name: str, purl: str) -> Object:
    """A package as a logical location."""
    return sarif_om.LogicalLocation(name=safe(name), fully_qualified_name=safe(purl), kind="package")


def suppression(justification: str, *, is_inline: bool = False) -> Object:
    """A waiver of the policy, or a comment in the source."""
    kind = "inSource" if is_inline else "external"
    return _Suppression(kind=kind, status="accepted", justification=safe(justification))


def rule(
    *,
    rule_id: str,
    title: str,
    full: str,
    level: str,
    help_uri: str,
    help_text: str,
    help_markdown: str,
    properties: dict[str, Any],
) -> Object:
    """A rule. GitHub shows `title` as the alert's title, and `help_markdown` below it."""
    title = description(title) or safe(rule_id)
    # A brace in a title must not read as a place for an argument.
    template = cut(title, 200).replace("{", "(").replace("}", ")").rstrip(".")
    return sarif_om.ReportingDescriptor(
        id=safe(rule_id),
        name=pascal_name(title, rule_id),
        short_description=sarif_om.MultiformatMessageString(text=title),
        full_description=sarif_om.MultiformatMessageString(text=description(full) or title),
        message_strings={MESSAGE: sarif_om.MultiformatMessageString(text=f"{template} in '{{0}}'.")},
        default_configuration=sarif_om.ReportingConfiguration(level=level),
        help_uri=help_uri,
        help=sarif_om.MultiformatMessageString(
            text=cut(safe(help_text), _LONGEST_HELP), markdown=cut(safe(help_markdown), _LONGEST_HELP)
        ),
        properties=properties,
    )


def notification(level: str, text: str, location: Object = None, properties: dict[str, Any] | None = None) -> Object:
    """A notification of an invocation."""
    return sarif_om.Notification(
        level=level,
        message=sarif_om.Message(text=sentence(text)),
        locations=[sarif_om.Location(physical_location=sarif_om.PhysicalLocation(artifact_location=location))]
        if location
        else None,
        properties=properties,
    )


def invocation(
    *,
    successful: bool,
    notifications: list[Object],
    command: str | None = None,
    started: datetime | None = None,
    duration_s: float = 0.0,
    exit_code: int | None = None,
    properties: dict[str, Any] | None = None,
) -> Object:
    """How a program's run went."""
    signal = -exit_code if exit_code is not None and exit_code < 0 else None
    return sarif_om.Invocation(
        execution_successful=successful,
        command_line=safe(command) if command else None,
        start_time_utc=utc(started) if started else None,
        end_time_utc=utc(started, max(duration_s, 0.0)) if started else None,
        exit_code=exit_code if signal is None else None,
        exit_signal_number=signal,
        tool_execution_notifications=notifications,
        properties=properties,
    )


def run(
    *,
    run_id: str,
    about: str,
    version: str,
    rules: list[Object],
    extensions: Iterable[tuple[str, str]],
    results: list[Object],
    repository: str,
    commit: str | None,
    branch: str | None,
    redacted: bool,
    invocations: list[Object] | None = None,
    properties: dict[str, Any] | None = None,
) -> Object:
    """A run. `run_id` ends in `/`; `extensions` are the real scanners as (name, version)."""
    others = [sarif_om.ToolComponent(name=name, version=number or None) for name, number in extensions]
    driver = sarif_om.ToolComponent(
        name=TOOL,
        full_name=f"{TOOL} {version}",
        version=version,
        semantic_version=version if re.fullmatch(r"\d+\.\d+\.\d+(?:-[\w.-]+)?(?:\+[\w.-]+)?", version) else None,
        information_uri=HOME,
        short_description=sarif_om.MultiformatMessageString(
            text="Runs security scanners, tells each problem once, and decides by a written policy."
        ),
        rules=rules,
    )
    origin = sarif_om.VersionControlDetails(
        repository_uri=repository,
        revision_id=commit or None,
        branch=safe(branch) if branch else None,
        mapped_to=sarif_om.ArtifactLocation(uri_base_id=ROOT),
    )
    root = sarif_om.ArtifactLocation(description=sarif_om.Message(text="The root of the repository that was scanned."))
    return sarif_om.Run(
        tool=sarif_om.Tool(driver=driver, extensions=others[:MOST_EXTENSIONS] or None),
        invocations=invocations,
        version_control_provenance=[origin],
        original_uri_base_ids={ROOT: root},
        automation_details=sarif_om.RunAutomationDetails(id=run_id, description=sarif_om.Message(text=about)),
        column_kind="utf16CodeUnits",
        redaction_tokens=["[REDACTED]"] if redacted else None,
        results=results,
        properties=properties,
    )


def log(runs: list[Object]) -> Object:
    """The whole file."""
    return sarif_om.SarifLog(schema_uri=SCHEMA, version="2.1.0", runs=runs)
