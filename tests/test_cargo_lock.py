from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec.adapters._cargo_lock import (
    Line,
    Pins,
    dependency_line,
    first_line,
    package_name,
    read_lock,
)

REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def entry(name: str, version: str, *dependencies: str, source: str | None = REGISTRY) -> str:
    lines = ["[[package]]", f'name = "{name}"', f'version = "{version}"']
    lines += [f'source = "{source}"'] if source else []
    lines += ["dependencies = [", *(f' "{asked}",' for asked in dependencies), "]"] if dependencies else []
    return "\n".join(lines) + "\n"


def lock(*entries: str, version: int | None = 4) -> bytes:
    head = f"version = {version}\n\n" if version else ""
    return ("# made by cargo\n" + head + "\n".join(entries)).encode()


def way(data: bytes, name: str, version: str, source: str | None = REGISTRY) -> list[str]:
    read = read_lock(data)
    package = read.find(name, version, source)
    assert package is not None
    return [step.label for step in read.path_to(package)]


def test_a_package_stands_on_its_name_line() -> None:
    data = lock(entry("app", "0.1.0", "idna", source=None), entry("idna", "0.4.0"))
    package = read_lock(data).find("idna", "0.4.0", REGISTRY)
    assert package is not None
    assert package.line == Line(number=12, start_column=1, end_column=14)
    assert data.decode().splitlines()[11] == 'name = "idna"'


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_lines_are_counted_as_a_viewer_counts_them(newline: str) -> None:
    # A line separator in a comment ends no line.
    text = f'# a\u2028b{newline}[[package]]{newline}  version = "1.0.0"{newline}\tname = "x\U0001f980"  {newline}'
    (package,) = read_lock(text.encode()).packages
    assert package.line == Line(number=4, start_column=2, end_column=2 + len('name = "x') + 2 + 1)


@pytest.mark.parametrize(
    "asked",
    ["b", "b 2.0.0", f"b 2.0.0 ({REGISTRY})"],
)
def test_the_way_leads_from_a_package_of_the_repository(asked: str) -> None:
    data = lock(
        entry("a", "1.0.0", asked),
        entry("app", "0.1.0", "a", source=None),
        entry("b", "2.0.0"),
    )
    assert way(data, "b", "2.0.0") == ["app 0.1.0", "a 1.0.0", "b 2.0.0"]
    assert way(data, "app", "0.1.0", None) == ["app 0.1.0"]


def test_the_shortest_way_is_taken_and_versions_are_told_apart() -> None:
    data = lock(
        entry("app", "0.1.0", "a", "b 1.0.0", source=None),
        entry("a", "1.0.0", "b 2.0.0", "c"),
        entry("b", "1.0.0", "c"),
        entry("b", "2.0.0"),
        entry("c", "3.0.0", "app"),
    )
    assert way(data, "b", "1.0.0") == ["app 0.1.0", "b 1.0.0"]
    assert way(data, "b", "2.0.0") == ["app 0.1.0", "a 1.0.0", "b 2.0.0"]
    assert way(data, "c", "3.0.0") == ["app 0.1.0", "a 1.0.0", "c 3.0.0"]


def test_sources_are_told_apart() -> None:
    git = "git+https://example.com/b?rev=1#1"
    data = lock(
        entry("app", "0.1.0", f"b 1.0.0 ({git})", source=None),
        entry("b", "1.0.0", source=git),
        entry("b", "1.0.0"),
    )
    assert way(data, "b", "1.0.0", git) == ["app 0.1.0", "b 1.0.0"]
    assert way(data, "b", "1.0.0", REGISTRY) == ["b 1.0.0"]
    assert read_lock(data).find("b", "1.0.0", "registry+https://example.com") is None


def test_a_package_that_nothing_leads_to_is_its_own_way() -> None:
    data = lock(
        entry("app", "0.1.0", "missing", "twice", source=None), entry("twice", "1.0.0"), entry("twice", "2.0.0")
    )
    assert way(data, "twice", "2.0.0") == ["twice 2.0.0"]


def test_the_oldest_format_gives_the_root_a_table_of_its_own() -> None:
    data = b'[root]\nname = "app"\nversion = "0.1.0"\ndependencies = [\n "a 1.0.0 (%s)",\n]\n\n' % REGISTRY.encode()
    data += entry("a", "1.0.0").encode() + b'\n[metadata]\n"checksum a 1.0.0" = "00"\n'
    read = read_lock(data)
    assert [(package.name, package.line and package.line.number) for package in read.packages] == [("a", 9), ("app", 2)]
    assert way(data, "a", "1.0.0") == ["app 0.1.0", "a 1.0.0"]


def test_where_headers_stand_in_a_string_no_line_is_guessed() -> None:
    data = lock(entry("a", "1.0.0")) + b'\n[metadata]\nnote = """\n[[package]]\nname = "b"\n"""\n'
    (package,) = read_lock(data).packages
    assert (package.name, package.line) == ("a", None)


def test_an_empty_lock_file_holds_nothing() -> None:
    assert read_lock(b"").packages == ()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<<<<<<< HEAD\n", "not TOML"),
        (lock(entry("a", "1.0.0"))[:-3], "not TOML"),
        (b"# caf\xe9\n", "not UTF-8"),
        (b"a = " + b"[" * 100_000, "nested too deep|not TOML"),
        (b'[[package]]\nname = "a"\n', "without a name and a version"),
        (b'[[package]]\nname = 1\nversion = "1"\n', "without a name and a version"),
    ],
)
def test_what_is_no_lock_file_says_why(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_lock(data)


@given(st.binary(max_size=300) | st.text(alphabet='[]package="\nnamversion. 10{}', max_size=300).map(str.encode))
def test_any_bytes_are_a_lock_file_or_a_value_error(data: bytes) -> None:
    try:
        read = read_lock(data)
    except ValueError:
        return
    assert all(read.path_to(package)[-1] == package for package in read.packages)


MANIFEST = """\
[package]
name = "member"

[dependencies]
plain = "1"
"quoted" = { version = "1" }
dotted.workspace = true
new-name = { package = "old-name", version = "1" }
alias.workspace = true

[dependencies.table]
version = "1"

[dev-dependencies]
plain-dev = "1"

[target.'cfg(any(unix, target_os = "wasi"))'.dependencies]
  on-unix = "1" # why

[target.x86_64-pc-windows-msvc.build-dependencies.on-windows]
version = "1"

[features]
feature-name = []
"""


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("plain", 'plain = "1"'),
        ("quoted", '"quoted" = { version = "1" }'),
        ("dotted", "dotted.workspace = true"),
        ("old-name", 'new-name = { package = "old-name", version = "1" }'),
        ("table", "[dependencies.table]"),
        ("plain-dev", 'plain-dev = "1"'),
        ("on-unix", 'on-unix = "1" # why'),
        ("on-windows", "[target.x86_64-pc-windows-msvc.build-dependencies.on-windows]"),
        ("shared-name", "alias.workspace = true"),
        ("new-name", None),
        ("feature-name", None),
        ("name", None),
        ("version", None),
        ("absent", None),
    ],
)
def test_the_line_that_asks_for_a_package(package: str, text: str | None) -> None:
    workspace = b'[workspace.dependencies]\nalias = { package = "shared-name", version = "1" }\ndotted = "1"\n'
    line = dependency_line(MANIFEST.encode(), package, workspace=workspace)
    assert (line is None) == (text is None)
    if line and text:
        shown = MANIFEST.splitlines()[line.number - 1]
        assert shown.strip() == text
        assert shown[line.start_column - 1 : line.end_column - 1] == text


def test_the_workspaces_own_line_comes_after_those_of_its_package() -> None:
    both = b'[workspace.dependencies]\na = "1"\nb = "1"\n\n[dependencies]\na.workspace = true\n'
    line = dependency_line(both, "a")
    assert line is not None
    assert line.number == 6
    line = dependency_line(both, "b")
    assert line is not None
    assert line.number == 3


def test_a_manifest_that_does_not_parse_has_no_line_and_no_name() -> None:
    assert dependency_line(b"[dependencies\n", "a") is None
    assert package_name(b"[package\n") is None
    assert package_name(b"[workspace]\n") is None
    assert package_name(b'[package]\nname = "x"\n') == "x"
    assert first_line(b"\r\n[package]") == Line(number=1, start_column=1, end_column=1)


def pins(manifests: dict[str, bytes]) -> Pins:
    data = lock(entry("member", "0.1.0", "plain", source=None), entry("plain", "1.0.0", "deep"), entry("deep", "2.0.0"))
    return Pins(lock=read_lock(data), path="Cargo.toml", manifests=manifests)


def test_a_generated_lock_is_shown_by_the_manifest_that_asks_for_the_first_crate_on_the_way() -> None:
    manifests = {
        "Cargo.toml": b'[workspace]\nmembers = ["m"]\n',
        "other/Cargo.toml": b'[package]\nname = "other"\n\n[dependencies]\nplain = "1"\n',
        "m/Cargo.toml": b'[package]\nname = "member"\n\n[dependencies]\nplain = "1"\n',
    }
    path, place = pins(manifests).locate("deep", "2.0.0", REGISTRY)
    assert path == ("member 0.1.0", "plain 1.0.0", "deep 2.0.0")
    assert (place.path, place.start_line, place.start_column, place.end_column) == ("m/Cargo.toml", 5, 1, 12)


def test_where_the_member_does_not_show_it_the_workspace_does() -> None:
    root = b'# first\n[workspace.dependencies]\nplain = "1"\n'
    member = b'dependencies.plain.workspace = true\n[package]\nname = "member"\n'
    _, place = pins({"Cargo.toml": root, "m/Cargo.toml": member}).locate("plain", "1.0.0", REGISTRY)
    assert (place.path, place.start_line) == ("Cargo.toml", 3)
    _, place = pins({"Cargo.toml": b"# first\n"}).locate("plain", "1.0.0", REGISTRY)
    assert (place.path, place.start_line) == ("Cargo.toml", 1)


def test_a_committed_lock_is_shown_by_its_own_line_or_as_a_whole() -> None:
    committed = Pins(lock=pins({}).lock, path="sub/Cargo.lock")
    _, place = committed.locate("plain", "1.0.0", REGISTRY)
    assert (place.path, place.start_line) == ("sub/Cargo.lock", 12)
    assert committed.locate("absent", "1.0.0", REGISTRY)[0] == ()
    assert committed.locate("absent", "1.0.0", REGISTRY)[1].start_line is None


def test_a_package_knows_what_it_asks_for_and_its_checksum() -> None:
    data = lock(
        entry("app", "0.1.0", "b 2.0.0", "b 1.0.0", "gone", source=None), entry("b", "1.0.0"), entry("b", "2.0.0")
    )
    data += b'checksum = "00ff"\n'
    packages = read_lock(data).packages
    assert [package.dependencies for package in packages] == [(2, 1), (), ()]
    assert [package.checksum for package in packages] == [None, None, "00ff"]


def test_the_oldest_formats_keep_checksums_apart() -> None:
    data = (
        lock(entry("a", "1.0.0"), version=None) + f'\n[metadata]\n"checksum a 1.0.0 ({REGISTRY})" = "00ff"\n'.encode()
    )
    (package,) = read_lock(data).packages
    assert package.checksum == "00ff"
