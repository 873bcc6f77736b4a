"""SARIF 2.1.0 as other tools write it: bytes -> typed runs, and what a result says where there are several ways to.

Optional properties may be absent or null. Of what a tool may leave out nothing is required that can be told from the
rest; what cannot be a whole report of a finished run is a ParseError. No message quotes the report: it may hold
secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import msgspec

from magray_sec.adapters._read import convert, document
from magray_sec.model.adapter import ParseError
from magray_sec.model.run import Notification

VERSION = "2.1.0"
NOT_PROBLEMS = frozenset({"pass", "notApplicable", "informational"})
"""Kinds of results that say that there is no problem."""

_UTF16 = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_PLACEHOLDER = re.compile(r"\{(\d{1,4})\}|\{\{|\}\}")
# `[text](3)` names the third related location; a link to an address stays as it is written.
_EMBEDDED_LINK = re.compile(r"\[((?:[^\]\\\[]|\\.){0,500})\]\(\d{1,6}\)")
_ESCAPED = re.compile(r"\\([\[\]\\])")


class _Shape(msgspec.Struct, rename="camel"):
    """What all objects have in common: properties that are not named here are passed over."""


class Message(_Shape):
    """A sentence: its text, or the name of one that the rule or the tool keeps."""

    text: str | None = None
    markdown: str | None = None
    id: str | None = None
    arguments: list[str] | None = None


class ArtifactLocation(_Shape):
    """A file, by its address or by its number among the run's artifacts."""

    uri: str | None = None
    uri_base_id: str | None = None
    index: int | None = None


class Region(_Shape):
    """A part of a file: lines and columns from 1 (the end exclusive), or offsets from 0."""

    start_line: int | None = None
    start_column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    byte_offset: int | None = None
    byte_length: int | None = None


class PhysicalLocation(_Shape):
    """A place in a file."""

    artifact_location: ArtifactLocation | None = None
    region: Region | None = None


class LogicalLocation(_Shape):
    """A place in a program."""

    name: str | None = None
    fully_qualified_name: str | None = None


class Location(_Shape):
    """A place."""

    physical_location: PhysicalLocation | None = None
    logical_locations: list[LogicalLocation] | None = None


class Suppression(_Shape):
    """Someone's word that a result does not count. `state` is what `status` was called in drafts of the standard."""

    kind: str | None = None
    status: str | None = None
    state: str | None = None
    justification: str | None = None


class ComponentReference(_Shape):
    """Which part of the tool, or which taxonomy."""

    name: str | None = None
    index: int | None = None
    guid: str | None = None


class Reference(_Shape):
    """A rule, or an entry of a taxonomy."""

    id: str | None = None
    index: int | None = None
    guid: str | None = None
    tool_component: ComponentReference | None = None


class Result(_Shape):
    """What a tool has to say of one place."""

    rule_id: str | None = None
    rule_index: int | None = None
    rule: Reference | None = None
    kind: str | None = None
    level: str | None = None
    message: Message | None = None
    locations: list[Location] | None = None
    suppressions: list[Suppression] | None = None
    baseline_state: str | None = None
    taxa: list[Reference] | None = None
    partial_fingerprints: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None


class Configuration(_Shape):
    """How a rule is set."""

    level: str | None = None


class Relationship(_Shape):
    """What a rule has to do with another, or with an entry of a taxonomy."""

    target: Reference | None = None


class Rule(_Shape):
    """What a tool looks for."""

    id: str | None = None
    guid: str | None = None
    name: str | None = None
    deprecated_ids: list[str] | None = None
    short_description: Message | None = None
    full_description: Message | None = None
    help: Message | None = None
    help_uri: str | None = None
    message_strings: dict[str, Message] | None = None
    default_configuration: Configuration | None = None
    relationships: list[Relationship] | None = None
    properties: dict[str, Any] | None = None


class Component(_Shape):
    """The tool, or a part of it."""

    name: str
    guid: str | None = None
    version: str | None = None
    semantic_version: str | None = None
    rules: list[Rule] | None = None
    global_message_strings: dict[str, Message] | None = None


class Tool(_Shape):
    """The tool and its parts."""

    driver: Component
    extensions: list[Component] | None = None


class Said(_Shape):
    """What a tool says of its own run."""

    message: Message | None = None
    level: str | None = None
    locations: list[Location] | None = None
    descriptor: Reference | None = None


class Invocation(_Shape):
    """How a run of the tool went."""

    execution_successful: bool | None = None
    exit_code: int | None = None
    exit_signal_name: str | None = None
    process_start_failure_message: str | None = None
    tool_execution_notifications: list[Said] | None = None
    tool_configuration_notifications: list[Said] | None = None


class VersionControl(_Shape):
    """What was looked at."""

    revision_id: str | None = None


class Artifact(_Shape):
    """A file that the run speaks of."""

    location: ArtifactLocation | None = None


class Automation(_Shape):
    """Which run of many it is."""

    id: str | None = None


class Run(_Shape):
    """One run of one tool."""

    tool: Tool
    results: list[Result] | None = None
    invocations: list[Invocation] | None = None
    artifacts: list[Artifact] | None = None
    original_uri_base_ids: dict[str, ArtifactLocation] | None = None
    column_kind: str | None = None
    version_control_provenance: list[VersionControl] | None = None
    automation_details: Automation | None = None
    external_property_file_references: dict[str, Any] | None = None


class _Head(_Shape):
    version: Any = None
    runs: Any = None
    inline_external_properties: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report as it was read."""

    runs: tuple[Run, ...]
    notes: tuple[Notification, ...] = ()
    broken_at: int | None = None
    """The first byte, from 0, that is not of the text's encoding; what stands there is lost."""


def read(data: bytes) -> Document:
    """The runs of a SARIF file. ParseError where it is no whole SARIF 2.1.0 with at least one run and its results."""
    text, broken_at = _text(data)
    head, notes = document(text, _Head)
    if head.version != VERSION:
        raise ParseError(_other_version(head.version, has_runs=head.runs is not None))
    if notes:
        raise ParseError(
            "more text stands behind the end of the SARIF document: two reports in one file, or a damaged one"
        )
    if head.inline_external_properties:
        raise ParseError("it keeps results outside its runs (inlineExternalProperties), where they are not read")
    if not isinstance(head.runs, list):
        raise ParseError("it has no list of runs")
    if not head.runs:
        raise ParseError("it holds no run of a tool")
    runs = convert(head.runs, list[Run])
    for number, run in enumerate(runs, 1):
        _check(run, number)
    return Document(runs=tuple(runs), broken_at=broken_at)


def _text(data: bytes) -> tuple[bytes, int | None]:
    """The file in UTF-8, and where it is broken. PowerShell writes UTF-16 when a tool's output is redirected."""
    for mark, encoding in _UTF16:
        if data.startswith(mark):
            try:
                return data.decode(encoding).encode("utf-8"), None
            except UnicodeError:
                raise ParseError("it is neither whole UTF-16 nor UTF-8") from None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data, error.start
    return data, None


def _other_version(version: Any, *, has_runs: bool) -> str:
    if isinstance(version, str) and re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){1,2}[\w.+-]{0,40}", version):
        return f"it is version {version} of the format, and only SARIF {VERSION} is read"
    return (
        f"it does not say that it is SARIF {VERSION}" if has_runs else "it is not SARIF: it has no version and no runs"
    )


def _check(run: Run, number: int) -> None:
    """ParseError for a run that cannot be one that was finished and wholly written down."""
    name = f"run {number}"
    if not run.tool.driver.name.strip():
        raise ParseError(f"{name} does not name its tool")
    if (run.external_property_file_references or {}).get("results"):
        raise ParseError(f"the results of {name} lie in other files, which are not read")
    if run.results is None:
        raise ParseError(f"{name} has no list of results: its tool did not come to an end")


def failure(invocation: Invocation) -> str:
    """Why a run of a tool did not end as it should, or nothing."""
    if invocation.process_start_failure_message:
        return "it could not be started"
    if invocation.exit_signal_name:
        return "it was ended by a signal"
    if invocation.execution_successful is False:
        code = invocation.exit_code
        return "it failed" if code is None else f"it failed with exit code {code}"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of a run, and which of them a result is of."""

    components: tuple[Component, ...]
    """The driver, then the extensions in order."""
    by_id: Mapping[str, tuple[Component, Rule]]

    @staticmethod
    def of(run: Run) -> Rules:
        """All rules of the run's tool."""
        components = (run.tool.driver, *(run.tool.extensions or ()))
        by_id: dict[str, tuple[Component, Rule]] = {}
        for component in components:
            for rule in component.rules or ():
                if rule.id:
                    by_id.setdefault(rule.id, (component, rule))
        return Rules(components=components, by_id=by_id)

    def find(self, result: Result) -> tuple[str, Component, Rule]:
        """The id that the result gives, the component that has the rule, and the rule (an empty one where none has it).

        ParseError where the result names a rule by a number that there is none of, and by nothing else.
        """
        reference = result.rule or Reference()
        name = result.rule_id or reference.id or ""
        index = result.rule_index if _is_index(result.rule_index) else reference.index
        component = self._component(reference.tool_component)
        if _is_index(index):
            rules = component.rules or ()
            if index < len(rules):
                rule = rules[index]
                # An id may name a part of a rule: `CA1000/1` is of the rule `CA1000`.
                if not name or not rule.id or name == rule.id or name.startswith(f"{rule.id}/"):
                    return name or rule.id or "", component, rule
            elif not name and not reference.guid:
                raise ParseError(f"a result names rule {index} of {len(rules)}")
        if reference.guid and not name:
            for owner in self.components:
                for rule in owner.rules or ():
                    if rule.guid == reference.guid:
                        return rule.id or "", owner, rule
        for wanted in _and_above(name):
            if wanted in self.by_id:
                return name, *self.by_id[wanted]
        return name, component, Rule()

    def _component(self, reference: ComponentReference | None) -> Component:
        if reference is None:
            return self.components[0]
        if _is_index(reference.index):
            if reference.index + 1 >= len(self.components):
                raise ParseError(f"a result names extension {reference.index} of {len(self.components) - 1}")
            return self.components[reference.index + 1]
        for component in self.components:
            if (reference.guid and component.guid == reference.guid) or component.name == reference.name:
                return component
        return self.components[0]


def _is_index(number: int | None) -> TypeGuard[int]:
    """Whether a number is an index: -1 stands for none."""
    return number is not None and number >= 0


def _and_above(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition("/")[0]


def sentence(message: Message | None, rule: Rule, component: Component) -> str:
    """A message's text, with what it names instead of saying it filled in; empty where it says nothing."""
    if message is None:
        return ""
    text = message.text or message.markdown
    if not text and message.id:
        for strings in (rule.message_strings, component.global_message_strings):
            stored = (strings or {}).get(message.id)
            if stored is not None:
                text = stored.text or stored.markdown
                break
    if not text:
        return ""
    if message.arguments is not None:
        text = _PLACEHOLDER.sub(lambda match: _filled(match, message.arguments or ()), text)
    return _ESCAPED.sub(r"\1", _EMBEDDED_LINK.sub(r"\1", text))


def _filled(match: re.Match[str], arguments: Sequence[str]) -> str:
    if match[1] is None:
        return match[0][0]
    number = int(match[1])
    return arguments[number] if number < len(arguments) else match[0]


def text_of(message: Message | None) -> str:
    """A description's text."""
    return (message.text or message.markdown or "") if message else ""


def tags(bag: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The tags of a property bag; what is none is passed over."""
    found = (bag or {}).get("tags")
    return tuple(tag for tag in found if isinstance(tag, str)) if isinstance(found, list) else ()


def is_suppressed(result: Result) -> bool:
    """Whether everyone who has a say has said that the result does not count."""
    given = result.suppressions or ()
    return bool(given) and all((entry.status or entry.state or "accepted") == "accepted" for entry in given)
