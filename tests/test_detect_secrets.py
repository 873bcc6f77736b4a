"""detect-secrets in process: what it reports, where, and what the target cannot hide."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha1
from importlib import metadata
from pathlib import Path

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import get_settings, transient_settings

from magray_sec import worker
from magray_sec.adapters import _secret_kinds, detect_secrets
from magray_sec.adapters._detect_secrets import LEFT_OUT, Plugins
from magray_sec.correlate import correlate
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Interpretation, ParseError, Said, Stated, Step, StepOutput
from magray_sec.model.finding import Place, Rule, Sighting
from magray_sec.model.run import (
    Command,
    Gap,
    Inventory,
    Item,
    ItemKind,
    Notification,
    RawOutput,
    ScanContext,
    Skipped,
    Target,
    ToolRun,
)
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity
from magray_sec.normalize import normalize
from magray_sec.regex.examples import fill
from memory import MemorySource

LINES = (
    'key = "AKC{{alnum:30}}"',
    "id: AKIA{{base32:16}} and ASIA{{base32:16}}",
    'aws_secret_access_key = "{{base64:40}}"',
    "AccountKey={{base64:86}}==;",
    "url: postgres://app:k3{{alnum:14}}@db.acme.test/app",
    "url: https://deploy:k3{{alnum:14}}@git.acme.test/app",
    'cloudant_password = "{{hex:64}}"',
    "discord M{{alnum:23}}.{{alnum:6}}.{{alnum:27}}",
    "x = '{{github-crc32:ghp_}}' # gho_{{alnum:36}}",
    "glpat-{{alnum:20}} gldt-{{alnum:20}} GR1348941{{alnum:20}} glptt-{{hex:40}} glcbt-1f_{{alnum:20}}",
    'ibm_cloud_iam_apikey = "{{alnum:44}}"',
    'cos_hmac_secret_access_key = "{{hex:48}}"',
    "Authorization: {{jwt}}",
    "mailchimp {{hex:32}}-us12",
    "//registry.npmjs.test/:_authToken=npm_{{alnum:36}}",
    "sk-{{alnum:20}}T3BlbkFJ{{alnum:20}}",
    "-----BEGIN RSA PRIVATE KEY-----",
    "pypi-AgEIcHlwaS5vcmc{{alnum:80}}",
    "SG.{{alnum:22}}.{{alnum:43}}",
    "xoxb-{{digit:12}}-{{digit:12}}-{{lowernum:24}}",
    "https://hooks.slack.com/services/T{{uppernum:9}}/B{{uppernum:9}}/{{alnum:24}}",
    'softlayer_api_key = "{{lowernum:64}}"',
    "sq0csp-{{alnum:43}}",
    "rk_live_{{alnum:24}}",
    "{{digit:9}}:AA{{alnum:33}}",
    "AC{{hex:32}} SK{{hex:32}}",
    "token = load(ghp_{{alnum:36}})",
    "nothing of note = 'value'",
)


@pytest.fixture(scope="module", autouse=True)
def plugins() -> Iterator[Plugins]:
    """Compiled once for all tests of this module."""
    made = Plugins(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect_secrets, "Plugins", lambda _: made)
        yield made


def context(cache: str | None = None) -> ScanContext:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return ScanContext(today=now.date(), started=now, work="/nonexistent", cache=cache)


def said(files: Mapping[str, bytes]) -> list[Said]:
    return list(detect_secrets.inspect(MemorySource(files), (), context()))


def seen(files: Mapping[str, bytes]) -> list[Sighting]:
    return [entry for entry in said(files) if isinstance(entry, Sighting)]


def tokens(files: Mapping[str, bytes]) -> list[bytes]:
    found = []
    for sighting in seen(files):
        assert sighting.place is not None
        assert sighting.place.span is not None
        start, end = sighting.place.span
        found.append(files[sighting.place.path][start:end])
    return found


def filled(template: str, seed: str = "detect-secrets") -> bytes:
    return fill(template, seed).encode()


def own_scan(path: Path) -> set[tuple[int, str, str]]:
    """What the package's own scan with the same plugins reports."""
    names = {plugin.__name__ for plugin in get_mapping_from_secret_type_to_class().values()} - LEFT_OUT
    with transient_settings({"plugins_used": [{"name": name} for name in sorted(names)]}):
        return {(entry.line_number, entry.type, entry.secret_hash) for entry in scan_file(str(path))}


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_it_reports_what_the_package_itself_does(line: str, plugins: Plugins, tmp_path: Path) -> None:
    data = filled(f"first line\n{line}\nlast line\n")
    path = tmp_path / "main.rs"
    path.write_bytes(data)
    hits = {(data.count(b"\n", 0, hit.span[0]) + 1, hit.type, hit.digest) for hit in plugins.hits("main.rs", data)}
    assert hits == own_scan(path)
    assert hits or "nothing" in line or "load(" in line


def test_the_plugins_that_guess_are_left_out_and_all_others_used(plugins: Plugins) -> None:
    mapping = get_mapping_from_secret_type_to_class()
    names = {plugin.__name__ for plugin in mapping.values()}
    assert names >= LEFT_OUT
    assert plugins.count == len(names - LEFT_OUT)
    files = {"a.py": filled('password = "{{password:14}}"\nkey = "{{base64:64}}"\nhost = "203.0.113.7"\n')}
    assert not seen(files)


def test_the_whole_token_is_meant_whatever_the_plugin_returns() -> None:
    first, second, third = (filled("{{github-crc32:ghp_}}", seed) for seed in "abc")
    files = {"a.py": b"x = '" + first + b"', '" + second + b"'\ny = '" + third + b"'\n"}
    assert tokens(files) == [first, second, third]
    assert tokens({"a.py": filled("glcbt-1f_{{alnum:20}} ")}) == [filled("glcbt-1f_{{alnum:20}}")]
    assert tokens({"a": filled("AccountKey={{base64:86}}==;")}) == [filled("{{base64:86}}==")]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_spans_count_in_bytes_whatever_the_encoding(ending: bytes) -> None:
    token = filled("{{github-crc32:ghp_}}")
    for before in ("Gr\u00fc\u00dfe \U0001f511 ".encode(), b"Gr\xfc\xdfe \xff ", b"\tplain "):
        assert tokens({"a.txt": before + ending + before + token + b" " + before + ending}) == [token]


def test_text_in_utf_16_is_read() -> None:
    token = fill("{{github-crc32:ghp_}}", "utf-16")
    (sighting,) = seen({"a.txt": ("\ufeff" + f"key {token}\r\n").encode("utf-16-le")})
    assert sighting.place is not None
    assert sighting.place.span == (4, 4 + len(token))


def test_a_long_line_is_gone_through_to_its_end() -> None:
    token = filled("{{github-crc32:ghp_}}")
    for place in (0, 4080, 4096, 8150, 8192, 12280, 49_000):
        line = bytearray(b"z " * 25_000)
        line[place : place + len(token) + 2] = b" " + token + b" "
        assert tokens({"a.js": bytes(line)}) == [token], place


def test_lines_made_to_keep_its_expressions_busy_come_to_an_end() -> None:
    token = filled('ibm_key = "{{alnum:44}}"')
    hostile = (
        b"key" + b" " * 50_000 + b"!",
        b"eyJ" * 10_000 + b"! eyJ" + b"hbGciOiJIUzI1NiJ9.e30.x",
        b"#" + b" " * 50_000 + b"pragma: allowlist " + token,
        b"a" * 900 + b" " * 100 + b"= " + token,
        b"//" * 10_000 + b"/:_authToken=",
    )
    files = {"a.txt": b"\n".join(line + b" " + token for line in hostile)}
    assert len([hit for hit in tokens(files) if hit == filled("{{alnum:44}}")]) >= len(hostile) - 1


def test_quotes_that_only_one_format_needs_are_not_asked_for_in_others() -> None:
    line = filled("aws_secret_access_key: {{base64:40}}\n")
    assert tokens({"config.yaml": line, "credentials": line.replace(b": ", b"=")}) == [filled("{{base64:40}}")] * 2
    assert not tokens({"main.py": line})


def test_allow_comments_hide_nothing_and_are_said() -> None:
    line = filled("x = '{{github-crc32:ghp_}}'")
    marked = b"  # pragma: allowlist secret"
    files = {
        "own.py": line + marked + b"\n",
        "above.py": b"# pragma: allowlist nextline secret\n" + line + b"\n",
        "none.py": b"# pragma: allowlist something else\n" + line + b"\n",
        "spaced.py": line + b" " * 5000 + marked + b"\n",
    }
    hidden = {entry.place.path: entry.hidden_by for entry in seen(files) if entry.place}
    assert hidden == {
        "own.py": "the comment `pragma: allowlist secret`",
        "above.py": "the comment `pragma: allowlist nextline secret`",
        "none.py": "",
        "spaced.py": "the comment `pragma: allowlist secret`",
    }
    notes = {entry.path: entry.message for entry in said(files) if isinstance(entry, Notification)}
    assert sorted(notes) == sorted(path for path, comment in hidden.items() if comment)
    assert all(note.startswith("1 finding stands where the target tells") for note in notes.values())


def test_a_baseline_of_the_target_hides_nothing_and_is_said() -> None:
    value = filled("AKIA{{base32:16}}")
    entry = {"type": "AWS Access Key", "hashed_secret": sha1(value).hexdigest(), "line_number": 9}
    baseline = json.dumps({"version": "1.5.0", "results": {"a.py": [entry]}}).encode()
    files = {".secrets.baseline": baseline, "a.py": b"k = " + value + b"\n", "b.py": b"k = " + value + b"\n"}
    assert {entry.place.path: entry.hidden_by for entry in seen(files) if entry.place} == {
        "a.py": ".secrets.baseline",
        "b.py": "",
    }
    for damaged in (b"{", b"[]", b'{"results": []}', b'{"results": {"a.py": [1]}}', b"[" * 100_000):
        told = said(files | {".secrets.baseline": damaged})
        assert len([entry for entry in told if isinstance(entry, Sighting)]) == 2
        assert any(isinstance(entry, Notification) and "cannot be understood" in entry.message for entry in told)


def test_it_leaves_no_trace_in_the_package_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    before = (dict(get_settings().plugins), dict(get_settings().filters))
    files = {f"{number}.py": filled(line + "\n") for number, line in enumerate(LINES)}
    assert len(seen(files)) > len(LINES)
    assert (dict(get_settings().plugins), dict(get_settings().filters)) == before


def test_what_cannot_be_a_secret_is_left_out() -> None:
    files = {
        "a.py": filled(
            "ghp_{{repeat:x:36}}\nAKIA{{base32:9}}EXAMPLE\nhttps://user:password@git.acme.test/\nhttps://me:word@git.acme.test/\n"
            "if line.startswith('-----BEGIN RSA PRIVATE KEY-----'):\n21225780:{{lower:35}}\n"
        )
    }
    told = said(files)
    assert not [entry for entry in told if isinstance(entry, Sighting)]


@pytest.mark.parametrize(
    ("template", "confidence"),
    [
        ("{{github-crc32:ghp_}}", Confidence.MEDIUM),
        ("ghp_{{alnum:36}}", Confidence.LOW),
        ("{{pem:RSA}}", Confidence.MEDIUM),
        ("-----BEGIN PRIVATE KEY-----\n{{lower:64}}\n", Confidence.LOW),
        ("sk_live_{{alnum:24}}", Confidence.MEDIUM),
        ("sk_live_{{alnum:30}}", Confidence.LOW),
        ('aws_key = "{{base64:40}}"', Confidence.MEDIUM),
        ('aws_key = "{{hex:40}}"', Confidence.LOW),
        ("https://deploy:k3{{alnum:14}}@git.acme.test/", Confidence.LOW),
        ('key = "{{alnum:44}}"', Confidence.LOW),
    ],
)
def test_how_far_a_match_is_believed(template: str, confidence: Confidence) -> None:
    (sighting,) = seen({"a.txt": filled(template + "\n")})
    assert sighting.confidence is confidence


def test_files_that_cannot_be_read_are_gaps_and_binary_ones_are_skipped() -> None:
    class Locked(MemorySource):
        def read(self, path: str) -> bytes:
            if path == "locked.txt":
                raise PermissionError(13, "Permission denied", path)
            return super().read(path)

    source = Locked({"locked.txt": b"", "image.png": b"\x89PNG\0\0", "empty": b"", "a.py": b"x = 1\n"})
    told = list(detect_secrets.inspect(source, (), context()))
    assert [(entry.path, entry.reason) for entry in told if isinstance(entry, Gap)] == [
        ("locked.txt", "it cannot be read: Permission denied")
    ]
    assert [entry.path for entry in told if isinstance(entry, Skipped)] == ["image.png"]


def test_it_claims_the_files_of_a_target_and_nothing_else() -> None:
    tree = Item(kind=ItemKind.TREE, name="files", domains=frozenset({Domain.SECRETS}))
    lock = Item(kind=ItemKind.LOCKFILE, name="poetry.lock", ecosystem="pypi", domains=frozenset({Domain.LICENSES}))
    (claim,) = detect_secrets.claims(Inventory(items=(lock, tree)))
    assert (claim.domain, claim.item) == (Domain.SECRETS, "tree:files")


def shipped_rules() -> dict[str, str]:
    """The severity of each rule of the shipped packs of secrets, by canonical id."""
    packs = sorted((Path(__file__).parent.parent / "rules" / "secrets").glob("*.yaml"))
    text = "".join(pack.read_text(encoding="utf-8") for pack in packs)
    blocks = re.split(r"(?m)^  - id: ", text)[1:]
    return {
        f"secrets/{block.splitlines()[0]}": re.search(r"(?m)^    severity: (\w+)", block)[1]  # type: ignore[index]
        for block in blocks
    }


def test_its_rules_are_those_of_the_shipped_pack_or_bear_its_name() -> None:
    shipped = shipped_rules()
    types = set(get_mapping_from_secret_type_to_class())
    for kind in _secret_kinds.KINDS:
        assert kind.type in types
        assert kind.rule.id in shipped or kind.rule.id.startswith("secrets/detect-secrets."), kind.rule.id
        if kind.rule.id in shipped:
            told = Severity(shipped[kind.rule.id])
            # One secret that both scanners see is not made worse by the coarser word of the two.
            assert kind.severity.rank <= told.rank, kind.rule.id
    assert set(detect_secrets.ADAPTER.canonical) == {
        name for name, plugin in get_mapping_from_secret_type_to_class().items() if plugin.__name__ not in LEFT_OUT
    }


def test_a_secret_that_two_scanners_see_is_one_finding() -> None:
    token = filled("{{github-crc32:ghp_}}")
    data = b'TOKEN = "' + token + b'"\nURL = "https://me:' + token + b'@git.acme.test/a.git"\n'
    source = MemorySource({"a.py": data})
    mine = seen({"a.py": data})
    rule = Rule(id="secrets/github-pat", domain=Domain.SECRETS, title="GitHub token", help="Revoke it.")
    other = [
        Sighting(
            native_rule="secrets/github-pat",
            domain=Domain.SECRETS,
            message="GitHub token",
            rule=rule,
            severity=Severity.CRITICAL,
            confidence=Confidence.HIGH,
            place=Place(path="a.py", span=(at, at + len(token))),
        )
        for at in (data.index(token), data.rindex(token))
    ]

    def interpretation(adapter: str, sightings: list[Sighting]) -> Interpretation:
        run = ToolRun(adapter=adapter, domains=(Domain.SECRETS,), outcome=Outcome.COMPLETED)
        return Interpretation(run=run, sightings=tuple(sightings))

    adapters = {"detect-secrets": detect_secrets.ADAPTER, "regex-rules": detect_secrets.ADAPTER}
    both = [interpretation("detect-secrets", mine), interpretation("regex-rules", other)]
    findings = correlate(normalize(both, source, adapters, anchor="a.py").findings)
    assert len(findings) == 2
    alone = correlate(normalize(both[1:], source, adapters, anchor="a.py").findings)
    for finding, single in zip(findings, alone, strict=True):
        assert {witness.tool for witness in finding.witnesses} == {"detect-secrets", "regex-rules"}
        assert finding.identity == single.identity
        assert finding.rule.id == "secrets/github-pat"
        assert finding.confidence is Confidence.HIGH


def test_nothing_it_says_holds_a_secret() -> None:
    files = {f"{number}.txt": filled(line + "\n") for number, line in enumerate(LINES)}
    files["key.pem"] = filled("{{pem:RSA}}\n")
    told = "".join(worker.frames(iter(said(files))))
    for token in tokens(files):
        if not token.startswith(b"BEGIN"):
            assert token.decode() not in told
    assert filled("{{pem:RSA}}").splitlines()[3].decode() not in told


def test_the_run_states_the_version_of_the_package() -> None:
    claims = detect_secrets.claims(Inventory(items=(Item(kind=ItemKind.TREE, name="files"),)))
    command = Command(argv=("worker",), claims=claims)
    lines = worker.frames(detect_secrets.inspect(MemorySource({"a": b"b"}), claims, context()))
    raw = RawOutput(command=command, exit_code=0, stdout="".join(line + "\n" for line in lines).encode())
    step = Step(adapter=detect_secrets.ADAPTER, claims=claims, commands=(command,))
    output = StepOutput(step=step, version=None, outputs=(raw,), started=context().started, duration_s=0.0)
    run = interpret(output, worker.parse).run
    assert run.outcome is Outcome.COMPLETED
    assert run.version == metadata.version("detect-secrets")


def test_the_compiled_expressions_are_kept(tmp_path: Path) -> None:
    first = Plugins(str(tmp_path))
    kept = list((tmp_path / "detect-secrets").iterdir())
    assert len(kept) == 1
    stamp = kept[0].stat().st_mtime_ns
    data = filled("\n".join(LINES))
    assert list(Plugins(str(tmp_path)).hits("a.rs", data)) == list(first.hits("a.rs", data))
    assert kept[0].stat().st_mtime_ns == stamp
    kept[0].write_bytes(b"not what was kept")
    assert list(Plugins(str(tmp_path)).hits("a.rs", data)) == list(first.hits("a.rs", data))


def report(results: Mapping[str, list[Mapping[str, object]]], **more: object) -> bytes:
    plugins_used = [{"name": "AWSKeyDetector"}]
    return json.dumps({"version": "1.5.0", "plugins_used": plugins_used, "results": results, **more}).encode()


def taken_in(data: bytes, files: Mapping[str, bytes]) -> list[Said]:
    inventory = Inventory(files=MemorySource(files).files())
    command = detect_secrets.imported(Target(root="/target", name="target"), inventory)
    assert command.claims == ()
    inputs = {f"/target/{path}": content for path, content in files.items()}
    return list(detect_secrets.parse(RawOutput(command=command, stdout=data, inputs=inputs)))


def test_a_report_made_elsewhere_gives_the_findings_of_a_scan(plugins: Plugins, tmp_path: Path) -> None:
    files = {"src/a.py": filled("x = 1\n" + "\n".join(LINES) + "\n")}
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_bytes(files["src/a.py"])
    own = own_scan(tmp_path / "src" / "a.py")
    rows = [{"type": kind, "hashed_secret": digest, "line_number": line} for line, kind, digest in sorted(own)]
    told = taken_in(report({"src/a.py": rows}), files)
    mine = {(entry.native_rule, entry.place) for entry in seen(files)}
    theirs = {(entry.native_rule, entry.place) for entry in told if isinstance(entry, Sighting)}
    assert mine <= theirs
    assert {entry.findings for entry in told if isinstance(entry, Stated)} == {len(own)}


def test_what_guessing_plugins_report_is_found_by_its_digest() -> None:
    value = filled("{{password:14}}")
    for line in (b'password = "%s"', b"password: %s", b"PASSWORD=%s", b"f('%s')", b"<a>%s</a>"):
        files = {"a.py": b"first\r\n" + line % value + b"\r\n"}
        row = {"type": "Secret Keyword", "hashed_secret": sha1(value).hexdigest(), "line_number": 2}
        (sighting,) = [e for e in taken_in(report({"a.py": [row]}), files) if isinstance(e, Sighting)]
        assert sighting.place is not None
        assert sighting.place.span is not None
        assert files["a.py"][slice(*sighting.place.span)] == value
        assert sighting.confidence is Confidence.LOW


def test_a_row_that_fits_no_file_keeps_its_line() -> None:
    digest = sha1(b"gone").hexdigest()
    rows = [
        {"type": "Secret Keyword", "hashed_secret": digest, "line_number": 7, "is_secret": False},
        {"type": "Slack Token", "hashed_secret": digest, "line_number": 1, "is_verified": True},
        {"type": "Slack Token", "hashed_secret": digest, "line_number": -3},
    ]
    for path in ("a.py", "gone.py", "src\\a.py", "../../etc/passwd"):
        found = [e for e in taken_in(report({path: rows}), {"a.py": b"x = 1\n"}) if isinstance(e, Sighting)]
        assert [entry.place and (entry.place.span, entry.place.start_line) for entry in found] == [
            (None, 7),
            (None, 1),
            (None, 1),
        ]
        assert found[0].hidden_by
        assert found[1].confidence is Confidence.VERIFIED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"fatal: not a git repository",
        b'{"version": "1.5.0", "results": {}}',
        report({}, plugins_used=[]),
        report({"a.py": [{"type": "Slack Token"}]}),
        report({"a.py": []})[:-1],
        b'{"version": "1.5.0", "plugins_used": [1], "results": ' + b'{"a": ' * 100_000,
    ],
)
def test_a_damaged_report_is_not_one_of_a_finished_run(data: bytes) -> None:
    with pytest.raises(ParseError):
        taken_in(data, {"a.py": b""})


def test_a_report_without_findings_is_one_of_a_finished_run() -> None:
    assert taken_in(report({}), {"a.py": b""}) == [Stated(findings=0)]
