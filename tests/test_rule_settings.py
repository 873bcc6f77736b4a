"""What settings say of single rules: where it holds, who said it, and that no report is silent about it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from command_line import magray_sec, surroundings
from magray_sec.adapters import regex_rules
from magray_sec.errors import SettingsError
from magray_sec.model.codec import from_plain, to_plain
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Claim, File, Gap, Level, Notification, RuleSetting, ScanContext
from magray_sec.model.scale import Domain, Severity
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import load_packs, pack_files
from magray_sec.regex.tune import Tuned, tune
from magray_sec.settings import load_operator, load_target
from magray_sec.source import TreeSource
from test_pack_mistakes import PACK

SETTINGS = """\
rules: [ci/rules]
rule_settings:
  secrets/acme-token: {enabled: false, reason: it is a fixture}
  code/no-transmute:
    severity: low
"""


def put(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tuned(tmp_path: Path, *settings: RuleSetting) -> Tuned:
    return tune(load_packs([str(put(tmp_path, "p.yaml", PACK))], None), settings)


def setting(rule: str, *, by_target: bool = True, place: str = "magray-sec.yaml:3:3", **fields: object) -> RuleSetting:
    return RuleSetting(rule=rule, by_target=by_target, place=place, **fields)  # type: ignore[arg-type]


def test_the_target_s_settings_are_read_with_their_places(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    put(root, "ci/rules/a.yaml", PACK)
    put(root, "ci/rules/deep/gitleaks.toml", "")
    put(root, "ci/rules/.hidden/b.yaml", "")
    put(root, "ci/rules/readme.md", "")
    put(root, "magray-sec.yaml", SETTINGS)
    made = load_target(str(root))
    assert made.rules == (f"{root}/ci/rules/a.yaml", f"{root}/ci/rules/deep/gitleaks.toml")
    assert made.rule_settings == (
        setting("secrets/acme-token", enabled=False, reason="it is a fixture"),
        setting("code/no-transmute", severity=Severity.LOW, place="magray-sec.yaml:4:3"),
    )


def test_the_user_s_are_read_too(tmp_path: Path) -> None:
    path = put(tmp_path, "config.yaml", "rule_settings:\n  secrets/x: {entropy: 4.5}\n  code/y: {enabled: true}\n")
    made = load_operator(str(path))
    assert [(entry.rule, entry.entropy, entry.enabled, entry.by_target) for entry in made.rule_settings] == [
        ("secrets/x", 4.5, None, False),
        ("code/y", None, True, False),
    ]


@pytest.mark.parametrize(
    ("old", "new", "place", "says", "hint"),
    [
        (", reason: it is a fixture", "", "3:23", "is switched off without a reason", "add reason"),
        ("reason: it is a fixture", "reason: ''", "3:48", "expected text, found ''", ""),
        ("reason: it", "severity: low, reason: it", "3:23", "switched off and changed", "remove severity"),
        ("{enabled: false, reason: it is a fixture}", "{reason: x}", "3:23", "a reason for nothing", "enabled: false"),
        ("{enabled: false, reason: it is a fixture}", "{}", "3:23", "expected a mapping of enabled", ""),
        ("{enabled: false, reason: it is a fixture}", "false", "3:23", "expected a mapping of enabled", ""),
        ("enabled: false", "enabled: no", "3:33", "expected true or false", "write false"),
        ("enabled: false", "disabled: true", "3:24", "unknown key 'disabled'", "'enabled'"),
        ("severity: low", "severity: lowest", "5:15", "'lowest' is not allowed", "'low'"),
        ("severity: low", "severity: unknown", "5:15", "'unknown' is not allowed", "critical"),
        ("severity: low", "entropy: 9", "5:14", "9 is more than 8", ""),
        ("severity: low", "entropy: high", "5:14", "expected a number of bits", ""),
        ("code/no-transmute", "No Transmute", "4:3", "is not a rule's id, such as code/weak-hash", ""),
        ("code/no-transmute", "secrets/acme-token", "4:3", "given twice", "line 3"),
        ("rule_settings:", "rule_setting:", "2:1", "unknown key 'rule_setting'", "'rule_settings'"),
        ("rules: [ci/rules]", "default_rules: false", "1:1", "may not be set here", "--no-default-rules"),
        ("ci/rules", "ci/none", "1:9", "there is no rule pack 'ci/none'", ""),
        ("ci/rules", "ci/empty", "1:9", "the folder 'ci/empty' holds no rule pack", "gitleaks.toml"),
        ("ci/rules", "ci/linked", "1:9", "leads out of the target", "inside"),
        ("ci/rules", "../ci", "1:9", "lies outside the target", "inside"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_them_has_its_place(
    tmp_path: Path, old: str, new: str, place: str, says: str, hint: str
) -> None:
    root = (tmp_path / "root").resolve()
    put(root, "ci/rules/a.yaml", PACK)
    put(root, "ci/empty/a.txt", "")
    put(tmp_path, "outside.yaml", PACK)
    (root / "ci/linked").mkdir()
    (root / "ci/linked/a.yaml").symlink_to(tmp_path / "outside.yaml")
    assert old in SETTINGS
    put(root, "magray-sec.yaml", SETTINGS.replace(old, new, 1))
    with pytest.raises(SettingsError) as refused:
        load_target(str(root))
    assert str(refused.value).startswith(f"magray-sec.yaml:{place}: "), refused.value
    assert says in str(refused.value)
    assert hint in refused.value.hint


def test_a_rule_that_is_off_is_not_used_and_told(tmp_path: Path) -> None:
    made = tuned(tmp_path, setting("secrets/acme-token", enabled=False, reason="fixture"))
    assert [rule.canonical for rule in made.ruleset.rules] == ["code/no-transmute"]
    assert [(name, rule.canonical) for name, rule, _ in made.off] == [("mine", "secrets/acme-token")]
    (note,) = made.notifications
    assert note.level is Level.WARNING
    assert note.message == "magray-sec.yaml:3: the target's settings disable secrets/acme-token: fixture"


@pytest.mark.parametrize(
    ("fields", "by_target", "level", "says"),
    [
        ({"severity": Severity.LOW}, True, Level.WARNING, "the target's settings set the severity of secrets/acme-token from critical to low"),
        ({"severity": Severity.LOW}, False, Level.NOTE, "the user's settings set the severity of secrets/acme-token from critical to low"),
        ({"entropy": 4.5}, True, Level.WARNING, "the target's settings set the least entropy of secrets/acme-token from 3 to 4.5"),
        ({"entropy": 1.0}, True, Level.NOTE, "the target's settings set the least entropy of secrets/acme-token from 3 to 1"),
        ({"enabled": False, "reason": "ours"}, False, Level.NOTE, "the user's settings disable secrets/acme-token: ours"),
        ({"enabled": True}, True, Level.NOTE, "the target's settings enable secrets/acme-token"),
    ],
)  # fmt: skip
def test_what_is_changed_is_told_by_whom(
    tmp_path: Path, fields: dict[str, object], by_target: bool, level: Level, says: str
) -> None:
    made = tuned(tmp_path, setting("secrets/acme-token", by_target=by_target, **fields))
    (note,) = made.notifications
    assert (note.level, note.message.removeprefix("magray-sec.yaml:3: ")) == (level, says)
    for name, value in fields.items():
        if name in ("severity", "entropy"):
            assert getattr(made.ruleset.rules[0], name) == value


def test_of_two_settings_the_user_s_counts(tmp_path: Path) -> None:
    made = tuned(
        tmp_path,
        setting("secrets/acme-token", enabled=False, reason="theirs"),
        setting("secrets/acme-token", by_target=False, enabled=True, severity=Severity.HIGH, place="c:1:1"),
        setting("code/no-transmute", severity=Severity.INFO),
    )
    assert [(rule.canonical, rule.severity) for rule in made.ruleset.rules] == [
        ("secrets/acme-token", Severity.HIGH),
        ("code/no-transmute", Severity.INFO),
    ]
    told = [note.message for note in made.notifications if "disable" in note.message]
    assert told == [
        "magray-sec.yaml:3: the target's settings disable secrets/acme-token: theirs (the user's settings say otherwise)"
    ]


@pytest.mark.parametrize(
    ("settings", "says", "hint"),
    [
        ([setting("secrets/acme-tokn", enabled=True)], "magray-sec.yaml:3:3: no rule is called 'secrets/acme-tokn'", "'secrets/acme-token'"),
        ([setting("secrets/no-transmute", enabled=True)], "no rule is called 'secrets/no-transmute'", "'code/no-transmute'"),
        ([setting("code/no-transmute", entropy=3.0)], "code/no-transmute does not measure entropy", "remove entropy"),
    ],
)  # fmt: skip
def test_a_setting_that_means_no_rule_is_refused(
    tmp_path: Path, settings: list[RuleSetting], says: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        tuned(tmp_path, *settings)
    assert says in str(refused.value)
    assert hint in refused.value.hint


def test_a_former_id_means_the_same_rule_and_two_names_are_refused(tmp_path: Path) -> None:
    pack = PACK.replace("    domain: code\n", "    domain: code\n    aliases: [transmuting]\n")
    ruleset = load_packs([str(put(tmp_path, "p.yaml", pack))], None)
    former = setting("code/transmuting", severity=Severity.LOW)
    assert tune(ruleset, [former]).ruleset.rules[1].severity is Severity.LOW
    with pytest.raises(SettingsError, match="are the same rule"):
        tune(ruleset, [former, setting("code/no-transmute", severity=Severity.HIGH)])


def test_they_cross_to_the_worker(tmp_path: Path) -> None:
    context = ScanContext(
        today=date(2026, 1, 1),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        work=str(tmp_path),
        cache=None,
        rule_settings=(setting("code/x", severity=Severity.LOW, entropy=3.5, enabled=False, reason="r"),),
    )
    plain = json.loads(json.dumps(to_plain(context)))
    assert from_plain(ScanContext, plain).rule_settings == context.rule_settings


def test_the_scanner_heeds_them_and_a_domain_without_rules_is_a_gap(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    text = fill('key = "acme_{{lowernum:24}}"', "seed")
    put(root, "a.env", text)
    pack = put(tmp_path, "p.yaml", PACK)
    claimed = (Claim(domain=Domain.SECRETS, item="tree:."), Claim(domain=Domain.CODE, item="language:rust"))

    def said(*settings: RuleSetting) -> list[object]:
        context = ScanContext(
            today=date(2026, 1, 1),
            started=datetime(2026, 1, 1, tzinfo=UTC),
            work=str(tmp_path),
            cache=None,
            packs=(str(pack),),
            rule_settings=settings,
        )
        source = TreeSource(str(root), (File(path="a.env", size=len(text)),))
        return list(regex_rules.inspect(source, claimed, context))

    louder = said(setting("secrets/acme-token", severity=Severity.MEDIUM))
    assert [entry.severity for entry in louder if isinstance(entry, Sighting)] == [Severity.MEDIUM]
    assert not any(isinstance(entry, Gap) for entry in louder)
    quiet = said(setting("secrets/acme-token", enabled=False, reason="r"))
    assert not any(isinstance(entry, Sighting) for entry in quiet)
    assert [(entry.domain, entry.item) for entry in quiet if isinstance(entry, Gap)] == [(Domain.SECRETS, "tree:.")]
    assert any(isinstance(entry, Notification) and "disable secrets/acme-token" in entry.message for entry in quiet)
    all_off = said(
        setting("secrets/acme-token", enabled=False, reason="r"),
        setting("code/no-transmute", enabled=False, reason="r", place="magray-sec.yaml:4:3"),
    )
    assert {entry.item for entry in all_off if isinstance(entry, Gap)} == {"tree:.", "language:rust"}


def test_a_folder_without_a_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no rule pack"):
        pack_files(str(tmp_path))


def test_a_scan_with_packs_of_one_s_own(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "a.env", fill('key = "acme_{{lowernum:24}}"\n', "seed"))
    put(root, "magray-sec.yaml", "rule_settings:\n  secrets/acme-token: {severity: low, reason: a fixture}\n")
    put(tmp_path, "packs/p.yaml", PACK)
    put(
        tmp_path, "packs/gitleaks.toml", "[[rules]]\nid = 'files'\npath = 'p'\n[[rules]]\nid = 'b'\nregex = 'beta{9}'\n"
    )
    environment = surroundings(tmp_path)
    options = [
        "--rules",
        tmp_path / "packs",
        "--tool",
        "regex-rules",
        "--json",
        tmp_path / "r.json",
        "--sarif-profile",
        "full",
    ]
    ended = magray_sec(
        "scan", root, *options, "--no-default-rules", "--sarif", tmp_path / "r.sarif", environment=environment
    )
    assert "secrets/acme-token" in ended.out, ended.said
    report = json.loads((tmp_path / "r.json").read_text())
    assert [finding["severity"] for finding in report["findings"]] == ["low"]
    for name in ("r.json", "r.sarif"):
        told = (tmp_path / name).read_text()
        assert "set the severity of secrets/acme-token from critical to low: a fixture" in told
        assert "gitleaks.toml:3:1: rule 'files' is left out" in told
    assert "from critical to low: a fixture" in ended.out

    put(root, "magray-sec.yaml", "rule_settings:\n  secrets/acme-tokem: {severity: low}\n")
    ended = magray_sec("scan", root, *options, "--no-default-rules", environment=environment)
    assert ended.code == 2
    assert "magray-sec.yaml:2:3: no rule is called 'secrets/acme-tokem'" in ended.err
    assert "did you mean 'secrets/acme-token'?" in ended.err

    ended = magray_sec("scan", root, "--no-target-config", "--no-default-rules", environment=environment)
    assert (ended.code, "--no-default-rules leaves no rule pack" in ended.err) == (2, True), ended.said
    ended = magray_sec("scan", root, "--no-target-config", "--rules", "nosuch", environment=environment)
    assert (ended.code, "--rules nosuch: there is no such file" in ended.err) == (2, True), ended.said


def test_list_and_why_know_what_is_off(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "a.env", fill('key = "acme_{{lowernum:24}}"\n', "seed"))
    put(root, "p.yaml", PACK)
    put(
        root,
        "magray-sec.yaml",
        "rules: [p.yaml]\nrule_settings:\n  secrets/acme-token: {enabled: false, reason: mine}\n",
    )
    environment = surroundings(tmp_path)
    listed = magray_sec("list", "rules", "--no-default-rules", environment=environment, cwd=root).out.splitlines()
    assert listed[0].split() == ["RULE", "SEVERITY", "CONFIDENCE", "PACK", "LANGUAGES", "STATE", "TITLE"]
    assert listed[1].split() == ["code/no-transmute", "medium", "medium", "mine", "rust", "on", "transmute"]
    assert listed[2].split()[:8] == ["secrets/acme-token", "critical", "high", "mine", "-", "off", "by", "the"]
    told = magray_sec("rules", "why", "a.env:1", "--no-default-rules", environment=environment, cwd=root)
    assert told.out == "secrets/acme-token: no finding, because the target's settings switch the rule off: mine\n"
