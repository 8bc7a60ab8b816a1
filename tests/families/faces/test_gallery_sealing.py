"""Keys, passphrase files and the keyring of the system."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from seodang.core.errors import DataError, MachineError, MissingExtraError
from seodang.families.faces.gallery import sealing
from seodang.families.faces.gallery.gallery import open_gallery
from seodang.families.faces.gallery.sealing import Key, from_passphrase, master_key, read_passphrase, write_passphrase

SALT = bytes(range(16))


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SCRYPT_COST", 16)


def test_what_is_sealed_opens_as_what_it_is_alone() -> None:
    key = Key.drawn()
    sealed = key.seal(b"Ada", "card 1")
    assert key.open(sealed, "card 1") == b"Ada"
    assert key.seal(b"Ada", "card 1") != sealed, "a nonce is never used again"
    changed = sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]
    for other, content, about in [
        (key, sealed, "card 2"),
        (Key.drawn(), sealed, "card 1"),
        (key, changed, "card 1"),
        (key, sealed[:9], "card 1"),
        (key, b"", "card 1"),
    ]:
        with pytest.raises(DataError, match="the key does not open it"):
            other.open(content, about)


def test_a_key_shows_itself_nowhere() -> None:
    key = Key(b"\x01" * 32)
    assert repr(key) == str(key) == "Key(...)"


def test_a_passphrase_makes_the_key_of_rfc_7914(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second test vector of RFC 7914, section 12, its first 32 bytes."""
    monkeypatch.setattr(sealing, "SCRYPT_COST", 1024)
    monkeypatch.setattr(sealing, "SCRYPT_LANES", 16)
    expected = "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
    assert from_passphrase("password", b"NaCl").secret.hex() == expected


def test_a_passphrase_file_opens_the_gallery(tmp_path: Path) -> None:
    file, place = tmp_path / "passphrase", str(tmp_path / "family")
    write_passphrase(file)
    assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600
    open_gallery(place, master_key(file), "sface", create=True).close()
    open_gallery(place, master_key(file), "sface", create=False).close()
    file.write_text("another one\n")
    with pytest.raises(DataError, match="is not the one that this gallery was made with"):
        open_gallery(place, master_key(file), "sface", create=False)
    with pytest.raises(MachineError, match="a file of that name is in the way"):
        write_passphrase(file)
    assert file.read_text() == "another one\n"


def test_a_passphrase_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    write_passphrase(file)
    if os.name == "nt":
        pytest.skip("needs the permissions of POSIX")
    file.chmod(0o640)
    with pytest.raises(DataError, match=r"others may read this passphrase; run `chmod 600 .*passphrase`\."):
        master_key(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the passphrase cannot be read: No such file"),
        (b"", "expected a passphrase in the first line, got none"),
        (b"\nhush\n", "expected a passphrase in the first line, got none"),
        (b"\xff\xfe\xfa", "expected a passphrase in UTF-8"),
    ],
)
def test_a_file_without_a_passphrase(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "passphrase"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    with pytest.raises(DataError, match=message) as error:
        read_passphrase(file)
    assert str(error.value).startswith(f"{file}: ")


def test_the_keyring_keeps_a_key_a_gallery(tmp_path: Path) -> None:
    keyring = pytest.importorskip("keyring", exc_type=ImportError)
    from keyring.backend import KeyringBackend

    class InMemory(KeyringBackend):
        """A keyring of this test alone."""

        priority = 1
        kept: dict[tuple[str, str], str]

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    before = keyring.get_keyring()
    mine = InMemory()
    mine.kept = {}
    keyring.set_keyring(mine)
    try:
        for place in ("family", "club"):
            open_gallery(str(tmp_path / place), master_key(None), "sface", create=True).close()
            open_gallery(str(tmp_path / place), master_key(None), "sface", create=False).close()
        assert len(set(mine.kept.values())) == 2
        mine.kept = {}
        with pytest.raises(DataError, match="has no key for this gallery"):
            open_gallery(str(tmp_path / "club"), master_key(None), "sface", create=False)
        assert mine.kept == {}, "a key made now would open nothing"
    finally:
        keyring.set_keyring(before)


def test_a_system_without_a_keyring(tmp_path: Path) -> None:
    keyring = pytest.importorskip("keyring", exc_type=ImportError)
    from keyring.backends import fail

    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    try:
        with pytest.raises(MachineError, match=r"The keyring of the system refuses .NoKeyringError.; give passphrase_file"):
            open_gallery(str(tmp_path / "family"), master_key(None), "sface", create=True)
    finally:
        keyring.set_keyring(before)


def test_packages_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'seodang\[faces\]'; or give passphrase_file"):
        open_gallery(str(tmp_path / "family"), master_key(None), "sface", create=True)
    with pytest.raises(MissingExtraError, match=r"pip install 'seodang\[postgres\]'"):
        open_gallery("postgresql://localhost/family", master_key(None), "sface", create=True)
