"""The house: who may import, print, exit, read the environment or spawn; and what is frozen API."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import magray_sec
from magray_sec import adapters
from magray_sec.model.adapter import Adapter
from magray_sec.model.run import Inventory
from magray_sec.model.scale import Domain

PACKAGE = Path(magray_sec.__file__).parent
REPOSITORY = PACKAGE.parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))
BELOW_CLI = [path for path in SOURCES if "cli" not in path.relative_to(PACKAGE).parts]


def names_used(path: Path) -> set[str]:
    """Every dotted name that a module reads or calls."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


@pytest.mark.parametrize("path", BELOW_CLI, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_below_the_command_line_reads_the_environment_prints_or_exits(path: Path) -> None:
    entry_points = {"__main__.py", "worker.py", "_reaper.py"}
    forbidden = {"os.environ", "os.getenv", "print", "sys.exit", "os._exit", "sys.stdout", "sys.stderr"}
    used = names_used(path) & forbidden
    assert not used or path.name in entry_points, used


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_runner_spawns(path: Path) -> None:
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    spawning = {"os.system", "os.popen", "os.fork", "os.execv", "os.execve", "os.posix_spawn"}
    assert path.name in {"runner.py", "_reaper.py"} or not ({"subprocess", "multiprocessing"} & imported)
    assert path.name == "_reaper.py" or not names_used(path) & spawning


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    assert not {"utils", "helpers", "manager", "common", "misc"} & set(path.with_suffix("").relative_to(PACKAGE).parts)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


HEAVY = {"jsonschema", "ruamel.yaml", "hyperscan", "re2", "pygit2", "sarif_om", "rich", "cvss", "msgspec", "packageurl"}


def test_the_version_costs_nothing() -> None:
    code = (
        "import sys; sys.argv = ['magray-sec', '--version']\n"
        "from magray_sec.__main__ import main\n"
        "try: main()\nexcept SystemExit: print('\\n'.join(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ended.stdout.split())
    assert "magray_sec" in loaded
    assert not loaded & (HEAVY | {"typer", "magray_sec.cli"})


def test_help_loads_no_verb_and_nothing_heavy() -> None:
    loaded = loaded_by("import magray_sec.cli")
    assert not loaded & HEAVY
    assert not [name for name in loaded if name.startswith("magray_sec.adapters.")]


def test_a_scanner_is_found_by_its_file_name() -> None:
    files = {path.stem for path in (PACKAGE / "adapters").glob("*.py") if not path.stem.startswith("_")}
    assert {name.replace("-", "_") for name in adapters.names()} == files


@pytest.mark.parametrize("name", adapters.names())
def test_every_adapter_keeps_the_contract(name: str) -> None:
    adapter = adapters.load(name)
    assert isinstance(adapter, Adapter)
    assert adapter.id == name
    assert adapter.title
    assert adapter.domains
    assert sys.modules[f"magray_sec.adapters.{name.replace('-', '_')}"].__doc__, "the docstring is its documentation"
    assert adapter.inspect is not None or adapter.parse is not None
    assert adapter.inspect is None or adapter.parse is None or adapter.imported
    assert adapter.inspect is None or adapter.commands is None
    assert adapter.prepare is None or adapter.inspect is not None
    assert bool(adapter.executable) == (adapter.commands is not None)
    if adapter.only_imports:
        assert adapter.imported
        assert not adapter.claims(Inventory())
    assert not adapter.clean_exits & adapter.finding_exits
    if adapter.executable:
        assert adapter.install
        assert adapter.versions
    assert all(rule.partition("/")[0] in {domain.value for domain in Domain} for rule in adapter.canonical.values())


def test_unknown_adapter_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        adapters.load("nosuch")
    with pytest.raises(KeyError):
        adapters.load("../../etc")


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    return [REPOSITORY / name for name in listed.decode().split("\0") if name]


def test_the_project_names_no_registry_host_and_no_folder_of_a_machine() -> None:
    hosts = [
        "pypi" + ".org",
        "static.crates" + ".io",
        "index.crates" + ".io",
        "registry.npmjs" + ".org",
        "proxy.golang" + ".org",
    ]
    folders = ["/wo" + "rk/main", "/wo" + "rk/shared", "/tm" + "p/w/"]
    for path in tracked_files():
        if path.is_file():
            text = path.read_bytes()
            assert not [word for word in hosts + folders if word.encode() in text], path


def test_domains_are_frozen_api() -> None:
    assert [domain.value for domain in Domain] == [
        "dependencies",
        "secrets",
        "code",
        "unsafe",
        "licenses",
        "supply-chain",
        "workflows",
    ]
