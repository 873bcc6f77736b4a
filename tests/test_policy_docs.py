"""The policies of the documentation are right, and say what the documentation says that they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from command_line import REPOSITORY, magray_sec, surroundings
from judging import TODAY
from magray_sec.errors import SettingsError
from magray_sec.policy.check import check_policy
from magray_sec.policy.load import load_policy
from magray_sec.policy.trial import differences, load_trials, trial_files

_BLOCK = re.compile(r"```yaml\n# (\S+\.yaml)\n(.*?)```", re.DOTALL)
_PAGES = ("policies.md", "waivers.md")
VEX = """{"@context": "https://openvex.dev/ns/v0.2.0", "author": "a", "timestamp": "2026-01-01T00:00:00Z",
 "statements": [{"vulnerability": {"name": "CVE-1"}, "status": "fixed", "products": [{"@id": "pkg:cargo/a"}]}]}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The named blocks of the documentation as files."""
    place = tmp_path_factory.mktemp("docs")
    (place / "vendor.openvex.json").write_text(VEX)
    for page in _PAGES:
        for name, text in _BLOCK.findall((REPOSITORY / "docs" / page).read_text()):
            file = place / name
            file.parent.mkdir(exist_ok=True)
            assert not file.exists(), name
            file.write_text(text)
    return place


def test_there_are_the_policies_that_are_spoken_of(folder: Path) -> None:
    names = {file.stem for file in folder.rglob("*.yaml")}
    assert {"cargo-deny", "osv-scanner", "trivy", "dependency-review", "magray-tests", "waivers"} <= names


def test_every_policy_of_the_documentation_is_right(folder: Path) -> None:
    loaded = 0
    for file in folder.rglob("*.yaml"):
        if "cases:" not in file.read_text():
            made = load_policy(str(file), root=None, cache=None)
            found = [problem for problem in check_policy(made) if problem.file == made.file or problem.is_error]
            assert found == [], file.name
            loaded += 1
    assert loaded == 8


@pytest.mark.parametrize("name", ["policy-tests/policy", "magray-tests", "cargo-deny-tests", "osv-scanner-tests", "trivy-tests", "dependency-review-tests"])  # fmt: skip
def test_what_the_documentation_says_of_a_case_is_what_the_policy_says(folder: Path, name: str) -> None:
    entry = load_trials(str(folder / f"{name}.yaml"))
    policy = load_policy(entry.policy, root=None, cache=None, place=entry.place)
    for trial in entry.trials:
        found, _ = differences(trial, policy, today=TODAY)
        assert found == (), trial.name
    assert len(entry.trials) >= 5


def test_policy_test_on_the_command_line(folder: Path, tmp_path: Path) -> None:
    environment = surroundings(tmp_path)
    right = magray_sec("policy", "test", folder / "policy-tests", environment=environment)
    assert (right.code, right.out) == (0, "7 cases, all as expected\n")
    wrong = tmp_path / "cases" / "wrong.yaml"
    wrong.parent.mkdir()
    case = "{name: one, findings: [{domain: secrets}], expect: {verdict: pass, complete: false, rules: [], waived: 2, belongs: [x], notes: [y]}}"
    wrong.write_text(f"version: 1\npolicy: default\ncases:\n  - {case}\n")
    ended = magray_sec("policy", "test", wrong.parent, environment=environment)
    assert ended.code == 1
    for line in (
        f"{wrong}:4: one (default)",
        "  - verdict: pass\n  + verdict: block\n",
        "  - complete: false\n  + complete: true\n",
        "  - rules: []\n  + rules: [exposed-secrets]\n",
        "  - waived: 2\n  + waived: 0\n",
        "  - belongs: [x]\n  + belongs: [exposed-secrets]\n",
        "  - notes: one with 'y'\n  + notes: []\n",
        "      1 finding belongs to 'exposed-secrets', which allows none\n",
        "1 case, 1 not as expected",
    ):
        assert line in ended.out
    other = magray_sec("policy", "test", wrong, "--policy", "advisory", environment=environment)
    assert "+ verdict: review" in other.out
    wrong.write_text(wrong.read_text().replace("policy: default\n", ""))
    assert magray_sec("policy", "test", wrong, environment=environment).code == 2


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("version: 1\ncases: []\n", "2:8", "expected a list of cases"),
        ("version: 1\ncases: [{name: a, expect: {verdit: pass}}]\n", "2:28", "unknown key 'verdit'"),
        ("version: 1\ncases: [{name: a, expect: {}}]\n", "2:27", "expected a mapping of verdict"),
        ("version: 1\ncases: [{name: a}]\n", "2:9", "missing key 'expect'"),
        ("version: 1\ncases: [{name: a, findings: [{domain: sekrets}], expect: {verdict: pass}}]\n", "2:39", "'sekrets' is not allowed"),
        ("version: 1\ncases:\n- &a {name: a, expect: {verdict: pass}}\n- *a\n", "3:3", "an anchor"),
        ("version: 1\ncases:\n- {name: a, expect: {verdict: pass}}\n- {name: a, expect: {verdict: pass}}\n", "4:10", "'a' is given twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_case_file(tmp_path: Path, text: str, place: str, says: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_trials(str(file))
    assert str(caught.value).startswith(f"{file}:{place}: ")
    assert says in str(caught.value)


def test_a_folder_without_cases(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there are no cases"):
        trial_files(str(tmp_path))
