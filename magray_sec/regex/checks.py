"""Named confirmations: what only a real token of a format has. A pack names them under `checksum`."""

from __future__ import annotations

import base64
import binascii
import json
import re
import string
import zlib
from collections.abc import Callable, Mapping

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CRC_DIGITS = 6
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(rb"(?:0x)?[0-9a-fA-F]+")
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{0,60}?)-----")
_PEM_END = re.compile(rb"-----END|\Z")
_PEM_NOISE = re.compile(rb"\\[nrt]|[\s\"'+,;\\]")
_PEM_HEADERS = re.compile(rb"(?:^|\n|\\n)[ \t]*[A-Za-z-]{2,40}: [^\n\\]*")
_BODY_READ = 400


def crc32_base62(body: bytes) -> str:
    """The check sum that GitHub and npm put behind a token's `body`: its CRC-32 in base 62, six characters."""
    number, text = zlib.crc32(body), ""
    while number:
        number, digit = divmod(number, 62)
        text = _BASE62[digit] + text
    return text.rjust(_CRC_DIGITS, "0")


def _github_crc32(token: bytes) -> bool:
    body = token.rpartition(b"_")[2]
    return len(body) > _CRC_DIGITS and crc32_base62(body[:-_CRC_DIGITS]).encode() == body[-_CRC_DIGITS:]


def _luhn(token: bytes) -> bool:
    digits = [byte - 0x30 for byte in token if 0x30 <= byte <= 0x39]
    doubled = [digit * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return len(digits) > 1 and sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def _decoded(token: bytes) -> bytes | None:
    """The bytes that base64 (of either alphabet, padded or not) stands for; None where it is none."""
    text = token.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _json_object(data: bytes | None) -> dict[str, object] | None:
    if data is None or not data.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _base64(token: bytes) -> bool:
    return _decoded(token) is not None


def _base64_json(token: bytes) -> bool:
    return _json_object(_decoded(token)) is not None


def _jwt(token: bytes) -> bool:
    parts = token.split(b".")
    header = _json_object(_decoded(parts[0])) if len(parts) in (3, 5) else None
    if header is None or not isinstance(header.get("alg"), str):
        return False
    # Of an encrypted token (five parts) only the header can be read.
    return len(parts) == 5 or _json_object(_decoded(parts[1])) is not None


def _pem(token: bytes) -> bool:
    r"""A key block whose body decodes to what its label says: DER, an OpenSSH key, a PGP packet.

    The block may stand on one line with `\n` written out, and may be cut: its first bytes decide.
    """
    label = _PEM.search(token)
    if label is None:
        return False
    end = _PEM_END.search(token, label.end())
    body = token[label.end() : end.start() if end else len(token)]
    is_encrypted = b"ENCRYPTED" in body[:200]
    body = _PEM_NOISE.sub(b"", _PEM_HEADERS.sub(b"", body))[:_BODY_READ]
    body = body.partition(b"=")[0]
    data = _decoded(body[: len(body) // 4 * 4])
    if not data or len(body) < 24:
        return False
    if b"PGP" in label[1]:
        return bool(data[0] & 0x80)
    if label[1].startswith(b"OPENSSH"):
        return data.startswith(b"openssh-key-v1")
    # What is encrypted by the old `Proc-Type` header is no DER before it is decrypted.
    return is_encrypted or data[0] == 0x30


def _not_uuid(token: bytes) -> bool:
    return _UUID.fullmatch(token) is None


def _not_hex(token: bytes) -> bool:
    return _HEX.fullmatch(token) is None


def _mixed(token: bytes) -> bool:
    return any(0x30 <= byte <= 0x39 for byte in token) and any(chr(byte).isalpha() for byte in token if byte < 128)


CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    "github-crc32": _github_crc32,
    "luhn": _luhn,
    "jwt": _jwt,
    "pem": _pem,
    "base64": _base64,
    "base64-json": _base64_json,
    "not-uuid": _not_uuid,
    "not-hex": _not_hex,
    "mixed": _mixed,
}
"""By name: whether a token passes."""
