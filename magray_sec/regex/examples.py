r"""Templates of secrets, filled by a seeded generator: no secret-looking text lies in a repository.

`token = "ghp_{{alnum:36}}"` is a template. What fills it depends on the seed alone, has all the entropy its alphabet
allows, and never looks like a placeholder. Known templates:

    {{alnum:N}} {{lower:N}} {{upper:N}} {{digit:N}} {{hex:N}} {{HEX:N}}      N characters of that alphabet
    {{lowernum:N}} {{uppernum:N}} {{base32:N}} {{base58:N}} {{base64:N}} {{base64url:N}}
    {{password:N}}              letters, digits and a mark, the way a person chooses
    {{word:N}}                  lower-case words joined by `_`, N of them: what is no secret
    {{repeat:TEXT:N}}           TEXT N times
    {{uuid}}                    a random UUID
    {{luhn:N}}                  N digits whose last is the Luhn check digit
    {{jwt}}                     a signed JSON Web Token
    {{pem:KIND}}                a private key block: RSA, EC, DSA, OPENSSH, PKCS8, ENCRYPTED, PGP
    {{pem-line:KIND}}           the same on one line, with `\n` written out
    {{github-crc32:PREFIX}}     PREFIX, 30 characters and their check sum
    {{grafana}}                 a service account token of Grafana
    {{atlassian:PREFIX}}        PREFIX, 170 characters, `=` and the check sum of all that
    {{cloudflare:PREFIX}}       PREFIX, 40 characters and their check sum
    {{wif}} {{xprv}}            a private key of Bitcoin, an extended one
    {{phrase:N}}                a recovery phrase of N words
    {{base64-pem:KIND}}         base64 of {{pem:KIND}}
    {{base64-jwt}}              base64 of {{jwt}}
    {{base64-json:KEYS}}        base64 of a JSON object with these comma-separated keys
    {{base64-of:TEXT}}          base64 of TEXT; each `*` in it stands for 20 random characters

The first `{{hex:32}}` of a text is the same as the first of another text filled with the same seed, the second the same
as the second; `{{hex:32#db}}`, with a label, is the same wherever it stands. Text in double braces that is no template
and has no colon (`{{ password }}`) stays as it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import string
import uuid
from collections import Counter
from collections.abc import Callable, Mapping

from magray_sec.regex.checks import base58check, crc32_base62, crc32_hex
from magray_sec.regex.doubt import made_up

_TEMPLATE = re.compile(r"\{\{([A-Za-z0-9-]+)(?::([^{}#]*))?(#\w+)?\}\}")
_ALNUM = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ALPHABETS: Mapping[str, str] = {
    "alnum": _ALNUM,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digit": string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "lowernum": string.ascii_lowercase + string.digits,
    "uppernum": string.ascii_uppercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base58": "".join(letter for letter in _ALNUM if letter not in "0OIl"),
    "base64": _ALNUM + "+/",
    "base64url": _ALNUM + "-_",
}
_WORDS = ("user", "name", "host", "label", "count", "index", "value", "path", "size", "color", "width", "title", "page")
_PHRASE = tuple(
    word.decode("ascii")
    for word in (
        b"abandon amount arena basic bench bridge canyon carbon cinnamon cradle debris dolphin eager elbow fabric"
        b" ginger harvest hybrid island jungle kitten ladder lemon magnet mosquito nephew oblige orchard parrot quantum"
        b" raven salmon scatter timber umbrella velvet walnut yellow zebra zone"
    ).split()
)
_PEM = {
    "RSA": "RSA PRIVATE KEY",
    "EC": "EC PRIVATE KEY",
    "DSA": "DSA PRIVATE KEY",
    "OPENSSH": "OPENSSH PRIVATE KEY",
    "PKCS8": "PRIVATE KEY",
    "ENCRYPTED": "ENCRYPTED PRIVATE KEY",
    "PGP": "PGP PRIVATE KEY BLOCK",
}
_MOST = 100_000


class TemplateError(ValueError):
    """A template is not one of those known, or its argument is off; the message says which and what to write."""


def fill(template: str, seed: str) -> str:
    """`template` with its templates filled, the same for the same seed. TemplateError for one that is not known."""
    seen: Counter[str] = Counter()

    def replace(match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if name not in _MAKERS and name not in _ALPHABETS:
            if argument is None:
                return match[0]
            raise TemplateError(f"unknown template {match[0]}; known are {', '.join(sorted({*_MAKERS, *_ALPHABETS}))}")
        stream = _Stream(f"{seed}\0{match[0]}\0{seen[match[0]]}")
        if match[3] is None:
            seen[match[0]] += 1
        if name in _ALPHABETS:
            return _convincing(lambda: stream.draw(_ALPHABETS[name], _length(match[0], argument)))
        return _MAKERS[name](stream, argument, match[0])

    return _TEMPLATE.sub(replace, template)


class _Stream:
    """Random choices that a seed decides, the same on every Python."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode("utf-8", "surrogateescape")
        self._block = 0
        self._bytes = b""

    def bytes(self, length: int) -> bytes:
        """The next `length` bytes."""
        while len(self._bytes) < length:
            self._bytes += hashlib.sha512(self._seed + self._block.to_bytes(8, "big")).digest()
            self._block += 1
        taken, self._bytes = self._bytes[:length], self._bytes[length:]
        return taken

    def below(self, limit: int) -> int:
        """A number from 0 up to `limit`, exclusive."""
        return int.from_bytes(self.bytes(8), "big") % limit

    def draw(self, alphabet: str, length: int) -> str:
        """`length` characters; none comes again before all others did, which is as much entropy as there can be."""
        text: list[str] = []
        while len(text) < length:
            rest = list(alphabet)
            while rest and len(text) < length:
                text.append(rest.pop(self.below(len(rest))))
        return "".join(text)


def _convincing(make: Callable[[], str]) -> str:
    """What `make` makes, made again as long as it happens to look like a placeholder (short texts always may)."""
    text = make()
    for _ in range(50):
        if len(text) < 6 or not made_up(text.encode()):
            break
        text = make()
    return text


def _length(template: str, argument: str | None) -> int:
    if argument is None or not argument.isascii() or not argument.isdigit() or not 0 < int(argument) <= _MOST:
        raise TemplateError(f"{template} needs a length, such as {template[:-2].partition(':')[0]}:32}}}}")
    return int(argument)


def _repeat(_: _Stream, argument: str | None, template: str) -> str:
    parts = (argument or "").rpartition(":")
    if not parts[0]:
        raise TemplateError(f"{template} needs a text and a count, such as {{{{repeat:x:36}}}}")
    return parts[0] * _length(template, parts[2])


def _uuid(stream: _Stream, _: str | None, __: str) -> str:
    return _convincing(lambda: str(uuid.UUID(bytes=stream.bytes(16), version=4)))


def _luhn(stream: _Stream, argument: str | None, template: str) -> str:
    length = _length(template, argument)
    return _convincing(lambda: _with_check_digit("4" + stream.draw(string.digits, length)[2:length]))


def _with_check_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return digits + str(-total % 10)


def _password(stream: _Stream, argument: str | None, template: str) -> str:
    length = _length(template, argument)
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!#%+*^")

    def make() -> str:
        text = "".join(stream.draw(kinds[index % len(kinds)], 1) for index in range(min(length, len(kinds))))
        return text + stream.draw(_ALNUM, length - len(text))

    return _convincing(make)


def _word(stream: _Stream, argument: str | None, template: str) -> str:
    return "_".join(_WORDS[stream.below(len(_WORDS))] for _ in range(_length(template, argument)))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _jwt(stream: _Stream, _: str | None, __: str) -> str:
    header = {"alg": "HS256", "typ": "JWT"}
    payload = {"sub": str(stream.below(10**10)), "name": stream.draw(string.ascii_lowercase, 8), "iat": 1_700_000_000}
    parts = [_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload)]
    return ".".join([*parts, _base64url(stream.bytes(32))])


def _pem(stream: _Stream, argument: str | None, template: str) -> str:
    kind = argument or "RSA"
    if kind not in _PEM:
        raise TemplateError(f"{template}: the kinds of key are {', '.join(_PEM)}")
    label = _PEM[kind]
    if kind == "OPENSSH":
        body = b"openssh-key-v1\0" + b"\0\0\0\x04none" + stream.bytes(300)
    elif kind == "PGP":
        body = b"\x95" + stream.bytes(300)
    else:
        inside = b"\x02\x01\x00" + stream.bytes(597)
        body = b"\x30\x82" + len(inside).to_bytes(2, "big") + inside
    text = base64.b64encode(body).decode("ascii")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    if kind == "PGP":
        lines = ["", *lines]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])


def _pem_line(stream: _Stream, argument: str | None, template: str) -> str:
    return _pem(stream, argument, template).replace("\n", "\\n")


def _github(stream: _Stream, argument: str | None, template: str) -> str:
    if not argument:
        raise TemplateError(f"{template} needs a prefix, such as {{{{github-crc32:ghp_}}}}")
    body = _convincing(lambda: stream.draw(_ALNUM, 30))
    return argument + body + crc32_base62(body.encode("ascii"))


def _grafana(stream: _Stream, _: str | None, __: str) -> str:
    body = "glsa_" + _convincing(lambda: stream.draw(_ALNUM, 32))
    return f"{body}_{crc32_hex(body.encode('ascii'), 'little')}"


def _atlassian(stream: _Stream, argument: str | None, template: str) -> str:
    if not argument:
        raise TemplateError(f"{template} needs a prefix, such as {{{{atlassian:ATATT3xFfGF0}}}}")
    body = argument + _convincing(lambda: stream.draw(_ALNUM, 170)) + "="
    return body + crc32_hex(body.encode("ascii")).upper()


def _cloudflare(stream: _Stream, argument: str | None, template: str) -> str:
    if not argument:
        raise TemplateError(f"{template} needs a prefix, such as {{{{cloudflare:cfut_}}}}")
    body = _convincing(lambda: stream.draw(_ALNUM, 40))
    return argument + body + crc32_hex(body.encode("ascii"))


def _wif(stream: _Stream, _: str | None, __: str) -> str:
    return base58check(b"\x80" + stream.bytes(32) + b"\x01")


def _xprv(stream: _Stream, _: str | None, __: str) -> str:
    return base58check(bytes.fromhex("0488ade4") + stream.bytes(74))


def _phrase(stream: _Stream, argument: str | None, template: str) -> str:
    length = _length(template, argument)
    words: list[str] = []
    while len(words) < length:
        rest = list(_PHRASE)
        while rest and len(words) < length:
            words.append(rest.pop(stream.below(len(rest))))
    return " ".join(words)


def _base64_pem(stream: _Stream, argument: str | None, template: str) -> str:
    return base64.b64encode(_pem(stream, argument, template).encode()).decode("ascii")


def _base64_jwt(stream: _Stream, argument: str | None, template: str) -> str:
    return base64.b64encode(_jwt(stream, argument, template).encode()).decode("ascii")


def _base64_json(stream: _Stream, argument: str | None, _: str) -> str:
    keys = [key for key in (argument or "").split(",") if key] or ["key"]
    document = {key: stream.draw(_ALNUM, 32) for key in keys}
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode("ascii")


def _base64_of(stream: _Stream, argument: str | None, _: str) -> str:
    text = re.sub(r"\*", lambda _: _convincing(lambda: stream.draw(_ALNUM, 20)), argument or "*")
    return base64.b64encode(text.encode()).decode("ascii")


_MAKERS: Mapping[str, Callable[[_Stream, str | None, str], str]] = {
    "repeat": _repeat,
    "uuid": _uuid,
    "luhn": _luhn,
    "password": _password,
    "word": _word,
    "jwt": _jwt,
    "pem": _pem,
    "pem-line": _pem_line,
    "github-crc32": _github,
    "grafana": _grafana,
    "atlassian": _atlassian,
    "cloudflare": _cloudflare,
    "wif": _wif,
    "xprv": _xprv,
    "phrase": _phrase,
    "base64-pem": _base64_pem,
    "base64-jwt": _base64_jwt,
    "base64-json": _base64_json,
    "base64-of": _base64_of,
}
