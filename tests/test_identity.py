"""An identity is what the problem is: it survives what does not change the problem, and nothing else."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec import identity


def secret_value(seed: int, length: int = 32) -> bytes:
    generator = random.Random(seed)
    return "".join(generator.choice(string.ascii_letters + string.digits) for _ in range(length)).encode()


def identify(data: bytes, value: bytes, path: str = "src/config.rs", which: int = 0) -> str:
    start = -1
    for _ in range(which + 1):
        start = data.index(value, start + 1)
    return identity.secret(path, data, identity.token_at(data, start, start + len(value)))


VALUE = secret_value(1)
FILE = b'fn main() {\n    let api_key = "' + VALUE + b'";\n    call(api_key);\n}\n'


def test_secret_survives_lines_inserted_above() -> None:
    assert identify(b"// a comment\n" * 40 + FILE, VALUE) == identify(FILE, VALUE)


def test_secret_survives_a_line_directly_above() -> None:
    changed = FILE.replace(b"    let api_key", b"    let other = 1;\n    let api_key")
    assert identify(changed, VALUE) == identify(FILE, VALUE)


@pytest.mark.parametrize("indent", [b"", b"\t", b"            "])
def test_secret_survives_indenting(indent: bytes) -> None:
    assert identify(FILE.replace(b"    let api_key", indent + b"let api_key"), VALUE) == identify(FILE, VALUE)


def test_secret_survives_line_endings() -> None:
    assert identify(FILE.replace(b"\n", b"\r\n"), VALUE) == identify(FILE, VALUE)


def test_copy_of_a_line_has_the_same_identity() -> None:
    twice = FILE + FILE
    assert identify(twice, VALUE, which=1) == identify(twice, VALUE, which=0)


def test_another_value_or_path_or_name_is_another_secret() -> None:
    other = secret_value(2)
    names = {
        identify(FILE, VALUE),
        identify(FILE.replace(VALUE, other), other),
        identify(FILE, VALUE, path="src/other.rs"),
        identify(FILE.replace(b"api_key", b"session_key"), VALUE),
    }
    assert len(names) == 4


def test_two_secrets_on_one_line_are_two() -> None:
    one, two = secret_value(3), secret_value(4)
    line = b'login("' + one + b'", "' + two + b'")\n'
    assert identify(line, one) != identify(line, two)


def test_two_equal_values_on_one_line_differ_by_their_place() -> None:
    line = b'first = "' + VALUE + b'", second = "' + VALUE + b'"\n'
    assert identify(line, VALUE, which=0) != identify(line, VALUE, which=1)


def test_identity_holds_nothing_of_another_value_on_the_line() -> None:
    line = b'login(user = "' + VALUE + b'", password = "correct horse")\n'
    assert identify(line, VALUE) == identify(line.replace(b"correct horse", b"battery staple"), VALUE)


@pytest.mark.parametrize(
    ("line", "spans"),
    [
        (b'key = "VALUE"', [(0, 0), (-1, 1), (-7, 1), (4, 0)]),
        (b"KEY=VALUE", [(0, 0), (-4, 0)]),
        (b"key: VALUE # note", [(0, 0), (-5, 0)]),
        (b"url = 'postgres://user:VALUE@db.internal/app'", [(0, 0), (-16, 0), (-16, 16), (0, 1)]),
        (b"Authorization: Bearer VALUE", [(0, 0), (-22, 0), (-7, 0)]),
    ],
)
def test_scanners_that_cut_differently_mean_one_token(line: bytes, spans: list[tuple[int, int]]) -> None:
    data = b"# first\n" + line.replace(b"VALUE", VALUE) + b"\nlast\n"
    start = data.index(VALUE)
    tokens = {
        (token.start, token.end)
        for before, after in spans
        for token in [identity.token_at(data, start + before, start + len(VALUE) + after)]
    }
    assert len(tokens) == 1


def test_base64_padding_belongs_to_the_token() -> None:
    data = b"KEY=" + VALUE + b"==\n"
    token = identity.token_at(data, 4, 4 + len(VALUE))
    assert data[token.start : token.end] == VALUE + b"=="


def pem(seed: int) -> bytes:
    body = b"\n".join(secret_value(seed + line, 64) for line in range(4))
    return b"-----BEGIN " + b"PRIVATE KEY-----\n" + body + b"\n-----END " + b"PRIVATE KEY-----\n"


def test_pem_block_is_one_token_whatever_part_was_seen() -> None:
    data = b"key = '''\n" + pem(7) + b"'''\n"
    begin = data.index(b"-----BEGIN")
    whole = identity.token_at(data, begin, data.index(b"'''", begin))
    header = identity.token_at(data, begin, begin + 20)
    assert (whole.start, whole.end) == (header.start, header.end)
    assert whole.is_pem
    assert data[whole.start : whole.end] == pem(7).rstrip(b"\n")


def test_pem_identity_is_header_and_first_body_line() -> None:
    def name(data: bytes) -> str:
        start = data.index(b"-----BEGIN")
        return identity.secret("key.pem", data, identity.token_at(data, start, start + 10))

    assert name(pem(7)) == name(b"\n\n# moved\n" + pem(7).replace(b"\n", b"\r\n"))
    assert name(pem(7)) != name(pem(50))


@given(data=st.binary(max_size=400), start=st.integers(0, 399), length=st.integers(1, 60))
def test_any_span_gives_a_token_inside_the_file(data: bytes, start: int, length: int) -> None:
    if start >= len(data):
        return
    end = min(len(data), start + length)
    token = identity.token_at(data, start, end)
    assert 0 <= token.start < token.end <= len(data)
    assert identity.secret("p", data, token).startswith("v1:")


def test_code_identity_folds_white_space_and_keeps_words() -> None:
    one = identity.code("code/sql", "a.rs", b"    query(  format!(x))")
    assert one == identity.code("code/sql", "a.rs", b"\tquery( format!(x))\r")
    assert one != identity.code("code/sql", "a.rs", b"query(format!(y))")


@pytest.mark.parametrize(
    ("version", "bucket"),
    [("1.4.2", "1"), ("0.6.10", "0.6"), ("0.0.3", "0.0.3"), ("2.0.0-rc.1", "2"), ("v3.1", "3"), ("0.1", "0.1")],
)
def test_bucket_is_what_semver_may_swap(version: str, bucket: str) -> None:
    assert identity.bucket(version) == bucket


def test_dependency_identity_is_the_manifest_folders() -> None:
    name = identity.dependency("RUSTSEC-2020-0071", "time", "0.1.42", "Cargo.lock")
    assert name == identity.dependency("rustsec-2020-0071", "time", "0.1.45", "Cargo.toml")
    assert name != identity.dependency("RUSTSEC-2020-0071", "time", "0.2.7", "Cargo.lock")
    assert name != identity.dependency("RUSTSEC-2020-0071", "time", "0.1.42", "fuzz/Cargo.lock")


def test_parts_cannot_be_shifted_into_each_other() -> None:
    assert identity.other("code", "ab", "c", "") != identity.other("code", "a", "bc", "")


def test_version_one_is_frozen() -> None:
    """Identities are written into waivers and baselines: those of v1 never change."""
    line = b"NAME=plainvalue\n"
    assert [
        identity.code("code/example", "src/lib.rs", b"a b"),
        identity.dependency("RUSTSEC-2020-0071", "time", "0.1.42", "Cargo.lock"),
        identity.secret("a.env", line, identity.token_at(line, 5, 15)),
        identity.unsafe("app", "app::run", "block"),
        identity.license_("pkg", "1.2.3", "MIT"),
    ] == [
        "v1:6fb342fd86ab19bed00e9a91603236e2",
        "v1:32c82f9dcca226146df574dac6121594",
        "v1:61f5f90aeb28ef47e60f431b7b5d085d",
        "v1:39bef1a08c72f47dccc4acb5ee7eef58",
        "v1:c05b0b56bc9557bfa7a8f0daed0113d1",
    ]
