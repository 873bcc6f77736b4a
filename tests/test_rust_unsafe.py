"""rust-unsafe: what the recorded cases do not show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from command_line import scan, surroundings
from magray_sec.adapters._rust_modules import Use, find_crates, reach
from magray_sec.adapters._rust_syntax import CountOptions, Kind, RustFile, RustReader
from magray_sec.adapters.rust_unsafe import ADAPTER
from magray_sec.model.adapter import Interpretation, Metric, Said
from magray_sec.model.finding import Finding, Sighting
from magray_sec.model.run import Gap, GapKind, Notification, ScanContext, ToolRun
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity
from magray_sec.normalize import normalize
from memory import MemorySource
from trees import write

READER = RustReader()
CONTEXT = ScanContext(today=date(2026, 1, 1), started=datetime(2026, 1, 1, tzinfo=UTC), work="/work", cache=None)
Five = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
NOTHING: Five = ((0, 0), (0, 0), (0, 0), (0, 0), (0, 0))


def read(text: str | bytes, options: CountOptions = CountOptions.DEFAULT) -> RustFile:
    return READER.read(text if isinstance(text, bytes) else text.encode(), options)


def five(text: str, options: CountOptions = CountOptions.DEFAULT) -> Five:
    each = read(text, options).counters.each()
    return tuple((count.safe, count.unsafe) for _, count in each)  # type: ignore[return-value]


def expressions(safe: int, unsafe: int = 0, *, functions: int = 1) -> Five:
    return ((functions, 0), (safe, unsafe), (0, 0), (0, 0), (0, 0))


# What the geiger library 0.5.0 counts (functions, expressions, impls, traits, methods, each safe and unsafe), with its
# scope leak mended; then what it counts as published, and with test code, where that differs.
COUNTED: list[tuple[str, Five, Five | None, Five | None]] = [
    (
        (
            "pub unsafe fn f() { f(); }\n"
            'pub fn g() { stdout().write(unsafe { from_utf8_unchecked(b"x") }.as_bytes()).unwrap(); }\n'
            "#[no_mangle] pub fn h() { f(); }\n"
            '#[export_name = "exported"] pub fn i() { f(); }\n'
            "#[cfg(test)] mod tests { #[test] fn test_1() { unsafe { f(); } } }"
        ),
        ((1, 3), (4, 4), (0, 0), (0, 0), (0, 0)),
        None,
        ((2, 3), (4, 5), (0, 0), (0, 0), (0, 0)),
    ),
    (
        "#[no_mangle] pub fn h() { f(); }\nfn after() { f(); f(); }",
        ((1, 1), (2, 1), (0, 0), (0, 0), (0, 0)),
        ((1, 1), (0, 3), (0, 0), (0, 0), (0, 0)),
        None,
    ),
    (
        "#[unsafe(no_mangle)] pub fn h() { f(); }\n#[cfg_attr(unix, no_mangle)] fn i() { f(); }",
        expressions(2, functions=2),
        None,
        None,
    ),
    (
        (
            "impl X { unsafe fn a(&self) { f(); } fn b() { f(); } #[test] fn c() { f() } }\n"
            'trait T { unsafe fn a() { f(); } fn b(); unsafe fn c(); }\nextern "C" { fn z(); }'
        ),
        ((0, 0), (3, 1), (1, 0), (1, 0), (2, 1)),
        None,
        None,
    ),
    (
        "unsafe impl Send for X {}\nimpl Sync for X {}\nimpl X {}\nunsafe trait A {}\ntrait B {}",
        ((0, 0), (0, 0), (2, 1), (1, 1), (0, 0)),
        None,
        None,
    ),
    (
        (
            "#[tokio::test] async fn a() { f(); }\n#[cfg(all(test, unix))] mod t { fn b() { f(); } }\n"
            "#[cfg(test)] fn c() { f(); }\n#[cfg(test)] mod u { fn d() { f(); } }\n"
            "#[allow(x)]\n// why\n#[test]\n/// doc\nfn e() { f(); }"
        ),
        expressions(3, functions=3),
        None,
        expressions(5, functions=5),
    ),
    (
        (
            "fn f() { m!(1 + 2); m! { a } let x = m!(); let y = m! { b }; m!() }\nm! { fn g() { h(); } }\n"
            "macro_rules! n { () => { unsafe { f() } } }\n"
            "fn t(x: m!()) -> m!() { match x { m!() => 1, _ if m!() => 2, _ => m! {} } }"
        ),
        expressions(6, functions=2),
        None,
        None,
    ),
    (
        "fn f() -> &T { lazy! { static ref X: T = 1; } &X }\nfn g() { pin! { let a = b(); } (&mut a).await; }",
        expressions(4, functions=2),
        None,
        None,
    ),
    ("fn f() { a.b(c); self.0(v); a.b::<T>(); (a.b)(c); a.b; a.0; a::b(c); }", expressions(10), None, None),
    (
        (
            "fn f() { { 1 } if a { 1 } else { 2 } let Some(x) = y else { return }; loop { break } while a {} for x in y {} "
            "match a { _ => {} } |x| { x }; async { 1 }; const { 1 }; unsafe { 1 } }"
        ),
        expressions(15),
        None,
        None,
    ),
    (
        (
            "fn f() { if let a = b && c {} while let Some(x) = y {} _ = f(); (_, a) = (1, 2); [_, b] = c; "
            "S { x: _, .. } = s; let r = ..=3; x = ..; x = ..=4; y = 1..2; 1..; }"
        ),
        expressions(26),
        None,
        None,
    ),
    (
        (
            "fn f() { 1; -1; a; a::b; (); (a); (1, 2); [a; 3]; [1, 2]; &a; *a; !a; a as T; a?; a.await; "
            "S { a, b: c, ..d } }\nfn g() { match a { -1 => 1, 1..=2 => 2, S { x: 3 } => 3, () => 4, _ => 5 } }"
        ),
        expressions(14, functions=2),
        None,
        None,
    ),
    (
        (
            "const A: [u8; 1 + 2] = [0; B];\nstatic S: fn() = f();\nenum E { A = 1 + 1, B }\ntype T = [u8; { 3 }];\n"
            'fn f() -> X<{ N }> { g::<{ 1 }>() }\n#[doc = include_str!("x")]\nstruct D;'
        ),
        expressions(9),
        None,
        None,
    ),
    (
        (
            "unsafe fn a() { fn b() { f(); } unsafe { f(); } f(); }\nfn c() { unsafe { fn d() { f(); } } f(); }\n"
            "fn e() { unsafe { x }.y(z()); }"
        ),
        ((4, 1), (3, 4), (0, 0), (0, 0), (0, 0)),
        None,
        None,
    ),
    ("fn f() { fn g() {}; struct S {}; let x = 1;; ; if a {}; m! {}; }", expressions(5, functions=2), None, None),
    ("fn f() { try!(g()); let x = try!(h()); }", expressions(1), None, None),
    (
        (
            'unsafe extern "C" { pub safe fn a(); pub type T; }\nfn f() { g::<-1>(str![["x"]]); }\nstruct S where T: U;\n'
            "impl<T> X for T where (): Y {}\nfn h(#[a] #[b] c: D) { (1, #[x] 2); let S { #[y] z, w } = q; }"
        ),
        ((2, 0), (3, 0), (1, 0), (0, 0), (0, 0)),
        None,
        None,
    ),
]


@pytest.mark.parametrize(("text", "mended", "published", "with_tests"), COUNTED)
def test_counters_are_those_of_geiger(text: str, mended: Five, published: Five | None, with_tests: Five | None) -> None:
    assert read(text).broken_at is None
    assert five(text) == mended
    assert five(text, CountOptions.LEAK) == (published or mended)
    assert five(text, CountOptions.TESTS) == (with_tests or mended)


@pytest.mark.parametrize(
    ("text", "forbids"),
    [
        ("#![forbid(unsafe_code)]", True),
        ("#![forbid(missing_docs, unsafe_code)]", True),
        ("#![deny(unsafe_code)]", False),
        ("// #![forbid(unsafe_code)]", False),
        ("mod m { #![forbid(unsafe_code)] }", False),
    ],
)
def test_a_file_that_forbids_unsafe_code_is_known(text: str, forbids: bool) -> None:
    assert read(text).forbids_unsafe is forbids


@pytest.mark.parametrize(
    ("text", "kind", "item", "shown"),
    [
        ("fn f() { unsafe { g() } }", "block", "f", "unsafe { g() }"),
        ("static S: u8 = unsafe { X };", "block", "S", "unsafe { X }"),
        ("mod a { impl<T> B<T> { fn f() { unsafe {} } } }", "block", "a::B<T>::f", "unsafe {}"),
        ("impl C for  D { fn f() { unsafe {} } }", "block", "<D as C>::f", "unsafe {}"),
        ("trait T { fn f() { unsafe {} } }", "block", "T::f", "unsafe {}"),
        (
            "#[inline]\npub unsafe fn f(a: u8) -> u8\nwhere\n{ 1 }",
            "function",
            "f",
            "pub unsafe fn f(a: u8) -> u8\nwhere",
        ),
        ('unsafe extern "C" fn f() {}', "function", "f", 'unsafe extern "C" fn f()'),
        ("impl B { unsafe fn f() {} }", "method", "B::f", "unsafe fn f()"),
        ("trait T { unsafe fn f(); }", "method", "T::f", "unsafe fn f();"),
        ("trait T { unsafe fn f() {} }", "method", "T::f", "unsafe fn f()"),
        ("unsafe impl Send for B {}", "impl", "<B as Send>", "unsafe impl Send for B"),
        ("unsafe trait T: U {}", "trait", "T", "unsafe trait T: U"),
        ('mod m { extern "C" { fn f(); } }', "extern", 'm::extern "C"', 'extern "C"'),
        ("extern { fn f(); }", "extern", "extern", "extern"),
        ('unsafe extern "C" { unsafe fn f(); }', "extern", 'extern "C"', 'unsafe extern "C"'),
        ("#[no_mangle]\n/// doc\npub fn f() {}", "export", "f", "#[no_mangle]"),
        ('#[unsafe(export_name = "x")] static S: u8 = 1;', "export", "S", '#[unsafe(export_name = "x")]'),
        ("macro_rules! m { ($a:expr) => { unsafe { $a } } }", "block", "m!", "unsafe {"),
        ("fn f() { m!(unsafe { g() }) }", "block", "f", "unsafe {"),
        ("m! { pub unsafe fn f() {} }", "function", "f", "unsafe fn f"),
        ("m! { unsafe impl Send for X {} }", "impl", "", "unsafe impl"),
        ('m! { extern "C" { fn f(); } }', "extern", 'extern "C"', 'extern "C" {'),
        ('m! { unsafe extern "C" { fn f(); } }', "extern", 'extern "C"', 'unsafe extern "C" {'),
    ],
)
def test_a_site_has_its_kind_item_and_span(text: str, kind: str, item: str, shown: str) -> None:
    (site,) = read(text).sites
    assert (site.kind.value, site.item) == (kind, item)
    assert text[slice(*site.span)] == shown
    assert not site.is_test


@pytest.mark.parametrize(
    "text",
    [
        "// unsafe { }",
        "/* unsafe fn f() {} /* unsafe {} */ */",
        'const A: &str = "unsafe { }"; const B: &str = r#"unsafe { "x" }"#;',
        'type F = unsafe fn(); fn f(g: unsafe extern "C" fn()) {}',
        'm! { unsafe extern "C" fn(u8) }',
        "macro_rules! m { (unsafe fn) => {}; ([unsafe]) => {} }",
        '#![deny(unsafe_op_in_unsafe_fn)] extern crate alloc; extern "C" fn f() {}',
    ],
)
def test_what_only_looks_like_one_is_no_site(text: str) -> None:
    assert read(text).sites == ()
    assert read(text).broken_at is None


@pytest.mark.parametrize(
    "text",
    [
        "#[cfg(test)] mod m { fn f() { unsafe {} } }",
        "#[cfg(all(unix, test))] fn f() { unsafe {} }",
        "#[test] fn f() { unsafe {} }",
        '#[tokio::test(flavor = "multi_thread")]\n#[ignore] async fn f() { unsafe {} }',
        "#[cfg(test)] impl X { fn f() { unsafe {} } }",
        "#[cfg(test)] mod m { thread_local! { static A: u8 = unsafe { 1 } } }",
        "#![cfg(test)] fn f() { unsafe {} }",
    ],
)
def test_a_site_in_a_test_is_known(text: str) -> None:
    assert [site.is_test for site in read(text).sites] == [True]


@pytest.mark.parametrize(
    "attribute", ["#[cfg(not(test))]", '#[cfg(any(test, feature = "x"))]', "#[latest]", "#[test_log]"]
)
def test_what_is_built_without_tests_is_no_test(attribute: str) -> None:
    assert [site.is_test for site in read(f"{attribute} fn f() {{ unsafe {{}} }}").sites] == [False]


def test_sites_around_what_is_not_rust_are_found() -> None:
    text = (
        "fn a() { unsafe { 1 } }\nfn b(\n<<<<<<< ours\n x: u8\n=======\n) { unsafe { 2 } }\nfn c() { unsafe { 3 } }\n"
    )
    found = read(text)
    assert found.broken_at == 2
    assert [text[site.span[0] :].startswith("unsafe") for site in found.sites] == [True, True, True]


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"fn f() {" + b"{" * 30_000 + b"}" * 30_000 + b"}", "nested"),
        (b"fn f() { a" + b" + a" * 70_000 + b" }", "nested"),
        (b"fn f() {" + b"(" * 30_000, "not Rust"),
        (b"unsafe fn f() {" + b"!" * 30_000, "not Rust"),
    ],
    ids=["blocks", "a sum", "brackets", "marks"],
)
def test_a_file_made_to_take_for_ever_is_refused(data: bytes, refused: str) -> None:
    assert refused in read(data).refused


MANIFEST = '[package]\nname = "app"\nversion = "1.2.3"\nedition = "2021"\n'


def uses(files: Mapping[str, str]) -> dict[str, tuple[Use, str]]:
    contents = {"Cargo.toml": MANIFEST, **files}
    crates = find_crates(frozenset(contents), lambda path: contents[path].encode())
    (crate,) = crates.crates
    brings = {path: read(text).brings for path, text in contents.items() if path.endswith(".rs")}
    return {path: (found.use, found.module) for path, found in reach(crate, brings).items()}


def test_modules_are_followed_as_rustc_does() -> None:
    found = uses(
        {
            "src/lib.rs": 'mod a; mod r#async; mod inline { mod deep; #[path = "x.rs"] mod y; }\n'
            '#[path = "../shared/other.rs"] mod other; #[cfg_attr(unix, path = "unix.rs")] mod sys;\n'
            'cfg_if! { if #[cfg(x)] { mod fast; } else { #[path = "slow_one.rs"] mod slow; } }\n'
            'include!("generated.rs");',
            "src/a.rs": "mod b; #[cfg(test)] mod tests;",
            "src/a/b.rs": "mod c;",
            "src/a/b/c/mod.rs": "",
            "src/a/tests.rs": "mod common;",
            "src/a/tests/common.rs": "",
            "src/async.rs": "",
            "src/inline/deep.rs": "",
            "src/inline/x.rs": "",
            "shared/other.rs": "mod beside;",
            "shared/beside.rs": "",
            "src/unix.rs": "",
            "src/sys.rs": "",
            "src/fast.rs": "",
            "src/slow_one.rs": "",
            "src/generated.rs": "",
            "src/left_over.rs": "",
        }
    )
    used = {path: module for path, (use, module) in found.items() if use is Use.USED}
    assert used == {
        "src/lib.rs": "",
        "src/a.rs": "a",
        "src/a/b.rs": "a::b",
        "src/a/b/c/mod.rs": "a::b::c",
        "src/async.rs": "async",
        "src/inline/deep.rs": "inline::deep",
        "src/inline/x.rs": "inline::y",
        "shared/other.rs": "other",
        "shared/beside.rs": "other::beside",
        "src/unix.rs": "sys",
        "src/sys.rs": "sys",
        "src/fast.rs": "fast",
        "src/slow_one.rs": "slow",
        "src/generated.rs": "",
    }
    assert found["src/a/tests.rs"] == (Use.TEST, "a::tests")
    assert found["src/a/tests/common.rs"] == (Use.TEST, "a::tests::common")
    assert "src/left_over.rs" not in found


def test_a_module_shared_by_a_test_and_the_library_is_used() -> None:
    found = uses({"src/lib.rs": "#[cfg(test)] mod a; mod b;", "src/a.rs": "", "src/b.rs": '#[path = "a.rs"] mod c;'})
    assert found["src/a.rs"] == (Use.USED, "b::c")


def test_a_circle_of_modules_ends() -> None:
    assert set(uses({"src/lib.rs": '#[path = "lib.rs"] mod a;'})) == {"src/lib.rs"}


@pytest.mark.parametrize(
    ("rest", "used"),
    [
        ("", {"src/lib.rs", "src/main.rs", "src/bin/one.rs", "src/bin/two/main.rs"}),
        ("autobins = false\n", {"src/lib.rs"}),
        ('autobins = false\n[[bin]]\nname = "one"\n', {"src/lib.rs", "src/bin/one.rs"}),
        ('autobins = false\n[[bin]]\nname = "app"\n', {"src/lib.rs", "src/main.rs"}),
        ('autobins = false\n[[bin]]\nname = "x"\npath = "tool.rs"\n[lib]\npath = "lib.rs"\n', {"lib.rs", "tool.rs"}),
    ],
)
def test_libraries_and_programs_are_found_as_cargo_does(rest: str, used: set[str]) -> None:
    names = ("src/lib.rs", "src/main.rs", "src/bin/one.rs", "src/bin/two/main.rs", "tool.rs", "lib.rs", "build.rs")
    files = dict.fromkeys((*names, "examples/e.rs", "tests/t.rs", "benches/b.rs"), "")
    found = uses({"Cargo.toml": MANIFEST + rest, **files})
    assert {path for path, (use, _) in found.items() if use is Use.USED} == used
    assert found["build.rs"] == (Use.BUILT, "build")
    assert found["examples/e.rs"] == (Use.BUILT, "e")
    assert found["tests/t.rs"] == (Use.TEST, "t")
    assert found["benches/b.rs"] == (Use.TEST, "b")


def said(files: Mapping[str, str | bytes]) -> list[Said]:
    source = MemorySource({path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()})
    assert ADAPTER.inspect
    return list(ADAPTER.inspect(source, (), CONTEXT))


def figures(entries: list[Said]) -> dict[str, int]:
    return {entry.name: entry.value for entry in entries if isinstance(entry, Metric)}


def sightings(entries: list[Said]) -> list[Sighting]:
    return [entry for entry in entries if isinstance(entry, Sighting)]


def findings(files: Mapping[str, str]) -> tuple[Finding, ...]:
    source = MemorySource({path: text.encode() for path, text in files.items()})
    run = ToolRun(adapter=ADAPTER.id, domains=(Domain.UNSAFE,), outcome=Outcome.COMPLETED)
    heard = Interpretation(run=run, sightings=tuple(sightings(said(files))))
    return normalize([heard], source, {ADAPTER.id: ADAPTER}, anchor="").findings


CRATE = {"Cargo.toml": MANIFEST, "src/lib.rs": "pub mod a;", "src/a.rs": "pub fn f() {\n    unsafe { g() }\n}\n"}


def test_a_finding_names_its_crate_item_and_kind() -> None:
    (seen,) = sightings(said(CRATE))
    assert seen.message == "an unsafe block in `a::f`"
    assert (seen.kind, seen.item) == ("block", "a::f")
    assert seen.package
    assert seen.package.purl == "pkg:cargo/app@1.2.3"
    assert seen.rule
    assert seen.rule.id == "unsafe/block"
    assert seen.rule.help
    assert (seen.severity, seen.confidence) == (Severity.LOW, Confidence.HIGH)


def test_the_rule_ids_are_frozen() -> None:
    ids = {f"unsafe/{kind.value}" for kind in Kind}
    names = ("block", "export", "extern", "function", "impl", "method", "trait")
    assert ids == {f"unsafe/{name}" for name in names}


def test_an_identity_outlives_edits_and_a_copy_is_one_more() -> None:
    (before,) = findings(CRATE)
    moved = CRATE["src/a.rs"].replace("    unsafe", "\r\n\t// SAFETY: g is fine.\r\n\tunsafe").replace("g()", "h(1)")
    (after,) = findings({**CRATE, "src/a.rs": "use x;\n" * 40 + moved})
    assert after.identity == before.identity
    assert after.location.line > before.location.line
    twice = findings({**CRATE, "src/a.rs": "pub fn f() { unsafe { g() } unsafe { g() } }"})
    assert [entry.identity for entry in twice] == [before.identity] * 2
    (elsewhere,) = findings({**CRATE, "src/a.rs": "pub fn other() { unsafe { g() } }"})
    assert elsewhere.identity != before.identity


def test_figures_are_by_crate_and_file_and_tests_are_apart() -> None:
    entries = said(
        {
            **CRATE,
            "src/main.rs": "fn main() { f(); }",
            "src/old.rs": "unsafe fn f() { g(); }",
            "tests/t.rs": "#[test] fn t() { unsafe { f() } }\nfn helper() { unsafe { f() } }",
        }
    )
    counted = figures(entries)
    assert counted["files"] == 5
    assert counted["files used"] == 3
    assert counted["unsafe sites"] == 2
    assert counted["unsafe sites in tests"] == 2
    assert counted["unsafe expressions used"] == counted["crate app: unsafe expressions used"] == 1
    assert counted["crate app: unsafe functions unused"] == 1
    assert counted["file src/a.rs: unsafe expressions"] == 1
    assert "file src/main.rs: unsafe expressions" not in counted
    left_over = next(entry for entry in sightings(entries) if entry.item == "old::f")
    assert left_over.confidence is Confidence.LOW
    assert left_over.message.endswith("no `mod` declaration leads to this file")


@pytest.mark.parametrize(("main", "forbids"), [("#![forbid(unsafe_code)]\nfn main() {}", 1), ("fn main() {}", 0)])
def test_a_crate_forbids_when_all_its_roots_do(main: str, forbids: int) -> None:
    counted = figures(said({**CRATE, "src/lib.rs": "#![forbid(unsafe_code)]", "src/main.rs": main}))
    assert counted["crate app: forbids unsafe code"] == counted["crates that forbid unsafe code"] == forbids


def test_vendored_crates_are_counted_and_give_no_findings() -> None:
    tiny = {
        "vendor/tiny/Cargo.toml": '[package]\nname = "tiny"\nversion = "0.1.9"\n',
        "vendor/tiny/src/lib.rs": "pub unsafe fn f() { g(); }",
        "vendor/tiny/src/safe.rs": "pub fn f() { g(); }",
    }
    entries = said({**CRATE, **tiny, "vendor/tiny/.cargo-checksum.json": "{}"})
    assert [entry.item for entry in sightings(entries)] == ["a::f"]
    counted = figures(entries)
    assert counted["dependency tiny 0.1.9: unsafe functions"] == counted["dependencies: unsafe functions"] == 1
    assert counted["dependencies: files"] == 2
    # Without cargo's mark it is the target's own: a fork, say.
    assert len(sightings(said({**CRATE, **tiny}))) == 2
    # And a copy that is all of the target is what is scanned.
    alone = {path.removeprefix("vendor/tiny/"): text for path, text in tiny.items()}
    assert len(sightings(said({**alone, ".cargo-checksum.json": "{}"}))) == 1


def test_what_cargo_built_is_left_out_and_said() -> None:
    built = {"target/CACHEDIR.TAG": "", "target/debug/build/x/out/bindings.rs": "unsafe fn f() {}"}
    entries = said({**CRATE, **built})
    assert len(sightings(entries)) == 1
    assert any("1 files that cargo built" in entry.message for entry in entries if isinstance(entry, Notification))


def test_a_file_without_a_crate_is_looked_at() -> None:
    (seen,) = sightings(said({"tools/one.rs": "fn main() { unsafe { f() } }"}))
    assert seen.package is None
    assert seen.confidence is Confidence.HIGH
    (found,) = findings({"tools/one.rs": "fn main() { unsafe { f() } }"})
    assert found.identity.startswith("v1:")


def test_a_script_without_a_suffix_is_looked_at() -> None:
    script = "#!/usr/bin/env rust-script\nfn main() { unsafe { f() } }"
    assert len(sightings(said({"tools/one": script, "README": "unsafe { }"}))) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"fn f() {}\n) unsafe { }", "first at line 2"),
        (b"fn f() {}\n// \xff unsafe", "not UTF-8 (line 2)"),
        (b"unsafe fn f() {" + b"!" * 30_000, "was not read"),
    ],
)
def test_a_file_in_which_a_site_may_be_missed_is_a_gap(data: bytes, reason: str) -> None:
    (gap,) = [entry for entry in said({**CRATE, "src/b.rs": data}) if isinstance(entry, Gap)]
    assert (gap.kind, gap.domain, gap.path) == (GapKind.FILE, Domain.UNSAFE, "src/b.rs")
    assert reason in gap.reason
    assert gap.hint


def test_a_file_that_is_not_rust_and_has_no_unsafe_word_is_a_warning() -> None:
    entries = said({**CRATE, "src/b.rs": "fn f() {}\nnot rust at all"})
    assert not [entry for entry in entries if isinstance(entry, Gap)]
    (warning,) = [entry for entry in entries if isinstance(entry, Notification) and entry.path]
    assert warning.path == "src/b.rs"
    assert "first at line 2" in warning.message


def test_a_file_that_cannot_be_read_is_a_gap() -> None:
    class Unreadable(MemorySource):
        def read(self, path: str) -> bytes:
            if path == "src/a.rs":
                raise PermissionError(13, "Permission denied")
            return super().read(path)

    assert ADAPTER.inspect
    source = Unreadable({path: text.encode() for path, text in CRATE.items()})
    (gap,) = [entry for entry in ADAPTER.inspect(source, (), CONTEXT) if isinstance(entry, Gap)]
    assert (gap.path, gap.reason) == ("src/a.rs", "it cannot be read: Permission denied")


def test_a_manifest_that_is_not_toml_is_said_and_its_code_is_looked_at() -> None:
    entries = said({**CRATE, "Cargo.toml": "[package"})
    (warning,) = [entry for entry in entries if isinstance(entry, Notification) and entry.path]
    assert (warning.path, warning.message.partition(",")[0]) == ("Cargo.toml", "it is not TOML")
    assert len(sightings(entries)) == 1


def test_names_of_the_target_are_harmless_in_figures() -> None:
    names = figures(said({**CRATE, "src/\x1b[2J.rs": "unsafe fn f() { g() }"}))
    assert any(name.startswith("file src/") and "2J" in name for name in names)
    assert not any("\x1b" in name for name in names)


def test_a_scan_covers_the_rust_code(tmp_path: Path) -> None:
    target = write(tmp_path / "target", CRATE)
    home = tmp_path / "home"
    home.mkdir()
    done = scan(target, "--offline", environment=surroundings(home), reports=tmp_path / "reports")
    assert done.run("rust-unsafe")["outcome"] == "completed"
    assert done.run("rust-unsafe")["metrics"]["unsafe sites"] == 1
    (found,) = [entry for entry in done.json["findings"] if entry["domain"] == "unsafe"]
    assert (found["location"]["path"], found["location"]["region"]["start_line"]) == ("src/a.rs", 2)
    covered = [row for row in done.json["coverage"] if row["domain"] == "unsafe"]
    assert [row["covered_by"] for row in covered] == [["rust-unsafe"]]
