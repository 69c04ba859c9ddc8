"""The keys of encrypted stores: one that writes, and those that read what other keys wrote."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from eventsourcing.persistence import Cipher
from eventsourcing.utils import Environment
from typing_extensions import override

from sagaline.errors import KeyMissing, KeysUnusable

READ_KEYS: Final = "CIPHER_READ_KEYS"
"""The setting with the keys that read and do not write, separated by commas."""

_MARK: Final = b"\x00SGL"
_ID_LENGTH: Final = 4


class KeyRing(Cipher):
    """Encrypts with its first cipher, and decrypts with the one whose key id stands in front.

    The id is the start of the key's SHA-256, so it names a key and does not tell it. A ciphertext
    without an id, as version 0.1.0 wrote it, is tried with each key.
    """

    def __init__(self, ciphers: Sequence[Cipher]) -> None:
        self._ciphers = {key_id_of(each): each for each in reversed(ciphers)}
        self._writing = ciphers[0]
        self.key_id = key_id_of(ciphers[0]).hex()
        """The id of the key that writes."""
        self._head = _MARK + key_id_of(ciphers[0])

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(each.hex() for each in self._ciphers)

    @override
    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypts with the key that writes."""
        return self._head + self._writing.encrypt(plaintext)

    @override
    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypts with the key that was used. Raises `ValueError`.

        Raises `KeyMissing` where the key is not here: a follower then waits for it, as for a store
        out of reach, because the event is not at fault.
        """
        start = len(_MARK) + _ID_LENGTH
        if ciphertext.startswith(_MARK):
            cipher = self._ciphers.get(ciphertext[len(_MARK) : start])
            if cipher is None:
                raise KeyMissing(key_id=ciphertext[len(_MARK) : start].hex())
            return cipher.decrypt(ciphertext[start:])
        return self._tried(ciphertext)

    def _tried(self, ciphertext: bytes) -> bytes:
        for cipher in self._ciphers.values():
            try:
                return cipher.decrypt(ciphertext)
            except ValueError:
                continue
        raise ValueError("none of the keys decrypts it")


def ring_of(cipher: Cipher) -> KeyRing:
    """The key ring that a cipher is, or one of this cipher alone."""
    return cipher if isinstance(cipher, KeyRing) else KeyRing([cipher])


def key_id_of(cipher: Any) -> bytes:
    """The id of a cipher's key; the same for all ciphers that do not show their key."""
    key = getattr(cipher, "key", b"")
    return sha256(key if isinstance(key, bytes) else b"").digest()[:_ID_LENGTH]


def read_key_ring(env: Environment, make: Callable[[], Cipher | None]) -> KeyRing | None:
    """Reads the keys of an application from its settings; None where it does not encrypt.

    `make` is upstream's, which reads CIPHER_TOPIC and CIPHER_KEY. Raises `KeysUnusable`, without
    the keys in its text.
    """
    try:
        writing = make()
        if writing is None:
            if env.get(READ_KEYS):
                raise ValueError(f"{READ_KEYS} is set, and CIPHER_KEY is not")
            return None
        reading = [type(writing)(_with_key(env, each)) for each in _keys(env)]
    except Exception as error:
        raise KeysUnusable(application=env.name, reason=_reason(error)) from None
    return KeyRing([writing, *reading])


def _keys(env: Environment) -> list[str]:
    return [each.strip() for each in (env.get(READ_KEYS) or "").split(",") if each.strip()]


def _with_key(env: Environment, key: str) -> Environment:
    rest: Mapping[str, str] = {
        name: value for name, value in env.items() if not name.endswith("CIPHER_KEY")
    }
    return Environment(env.name, {**rest, "CIPHER_KEY": key})


def _reason(error: Exception) -> str:
    """A reason for people. Errors of ciphers are about keys, so their texts may hold one."""
    if isinstance(error, ImportError | AttributeError):
        return f"the module of CIPHER_TOPIC cannot be imported ({type(error).__name__})"
    text = str(error)
    return (
        text
        if READ_KEYS in text or "CIPHER_KEY" in text
        else "a key is 16, 24 or 32 bytes in base64"
    )
