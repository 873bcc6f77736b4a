"""Real private keys from a seeded generator, in the forms that files hold them: pure Python, slow and good for nothing
but being found."""

from __future__ import annotations

import base64
import struct
import textwrap
from random import Random

_SMALL = tuple(n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_A = _P - 3
_N = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
_G = (
    int("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296", 16),
    int("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5", 16),
)
"""The curve P-256: field, coefficient, order and base point."""


def rsa_pkcs1(random: Random) -> str:
    """`RSA PRIVATE KEY` of 1024 bits: the small ones are as private as the large."""
    return pem("RSA PRIVATE KEY", _rsa_der(_rsa(random)))


def rsa_pkcs8(random: Random) -> str:
    """`PRIVATE KEY` around an RSA key."""
    algorithm = _sequence(_oid("2a864886f70d010101"), b"\x05\x00")
    return pem("PRIVATE KEY", _sequence(_integer(0), algorithm, _octets(_rsa_der(_rsa(random)))))


def ec_sec1(random: Random) -> str:
    """`EC PRIVATE KEY` on P-256, with its public point."""
    secret = random.randrange(1, _N)
    x, y = _times(secret)
    point = b"\x00\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    curve = _tagged(0xA0, _oid("2a8648ce3d030107"))
    return pem(
        "EC PRIVATE KEY",
        _sequence(_integer(1), _octets(secret.to_bytes(32, "big")), curve, _tagged(0xA1, _tagged(0x03, point))),
    )


def ed25519_pkcs8(random: Random) -> str:
    """`PRIVATE KEY` around an Ed25519 seed."""
    return pem("PRIVATE KEY", _sequence(_integer(0), _sequence(_oid("2b6570")), _octets(_octets(random.randbytes(32)))))


def openssh(random: Random) -> str:
    """`OPENSSH PRIVATE KEY` around an RSA key, without a passphrase."""
    n, e, d, p, q = _rsa(random)

    def text(data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + data

    def number(value: int) -> bytes:
        return text(value.to_bytes(value.bit_length() // 8 + 1, "big"))

    check = random.randbytes(4)
    private = check + check + text(b"ssh-rsa") + number(n) + number(e) + number(d) + number(pow(q, -1, p))
    private += number(p) + number(q) + text(b"deploy@build-7")
    private += bytes(range(1, 1 + -len(private) % 8))
    public = text(b"ssh-rsa") + number(e) + number(n)
    head = b"openssh-key-v1\0" + text(b"none") + text(b"none") + text(b"") + struct.pack(">I", 1)
    return pem("OPENSSH PRIVATE KEY", head + text(public) + text(private), width=70)


def pgp(random: Random) -> str:
    """An armoured secret-key packet of version 4 around an RSA key, without a passphrase."""
    n, e, d, p, q = _rsa(random)

    def number(value: int) -> bytes:
        return struct.pack(">H", value.bit_length()) + value.to_bytes((value.bit_length() + 7) // 8, "big")

    private = number(d) + number(p) + number(q) + number(pow(p, -1, q))
    created = 1_650_000_000 + random.randrange(10**7)
    body = b"\x04" + struct.pack(">I", created) + b"\x01" + number(n) + number(e)
    body += b"\x00" + private + struct.pack(">H", sum(private) & 0xFFFF)
    packet = b"\x95" + struct.pack(">H", len(body)) + body
    check = 0xB704CE
    for byte in packet:
        check ^= byte << 16
        for _ in range(8):
            check = check << 1 ^ (0x1864CFB if check & 0x800000 else 0)
    armour = textwrap.fill(base64.b64encode(packet).decode(), 64)
    total = base64.b64encode((check & 0xFFFFFF).to_bytes(3, "big")).decode()
    begin, end = (f"-----{word} PGP PRIVATE KEY BLOCK-----" for word in ("BEGIN", "END"))
    return f"{begin}\n\n{armour}\n={total}\n{end}"


def pem(label: str, der: bytes, width: int = 64) -> str:
    """PEM without a last line break."""
    body = textwrap.fill(base64.b64encode(der).decode(), width)
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----"


def rsa_public_der(random: Random) -> bytes:
    """A SubjectPublicKeyInfo."""
    n, e, *_ = _rsa(random)
    inner = _sequence(_integer(n), _integer(e))
    return _sequence(_sequence(_oid("2a864886f70d010101"), b"\x05\x00"), _tagged(0x03, b"\x00" + inner))


def _rsa(random: Random) -> tuple[int, int, int, int, int]:
    while True:
        p, q = _prime(random, 512), _prime(random, 512)
        if p != q and (p - 1) % 65537 and (q - 1) % 65537:
            return p * q, 65537, pow(65537, -1, (p - 1) * (q - 1)), p, q


def _prime(random: Random, bits: int) -> int:
    while True:
        n = random.getrandbits(bits) | 1 | 3 << bits - 2
        if all(n % small for small in _SMALL) and all(_passes(n, random.randrange(2, n - 1)) for _ in range(8)):
            return n


def _passes(n: int, base: int) -> bool:
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    value = pow(base, odd, n)
    if value in (1, n - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % n
        if value == n - 1:
            return True
    return False


def _rsa_der(key: tuple[int, int, int, int, int]) -> bytes:
    n, e, d, p, q = key
    return _sequence(*map(_integer, (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))


def _times(scalar: int) -> tuple[int, int]:
    total: tuple[int, int] | None = None
    point: tuple[int, int] | None = _G
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    assert total is not None
    return total


def _add(a: tuple[int, int] | None, b: tuple[int, int] | None) -> tuple[int, int] | None:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    slope = (3 * a[0] * a[0] + _A) * pow(2 * a[1], -1, _P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, _P)
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _tagged(tag: int, data: bytes) -> bytes:
    if len(data) < 128:
        return bytes((tag, len(data))) + data
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + data


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _octets(data: bytes) -> bytes:
    return _tagged(0x04, data)


def _oid(hexadecimal: str) -> bytes:
    return _tagged(0x06, bytes.fromhex(hexadecimal))
