"""Why something that looks like a secret is none: it was made up for an example, or is no literal value at all."""

from __future__ import annotations

import enum
import itertools
import math
import re
from collections import Counter


class Reason(enum.Enum):
    """Why a candidate is no finding, in words that end the sentence "not reported, because ..."."""

    OTHER_FILE = "the rule does not look at files of this path or language"
    COMMENT = "it stands in a comment"
    NO_KEYWORD = "none of the rule's keywords stands on its line"
    CHECK = "it fails a check that every real one passes"
    LOW_ENTROPY = "it is too regular to be random"
    REPEATED = "it repeats a few characters"
    SEQUENCE = "it is a run of the alphabet, of digits or of the keyboard"
    EXAMPLE = "it says of itself that it is an example"
    TEMPLATE = "it is a placeholder that something fills in"
    ENVIRONMENT = "it is read from the environment or a secret store"
    EXPRESSION = "it is an expression of the program, not a literal value"
    NAME = "it is the name of something, not its value"
    PATH = "it is a path or an address"
    TEXT = "it is text for people"


_TEMPLATE = re.compile(
    rb"^[$%@#]?[{(\[<]|\$\{|\{\{|\$\(|#\{|<%|%[sdv(]|\{[A-Za-z_]*\}|(?<!\w)<[A-Za-z][\w .-]*>"
    rb"|^\$[A-Za-z_]\w*$|^%\w+%$"
)
# Words that no random token has by chance: a short one would reject one real token in a thousand.
_EXAMPLE = re.compile(
    rb"(?i)example|placeholder|change[-_]?(?:me|it|this)|redacted|dummy|sample[-_]|[-_]sample|replace[-_]?(?:me|with|this)"
    rb"|insert[-_]|your[-_]|(?:^|[-_ ])your|not[-_]?(?:real|a[-_]?secret)|fake|x{5,}|\*{3,}|\.{3,}|\xe2\x80\xa6"
    rb"|(?:^|[-_])(?:todo|fixme|tbd|invalid|mock)(?:$|[-_])"
)
_KEYBOARD = re.compile(rb"(?i)qwert(?:y|z)|asdfgh|zxcvbn|1q2w3e|letmein|deadbeef|cafebabe|0badc0de|badc0ffee")
_MIN_RUN = 6

_ENVIRONMENT = re.compile(
    rb"(?i)\b(?:process\.env|os\.environ|os\.getenv|getenv|env::var|env!|option_env!|std::env|dotenv|import\.meta\.env|env\.get"
    rb"|env\[|environ\[|system\.getenv|environment\.get|secrets?\.get|secrets\.[a-z]|vault[:.(]|keyring|getpass|ssm:|arn:aws)"
)
_CALL = re.compile(rb"[\w.:>]\(|\(\)|=>|->|::|&&|\|\||;$")
_DOTTED = re.compile(rb"[A-Za-z_$][\w$]*(?:(?:\.|\?\.|::|->)[A-Za-z_$][\w$]*)+(?:\[.*)?")
_CONSTANT = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{2,}")
_WORDS = re.compile(rb"[A-Za-z][a-z]*(?:[-_./: ]?[A-Za-z][a-z]*)*")
_CAMEL = re.compile(rb"[A-Z]?[a-z]{2,}(?:[A-Z][a-z]+)+")
_IDENTIFIER = re.compile(rb"[A-Za-z_]\w*")
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
    rb"^(?:\.{0,2}/|~/|[A-Za-z]:\\|file:|https?://[^:@/]*(?:/|$)|[\w.-]+(?:/[\w.-]+){2,}$)|\.(?:[a-z]{2,4}|json|yaml|toml|html)$"
)
_TYPE = re.compile(rb"^(?:&|&mut |Option<|Vec<|Box<|Arc<|impl |dyn |typing\.|str\b|String\b|SecretString\b)")


def made_up(token: bytes) -> Reason | None:
    """Why a token that a provider could have issued is certainly not one: a placeholder, an example, a pattern."""
    if _TEMPLATE.search(token) and not token.startswith(b"-----BEGIN"):
        return Reason.TEMPLATE
    if len(token) <= 200 and _EXAMPLE.search(token):
        return Reason.EXAMPLE
    if _is_repeated(token):
        return Reason.REPEATED
    if len(token) <= 200 and (_KEYBOARD.search(token) or _is_sequence(token)):
        return Reason.SEQUENCE
    return None


def no_value(token: bytes, *, is_quoted: bool, context: bytes) -> Reason | None:
    """Why what is assigned to a name like `password` is no secret in itself.

    `context`: what follows on the line from where the rule's match starts; `is_quoted`: the token stands in quotes.
    """
    if _ENVIRONMENT.search(token if is_quoted else context):
        return Reason.ENVIRONMENT
    if token.lower() in _NO_VALUE:
        return Reason.NAME
    if any(byte > 127 for byte in token) or token.count(b" ") > 1:
        return Reason.TEXT
    if _PATH.search(token):
        return Reason.PATH
    if _CONSTANT.fullmatch(token):
        return Reason.NAME
    if not is_quoted and (
        _CALL.search(token) or _DOTTED.fullmatch(token) or _TYPE.search(token) or _follows_call(token, context)
    ):
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
    longest = 1
    for step in (1, -1):
        run = 1
        for before, after in itertools.pairwise(token):
            run = run + 1 if after - before == step and chr(after).isalnum() else 1
            longest = max(longest, run)
    # Six in a row are no accident in sixteen characters; in forty hexadecimal ones they may be.
    return longest >= max(_MIN_RUN, min(len(token) // 4, 12))
