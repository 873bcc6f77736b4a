"""Templates: the same seed fills them the same, and what fills them looks like the real thing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec.regex.checks import CHECKS, crc32_base62
from magray_sec.regex.doubt import entropy, made_up
from magray_sec.regex.examples import TemplateError, fill

SHAPES = {
    "{{alnum:36}}": "[0-9A-Za-z]{36}",
    "{{lower:20}}": "[a-z]{20}",
    "{{upper:20}}": "[A-Z]{20}",
    "{{digit:12}}": "[0-9]{12}",
    "{{hex:32}}": "[0-9a-f]{32}",
    "{{HEX:32}}": "[0-9A-F]{32}",
    "{{lowernum:20}}": "[a-z0-9]{20}",
    "{{uppernum:20}}": "[A-Z0-9]{20}",
    "{{base32:16}}": "[A-Z2-7]{16}",
    "{{base58:44}}": "[1-9A-HJ-NP-Za-km-z]{44}",
    "{{base64:40}}": "[A-Za-z0-9+/]{40}",
    "{{base64url:40}}": "[A-Za-z0-9_-]{40}",
    "{{password:14}}": "[!-~]{14}",
    "{{word:3}}": "[a-z]+_[a-z]+_[a-z]+",
    "{{repeat:ab:3}}": "ababab",
    "{{uuid}}": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "{{luhn:16}}": "4[0-9]{15}",
    "{{jwt}}": r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{43}",
    "{{github-crc32:ghp_}}": "ghp_[0-9A-Za-z]{36}",
    "{{grafana}}": "glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}",
    "{{atlassian:ATATT3xFfGF0}}": "ATATT3xFfGF0[0-9A-Za-z]{170}=[0-9A-F]{8}",
    "{{cloudflare:cfut_}}": "cfut_[0-9A-Za-z]{40}[0-9a-f]{8}",
    "{{wif}}": "[KL][1-9A-HJ-NP-Za-km-z]{51}",
    "{{xprv}}": "xprv[1-9A-HJ-NP-Za-km-z]{107}",
    "{{phrase:12}}": "[a-z]+(?: [a-z]+){11}",
    "{{base64-pem:RSA}}": "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt[A-Za-z0-9+/]+={0,2}",
    "{{base64-jwt}}": "ZXlK[A-Za-z0-9+/]+={0,2}",
    "{{base64-json:a,b}}": "eyJ[A-Za-z0-9+/]+={0,2}",
    "{{base64-of:user:*}}": "dXNlcj[A-Za-z0-9+/]+={0,2}",
    "{{pem:RSA}}": "-----BEGIN RSA PRIVATE KEY-----\n(?:[A-Za-z0-9+/]{1,64}=*\n)+-----END RSA PRIVATE KEY-----",
    "{{pem-line:PKCS8}}": r"-----BEGIN PRIVATE KEY-----\\n[A-Za-z0-9+/=\\]+-----END PRIVATE KEY-----",
    "{{ password }}": r"\{\{ password \}\}",
}


@pytest.mark.parametrize("template", SHAPES)
def test_its_shape(template: str) -> None:
    for seed in "abc":
        assert re.fullmatch(SHAPES[template], fill(template, seed))


def test_it_depends_on_the_seed_alone() -> None:
    template = 'a = "{{alnum:36}}", b = "{{alnum:36}}"'
    assert fill(template, "1") == fill(template, "1")
    assert fill(template, "1") != fill(template, "2")
    one, two = re.findall("[0-9A-Za-z]{36}", fill(template, "1"))
    assert one != two
    assert fill("elsewhere {{alnum:36}}", "1").endswith(one)
    first, again, other = fill("{{hex:9#x}} {{hex:9#x}} {{hex:9#y}}", "1").split()
    assert first == again != other
    # What is written into recorded outputs must not change from one version to the next.
    assert fill("{{hex:8}}", "seed") == "19a08d5c"


@given(
    seed=st.text(max_size=20),
    name=st.sampled_from(["alnum", "hex", "base64url", "lowernum"]),
    length=st.integers(16, 120),
)
def test_it_never_looks_made_up_and_has_all_the_entropy_there_is(seed: str, name: str, length: int) -> None:
    token = fill(f"{{{{{name}:{length}}}}}", seed).encode()
    assert made_up(token) is None
    assert entropy(token) > 3.9


@pytest.mark.parametrize("seed", range(10))
def test_what_claims_a_structure_has_it(seed: int) -> None:
    for template, check in [
        ("{{github-crc32:ghp_}}", "github-crc32"),
        ("{{luhn:16}}", "luhn"),
        ("{{jwt}}", "jwt"),
        ("{{base64-json:type,key}}", "base64-json"),
        ("{{grafana}}", "grafana-crc32"),
        ("{{atlassian:ATATT3xFfGF0}}", "atlassian-crc32"),
        ("{{cloudflare:cfut_}}", "cloudflare-crc32"),
        ("{{wif}}", "base58check"),
        ("{{xprv}}", "base58check"),
        ("{{phrase:24}}", "mnemonic"),
        ("{{base64-pem:EC}}", "base64-pem"),
        ("{{base64-jwt}}", "base64-jwt"),
        ("{{base64-of:user:*}}", "basic-credentials"),
        *(
            (f"{{{{{form}:{kind}}}}}", "pem")
            for form in ("pem", "pem-line")
            for kind in ("RSA", "EC", "OPENSSH", "PGP", "PKCS8")
        ),
    ]:
        assert CHECKS[check](fill(template, str(seed)).encode()), template


def test_the_check_sum_is_githubs() -> None:
    assert crc32_base62(b"") == "000000"
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in crc32_base62(b"123456789"):
        number = number * 62 + digits.index(digit)
    assert number == 0xCBF43926, "the CRC-32 that its specification gives for these nine digits"


@pytest.mark.parametrize(
    ("template", "check"),
    [
        ("glsa_{{alnum:32}}_{{hex:8}}", "grafana-crc32"),
        ("ATATT3{{alnum:177}}={{HEX:8}}", "atlassian-crc32"),
        ("cfut_{{alnum:40}}{{hex:8}}", "cloudflare-crc32"),
        ("K{{base58:51}}", "base58check"),
        ("O0Il", "base58check"),
        ("{{phrase:13}}", "mnemonic"),
        ("test test test test test test test test test test test junk", "mnemonic"),
        ("LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt{{repeat:A:200}}", "base64-pem"),
        ("{{base64:80}}", "base64-pem"),
        ("ZXlKaGJHY2lPa{{base64:90}}", "base64-jwt"),
        ("{{base64-of:no colon}}", "basic-credentials"),
        ("{{base64-of:user:}}", "basic-credentials"),
        ("AP/+OgEC", "basic-credentials"),
    ],
)
def test_what_was_made_up_lacks_it(template: str, check: str) -> None:
    assert not CHECKS[check](fill(template, "0").encode())


def test_a_check_sum_of_grafana_is_that_of_its_own_tests() -> None:
    # In two parts: this file holds no token itself.
    assert CHECKS["grafana-crc32"](b"glsa_" + b"yscW25imSKJIuav8zF37RZmnbiDvB05G_fcaaf58a")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{alnm:36}}", "unknown template {{alnm:36}}; known are HEX, alnum"),
        ("{{alnum}}", "needs a length, such as {{alnum:32}}"),
        ("{{hex:x}}", "needs a length"),
        ("{{hex:0}}", "needs a length"),
        ("{{hex:9999999}}", "needs a length"),
        ("{{repeat:x}}", "needs a text and a count"),
        ("{{pem:FOO}}", "the kinds of key are RSA"),
        ("{{github-crc32}}", "needs a prefix"),
        ("{{atlassian}}", "needs a prefix"),
        ("{{cloudflare}}", "needs a prefix"),
    ],
)
def test_a_template_that_is_off_is_said(template: str, says: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(says)):
        fill(f"x {template} y", "0")
