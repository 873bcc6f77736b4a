"""What `docs/writing-rules.md` shows is what happens: every command of it is run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from command_line import REPOSITORY, magray_sec, surroundings
from magray_sec import datafiles
from magray_sec.regex.pack import load_packs
from magray_sec.regex.tune import tune
from magray_sec.settings import load_target

_PAGE = (REPOSITORY / "docs" / "writing-rules.md").read_text(encoding="utf-8")
_GITLEAKS = "[[rules]]\nid = 'beta'\nregex = '''\\bbeta_([a-f0-9]{32})\\b'''\nkeywords = ['beta_']\n"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)


def test_every_command_of_the_page_does_what_it_shows(tmp_path: Path) -> None:
    pack = blocks("yaml")[0]
    (tmp_path / "acme.yaml").write_text(pack)
    (tmp_path / "wrong.yaml").write_text(pack.replace("severity: critical", "severity: crtical"))
    (tmp_path / "login.py").write_text("acme.login(a, b)\n# acme.login(a, b)\n")
    (tmp_path / ".gitleaks.toml").write_text(_GITLEAKS)
    environment = surroundings(tmp_path)
    run = 0
    for block in blocks("console"):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, expected = shown.partition("\n")
            command, _, into = line.partition(" > ")
            name, *arguments = shlex.split(command)
            assert name == "magray-sec"
            is_scan = arguments[0] == "scan"
            # The shipped packs have tests of their own, and take their time without a cache.
            more = ["--no-default-rules"] if is_scan or arguments[1] == "why" else []
            more += ["--tool", "regex-rules", "--fail-on", "never"] if is_scan else []
            ended = magray_sec(*arguments, *more, environment=environment, cwd=tmp_path)
            if into:
                (tmp_path / into).write_text(ended.out)
            if is_scan:
                assert ended.code in (0, 3), ended.said
                assert "acme.yaml" not in arguments or "code/acme-legacy-login" in ended.out
            else:
                assert ended.code == (2 if "wrong.yaml" in arguments else 0), ended.said
            if expected:
                assert _flat(ended.said) == _flat(expected)
            run += 1
    assert run == 8
    assert "1 rules, 2 examples" in magray_sec("rules", "test", "pack.yaml", environment=environment, cwd=tmp_path).out


def _flat(text: str) -> str:
    return re.sub(r"[^\w:./]+", " ", text).strip()


def test_the_fragments_of_the_page_are_right(tmp_path: Path) -> None:
    pack, rules, reject, changed = blocks("yaml")
    own = tmp_path / "acme.yaml"
    own.write_text(pack + reject)
    assert len(load_packs([str(own)], None).rules[0].exemptions) == 2
    (tmp_path / "ci" / "rules").mkdir(parents=True)
    (tmp_path / "ci" / "rules" / "a.yaml").write_text(pack)
    (tmp_path / "magray-sec.yaml").write_text(rules + changed)
    settings = load_target(str(tmp_path.resolve()))
    assert (len(settings.rules), len(settings.rule_settings)) == (1, 3)
    ids = [entry.rule.partition("/")[2] for entry in settings.rule_settings]
    packs = [
        path for path in datafiles.files("rules") if any(f"id: {name}\n" in Path(path).read_text() for name in ids)
    ]
    shipped = load_packs(packs, None)
    assert len(tune(shipped, settings.rule_settings).notifications) == 3


def test_the_page_speaks_of_every_key_of_a_rule() -> None:
    with open(datafiles.schema("pack"), encoding="utf-8") as stream:
        keys = json.load(stream)["$defs"]["rule"]["properties"]
    assert [key for key in keys if f"`{key}`" not in _PAGE] == []
