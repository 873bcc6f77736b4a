"""Rules + what the settings say of single ones -> the rules as they are to be used, and what has to be told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from magray_sec.documents import closest, raise_all
from magray_sec.errors import SettingsError
from magray_sec.model.run import Level, Notification, RuleSetting
from magray_sec.model.text import clean
from magray_sec.regex.pack import PatternRule, RuleSet, load_packs

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The rules in use, and what of them the settings changed."""

    ruleset: RuleSet
    off: tuple[tuple[str, PatternRule, RuleSetting], ...] = ()
    """The rules that are not in use, each with its pack's name and the setting that says so."""
    notifications: tuple[Notification, ...] = ()
    """A warning for what the target hides or plays down, a note for each other change."""


def rules_in_use(packs: Sequence[str], cache: str | None, settings: Sequence[RuleSetting] = ()) -> Tuned:
    """The rules of `packs` (see `load_packs`) as the settings want them, and all that has to be told of both: what a
    gitleaks file says and a pack cannot is a warning too. SettingsError as of the two.
    """
    loaded = load_packs(packs, cache)
    tuned = tune(loaded, settings)
    lost = [
        Notification(level=Level.WARNING, message=clean(note, limit=1000))
        for pack in loaded.packs
        for note in pack.notes
    ]
    return replace(tuned, notifications=(*lost, *tuned.notifications))


def tune(ruleset: RuleSet, settings: Sequence[RuleSetting]) -> Tuned:
    """The rules as the settings want them. Of two settings that say the same of a rule the operator's counts.

    SettingsError (with the setting's place, further ones in `more`) where no rule of that name is loaded, where two
    settings of one scope are about the same rule, or where an entropy is set for a rule that has none.
    """
    if not settings:
        return Tuned(ruleset=ruleset)
    by_rule: dict[str, list[RuleSetting]] = {}
    raise_all(_faults(ruleset, settings, by_rule))
    off: list[tuple[str, PatternRule, RuleSetting]] = []
    notes: dict[str, Notification] = {}
    packs = []
    for pack in ruleset.packs:
        rules = []
        for rule in pack.rules:
            said = by_rule.get(rule.canonical, ())
            for note in _told(rule, said):
                notes.setdefault(note.message, note)
            disabled = _first(said, "enabled")
            if disabled is not None and not disabled[0]:
                off.append((pack.name, rule, disabled[1]))
            else:
                rules.append(_changed(rule, said))
        packs.append(replace(pack, rules=tuple(rules)))
    return Tuned(ruleset=RuleSet(packs=tuple(packs)), off=tuple(off), notifications=tuple(notes.values()))


def _faults(
    ruleset: RuleSet, settings: Sequence[RuleSetting], by_rule: dict[str, list[RuleSetting]]
) -> Iterator[SettingsError]:
    """What is wrong with the settings; those that are right are put into `by_rule`, the operator's first."""
    known: dict[str, list[PatternRule]] = {}
    for rule in ruleset.rules:
        for name in (rule.canonical, *rule.aliases):
            known.setdefault(name, []).append(rule)
    for setting in sorted(settings, key=lambda entry: entry.by_target):
        name = clean(setting.rule, limit=100)
        rules = known.get(setting.rule)
        if rules is None:
            yield SettingsError(f"{setting.place}: no rule is called '{name}'", _meant(setting.rule, known))
            continue
        canonical = rules[0].canonical
        others = [entry for entry in by_rule.get(canonical, ()) if entry.by_target is setting.by_target]
        if others:
            message = f"{setting.place}: '{name}' and '{clean(others[0].rule, limit=100)}' are the same rule"
            yield SettingsError(message, f"keep one of them: {others[0].place} is the other")
            continue
        if setting.entropy is not None and not all(rule.entropy for rule in rules):
            message = f"{setting.place}: {canonical} does not measure entropy"
            yield SettingsError(message, "remove entropy: it has no meaning for this rule")
            continue
        by_rule.setdefault(canonical, []).append(setting)


def _meant(name: str, known: Iterable[str]) -> str:
    names = list(known)
    same = [entry for entry in names if entry.partition("/")[2] == name]
    near = same[0] if same else closest(name, names)
    listed = "`magray-sec list rules` shows all"
    return f"did you mean '{near}'? {listed}" if near else listed


def _first(said: Iterable[RuleSetting], key: str) -> tuple[bool, RuleSetting] | None:
    for setting in said:
        if getattr(setting, key) is not None:
            return getattr(setting, key), setting
    return None


def _chosen(values: Iterable[_T | None], default: _T) -> _T:
    return next((value for value in values if value is not None), default)


def _changed(rule: PatternRule, said: Sequence[RuleSetting]) -> PatternRule:
    if not said:
        return rule
    return replace(
        rule,
        severity=_chosen((setting.severity for setting in said), rule.severity),
        entropy=_chosen((setting.entropy for setting in said), rule.entropy),
    )


def _told(rule: PatternRule, said: Sequence[RuleSetting]) -> Iterator[Notification]:
    for setting in said:
        whose = "the target's settings" if setting.by_target else "the user's settings"
        place = f"{setting.place.rpartition(':')[0]}: " if setting.by_target else ""
        because = f": {clean(setting.reason, limit=300)}" if setting.reason else ""
        if setting.enabled is not None:
            overruled = next(entry for entry in said if entry.enabled is not None) is not setting
            verb = "enable" if setting.enabled else "disable"
            yield _said(setting, not setting.enabled, f"{place}{whose} {verb} {rule.canonical}{because}", overruled)
        if setting.severity is not None and setting.severity is not rule.severity:
            overruled = next(entry for entry in said if entry.severity is not None) is not setting
            change = f"from {rule.severity.value} to {setting.severity.value}"
            weaker = setting.severity < rule.severity
            yield _said(
                setting, weaker, f"{place}{whose} set the severity of {rule.canonical} {change}{because}", overruled
            )
        if setting.entropy is not None and setting.entropy != rule.entropy:
            overruled = next(entry for entry in said if entry.entropy is not None) is not setting
            change = f"from {rule.entropy:g} to {setting.entropy:g}"
            weaker = setting.entropy > rule.entropy
            yield _said(
                setting,
                weaker,
                f"{place}{whose} set the least entropy of {rule.canonical} {change}{because}",
                overruled,
            )


def _said(setting: RuleSetting, weaker: bool, message: str, overruled: bool) -> Notification:
    if overruled:
        message += " (the user's settings say otherwise)"
    is_warning = setting.by_target and weaker and not overruled
    return Notification(level=Level.WARNING if is_warning else Level.NOTE, message=message)
