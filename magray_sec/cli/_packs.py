"""The rules that a command speaks of: the shipped packs, the user's own, and what the settings say of single rules."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from magray_sec import datafiles
from magray_sec.cli import _surroundings
from magray_sec.errors import UsageError
from magray_sec.model.run import RuleSetting
from magray_sec.regex.pack import Pack, PatternRule, RuleSet, load_packs, pack_files
from magray_sec.regex.tune import Tuned, rules_in_use, tune
from magray_sec.settings import load_target


def chosen(own: Sequence[str], *, no_default_rules: bool, of_target: Sequence[str] = ()) -> tuple[str, ...]:
    """The packs of a scan, each once: the shipped ones, those of `--rules`, those of the target's settings; absolute.

    UsageError where none is left or one of `--rules` is not there.
    """
    for path in own:
        if not os.path.exists(path):
            raise UsageError(f"--rules {path}: there is no such file", "give a rule pack, or a folder of them")
    files = [os.path.realpath(file) for path in own for file in pack_files(path)]
    shipped = () if no_default_rules else datafiles.files("rules")
    packs = tuple(dict.fromkeys((*shipped, *files, *of_target)))
    if not packs:
        raise UsageError("--no-default-rules leaves no rule pack", "name your own with --rules")
    return packs


def checked(packs: Sequence[str], own: Sequence[str], cache: str | None, settings: Sequence[RuleSetting]) -> None:
    """SettingsError where something is wrong with the packs, those of `own` (some of `packs`) down to each pattern, or
    with what is said of single rules: found here, it is the user's error and no scanner's.
    """
    loaded = load_packs(packs, cache)
    tune(loaded, settings)
    mine = RuleSet(packs=tuple(pack for pack in loaded.packs if pack.file in own))
    if mine.rules:
        from magray_sec.regex.compile import compile_rules  # noqa: PLC0415

        databases = compile_rules(mine, cache)
        databases.prepare(range(len(databases.parts)))


def in_use(own: Sequence[str], environment: Mapping[str, str], *, no_default_rules: bool = False) -> Tuned:
    """The rules that a scan of the current folder would use. SettingsError as of the settings and packs."""
    operator = _surroundings.operator_settings(environment)
    target = load_target(os.path.realpath("."))
    cache, _ = _surroundings.cache_folder(environment, operator.cache)
    packs = chosen(own, no_default_rules=no_default_rules, of_target=target.rules)
    return rules_in_use(packs, cache, (*operator.rule_settings, *target.rule_settings))


def alone(off: Sequence[tuple[str, PatternRule, RuleSetting]]) -> tuple[Pack, ...]:
    """Rules that are not in use, as packs: for who wants to know what they would find."""
    return tuple(Pack(name=name, rules=(rule,)) for name, rule, _ in off)
