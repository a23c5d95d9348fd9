"""Public keys of SSH, as accounts list them. Pure: signatures are the door's business."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.text import SafeText, safe_line

__all__ = ["MAX_KEYS", "BadKey", "PublicKey", "key_of_blob", "key_of_line"]

MAX_KEYS = 20
"""Maximum keys of an account."""

MAX_BLOB = 2048
"""Maximum bytes of a key: an RSA key of 8,192 bits has 1,043."""

MAX_COMMENT = 100
"""Maximum characters of a comment that are kept."""

MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192

TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""The types of keys that may log in. An ``ssh-rsa`` key signs with SHA-2."""


class BadKey(Refused):
    """A key cannot be used here."""

    def __init__(self, sentence: str, **fields: object) -> None:
        super().__init__(Code.BAD_ARGUMENT, sentence, **fields)


@dataclass(frozen=True)
class PublicKey:
    """A public key: its *type* and its *blob*, in the form of RFC 4253, 6.6, in Base64."""

    type: str
    blob: str
    comment: SafeText = SafeText("")
    added: int = 0
    used: int | None = None

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint, in the form of OpenSSH."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def key_of_blob(blob: bytes, comment: str = "") -> PublicKey:
    """Return the key *blob*. Raises `BadKey` if its type or its size is not allowed."""
    if len(blob) > MAX_BLOB:
        raise BadKey("That key is too long.")
    strings = _strings(blob)
    type = strings[0].decode("ascii", "replace") if strings else ""
    if type not in TYPES:
        raise BadKey("Keys of that type cannot be used here: Ed25519, ECDSA and RSA can.")
    if type == "ssh-rsa":
        bits = int.from_bytes(strings[2], "big").bit_length() if len(strings) == 3 else 0
        if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
            raise BadKey("An RSA key needs 2,048 to 8,192 bits.")
    kept = SafeText(safe_line(comment).strip()[:MAX_COMMENT])
    return PublicKey(type, base64.b64encode(blob).decode(), kept)


def key_of_line(line: str) -> PublicKey:
    """Return the key in *line*, a line of a ``.pub`` file. Raises `BadKey`."""
    type, _, rest = line.strip().partition(" ")
    data, _, comment = rest.strip().partition(" ")
    try:
        blob = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        blob = b""
    key = key_of_blob(blob, comment) if blob else None
    if key is None or key.type != type:
        raise BadKey("That is not a public key: paste the one line of a .pub file.")
    return key


def _strings(blob: bytes) -> list[bytes]:
    """Return the strings of *blob*; none if it does not consist of strings."""
    found: list[bytes] = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size or len(blob) < 4:
            return []
        found.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return found
