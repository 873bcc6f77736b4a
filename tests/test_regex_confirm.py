"""What only looks like a finding is rejected, with the reason; what is one is not."""

from __future__ import annotations

import base64
import random
import string

import pytest

import patterns
from magray_sec.model.scale import Confidence
from magray_sec.regex.checks import CHECKS
from magray_sec.regex.confirm import Confirmed, Rejected
from magray_sec.regex.doubt import Reason, made_up, no_value
from magray_sec.regex.examples import fill

GENERIC = patterns.rule(
    r"""(?:password|token|api_key)["']?\s{0,3}[:=]\s{0,3}(?:["'](?P<secret>[^"'\n]{6,100})["']|([^\s"',;]{6,100}))""",
    ignore_case=True,
    placeholders=True,
    is_generic=True,
    confidence=Confidence.LOW,
)
ENGINE = patterns.engine(GENERIC)


def outcome(text: str, *, made: object = None) -> Confirmed | Rejected | None:
    engine = ENGINE if made is None else patterns.engine(made)  # type: ignore[arg-type]
    found = engine.examine("main.rs", text.encode())
    return found[0].outcome if found else None


@pytest.mark.parametrize(
    "line",
    [
        'password = "{{password:12}}"',
        'let api_key = "{{alnum:32}}";',
        "PASSWORD={{password:10}}",
        '"token": "{{base64url:43}}"',
        "token: {{hex:40}}",
        'password: "correct-horse-battery-staple"',
        "password" + ' = "Tr0ub4dor&3"',  # in two parts: this file holds no password itself
        'api_key = "{{uuid}}"',
    ],
)
def test_a_literal_value_is_a_finding(line: str) -> None:
    for seed in "abc":
        assert outcome(fill(line, seed)) == Confirmed(), fill(line, seed)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('password = "changeme123"', Reason.EXAMPLE),
        ('token = "sha512-{{base64:86}}=="', Reason.HASH),
        ('digest_token: "{{hex:64}}"', Reason.HASH),
        ('commit_token = "{{hex:40}}"', Reason.COMMIT),
        ('token = "{{base64-of:user:changeme}}"', Reason.EXAMPLE),
        ('token = "{{base64-of:password}}"', Reason.EXAMPLE),
        ('password = "password2024"', Reason.NAME),
        ('password = "your-password-here"', Reason.EXAMPLE),
        ('api_key = "EXAMPLE{{alnum:20}}"', Reason.EXAMPLE),
        ('token = "<your token>"', Reason.TEMPLATE),
        ('password = "${DB_PASSWORD}"', Reason.TEMPLATE),
        ('password = "{{ vault_password }}"', Reason.TEMPLATE),
        ("password: $DB_PASSWORD", Reason.TEMPLATE),
        ('password = "%(password)s"', Reason.TEMPLATE),
        ('api_key = "xxxxxxxxxxxx"', Reason.EXAMPLE),
        ('api_key = "{{repeat:0:32}}"', Reason.REPEATED),
        ('api_key = "{{repeat:ab:16}}"', Reason.REPEATED),
        ('api_key = "0123456789abcdef"', Reason.SEQUENCE),
        ('password = "qwertyuiop"', Reason.SEQUENCE),
        ('password = std::env::var("DB_PASSWORD")?', Reason.ENVIRONMENT),
        ("password = os.environ['PW']", Reason.ENVIRONMENT),
        ("token: process.env.TOKEN", Reason.ENVIRONMENT),
        ("password = get_password(user)", Reason.EXPRESSION),
        ("password = self.config.password", Reason.EXPRESSION),
        ("password: Option<String>", Reason.EXPRESSION),
        ("token = next_token", Reason.NAME),
        ('password = "password"', Reason.NAME),
        ('api_key = "API_KEY_NAME"', Reason.NAME),
        ('token = "accessToken"', Reason.NAME),
        ('password = "reset-password-form"', Reason.NAME),
        ('password = "/run/secrets/db"', Reason.PATH),
        ('token = "https://acme.test/oauth/token"', Reason.PATH),
        ('password: "Enter your new password"', Reason.EXAMPLE),
        ('password: "Bitte das Passwort eingeben"', Reason.TEXT),
        ('password: "Введите пароль"', Reason.TEXT),
    ],
)  # fmt: skip
def test_what_is_none_is_rejected_with_its_reason(line: str, reason: Reason) -> None:
    found = outcome(fill(line, "0"))
    assert isinstance(found, Rejected), line
    assert found.reason is reason


def test_what_the_target_says_to_other_scanners_hides_nothing() -> None:
    for comment in ("# gitleaks:allow", "// nosec", "# pragma: allowlist secret", "// kingfisher:ignore"):
        assert outcome(fill('password = "{{password:12}}"  ', "1") + comment) == Confirmed()


def test_keywords_have_to_stand_on_the_lines_of_the_match() -> None:
    made = patterns.rule("[0-9a-f]{32}", keywords=("datadog",))
    value = fill("{{hex:32}}", "1")
    assert outcome(f"DataDog: {value}", made=made) == Confirmed()
    assert outcome(f"{value} # DATADOG", made=made) == Confirmed()
    assert outcome(f"datadog\n{value}\ndatadog", made=made) == Rejected(reason=Reason.NO_KEYWORD)
    assert outcome(f"datadog{'.' * 600}{value}", made=made) == Rejected(reason=Reason.NO_KEYWORD)


def test_entropy_is_that_of_the_token() -> None:
    made = patterns.rule("key=([a-z0-9]{16})", entropy=3.0)
    assert outcome(fill("key={{lowernum:16}}", "1"), made=made) == Confirmed()
    assert outcome("key=aaaaaaaabbbbbbbb", made=made) == Rejected(
        reason=Reason.LOW_ENTROPY, detail="1.00 bits a character"
    )


def test_a_check_that_fails_is_named_and_the_token_is_not() -> None:
    made = patterns.rule("(ghp_[A-Za-z0-9]{36})", checks=("github-crc32",))
    assert outcome(fill("{{github-crc32:ghp_}}", "1"), made=made) == Confirmed()
    assert outcome(fill("ghp_{{alnum:36}}", "1"), made=made) == Rejected(reason=Reason.CHECK, detail="github-crc32")


def test_the_published_prefix_is_no_part_of_what_is_judged() -> None:
    made = patterns.rule("(fake_sample_[a-z0-9]{16})", preview="fake_sample_", placeholders=True)
    assert outcome(fill("fake_sample_{{lowernum:16}}", "1"), made=made) == Confirmed()
    assert outcome("fake_sample_" + "a" * 16, made=made) == Rejected(reason=Reason.REPEATED)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("luhn", "4111111111111111", "4111111111111112"),
        ("jwt", "{{jwt}}", "eyJhbGciOiJIUzI1NiJ9.notjson.sig"),
        ("jwt", "{{jwt}}", "{{alnum:20}}.{{alnum:20}}.{{alnum:20}}"),
        ("base64", "{{base64:40}}", "{{base64:41}}"),
        ("base64-json", "{{base64-json:a}}", "{{base64:40}}"),
        ("not-uuid", "{{hex:32}}", "{{uuid}}"),
        ("not-hex", "{{alnum:40}}", "{{hex:40}}"),
        ("mixed", "{{alnum:40}}", "{{lower:40}}"),
        ("mixed", "a1", "12"),
        ("pem", "{{pem:EC}}", "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----"),
        ("pem", "{{pem:DSA}}", "-----BEGIN RSA PRIVATE KEY-----\n{{repeat:AAAA:30}}\n-----END RSA PRIVATE KEY-----"),
        ("pem", "{{pem:ENCRYPTED}}", "-----BEGIN PRIVATE KEY-----"),
        ("pem", "{{pem-line:OPENSSH}}", "{{base64:100}}"),
        ("github-crc32", "{{github-crc32:npm_}}", "npm_{{alnum:36}}"),
    ],
)
def test_named_checks(check: str, good: str, bad: str) -> None:
    assert CHECKS[check](fill(good, "5").encode())
    assert not CHECKS[check](fill(bad, "5").encode())


def test_a_key_with_headers_or_indentation_is_a_key() -> None:
    body = base64.b64encode(bytes(range(1, 200))).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    encrypted = ["-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00", "", *lines]
    assert CHECKS["pem"]("\n".join(encrypted).encode())
    indented = fill("{{pem:RSA}}", "1").replace("\n", "\n        ")
    assert CHECKS["pem"](indented.encode())
    assert CHECKS["pem"](fill("{{pem:RSA}}", "1").replace("\n", '\\n" +\n  "').encode())


def test_a_check_reads_on_behind_what_the_pattern_took() -> None:
    made = patterns.rule("(-----BEGIN RSA PRIVATE KEY-----)", checks=("pem",), placeholders=True)
    assert outcome("key:\n" + fill("{{pem:RSA}}", "1"), made=made) == Confirmed()


def test_random_tokens_are_not_taken_for_made_up_ones() -> None:
    choose = random.Random(11)
    for alphabet, length in [
        (string.hexdigits[:16], 32),
        (string.hexdigits[:16], 40),
        (string.hexdigits[:16], 64),
        (string.digits, 24),
        (string.ascii_letters + string.digits, 36),
        (string.ascii_uppercase + "234567", 16),
        (string.ascii_letters + string.digits + "+/", 88),
    ]:
        tokens = ("".join(choose.choice(alphabet) for _ in range(length)).encode() for _ in range(1000))
        rejected = [token for token in tokens if made_up(token)]
        assert len(rejected) <= 2, (alphabet, rejected)


def test_words_in_quotes_are_a_passphrase_unless_they_speak_of_secrets() -> None:
    assert no_value(b"correct-horse-battery", is_quoted=True, context=b"") is None
    assert no_value(b"user-password-field", is_quoted=True, context=b"") is Reason.NAME


@pytest.mark.parametrize(
    ("mark", "text", "found"),
    [
        ("//", "flaw(); flaw();", 2),
        ("//", "flaw(); // flaw();", 1),
        ("//", "    // flaw();\nflaw();", 1),
        ("//", "/* flaw(); */", 0),
        ("//", "/*\n * flaw();\n */", 0),
        ("//", "*flaw() * flaw();", 2),
        ("//", 'get("https://example.org", flaw());', 1),
        ("//", "a / b / flaw();", 1),
        ("#", "flaw(); flaw() # flaw()", 2),
        ("#", "# flaw()", 0),
        ("#", "a#b flaw()", 1),
        ("#", '"$#" flaw()', 1),
        ("", "// flaw(); # flaw()", 2),
    ],
)
def test_a_comment_holds_no_finding(mark: str, text: str, found: int) -> None:
    made = patterns.engine(patterns.rule(r"(flaw\(\))", comments=mark)).examine("main.rs", text.encode())
    assert sum(judged.outcome == Confirmed() for judged in made) == found
    assert {judged.outcome for judged in made} <= {Confirmed(), Rejected(reason=Reason.COMMENT)}


def test_base64_with_slashes_is_no_path() -> None:
    value = "/".join(fill(part, "0") for part in ("{{alnum:20#a}}", "{{alnum:16#b}}", "{{alnum:20#c}}")) + "=="
    assert no_value(value.encode(), is_quoted=True, context=b"") is None
    path = b"usr/local/lib/python3/site-packages/Foo/Bar"
    assert no_value(path, is_quoted=True, context=b"") is Reason.PATH


def test_a_commit_named_elsewhere_on_the_line_says_nothing_of_a_token() -> None:
    assert outcome(fill('{"commit": "1", "token": "{{hex:40}}"}', "0")) == Confirmed()


def test_a_uuid_is_an_identifier_where_its_name_says_so() -> None:
    value = fill("{{uuid}}", "0")
    for name, reason in (("client_secret_id = ", Reason.UUID), ('"secretId": ', None), ("client_secret = ", None)):
        assert no_value(value.encode(), is_quoted=True, context=f'{name}"{value}"'.encode()) is reason, name


def test_a_long_token_that_says_it_is_an_example_is_believed() -> None:
    for word in ("EXAMPLE", "placeholder", "xxxxxxxxxxxx"):
        assert made_up(fill(f"{{{{base64:120}}}}{word}{{{{base64:120}}}}", "0").encode()) is Reason.EXAMPLE
    assert made_up(fill("{{base64:400}}", "0").encode()) is None


def test_examples_that_everybody_copies_are_known_by_their_digest() -> None:
    # Put together here: this file holds none of them.
    basic = base64.b64encode(b"Aladdin:open sesame")
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    joe = base64.urlsafe_b64encode(b'{"iss":"joe","exp":1300819380}').rstrip(b"=")
    doe = base64.urlsafe_b64encode(b'{"sub":"1234567890","name":"John Doe","iat":1516239022}').rstrip(b"=")
    real = base64.urlsafe_b64encode(b'{"sub":"4711","name":"Mary Major","iat":1516239022}').rstrip(b"=")
    signature = fill("{{base64url:43}}", "0").encode()
    assert made_up(basic) is Reason.TEST_VECTOR
    assert made_up(b".".join((header, joe, signature))) is Reason.TEST_VECTOR
    assert made_up(b".".join((header, doe, signature))) is Reason.TEST_VECTOR
    assert made_up(b".".join((header, real, signature))) is None
