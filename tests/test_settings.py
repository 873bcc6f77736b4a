"""Both scopes of settings: what the target may say, what the operator may, and where each stands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from magray_sec import datafiles
from magray_sec.errors import SettingsError
from magray_sec.settings import OperatorSettings, TargetSettings, load_operator, load_target, load_target_file

FULL = """\
version: 1
policy: ci/policy.yaml
exclude: ["target/", "*.min.js"]
rules: [ci/pack.yaml]
max_file_size: 20MB
"""


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "root" / "ci").mkdir(parents=True)
    (tmp_path / "root" / "ci" / "pack.yaml").write_text("rules: []\n")
    return os.path.realpath(tmp_path / "root")


def put(root: str, name: str, text: str | bytes) -> None:
    path = Path(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def refused(root: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_target(root)
    return caught.value


def test_no_settings_at_all(root: str) -> None:
    assert load_target(root) == TargetSettings()


@pytest.mark.parametrize("name", ["magray-sec.yaml", ".github/magray-sec.yaml"])
def test_every_key_of_the_target_s(root: str, name: str) -> None:
    put(root, name, FULL)
    assert load_target(root) == TargetSettings(
        file=name,
        policy="ci/policy.yaml",
        policy_place=f"{name}:2:9",
        exclude=("target/", "*.min.js"),
        rules=(os.path.join(root, "ci/pack.yaml"),),
        max_file_bytes=20_000_000,
    )


def test_the_same_in_pyproject(root: str) -> None:
    put(
        root,
        "pyproject.toml",
        '[project]\nname = "x"\n\n[tool.magray-sec]\npolicy = "strict"\nexclude = ["a"]\nmax_file_size = "1GiB"\n',
    )
    made = load_target(root)
    assert (made.file, made.policy, made.exclude, made.max_file_bytes) == ("pyproject.toml", "strict", ("a",), 2**30)
    assert made.policy_place == "pyproject.toml:5:1"


@pytest.mark.parametrize("text", ["", "# policy: strict\n", "---\n"])
def test_a_file_without_content_says_nothing(root: str, text: str) -> None:
    put(root, "magray-sec.yaml", text)
    if text == "---\n":
        assert "found nothing" in str(refused(root))
    else:
        assert load_target(root) == TargetSettings(file="magray-sec.yaml")


def test_two_files_are_one_too_many(root: str) -> None:
    put(root, "magray-sec.yaml", "policy: strict\n")
    put(root, ".github/magray-sec.yaml", "policy: advisory\n")
    assert str(refused(root)) == ".github/magray-sec.yaml:1:1: settings stand in magray-sec.yaml as well"
    os.unlink(os.path.join(root, ".github/magray-sec.yaml"))
    put(root, "pyproject.toml", "[tool.magray-sec]\npolicy = 'advisory'\n")
    assert str(refused(root)) == "pyproject.toml:1:1: settings stand in magray-sec.yaml as well"


@pytest.mark.parametrize("name", ["magray-sec.yml", ".magray-sec.yaml", ".github/magray-sec.yml"])
def test_a_name_that_is_nearly_right_is_not_passed_over(root: str, name: str) -> None:
    put(root, name, "policy: strict\n")
    assert str(refused(root)).startswith(f"{name}:1:1: ")
    assert "magray-sec.yaml" in refused(root).hint


@pytest.mark.parametrize(
    "key",
    ["tools", "adapters", "allow_build", "verify_secrets", "cache", "advisory_db", "timeout", "jobs", "offline", "resolve", "fail_on"],
)  # fmt: skip
def test_what_only_the_operator_may_set(root: str, key: str) -> None:
    put(root, "magray-sec.yaml", f"policy: strict\n{key}: true\n")
    assert str(refused(root)) == f"magray-sec.yaml:2:1: '{key}' may not be set here"
    assert refused(root).hint.startswith("only the operator may set this: ")
    os.unlink(os.path.join(root, "magray-sec.yaml"))
    put(root, "pyproject.toml", f"[tool.magray-sec]\n{key} = true\n")
    assert str(refused(root)) == f"pyproject.toml:2:1: '{key}' may not be set here"


@pytest.mark.parametrize(
    ("text", "place", "says", "hint"),
    [
        ("polcy: strict", "1:1", "unknown key 'polcy'", "'policy'"),
        ("policy: 3", "1:9", "policy: expected a policy's name or path, found the number 3", "quotes"),
        ("policy: ''", "1:9", "policy: expected a policy's name or path, found", ""),
        ("policy: [strict]", "1:9", "found a list", "one value"),
        ("exclude: target", "1:10", "exclude: expected a list of patterns", "list"),
        ("exclude: [1]", "1:11", "exclude[0]: expected a pattern in gitignore syntax, found the number 1", "quotes"),
        ("exclude: [*.js]", "1:11", "an alias", "quotes"),
        ("exclude: [!keep]", "1:11", "a tag", "quotes"),
        ("exclude: ['a\\']", "1:11", "'a\\' is not a path pattern", ".gitignore"),
        ("rules: [ci/absent.yaml]", "1:9", "there is no rule pack 'ci/absent.yaml'", "path"),
        ("rules: [../pack.yaml]", "1:9", "the rule pack '../pack.yaml' lies outside the target", "inside"),
        ("rules: [/etc/pack.yaml]", "1:9", "lies outside the target", "inside"),
        ("rules: [ci/pack.yaml, ci/pack.yaml]", "1:8", "'ci/pack.yaml' is given twice", ""),
        ("max_file_size: big", "1:16", "expected a size such as 10MB, found 'big'", ""),
        ("max_file_size: 10 MB yes", "1:16", "expected a size such as 10MB", ""),
        ("max_file_size: 0", "1:16", "0 is less than 1", ""),
        ("max_file_size: 99999", "1:16", "less than 100 kB", "exclude"),
        ("max_file_size: 1kB", "1:16", "less than 100 kB", "exclude"),
        ("max_file_size: 1.5", "1:16", "expected a size such as 10MB, or a number of bytes", ""),
        ("- policy", "1:1", "expected a mapping of keys, found a list", ""),
        ("policy: a\npolicy: b", "2:1", "the key 'policy' is given twice", "line 1"),
        ("a: &a [*a]", "1:4", "an anchor", "quotes"),
        ("policy:\n\tx: 1", "2:1", "a tab cannot indent", "spaces"),
        ("version: 2", "1:10", "version: expected 1", "write 1"),
    ],
)
def test_what_is_wrong_in_the_target_s(root: str, text: str, place: str, says: str, hint: str) -> None:
    put(root, "magray-sec.yaml", text)
    error = refused(root)
    assert str(error).startswith(f"magray-sec.yaml:{place}: ")
    assert says in str(error)
    assert hint in error.hint


def test_sizes(root: str) -> None:
    for text, size in (("100000", 100_000), ("10MB", 10_000_000), ("10 MiB", 10 * 2**20), ("200kB", 200_000)):
        put(root, "magray-sec.yaml", f"max_file_size: {text}\n")
        assert load_target(root).max_file_bytes == size


def test_several_errors_come_in_order(root: str) -> None:
    put(root, "magray-sec.yaml", "max_file_size: 5\nrules: [nothing.yaml]\nexclude: ['x\\']\n")
    error = refused(root)
    assert [str(one).split(":")[1] for one in (error, *error.more)] == ["1", "2", "3"]


# --- files that are not what they seem


def test_settings_that_lead_out_of_the_target(root: str, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("policy: advisory\n")
    os.symlink(tmp_path / "outside.yaml", os.path.join(root, "magray-sec.yaml"))
    assert str(refused(root)) == "magray-sec.yaml:1:1: leads out of the target"


def test_a_folder_of_settings_that_leads_out_of_the_target(root: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "magray-sec.yaml").write_text("policy: advisory\n")
    os.symlink(tmp_path / "outside", os.path.join(root, ".github"))
    assert "leads out of the target" in str(refused(root))


def test_a_link_within_the_target_is_followed(root: str) -> None:
    put(root, "ci/settings.yaml", "policy: strict\n")
    os.symlink("ci/settings.yaml", os.path.join(root, "magray-sec.yaml"))
    assert load_target(root).policy == "strict"


def test_a_rule_pack_that_leads_out_of_the_target(root: str, tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text("rules: []\n")
    os.symlink(tmp_path / "pack.yaml", os.path.join(root, "ci", "linked.yaml"))
    put(root, "magray-sec.yaml", "rules: [ci/linked.yaml]\n")
    assert "lies outside the target" in str(refused(root))


def test_a_fifo_a_folder_a_broken_link_and_a_large_file(root: str) -> None:
    path = os.path.join(root, "magray-sec.yaml")
    os.mkfifo(path)
    assert "not a regular file" in str(refused(root))
    os.unlink(path)
    os.mkdir(path)
    assert "magray-sec.yaml:1:1: " in str(refused(root))
    os.rmdir(path)
    os.symlink("nowhere", path)
    assert "cannot be read" in str(refused(root))
    os.unlink(path)
    put(root, "magray-sec.yaml", b"#" * 1_000_001)
    assert "larger than" in str(refused(root))
    put(root, "magray-sec.yaml", b"policy: \xff\n")
    assert str(refused(root)) == "magray-sec.yaml:1:9: not UTF-8"


def test_a_pyproject_that_cannot_be_read_holds_no_settings(root: str) -> None:
    path = os.path.join(root, "pyproject.toml")
    for make in (
        os.mkfifo,
        os.mkdir,
        lambda place: os.symlink("/etc/hostname", place),
        lambda place: os.symlink("x", place),
    ):
        make(path)
        assert load_target(root) == TargetSettings()
        os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
    put(root, "pyproject.toml", b"[project]\nname = '\xff'\n")
    assert load_target(root) == TargetSettings()
    put(root, "pyproject.toml", b"this is [ not TOML")
    assert load_target(root) == TargetSettings()


def test_a_pyproject_that_names_us_has_to_be_right(root: str) -> None:
    put(root, "pyproject.toml", b"[tool.magray-sec]\npolicy = '\xff'\n")
    assert "pyproject.toml:2:11: not UTF-8" in str(refused(root))
    put(root, "pyproject.toml", "[tool.magray-sec]\npolicy = \n")
    assert "not TOML" in str(refused(root))


# --- a file that the operator names


def test_a_named_file_may_lie_anywhere_but_speaks_of_the_target(root: str, tmp_path: Path) -> None:
    path = str(tmp_path / "mine.yaml")
    Path(path).write_text("policy: strict\nrules: [ci/pack.yaml]\n")
    made = load_target_file(path, root)
    assert (made.file, made.policy, made.rules) == (path, "strict", (os.path.join(root, "ci/pack.yaml"),))
    Path(path).write_text("tools: {}\n")
    with pytest.raises(SettingsError, match=r"mine\.yaml:1:1: 'tools' may not be set here"):
        load_target_file(path, root)


# --- the operator's own


OPERATOR = """\
tools: {cargo-audit: /opt/bin/cargo-audit}
cache: /var/cache/magray-sec
advisory_db: /srv/advisory-db
timeout: 5m
jobs: 4
offline: true
allow_build: true
verify_secrets: false
"""


def operator(tmp_path: Path, text: str, programs: tuple[str, ...] = ()) -> OperatorSettings:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_operator(str(path), programs=programs)


def test_every_key_of_the_operator_s(tmp_path: Path) -> None:
    made = operator(tmp_path, OPERATOR)
    assert dict(made.tools) == {"cargo-audit": "/opt/bin/cargo-audit"}
    assert (made.cache, made.advisory_db) == ("/var/cache/magray-sec", "/srv/advisory-db")
    assert (made.timeout_s, made.jobs) == (300.0, 4)
    assert (made.offline, made.allow_build, made.verify_secrets) == (True, True, False)
    assert made.stated == (
        ("advisory_db", "/srv/advisory-db"),
        ("allow_build", "true"),
        ("cache", "/var/cache/magray-sec"),
        ("jobs", "4"),
        ("offline", "true"),
        ("timeout", "5m"),
        ("tools.cargo-audit", "/opt/bin/cargo-audit"),
        ("verify_secrets", "false"),
    )


def test_no_configuration_is_all_defaults(tmp_path: Path) -> None:
    assert load_operator(None) == OperatorSettings()
    assert operator(tmp_path, "# nothing yet\n").tools == {}


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_operator(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("0.5", 0.5), ("90s", 90.0), ("2 h", 7200.0)])
def test_times(tmp_path: Path, text: str, seconds: float) -> None:
    assert operator(tmp_path, f"timeout: {text}\n").timeout_s == seconds


@pytest.mark.parametrize(
    ("text", "place", "says", "hint"),
    [
        ("tols: {}", "1:1", "unknown key 'tols'", "'tools'"),
        (
            "tools: {cargo-audit: bin/cargo-audit}",
            "1:22",
            "tools.cargo-audit: expected an absolute path",
            "from the root",
        ),
        ("tools: {cargo-audit: ~/bin/x}", "1:22", "expected an absolute path, found '~/bin/x'", "'~'"),
        ("tools: {cargo-adit: /bin/x}", "1:9", "no scanner is called 'cargo-adit'", "'cargo-audit'"),
        ("tools: {a b: /bin/x}", "1:9", "'a b' is not a name that may stand in tools", ""),
        ("tools: [/bin/x]", "1:8", "expected a mapping of programs to absolute paths, found a list", ""),
        ("cache: here", "1:8", "expected an absolute path", "from the root"),
        ("timeout: soon", "1:10", "expected a time such as 10m, found 'soon'", ""),
        ("timeout: 0", "1:10", "0 is not more than 0", ""),
        ("jobs: 0", "1:7", "0 is less than 1", ""),
        ("jobs: many", "1:7", "expected a whole number", ""),
        ("offline: yes", "1:10", "expected true or false, found the text 'yes'", "write true"),
        ("allow_build: 1", "1:14", "expected true or false, found the number 1", ""),
        ("policy: strict", "1:1", "'policy' may not be set here", "--policy"),
        ("exclude: [a]", "1:1", "'exclude' may not be set here", "--exclude"),
    ],
)
def test_what_is_wrong_in_the_operator_s(tmp_path: Path, text: str, place: str, says: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        operator(tmp_path, text, ("cargo-audit", "zizmor"))
    assert f"config.yaml:{place}: " in str(caught.value)
    assert says in str(caught.value)
    assert hint in caught.value.hint


def test_the_schema_is_one() -> None:
    with open(datafiles.schema("settings"), encoding="utf-8") as stream:
        jsonschema.Draft202012Validator.check_schema(json.load(stream))
