"""Named confirmations: what only a real token of a format has. A pack names them under `checksum`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import string
import zlib
from collections.abc import Callable, Mapping
from typing import Literal

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CRC_DIGITS = 6
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(rb"(?:0x)?[0-9a-fA-F]+")
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{0,60}?)-----")
_PEM_END = re.compile(rb"-----END|\Z")
_PEM_NOISE = re.compile(rb"\\[nrt]|[\s\"'+,;\\]")
_PEM_HEADERS = re.compile(rb"(?:^|\n|\\n)[ \t]*[A-Za-z-]{2,40}: [^\n\\]*")
_BODY_READ = 400
_MARK = re.compile(rb"[^\w+/=.-]")
_LEAST_VALUE = 5
_SETTING = re.compile(
    rb"(?:[A-Za-z]+(?:[-_ .][A-Za-z]+)*|[\d.,:-]+|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}(?::\d+)?|[\w.-]+:\d+"
    rb"|[A-Za-z][\w+.-]*://[^\s:@/]*(?::\d+)?(?:/[^\s@?]*)?|[\w.+-]+@[\w.-]+|(?:/[\w.-]+)+)\Z"
    rb"|-----BEGIN (?:CERT|PUBLIC|SSH2 PUBLIC|X509|TRUSTED)|ssh-(?:rsa|ed25519) |\s*[{\[]\s*[}\]]\Z"
)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PHRASE_LENGTHS = frozenset((12, 15, 18, 21, 24))
_WORDS_APART = 9


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


def _grafana_crc32(token: bytes) -> bool:
    """Of a service account token the eight last digits are the CRC-32 of what stands before them, its lowest byte first
    (Grafana, pkg/components/satokengen). Other tokens of Grafana have none.
    """
    body, _, tail = token.rpartition(b"_")
    return not token.startswith(b"glsa_") or crc32_hex(body, "little").encode() == tail.lower()


def _atlassian_crc32(token: bytes) -> bool:
    """The eight digits behind the last `=` are the CRC-32 of all before them (derived from tokens of Atlassian)."""
    return len(token) > 8 and crc32_hex(token[:-8]).encode() == token[-8:].lower()


def _cloudflare_crc32(token: bytes) -> bool:
    """The eight last digits are the CRC-32 of what stands between them and the prefix (derived from tokens)."""
    body = token.partition(b"_")[2]
    return len(body) > 8 and crc32_hex(body[:-8]).encode() == body[-8:]


def crc32_hex(body: bytes, order: Literal["big", "little"] = "big") -> str:
    """The CRC-32 of `body` in eight lower-case hexadecimal digits, its highest or lowest byte first."""
    return zlib.crc32(body).to_bytes(4, order).hex()


def base58check(payload: bytes) -> str:
    """`payload` and its check sum, the way Bitcoin writes keys and addresses (en.bitcoin.it/wiki/Base58Check)."""
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _base58check(token: bytes) -> bool:
    number = 0
    for byte in token:
        digit = _BASE58.find(chr(byte))
        if digit < 0:
            return False
        number = number * 58 + digit
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(data) > 4 and base58check(data[:-4]).encode() == token.lstrip(b"1")


def _mnemonic(token: bytes) -> bool:
    """As many words as a recovery phrase has (BIP 39), most of them different: test phrases repeat one."""
    words = token.split()
    return len(words) in _PHRASE_LENGTHS and len(set(words)) >= _WORDS_APART


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


def _base64_pem(token: bytes) -> bool:
    """Base64 of a key block; of one that is cut, the first bytes decide."""
    data = _decoded(token[: len(token) // 4 * 4] if token[-1:] != b"=" else token)
    return data is not None and _pem(data)


def _base64_jwt(token: bytes) -> bool:
    data = _decoded(token)
    return data is not None and _jwt(data.strip())


def _basic_credentials(token: bytes) -> bool:
    """Base64 of `user:password` in text that can be typed, as RFC 7617 has it."""
    data = _decoded(token)
    if data is None:
        return False
    user, colon, password = data.partition(b":")
    return (
        bool(colon and password) and all(byte >= 0x20 and byte != 0x7F for byte in user + password) and _is_text(data)
    )


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_uuid(token: bytes) -> bool:
    return _UUID.fullmatch(token) is None


def _not_hex(token: bytes) -> bool:
    return _HEX.fullmatch(token) is None


def _mixed(token: bytes) -> bool:
    return any(0x30 <= byte <= 0x39 for byte in token) and any(chr(byte).isalpha() for byte in token if byte < 128)


def _marked(token: bytes) -> bool:
    """Whether it holds a mark that no name and no base64 has."""
    return _MARK.search(token) is not None


def _kubernetes_value(token: bytes) -> bool:
    """Whether an entry of a Secret holds one: no word, number, host, address without a password, or certificate."""
    data = _decoded(token)
    # Under `stringData` it is written as it is; what is random bytes in base64 is judged as it is written, too.
    text = data.strip() if data is not None and _is_text(data) else token
    return len(text) > _LEAST_VALUE and _SETTING.match(text) is None


CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    "github-crc32": _github_crc32,
    "grafana-crc32": _grafana_crc32,
    "atlassian-crc32": _atlassian_crc32,
    "cloudflare-crc32": _cloudflare_crc32,
    "base58check": _base58check,
    "mnemonic": _mnemonic,
    "luhn": _luhn,
    "jwt": _jwt,
    "pem": _pem,
    "base64": _base64,
    "base64-json": _base64_json,
    "base64-jwt": _base64_jwt,
    "base64-pem": _base64_pem,
    "basic-credentials": _basic_credentials,
    "not-uuid": _not_uuid,
    "not-hex": _not_hex,
    "mixed": _mixed,
    "marked": _marked,
    "kubernetes-value": _kubernetes_value,
}
"""By name: whether a token passes."""
