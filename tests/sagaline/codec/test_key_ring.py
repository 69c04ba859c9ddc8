"""Keys of encrypted stores: which of them write, which read, and what is said without one."""

from base64 import b64encode

import pytest
from eventsourcing.cipher import AESCipher
from eventsourcing.utils import Environment

from sagaline.codec.key_ring import KeyRing, key_id_of, read_key_ring
from sagaline.errors import KeyMissing, KeysUnusable

OLD = AESCipher.create_key(16)
NEW = AESCipher.create_key(32)


def cipher(key: str) -> AESCipher:
    return AESCipher(Environment(env={"CIPHER_KEY": key}))


def ring(**settings: str) -> KeyRing | None:
    env = Environment("Orders", settings)
    return read_key_ring(env, lambda: AESCipher(env) if env.get("CIPHER_KEY") else None)


def test_the_first_key_writes_and_all_of_them_read() -> None:
    before, after = KeyRing([cipher(OLD)]), KeyRing([cipher(NEW), cipher(OLD)])
    assert after.decrypt(before.encrypt(b"old")) == b"old"
    assert after.decrypt(after.encrypt(b"new")) == b"new"
    assert after.key_id == key_id_of(cipher(NEW)).hex()


def test_a_ciphertext_names_the_key_that_is_missing() -> None:
    with pytest.raises(KeyMissing, match=key_id_of(cipher(NEW)).hex()):
        KeyRing([cipher(OLD)]).decrypt(KeyRing([cipher(NEW)]).encrypt(b"new"))


def test_what_was_encrypted_before_keys_had_ids_is_read() -> None:
    assert KeyRing([cipher(NEW), cipher(OLD)]).decrypt(cipher(OLD).encrypt(b"old")) == b"old"
    with pytest.raises(ValueError, match="none of the keys"):
        KeyRing([cipher(NEW)]).decrypt(cipher(OLD).encrypt(b"old"))


def test_keys_are_read_from_the_settings_of_the_application() -> None:
    found = ring(CIPHER_KEY=OLD, ORDERS_CIPHER_KEY=NEW, CIPHER_READ_KEYS=f" {OLD} , ")
    assert found is not None
    assert found.key_id == key_id_of(cipher(NEW)).hex()
    assert found.key_ids == {key_id_of(cipher(each)).hex() for each in (OLD, NEW)}
    assert ring() is None


@pytest.mark.parametrize(
    "settings",
    [
        {"CIPHER_KEY": "no base64 at all"},
        {"CIPHER_KEY": b64encode(b"short").decode()},
        {"CIPHER_KEY": OLD, "CIPHER_READ_KEYS": "wrong"},
        {"CIPHER_READ_KEYS": OLD},
    ],
)
def test_keys_that_are_none_are_refused_without_their_text(settings: dict[str, str]) -> None:
    with pytest.raises(KeysUnusable) as refusal:
        ring(**settings)
    assert not any(each in str(refusal.value) for each in settings.values())
