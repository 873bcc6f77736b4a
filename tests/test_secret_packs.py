"""The packs of secrets: whom they know, what they say, and that one secret is one finding."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from magray_sec import datafiles
from magray_sec.model.run import File
from magray_sec.model.scale import Confidence, Domain
from magray_sec.regex.compile import compile_rules
from magray_sec.regex.confirm import Confirmed
from magray_sec.regex.examples import fill
from magray_sec.regex.overlap import telling
from magray_sec.regex.pack import RuleSet, load_packs
from magray_sec.regex.scan import Engine, Judged
from magray_sec.regex.trial import example_path

ENOUGH = 250
FIRST = "33d0bddcc88c"


@pytest.fixture(scope="module")
def packs(warm_cache: Path) -> RuleSet:
    folder = os.path.join(datafiles.folder("rules"), "secrets")
    paths = [path for path in datafiles.files("rules") if path.startswith(folder + os.sep)]
    return load_packs(paths, str(warm_cache / "magray-sec"))


@pytest.fixture(scope="module")
def engine(packs: RuleSet, warm_cache: Path) -> Engine:
    return Engine(packs, compile_rules(packs, str(warm_cache / "magray-sec")))


def found(engine: Engine, path: str, text: str) -> list[Judged]:
    examined = engine.examine(path, text.encode())
    return list(telling(judged for judged in examined if isinstance(judged.outcome, Confirmed)))


def test_they_know_the_credentials_of_more_than_enough_providers(packs: RuleSet) -> None:
    providers = {rule.provider.casefold() for rule in packs.rules if rule.provider}
    assert len(providers) >= ENOUGH
    spellings = {rule.provider for rule in packs.rules if rule.provider}
    assert len(spellings) == len(providers), "a provider is spelled in two ways"


def test_every_rule_says_what_to_do_when_it_leaked(packs: RuleSet) -> None:
    for rule in packs.rules:
        assert rule.domain is Domain.SECRETS
        assert rule.cwe, rule.canonical
        assert len(rule.help) > 60, rule.canonical
        if rule.provider:
            assert rule.references, rule.canonical
            assert re.search(r"(?i)\*\*(?:revoke|decide|look|rotate|change)", rule.help), rule.canonical


def test_a_rule_of_no_prefix_names_its_provider_or_is_no_more_than_likely(packs: RuleSet) -> None:
    for rule in packs.rules:
        if rule.provider and rule.confidence is Confidence.HIGH:
            literals = max((len(part) for part in re.findall(r"[A-Za-z0-9_=/:.~-]{2,}", rule.pattern)), default=0)
            assert literals >= 2 or rule.checks, rule.canonical


def test_the_ids_of_the_first_version_are_all_there(packs: RuleSet) -> None:
    names = sorted(name for rule in packs.rules for name in (rule.canonical, *rule.aliases))
    first = (Path(__file__).parent / "data" / "first_secret_rules.txt").read_text(encoding="utf-8").split()
    assert len(first) == 193
    assert sorted(set(first) - {name.removeprefix("secrets/") for name in names}) == []
    assert hashlib.sha256("\n".join(first).encode()).hexdigest().startswith(FIRST), "that list does not change"


def test_one_secret_is_one_finding(packs: RuleSet, engine: Engine) -> None:
    """Whatever a rule's first example holds is found once at each place, by a rule that knows at least as much."""
    for rule in packs.rules:
        text = fill(rule.match_examples[0], f"one/{rule.canonical}")
        findings = found(engine, example_path(rule), text)
        assert findings, rule.canonical
        ends = 0
        for judged in findings:
            assert judged.token[0] >= ends, f"{rule.canonical} and {judged.rule.canonical} overlap"
            ends = judged.token[1]
        if rule.provider:
            assert any(judged.rule.provider for judged in findings), rule.canonical


SYNTAX = {
    ".env": "DEBUG=1\n{name}={value}\nPORT=80\n",
    "config.yaml": "service:\n  {lower}: {value}\n  port: 80\n",
    "deploy.yaml": 'env:\n  - name: {name}\n    value: "{value}"\n',
    "config.json": '{{"a": 1, "{lower}": "{value}", "b": 2}}',
    "app.toml": '[app]\n{lower} = "{value}"\n',
    "app.py": 'os.environ["{name}"] = "{value}"\n',
    "app.js": "const {camel} = '{value}';\n",
    "main.go": 'var {camel} = "{value}"\n',
    "main.rs": 'const {name}: &str = "{value}";\n',
    "Main.java": 'private static final String {name} = "{value}";\n',
    "run.sh": "#!/bin/sh\nexport {name}='{value}'\n",
    "main.tf": '  {lower} = "{value}"\n',
    "Dockerfile": "FROM x\nENV {name} {value}\n",
    "web.xml": "<config>\n  <{camel}>{value}</{camel}>\n</config>\n",
    "app.config": '<add key="{camel}" value="{value}" />\n',
    "data.sql": "INSERT INTO settings VALUES (1, '{lower}', '{value}');\n",
}


@pytest.mark.parametrize("path", SYNTAX)
def test_a_named_secret_is_found_in_the_syntax_of(path: str, engine: Engine) -> None:
    kinds = {
        "MAILJET_SECRET_KEY": "{{hex:32}}",
        "ROLLBAR_ACCESS_TOKEN": "{{hex:32}}",
        "ZENDESK_API_TOKEN": "{{alnum:40}}",
        "HCLOUD_TOKEN": "{{alnum:64}}",
        "STRIPE_SECRET_KEY": "sk_live_{{alnum:24}}",
        "WORKOS_API_KEY": "sk_live_{{alnum:48}}",
        "GRAFANA_TOKEN": "{{grafana}}",
    }
    for name, template in kinds.items():
        value = fill(template, name)
        words = name.lower().split("_")
        camel = words[0] + "".join(word.title() for word in words[1:])
        text = SYNTAX[path].format(name=name, lower=name.lower(), camel=camel, value=value)
        findings = found(engine, path, text)
        assert [text[judged.token[0] : judged.token[1]] for judged in findings] == [value], (name, findings)
        assert findings[0].rule.provider.casefold().startswith(name[:4].casefold().replace("hclo", "hetz")), name


HARMLESS = (
    '"integrity": "sha512-{{base64:86}}=="',
    'checksum = "{{hex:64}}"',
    "    resolution: {{integrity: sha512-{{base64:86}}==}}",
    "commit {{hex:40}}",
    "uses: actions/checkout@{{hex:40}}",
    'github_token_commit = "{{hex:40}}"',
    "github.com/ory/keto v0.1.0 h1:{{base64:43}}=",
    'request_id: "{{uuid}}"',
    "mailjet_template_id: {{digit:7}}",
    "The rollbar access token is read from the environment; see deadbeef{{hex:24}} for the change.",
    "src: url(data:font/woff2;base64,{{base64:400}})",
    "secret_key_ref: my-app-{{lower:8}}-config",
    "TWILIO_AUTH_TOKEN=${TWILIO_AUTH_TOKEN}",
    "ZENDESK_API_TOKEN=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    'password: "Bitte geben Sie Ihr Kennwort ein"',
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "Authorization: Basic {{base64-of:Aladdin:open sesame}}",
    "Authorization: Basic {{base64-of:user:changeme}}",
    "data = eyJhbGciOiJub25l{{base64url:20}}",
    "encryptionKey: encryptionKey1024",
)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_lock_files_and_documentation_hold_is_no_finding(line: str, engine: Engine) -> None:
    for seed in "12":
        text = fill(line, seed)
        assert [judged.rule.canonical for judged in found(engine, "notes.txt", text + "\n")] == []


def test_it_overlaps_in_files_not_across_them(engine: Engine) -> None:
    texts = {name: f"STRIPE_KEY={fill('sk_live_{{alnum:24}}', 'x')}\n".encode() for name in ("a.env", "b.env")}
    files = [File(path=path, size=len(text)) for path, text in texts.items()]
    scanned = engine.scan(files, lambda file: texts[file.path])
    assert [judged.path for judged in telling(scanned.found)] == ["a.env", "b.env"]
