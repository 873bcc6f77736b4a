"""A repository that was made to attack whoever scans it: nothing of it is executed, nothing of it breaks a report, and
nothing in it hides a finding without being said. Through the real command line.
"""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import multitool
from command_line import Scanned, magray_sec, scan, surroundings
from fake_tools import FakeTools
from ingestion import complaints
from magray_sec import adapters
from planting import DATABASE, SECRET_RULE, found, notifications, operator, policy, token
from replays import (
    GRANTED,
    SCANNERS,
    Whole,
    case_of,
    lay_over,
    lay_over_all,
    programs,
    replays,
    reworded,
    scan_whole,
)
from replays import (
    PROGRAMS as OF_SCANNERS,
)
from test_sarif import TOLERATED, VALIDATOR
from trees import git, write

# What somebody may put into a name or a message: escapes, line breaks, commands to a CI runner, Markdown, HTML, hidden
# and reversing characters.
EVIL = "a\x1b[2J\x1b]0;pwned\x07\r\n::error file=x,line=1::pwned\n##[add-path]/tmp\u202e\u200b\x9b31m [c](http://evil.example) <img src=x> `rm`"
NAMES = (
    "::error file=x::y.env",
    "##[set-env name=x]y.env",
    "line\nbreak.env",
    "\n::warning::y.env",
    "red\x1b[31m.env",
    "title\x1b]0;pwned\x07.env",
    "[click](http:evil).env",
    "<img src=x onerror=y>.env",
    "`rm -rf`.env",
    "--config=evil.env",
    "-rf",
    "--help",
    "right\u202eto-left.env",
    "c1\x9bcontrol.env",
    "100%.env",
    "%2e%2e.env",
)
COMMENTS = (
    "# gitleaks:allow",
    "# pragma: allowlist secret",
    "# nosec",
    "# nosemgrep",
    "# noqa",
    "# ggignore",
    "# trufflehog:ignore",
    "# kingfisher:ignore",
)
PROGRAMS = sorted(
    {
        name
        for entry in adapters.names()
        for name in (adapters.load(entry).executable, *adapters.load(entry).uses)
        if name
    }
)
CONFIGURATION = """
[build]
rustc = "{evil}"
rustc-wrapper = "{evil}"
rustdoc = "{evil}"
[target.'cfg(all())']
runner = "{evil}"
linker = "{evil}"
[registry]
global-credential-providers = ["{evil}"]
[credential-alias]
evil = ["{evil}"]
[net]
git-fetch-with-cli = true
"""
REPLACEMENT = """
[source.crates-io]
replace-with = "evil"
[source.evil]
registry = "sparse+https://evil.example/index/"
"""
ATTRIBUTES = "* filter=evil diff=evil merge=evil\n"
GIT_CONFIGURATION = """
[core]
	fsmonitor = {evil}
	hooksPath = {hooks}
	sshCommand = {evil}
	pager = {evil}
	editor = {evil}
	askPass = {evil}
	gitProxy = {evil}
	alternateRefsCommand = {evil}
[filter "evil"]
	clean = {evil}
	smudge = {evil}
	process = {evil}
	required = true
[diff]
	external = {evil}
[diff "evil"]
	textconv = {evil}
	command = {evil}
[credential]
	helper = {evil}
[gpg]
	program = {evil}
[remote "origin"]
	url = ext::{evil}
	uploadpack = {evil}
[protocol "ext"]
	allow = always
"""
SCRIPTS = ("preinstall", "install", "postinstall", "prepare", "prepublish", "audit", "preaudit", "postaudit")
HOOKS = ("pre-commit", "post-checkout", "post-index-change", "fsmonitor-watchman", "pre-push", "reference-transaction")


class Trap:
    """An executable of the target; where it ran, a file says so."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.ran = folder / "executed"
        self.path = root / "evil.sh"
        write(root, {"evil.sh": f'#!/bin/sh\necho "$0 $*" >> {self.ran}\ncat\n'})
        self.path.chmod(0o755)

    def set(self, path: Path) -> None:
        """Put one like it somewhere else."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.path.read_bytes())
        path.chmod(0o755)

    def sprung(self) -> str:
        """What ran; empty: nothing did."""
        return self.ran.read_text() if self.ran.exists() else ""


def secret(seed: str) -> str:
    return f"TOKEN={token(seed)}\n"


def hostile(folder: Path) -> Trap:
    """A git work tree in `folder/target` with all of it."""
    root = folder / "target"
    trap = Trap(folder, root)
    lay_over(case_of("cargo-audit"), root)
    advisories = [hit["advisory"]["id"] for hit in recorded()["vulnerabilities"]["list"]]
    lay_over_all(root)
    write(root, {name: secret(name) for name in NAMES})
    write(root, {f"commented/{index}.env": f"TOKEN={token(text)} {text}\n" for index, text in enumerate(COMMENTS)})
    write(
        root,
        {
            "-p/Cargo.lock": (root / "Cargo.lock").read_bytes(),
            "--db=evil/Cargo.lock": (root / "Cargo.lock").read_bytes(),
            ".cargo/config.toml": CONFIGURATION.format(evil=trap.path),
            ".cargo/audit.toml": f"[advisories]\nignore = {json.dumps(advisories)}\n",
            "rust-toolchain.toml": f'[toolchain]\npath = "{root}/toolchain"\n',
            "build.rs": 'fn main() { std::process::Command::new("./evil.sh").spawn().unwrap(); }\n',
            ".gitignore": "hidden/\nforced.env\n",
            "hidden/settings.env": secret("hidden"),
            "forced.env": secret("forced"),
            ".gitleaks.toml": "[allowlist]\npaths = ['''.*''']\n",
            ".gitleaksignore": "*\n",
            ".semgrepignore": "*\n",
            ".ignore": "*\n",
            ".secrets.baseline": json.dumps({"exclude": {"files": ".*"}}),
            ".gitattributes": ATTRIBUTES,
            ".gitmodules": f'[submodule "x"]\npath = x\nurl = ext::{trap.path}\nupdate = !{trap.path}\n',
            "pyproject.toml": '[build-system]\nrequires = []\nbackend-path = ["."]\nbuild-backend = "evil"\n',
            ".npmrc": f"script-shell={trap.path}\nnode-options=--require {trap.path}\nignore-scripts=false\n",
            "package.json": json.dumps({"name": "x", "scripts": dict.fromkeys(SCRIPTS, "./evil.sh")}),
            ".pre-commit-config.yaml": "repos:\n- repo: local\n  hooks:\n  - {id: x, name: x, entry: ./evil.sh, language: script}\n",
            "setup.py": f"open({str(trap.ran)!r}, 'a').write('setup.py')\n",
            "conftest.py": f"open({str(trap.ran)!r}, 'a').write('conftest.py')\n",
            ".trivyignore": "*\n",
            "trivy.yaml": "scan:\n  skip-dirs: ['**']\n",
            "trivy-secret.yaml": "allow-rules: [{id: x, regex: .*}]\n",
            ".hadolint.yaml": "ignored: [DL3006, DL3008, DL3020]\nfailure-threshold: none\n",
            ".shellcheckrc": "disable=all\nexternal-sources=true\n",
            ".bandit": "[bandit]\nskips: B101,B102,B602\nexclude: .\n",
            ".github/zizmor.yml": "rules: {template-injection: {disable: true}}\n",
            "osv-scanner.toml": '[[PackageOverrides]]\nignore = true\nreason = "evil"\n',
            "deny.toml": "[advisories]\nignore = []\nunmaintained = 'none'\n[licenses]\nallow = ['*']\n",
            "clippy.toml": "too-many-arguments-threshold = 99\n",
            "kingfisher.yaml": "exclude: ['**']\n",
            ".trufflehogignore": ".*\n",
            "evil.py": f"open({str(trap.ran)!r}, 'a').write('python')\n",
        },
    )
    for module in ("json", "typing", "typer", "hyperscan", "sitecustomize", "usercustomize", "magray_sec"):
        write(root, {f"{module}.py": (root / "evil.py").read_bytes()})
    for name in (*PROGRAMS, "git", "rustc", "rustup", "python", "python3", "sh", "node", "ssh"):
        trap.set(root / "bin" / name)
        trap.set(root / "toolchain" / "bin" / name)
    write(folder, {"outside/settings.env": secret("outside")})
    (root / "outside.env").symlink_to(folder / "outside" / "settings.env")
    (root / "outside").symlink_to(folder / "outside", target_is_directory=True)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "add", "-f", "forced.env")
    git(root, "commit", "-qm", EVIL.replace("\0", ""))
    git(root, "checkout", "-q", "-b", "evil/::error::[x](y)".replace(":", ";").replace("[", "("))
    with open(root / ".git" / "config", "a", encoding="utf-8") as config:
        config.write(GIT_CONFIGURATION.format(evil=trap.path, hooks=root / "hooks"))
    for name in HOOKS:
        trap.set(root / "hooks" / name)
        trap.set(root / ".git" / "hooks" / name)
    os.mkfifo(root / "pipe.env")
    # What has changed makes git look, and filter.
    write(root, {"commented/0.env": f"\nTOKEN={token(COMMENTS[0])} {COMMENTS[0]}\n"})
    return trap


def recorded() -> Any:
    """cargo-audit's own output for the fixture that the target holds."""
    case = case_of("cargo-audit")
    (number,) = [n for n, command in enumerate(case.meta()["commands"]) if command["argv"][0] == "{tool}"]
    return json.loads((case.folder / f"raw.{number}.stdout").read_bytes())


def poisoned(adapter: str) -> Callable[[bytes], bytes]:
    """What a scanner reported with its prose, and an advisory database's words, as an attacker would write them."""

    def change(data: bytes) -> bytes:
        return reworded(data, lambda text: f"{EVIL} {text} {EVIL}")

    def audit(data: bytes) -> bytes:
        said = json.loads(change(data))
        for hit in said["vulnerabilities"]["list"]:
            advisory = hit["advisory"]
            advisory |= {"title": f"{EVIL} {advisory['title']}", "description": EVIL, "keywords": [EVIL]}
            advisory |= {"url": f"javascript:alert(1)//{EVIL}", "references": ["https://u:p@evil.example/", EVIL]}
            advisory |= {"aliases": [*advisory["aliases"], EVIL]}
        hit = said["vulnerabilities"]["list"][0]
        hit["package"]["name"] = hit["advisory"]["package"] = f"{EVIL}{hit['package']['name']}"
        return json.dumps(said).encode()

    return audit if adapter == "cargo-audit" else change


Attack = tuple[Trap, Whole, Path]


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Attack:
    """The target, scanned by everything there is, with programs whose output is as hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    trap = hostile(folder)
    chatter = f"error: {EVIL}\nwarning: {EVIL}\n".encode("utf-8", "surrogateescape")
    (folder / "told").mkdir()

    def fake(fakes: FakeTools, adapter: str, _: str) -> Path:
        told = folder / "told" / adapter
        log = f"open({str(told)!r}, 'a').write(repr((sys.argv[1:], os.getcwd(), dict(os.environ))) + chr(10))"
        return replays(fakes.folder, case_of(adapter), change=poisoned(adapter), chatter=chatter, first=log)

    cargo = FakeTools(folder / "cargo-tool", version="cargo 1.90.0").python(
        "cargo", CARGO.format(at=str(folder / "cargo"))
    )
    operator(folder / "home", {"tools": programs(folder / "tools", fake, cargo=cargo)})
    (folder / "cargo").mkdir()
    scanned = scan_whole(
        folder / "target",
        *("--policy", policy(folder, "secrets"), *DATABASE, *GRANTED, "-v"),
        environment=surroundings(folder / "home", XDG_CACHE_HOME=str(warm_cache), GITHUB_TOKEN=token("github")),
        reports=folder / "reports",
    )
    return trap, scanned, folder


# A cargo that does nothing but write down what it was asked, and which files it would have taken its settings from.
CARGO = """
import json
def above(path):
    while True:
        yield path
        if path == os.path.dirname(path):
            return
        path = os.path.dirname(path)
manifest = next((sys.argv[n + 1] for n, word in enumerate(sys.argv) if word == "--manifest-path"), os.getcwd())
names = (".cargo/config.toml", ".cargo/config", "rust-toolchain", "rust-toolchain.toml")
places = [os.path.join(p, n) for start in (os.getcwd(), os.path.dirname(manifest)) for p in above(start) for n in names]
told = dict(argv=sys.argv[1:], cwd=os.getcwd(), obeys=[p for p in places if os.path.lexists(p)], home=os.environ["CARGO_HOME"])
with open(os.path.join({at!r}, str(os.getpid())), "w") as file:
    json.dump(told, file)
"""


def test_nothing_of_it_is_executed(attack: Attack) -> None:
    trap, whole, _ = attack
    scanned = whole.first
    assert trap.sprung() == ""
    assert scanned.code in (0, 3), scanned.said
    assert {run["outcome"] for run in scanned.json["runs"]} & {"completed", "partial"}


@pytest.mark.parametrize("adapter", SCANNERS)
def test_every_scanner_looked_at_it(adapter: str, attack: Attack) -> None:
    assert attack[1].run(adapter)["outcome"] in ("completed", "partial")


def test_the_trap_works(tmp_path: Path) -> None:
    """Whoever asks git the ordinary way springs it."""
    trap = hostile(tmp_path)
    environment = surroundings(tmp_path)
    subprocess.run(["git", "status"], cwd=tmp_path / "target", env=environment, capture_output=True)
    assert "evil.sh" in trap.sprung()


def test_cargo_obeys_nothing_of_it(attack: Attack) -> None:
    _, _, folder = attack
    target = os.path.realpath(folder / "target")
    asked = [json.loads(path.read_text()) for path in (folder / "cargo").iterdir()]
    assert asked
    for told in asked:
        assert not [path for path in told["obeys"] if path.startswith((target, os.path.dirname(told["cwd"])))], told
        assert not told["cwd"].startswith(target)
        assert not told["home"].startswith(target)
        assert not [word for word in told["argv"] if target in word], told


def told(attack: Attack, adapter: str) -> list[tuple[list[str], str, dict[str, str]]]:
    """The arguments, the working directory and the environment of each command that a program was started with."""
    path = attack[2] / "told" / adapter
    return [ast.literal_eval(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("adapter", OF_SCANNERS)
def test_names_are_never_options(adapter: str, attack: Attack) -> None:
    """No word is a name of the target that begins as an option does, nor a path that begins with one."""
    root = attack[2] / "target"
    names = {path.name for path in root.rglob("-*")}
    assert {"-rf", "--help", "-p", "--db=evil", "--config=evil.env"} <= names
    commands = told(attack, adapter)
    assert commands
    for words, _, _ in commands:
        assert not [word for word in words if word.partition("/")[0] in names]


def test_names_that_look_like_options_are_given_by_their_whole_path(attack: Attack) -> None:
    words = {word for words, _, _ in told(attack, "cargo-audit") for word in words}
    for name in ("-p", "--db=evil"):
        assert [word for word in words if word.startswith("/") and word.endswith(f"/{name}/Cargo.lock")]


@pytest.mark.parametrize("adapter", OF_SCANNERS)
def test_no_program_works_in_the_target_or_is_told_of_the_users_keys(adapter: str, attack: Attack) -> None:
    """Its own folder is its home, and where settings of the target would be looked for there is none."""
    target = os.path.realpath(attack[2] / "target")
    for _, cwd, environment in told(attack, adapter):
        assert not os.path.realpath(cwd).startswith(target)
        assert "GITHUB_TOKEN" not in environment
        assert token("github") not in "".join(environment.values())
        assert not environment["HOME"].startswith(target)


def artifacts(attack: Attack) -> Iterator[tuple[str, str]]:
    _, whole, folder = attack
    for number, scanned in enumerate(whole.scans):
        yield f"stdout{number or ''}", scanned.out
        yield f"stderr{number or ''}", scanned.err
    for path in sorted(folder.glob("reports*/*")):
        yield path.name if path.parent.name == "reports" else f"others/{path.name}", path.read_bytes().decode("utf-8")


CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def test_no_report_holds_what_a_terminal_or_a_runner_obeys(attack: Attack) -> None:
    seen = dict(artifacts(attack))
    assert set(seen) >= {"stdout", "stderr", "report.json", "github.sarif", "full.sarif"}
    for name, text in seen.items():
        assert not CONTROL.search(text), name
        for line in text.splitlines():
            assert not line.lstrip().startswith("::"), (name, line[:200])
            assert "##[" not in line, (name, line[:200])
        assert "pwned" in text or name.startswith("stderr"), f"{name} was to be poisoned"
        assert "u:p@" not in text


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield key
            yield from strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from strings(entry)


@pytest.mark.parametrize("report", ["json", "sarif", "full"])
def test_no_string_in_a_report_holds_it_either(report: str, attack: Attack) -> None:
    for text in strings([getattr(scanned, report) for scanned in attack[1].scans]):
        assert not CONTROL.search(text), text
        assert not any(line.lstrip().startswith("::") for line in text.splitlines()), text
        assert "##[" not in text, text
        assert "javascript:" not in text or not text.startswith("javascript:"), text


def test_the_sarif_is_whole(attack: Attack) -> None:
    _, whole, folder = attack
    scanned = whole.first
    assert complaints(scanned.sarif) == []
    for log in (scanned.sarif, scanned.full):
        assert [error.message for error in VALIDATOR.iter_errors(log)] == []
    assert set(multitool.validate(folder / "reports" / "github.sarif")["github"]) <= TOLERATED


def test_every_name_is_told_exactly_and_found_in(attack: Attack) -> None:
    from urllib.parse import unquote

    scanned = attack[1].first
    places = {unquote(f["location"]["uri"]) for f in found(scanned.json, SECRET_RULE)}
    assert set(NAMES) <= places
    (run,) = [run for run in scanned.sarif["runs"] if run["automationDetails"]["id"] == "magray-sec/secrets/"]
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]}
    assert set(NAMES) <= {unquote(uri) for uri in uris}


def test_comments_and_configurations_hide_nothing(attack: Attack) -> None:
    places = {f["location"]["path"] for f in found(attack[1].first.json, SECRET_RULE)}
    assert {f"commented/{index}.env" for index in range(len(COMMENTS))} <= places
    assert "forced.env" in places


def test_links_out_and_pipes_are_not_followed_and_said(attack: Attack) -> None:
    scanned = attack[1].first
    assert not [f for f in scanned.json["findings"] if f["location"]["path"].startswith("outside")]
    said = {entry["path"] for entry in scanned.json["skipped"]}
    assert {"outside.env", "outside", "pipe.env"} <= said


def test_what_git_ignores_is_said(attack: Attack) -> None:
    scanned = attack[1].first
    assert {"path": "hidden", "reason": "ignored"}.items() <= next(
        entry for entry in scanned.json["skipped"] if entry["path"].startswith("hidden")
    ).items()
    assert re.search(r"^ +hidden: ignored by git and not tracked", scanned.out, re.MULTILINE)


def test_what_audit_toml_would_hide_is_found_and_said(attack: Attack) -> None:
    scanned = attack[1].first
    hits = [f for f in scanned.json["findings"] if f["rule"].startswith("dependencies/RUSTSEC")]
    hidden = [f for f in hits if f.get("hidden_by")]
    assert hidden
    assert "hidden from the scanner by the target: .cargo/audit.toml ignores" in scanned.out
    assert any("would have hidden" in text for text in notifications(scanned.full))


# Programs of the target


def test_programs_of_the_target_are_refused_wherever_path_leads(
    tmp_path: Path, bare_python: Path, warm_cache: Path
) -> None:
    """By a folder of the tree, by a link to it, by the working directory, by an empty entry."""
    trap = hostile(tmp_path)
    target = tmp_path / "target"
    for name in PROGRAMS:
        trap.set(target / "programs" / name)
    (tmp_path / "elsewhere").symlink_to(target / "bin")
    isolated = tmp_path / "python"
    isolated.write_text(f'#!/bin/sh\nexec {bare_python} -I "$@"\n')
    isolated.chmod(0o755)
    environment = surroundings(
        tmp_path,
        tmp_path / "elsewhere",
        target / "bin",
        target / "programs",
        "bin",
        ".",
        "",
        XDG_CACHE_HOME=str(warm_cache),
    )
    arguments = ("--policy", policy(tmp_path, "dependencies"), *DATABASE, *GRANTED)
    scanned = scan(
        target,
        *arguments,
        environment=environment,
        reports=tmp_path / "reports",
        python=isolated,
        cwd=target / "programs",
        full=False,
    )
    assert trap.sprung() == ""
    assert scanned.code == 3
    for name in adapters.names():
        executable = adapters.load(name).executable
        if executable:
            own = scanned.run(name)
            says = f"elsewhere/{executable}' lies inside the target"
            assert (own["outcome"], says in own["reason"]) == ("missing", True), own
            assert says in scanned.out


# Settings of the target


@pytest.mark.parametrize(
    ("settings", "line", "says"),
    [
        ("version: 1\ntools:\n  cargo-audit: /tmp/evil\n", 2, "only the operator may set this"),
        ("adapters: [./evil.py]\n", 1, "only the operator may set this"),
        ("policy: default\nallow_build: true\n", 2, "only the operator may set this"),
        ("verify_secrets: true\n", 1, "only the operator may set this"),
        ("cache: /tmp/evil\n", 1, "only the operator may set this"),
        ("rules: [../../evil.yaml]\n", 1, "lies outside the target"),
        ("exclud: ['*']\n", 1, "did you mean 'exclude'"),
    ],
)
def test_what_only_the_operator_may_say(settings: str, line: int, says: str, tmp_path: Path) -> None:
    target = write(tmp_path / "target", {"magray-sec.yaml": settings, "a.txt": ""})
    ended = magray_sec("scan", target, "--offline", environment=surroundings(tmp_path))
    assert ended.code == 2
    assert ended.out == ""
    assert re.match(rf"error: magray-sec\.yaml:{line}:\d+: ", ended.err), ended.err
    assert says in ended.err


def test_settings_of_strangers_are_not_read(tmp_path: Path, warm_cache: Path) -> None:
    settings = "tools: {cargo-audit: /tmp/evil}\nexclude: ['*']\n"
    target = write(tmp_path / "target", {"magray-sec.yaml": settings, "a.env": secret("a")})
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(warm_cache))
    arguments = ("--no-target-config", "--offline")
    scanned = scan(target, *arguments, environment=environment, reports=tmp_path / "reports", full=False)
    assert scanned.code == 1
    assert len(found(scanned.json, SECRET_RULE)) == 1
    assert "note: --no-target-config=yes" in scanned.out


def test_what_settings_hide_and_policies_waive_is_said(tmp_path: Path, warm_cache: Path) -> None:
    waiver = "{match: {path: waived.env}, reason: evil, owner: '@evil', expires: 2999-01-01}"
    target = write(
        tmp_path / "target",
        {
            "magray-sec.yaml": "policy: ours.yaml\nexclude: ['excluded.env', 'more/']\n",
            "ours.yaml": f"version: 1\nrequire: [secrets]\nrules: []\nwaivers: [{waiver}]\n",
            "excluded.env": secret("a"),
            "more/excluded.env": secret("b"),
            "waived.env": secret("c"),
        },
    )
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(warm_cache))
    scanned = scan(target, "--offline", "-v", environment=environment, reports=tmp_path / "reports")
    assert scanned.code == 0, scanned.said
    assert "policy ours.yaml" in scanned.out
    assert "skipped     2 entries: hidden by the target's settings" in scanned.out
    assert "more: hidden by the target's settings (folder)" in scanned.out
    assert {e["path"]: e["reason"] for e in scanned.json["skipped"]} == dict.fromkeys(
        ("excluded.env", "more"), "hidden-by-target"
    )
    assert "1 critical (1 waived)" in scanned.out or "none (1 waived)" in scanned.out
    (use,) = scanned.json["decision"]["waivers"]
    assert (use["used"], use["owner"], use["reason"]) == (1, "@evil", "evil")
    results = [result for run in scanned.full["runs"] for result in run["results"]]
    assert [bool(result.get("suppressions")) for result in results if result["ruleId"] == SECRET_RULE] == [True]


# Where packages come from

MANIFEST = '[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n{more}'
FOREIGN = {
    "git": '[dependencies]\nevil = { git = "https://evil.example/evil.git" }\n',
    "registry": '[dependencies]\nevil = { version = "1", registry = "evil" }\n',
    "index": '[dependencies]\nevil = { version = "1", registry-index = "sparse+https://evil.example/" }\n',
    "outside": '[dependencies]\nevil = { path = "../../outside" }\n',
    "patched": '[dependencies]\nserde = "1"\n[patch.crates-io]\nserde = { git = "https://evil.example/serde.git" }\n',
    "nested": "[dependencies]\nmiddle = { path = 'middle' }\n",
    "replaced": '[dependencies]\nserde = "1"\n',
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> tuple[Scanned, Scanned, Path]:
    """Manifests that no lock file pins, scanned as it is and with --resolve, by a cargo that writes down its calls."""
    folder = tmp_path_factory.mktemp("sources")
    target = folder / "target"
    write(folder, {"outside/Cargo.toml": MANIFEST.format(name="evil", more="")})
    write(target, {f"{name}/Cargo.toml": MANIFEST.format(name=name, more=more) for name, more in FOREIGN.items()})
    middle = '[package]\nname = "middle"\nversion = "0.1.0"\n[dependencies]\nevil = { git = "https://evil.example/" }\n'
    plain = MANIFEST.format(name="plain", more='[dependencies]\nserde = "1"\n')
    write(target, {"nested/middle/Cargo.toml": middle, "plain/Cargo.toml": plain})
    write(target, {".cargo/config.toml": CONFIGURATION.format(evil="/nonexistent")})
    write(target, {"replaced/.cargo/config.toml": REPLACEMENT})
    scans = []
    for place, more in (("as-it-is", ()), ("resolved", ("--resolve",))):
        (folder / place).mkdir()
        tools = FakeTools(folder / f"{place}-tools", version="cargo 1.90.0")
        cargo = tools.python("cargo", CARGO.format(at=str(folder / place)))
        operator(folder / f"{place}-home", {"tools": {"cargo": str(cargo)}})
        arguments = ("--policy", policy(folder, "dependencies"), *DATABASE, *more)
        environment = surroundings(folder / f"{place}-home", XDG_CACHE_HOME=str(warm_cache))
        reports = folder / f"{place}-reports"
        scans.append(scan(target, *arguments, environment=environment, reports=reports, full=False))
    return scans[0], scans[1], folder


def manifests(folder: Path) -> set[str]:
    """The names of the packages that cargo was asked about."""
    asked = [json.loads(path.read_text()) for path in folder.iterdir()]
    return {Path(told["argv"][told["argv"].index("--manifest-path") + 1]).parent.name for told in asked}


def test_the_one_index_that_is_asked_is_that_of_crates_io(sources: tuple[Scanned, Scanned, Path]) -> None:
    scanned, _, folder = sources
    assert manifests(folder / "as-it-is") == {"plain"}
    for name in FOREIGN:
        gaps = [
            g for g in scanned.json["gaps"] if g.get("path") == f"{name}/Cargo.toml" and g["domain"] == "dependencies"
        ]
        assert gaps, name
        for gap in gaps:
            assert gap["reason"].startswith(
                "it has no Cargo.lock, and none can be made: not all of its dependencies come"
            )
            assert "--resolve" in gap["hint"]
            assert gap["effect"] == "incomplete"
        assert re.search(rf"incomplete  {name}/Cargo.toml \[dependencies\]: .*crates\.io", scanned.out), name
        assert any(f"'{name}/Cargo.toml'" in text and "--resolve" in text for text in scanned.coverage()), name
    assert scanned.code == 3
    assert "dependencies" not in scanned.domains()


def test_others_are_asked_where_the_operator_says_so(sources: tuple[Scanned, Scanned, Path]) -> None:
    _, resolved, folder = sources
    assert manifests(folder / "resolved") == {*FOREIGN, "plain"}
    assert "note: --resolve=yes" in resolved.out


def test_the_tree_is_left_as_it_was(attack: Attack, sources: tuple[Scanned, Scanned, Path]) -> None:
    assert not list((sources[2] / "target").rglob("Cargo.lock"))
    root = attack[2] / "target"
    assert stat.S_IMODE((root / "evil.sh").stat().st_mode) == 0o755
    assert not list(root.rglob("*.pyc"))
