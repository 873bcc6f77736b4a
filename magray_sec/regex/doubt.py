"""Why something that looks like a secret is none: it was made up for an example, or is no literal value at all."""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import itertools
import math
import re
import string
from collections import Counter


class Reason(enum.Enum):
    """Why a candidate is no finding, in words that end the sentence "not reported, because ..."."""

    OTHER_FILE = "the rule does not look at files of this path or language"
    COMMENT = "it stands in a comment"
    MINIFIED = "its file is minified: on lines of that length secrets alone are looked for"
    NO_KEYWORD = "none of the rule's keywords stands near it"
    EXEMPT = "the rule's pack says that it is no finding (`reject`)"
    CHECK = "it fails a check that every real one passes"
    LOW_ENTROPY = "it is too regular to be random"
    REPEATED = "it repeats a few characters"
    SEQUENCE = "it is a run of the alphabet, of digits or of the keyboard"
    EXAMPLE = "it says of itself that it is an example"
    TEST_VECTOR = "it is an example of a documentation that many copy"
    TEMPLATE = "it is a placeholder that something fills in"
    ENVIRONMENT = "it is read from the environment or a secret store"
    EXPRESSION = "it is an expression of the program, not a literal value"
    NAME = "it is the name of something, not its value"
    PATH = "it is a path or an address"
    COMMIT = "it is the name of a commit"
    HASH = "it is a check sum, as lock files hold them"
    UUID = "it is an identifier, a UUID"
    TEXT = "it is text for people"


_TEMPLATE = re.compile(
    rb"^[$%@#]?[{(\[<]|\$\{|\{\{|\$\(|#\{|<%|%[sdv(]|\{[A-Za-z_]*\}|(?<!\w)<[A-Za-z][\w .-]*>"
    rb"|^\$[A-Za-z_]\w*$|^%\w+%$"
)
# Words that no random token has by chance: a short one would reject one real token in a thousand.
_EXAMPLE = re.compile(
    rb"(?i)example|placeholder|change[-_]?(?:me|it|this)|redacted|dummy|sample[-_]|[-_]sample|replace[-_]?(?:me|with|this)"
    rb"|insert[-_]|your[-_]|(?:^|[-_ ])your|not[-_]?(?:real|a[-_]?secret)|(?-i:[Ff]ake|FAKE)|x{5,}|\*{3,}|\.{3,}"
    rb"|\xe2\x80\xa6|(?:generate|put|enter|paste)[-_](?:me|an?|the|your|here|this|it)|_[0-9]+_(?:char|byte)s?"
    rb"|(?:^|[-_])(?:todo|fixme|tbd|invalid|mock)(?:$|[-_])"
)
# In base64 of any length: nothing shorter.
_LONG_EXAMPLE = re.compile(rb"EXAMPLE|(?i:placeholder|your[-_]?api|redacted)|x{12,}")
# The first digits of the SHA-256 of examples that documentations print and many programs copy: of RFC 6749, 6750 and
# 7617, jwt.io, cargo, Stripe, Slack, SendGrid, Telegram, Discord, GitHub, Cloudflare, the emulators of Azure, the
# development accounts of Ethereum, the test vectors of Bitcoin and the test keys of captchas.
_TEST_VECTORS = frozenset(
    (
        b"7f75367e78812551 cf4d418ed3de92d7 73f71af093fdf154 ca7459e2b26776de 584b27d64ebc1b33 687da00b09c83361"
        b" 99d1c9514e01d350 b8e148545b13c78b 6c96130f130ab0d6 00cf4c781dc37003 ad71fb4165536675 9e309cccd311ea64"
        b" c6526b2c498c4e92 53f5da0aaa93d64c e9974c507d2a8021 a35b81a7d7927b70 a71b359a87afde13 2cafc0970149a84f"
        b" f2d6ca16515033e5 7e8de44ea9ecf6d5 2d1f7723aabc5c7a 1ecaab924692dd89 0d7e920845ed3423 2f3227eccce10b91"
        b" 02091175c1ae3023 0b5dd075ccdd03c4 1bdd8b611f674e61 02f7ce3c263f85c0 bc3ae723f57c6b9e 82e74299544e0073"
        b" 3543c50b0cb9cea8 797c0ce414586cc8 0011cc25eb432071 aa6547439583c3a2 0fff9ee671b05ea2 fb8f35129df87662"
        b" f5e95c9954635b65 03b970ed8171d73b 60a09e4357868c1e bc1a50966c9e6486 095101cf732c298a 8335c55334821eef"
        b" bb4978fbe7638de8 424742fc6538f5e7 578592185588730b 9d6a2b9d1f01d457 cdfce49713b0b848 110040843c3adf0d"
        b" 63d25a1eb677d096 2243ae4c73014469 fa146b83df550394 ecb0e7ba498c5920 c6ea27c534f993d3 e21b597ba6b9cafa"
        b" 9c846fdf0fa8955c aca406a80977f7b5 5e6a8235e121de87 5d7b5f2a9e44137c ad62d48d8b069026 3c14aab79351be94"
    ).split()
)
_DIGEST = 16
_RANDOM, _RANDOM_BITS = 32, 4.5
# What a signed token says when it was made for a documentation.
_TEST_CLAIMS = re.compile(rb'"sub":\s?"1234567890".{0,20}"John Doe"|"iss":\s?"joe"')
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,400}={0,2}")
_KEYBOARD = re.compile(rb"(?i)qwert(?:y|z)|asdfgh|zxcvbn|1q2w3e|letmein|deadbeef|cafebabe|0badc0de|badc0ffee")
_MIN_RUN = 6
# The alphabet with digits strewn in.
_ALPHABET_RUNS = tuple(string.ascii_lowercase[at : at + 9].encode() for at in range(18))

_ENVIRONMENT = re.compile(
    rb"(?i)\b(?:process\.env|os\.environ|os\.getenv|getenv|env::var|env!|option_env!|std::env|dotenv|import\.meta\.env|env\.get"
    rb"|env\[|environ\[|system\.getenv|environment\.get|secrets?\.get|secrets\.[a-z]|vault[:.(]|keyring|getpass|ssm:|arn:aws)"
)
# An address of a secret store, or what a tool encrypted: who reads it learns where the secret is, or nothing.
_REFERENCE = re.compile(
    rb"(?i)(?:op|ref\+\w+|[a-z-]*vault|sops|ssm|sm|gsm|kms|env|file|key-?ring|secrets?(?:-?manager|-?ref)?|key-?chain|doppler|infisical"
    rb"|conjur|bw|pass|akv|aws-?sm|parameter-?store|credhub|enc|cipher|encrypted|sealed|age|jasypt)(?:://?|:(?=[\w/.-]+[/#:.])|[\[(])"
    rb"|@Microsoft\.KeyVault\(|AQICAH[\w+/=]{60,}|AgA[A-Za-z0-9+/=]{300,}"
    rb"|projects/[\w-]+/secrets/"
)
# What a password was turned into by a function that nobody turns back.
_PASSWORD_HASH = re.compile(
    rb"\$(?:2[abxy]?|argon2(?:id?|d)|[1567y]|apr1|pbkdf2[\w-]*|scrypt|s0|P|H)\$|(?:pbkdf2|bcrypt|argon2|scrypt)[\w-]*[$:]|(?i:SCRAM-SHA-)"
    rb"|\{(?:SSHA|SHA|MD5|CRYPT|bcrypt)[\w-]*\}|md5[0-9a-f]{32}\Z|\*[0-9A-F]{40}\Z|sha(?:256|512)\$"
)
_CALL = re.compile(rb"[\w.:>]\(|\(\)|=>|->|::|&&|\|\||;$")
_DOTTED = re.compile(rb"[A-Za-z_$][\w$]*(?:(?:\.|\?\.|::|->)[A-Za-z_$][\w$]*)+(?:\[.*)?")
# No program calls anything by such a name: `beacon5775`, `sp1d3r`.
_ODD_NAME = re.compile(rb"(?<!sha)(?<!SHA)(?<!utf)[0-9]{3,}[A-Za-z]?\Z|[a-z][0-9][a-z]{1,3}[0-9]")
_CONSTANT = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{2,}")
_WORDS = re.compile(rb"[A-Za-z][a-z]*(?:[-_./: ]?[A-Za-z][a-z]*)*")
_CAMEL = re.compile(rb"[A-Z]?[a-z]{2,}(?:[A-Z][a-z]+)+")
_IDENTIFIER = re.compile(rb"[A-Za-z_]\w*")
# The time in its first ten characters is one of this century.
_ULID = re.compile(rb"01[0-9A-HJKMNP-TV-Z]{24}")
_EXCLAMATION = re.compile(rb"[A-Za-z]{3,}(?:[-_'][A-Za-z]{2,})*[!?:.]{1,3}")
_SAYS_PASSWORD = re.compile(rb"[a-z_-]*(?:password|passwd|passphrase)[a-z_-]*[0-9]{0,2}")
_CREDENTIAL_WORD = re.compile(
    rb"(?i)pass(?:word|wd|phrase)?|secret|token|api[-_]?key|key|auth|credential|user|name|field|header|param|login|hash"
    rb"|config|value|string|type|input|output|default|null|none|true|false|undefined|required|optional|test|prompt|reset"
)
_NO_VALUE = frozenset(
    b"string str text bytes int integer number bool boolean any object null none nil true false undefined"
    b" required optional password passwd secret token apikey api_key foo bar baz foobar test testing tests default"
    b" empty unset admin root user username guest public private anonymous hunter2 mypassword mysecret mytoken"
    b" password1 password123 passw0rd test123 test1234 testpass testpassword secret123 pass123 hello world"
    b" helloworld".split()
)
_PATH = re.compile(
    rb"^(?:\.{0,2}/|~/|\*\*/|localhost:[0-9]{2,5}$|[A-Za-z]:\\|file:|[A-Za-z][\w+.-]{1,20}://[^\s:@/]*(?::[0-9]{1,5})?(?:/|$)|[\w.-]+(?:/[\w.-]+){2,}$)|\.(?:[a-z]{2,4}|json|yaml|toml|html)$"
)
_TYPE = re.compile(rb"^(?:&|&mut |Option<|Vec<|Box<|Arc<|impl |dyn |typing\.|str\b|String\b|SecretString\b)")


_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COMMIT_NAME = re.compile(
    rb"(?i)(?:^|[^a-z])(?:commit|rev|revision|sha1?|git_?ref|tree)(?![a-z])|[a-z](?:Commit|Rev|Revision|Sha)(?![a-z])"
)
_HASH_NAME = re.compile(
    rb"(?i)(?:^|[^a-z])(?:hash|digest|checksum|integrity|fingerprint|etag|md5|sha(?:1|224|256|384|512))(?![a-z])|[a-z](?:Hash|Digest)(?![a-z])"
)
_HASH = re.compile(rb"(?:sha(?:1|224|256|384|512)|md5|h1|blake2[bs]?|crc32c?)[-:=][A-Za-z0-9+/=_-]{16,}")
_NAME_END = re.compile(rb"[\w.-]*\Z")
# Tokens that pages, retries and browsers are kept apart by, that check who owns a host, or that a text is split into;
# and what a handshake works out on the way.
_PUBLIC_NAME = re.compile(
    rb"(?i)(?:next|prev(?:ious)?|page|pagination|continuation|request|idempotency|sync|resume|cursor|marker|csrf|xsrf|pad|bos|eos|sep"
    rb"|unk|cls|mask|site-?verification|starting|upload-?id|delta|skip|forward|backward|change)[_-]?token|(?:exporter|handshake|traffic"
    rb"|early|premaster|resumption)[_-]?(?:master[_-]?)?secret"
)
_ID_NAME = re.compile(rb"(?i)(?:uuid|guid|(?:^|[^a-z])id|[a-z]_id)[\"'`\])]{0,2}\s{0,4}(?:[:=]|=>)")


def made_up(token: bytes, *, whole: bytes = b"") -> Reason | None:
    """Why a token that a provider could have issued is certainly not one: a placeholder, an example, a pattern.

    `whole`: the token with the prefix that it has lost, where it had one.
    """
    for text in (token, whole) if whole else (token,):
        if hashlib.sha256(text).hexdigest()[:_DIGEST].encode() in _TEST_VECTORS or _holds_test_claims(text):
            return Reason.TEST_VECTOR
    if _TEMPLATE.search(token) and not token.startswith(b"-----BEGIN"):
        return Reason.TEMPLATE
    if (_EXAMPLE if len(token) <= 200 else _LONG_EXAMPLE).search(token):
        return Reason.EXAMPLE
    if _is_repeated(token):
        return Reason.REPEATED
    if len(token) <= 200 and (_KEYBOARD.search(token) or _is_sequence(token)):
        return Reason.SEQUENCE
    inside = _plain(token)
    if inside is not None and (_EXAMPLE.search(inside) or inside.rpartition(b":")[2].strip().lower() in _NO_VALUE):
        return Reason.EXAMPLE
    return None


def no_value(
    token: bytes, *, is_quoted: bool, context: bytes, before: bytes = b"", is_literal: bool = False
) -> Reason | None:
    """Why what is assigned to a name like `password` is no secret in itself.

    `context`: what follows on the line from where the rule's match starts; `before`: what stands on it before that;
    `is_quoted`: the token stands in quotes; `is_literal`: it is a part of something that does, of an address or of an
    element's text.
    """
    if _ENVIRONMENT.search(token if is_quoted else context):
        return Reason.ENVIRONMENT
    if _REFERENCE.match(token):
        return Reason.ENVIRONMENT
    if token.lower() in _NO_VALUE:
        return Reason.NAME
    if any(byte > 127 for byte in token) or token.count(b" ") > 1:
        return Reason.TEXT
    if _PATH.search(token) and not _is_random(token):
        return Reason.PATH
    name = _NAME_END.findall(before)[0] + context[: max(0, context.find(token))]
    if _HASH.fullmatch(token) or _PASSWORD_HASH.match(token):
        return Reason.HASH
    if _HEXADECIMAL.fullmatch(token) and _HASH_NAME.search(name):
        return Reason.HASH
    if _HEXADECIMAL.fullmatch(token) and _COMMIT_NAME.search(name):
        return Reason.COMMIT
    if _UUID.fullmatch(token) and _ID_NAME.search(name):
        return Reason.UUID
    if _ULID.fullmatch(token):
        return Reason.UUID
    if _EXCLAMATION.fullmatch(token):
        return Reason.TEXT
    if _PUBLIC_NAME.search(name) or _SAYS_PASSWORD.fullmatch(token):
        return Reason.NAME
    if _CONSTANT.fullmatch(token) or _echoes(name, token):
        return Reason.NAME
    if not (is_quoted or is_literal) and _is_expression(token, context):
        return Reason.EXPRESSION
    if not is_quoted and _IDENTIFIER.fullmatch(token) and not any(0x30 <= byte <= 0x39 for byte in token):
        return Reason.NAME
    if _CAMEL.fullmatch(token) or _WORDS.fullmatch(token):
        # Words alone may be a passphrase; with one that speaks of secrets they name one.
        return Reason.NAME if _CREDENTIAL_WORD.search(token) or b" " in token else None
    return None


def entropy(token: bytes) -> float:
    """Shannon's, in bits a character."""
    length = len(token)
    return -sum(count / length * math.log2(count / length) for count in Counter(token).values()) if length else 0.0


def _is_random(token: bytes) -> bool:
    """Whether it is base64 of something random, which may hold a slash or two as paths do."""
    kinds = (bytes.isdigit, bytes.isupper, bytes.islower)
    has_all = all(any(kind(token[at : at + 1]) for at in range(len(token))) for kind in kinds)
    return len(token) >= _RANDOM and has_all and bool(_BASE64.fullmatch(token)) and entropy(token) >= _RANDOM_BITS


def _echoes(name: bytes, token: bytes) -> bool:
    """Whether the token is little more than the last word of what stands before it: `encryptionKey: encryptionKey2`."""
    words = _IDENTIFIER.findall(name)
    last = words[-1].lower() if words else b""
    return len(last) >= _MIN_RUN and token.lower().startswith(last) and len(token) <= len(last) + _MIN_RUN


def _plain(token: bytes) -> bytes | None:
    """The text that base64 stands for; None where it stands for anything but text that can be typed."""
    if not _BASE64.fullmatch(token):
        return None
    text = token.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if all(0x20 <= byte < 0x7F or byte in b"\r\n\t" for byte in data) else None


def _holds_test_claims(token: bytes) -> bool:
    """Whether it is a signed token of jwt.io or RFC 7519: John Doe, or joe."""
    if not token.startswith(b"eyJ"):
        return False
    inside = _plain(token.split(b".")[1]) if token.count(b".") == 2 else None
    return inside is not None and bool(_TEST_CLAIMS.search(inside))


def _is_expression(token: bytes, context: bytes) -> bool:
    """Whether a program computes it: a call, a chain of names, a type."""
    if _DOTTED.fullmatch(token):
        return not _ODD_NAME.search(token)
    return bool(_CALL.search(token) or _TYPE.search(token) or _follows_call(token, context))


def _follows_call(token: bytes, context: bytes) -> bool:
    """Whether the token is followed by a call or an index on its line."""
    at = context.find(token)
    return at >= 0 and context[at + len(token) : at + len(token) + 1] in (b"(", b"[", b".")


def _is_repeated(token: bytes) -> bool:
    length = len(token)
    if length < _MIN_RUN:
        return False
    distinct = len(set(token))
    if distinct <= min(length // 5, 6):
        return True
    if _longest_run(token) >= max(_MIN_RUN, length // 3 if length > 100 else _MIN_RUN):
        return True
    # A block that comes again and again, the last time cut.
    return any(
        token == (token[:period] * (length // period + 1))[:length]
        for period in range(1, min(length // (2 if length >= 16 else 3), 64) + 1)
    )


def _longest_run(token: bytes) -> int:
    longest = run = 1
    for before, after in itertools.pairwise(token):
        run = run + 1 if before == after else 1
        longest = max(longest, run)
    return longest


def _is_sequence(token: bytes) -> bool:
    """Whether in a good part of it each letter or digit follows the one before, up or down: `abcdef`, `987654`."""
    letters = bytes(byte for byte in token.lower() if 0x61 <= byte <= 0x7A)
    if any(run in letters for run in _ALPHABET_RUNS):
        return True
    longest = 1
    for step in (1, -1):
        run = 1
        for before, after in itertools.pairwise(token):
            run = run + 1 if after - before == step and chr(after).isalnum() else 1
            longest = max(longest, run)
    # Six in a row are no accident in sixteen characters; in forty hexadecimal ones they may be.
    return longest >= max(_MIN_RUN, min(len(token) // 4, 12))
