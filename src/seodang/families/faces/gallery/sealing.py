"""Keys and sealed bytes: what is kept of a person opens with that person's key alone, and the key with the master key."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from seodang.core.errors import DataError, MachineError, MissingExtraError
from seodang.core.files import machine_errors

KEY_BYTES = 32  # AES-256
NONCE_BYTES = 12  # as NIST SP 800-38D has it; drawn at random, and a key a person keeps the number of them small
SALT_BYTES = 16
PASSPHRASE_BYTES = 24  # of a passphrase that is drawn; more than can be guessed
SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_LANES = 1 << 16, 8, 2  # RFC 7914; a third of a second and 64 MiB a guess
SCRYPT_MEMORY = 80 << 20  # what OpenSSL may take for it
SERVICE = "seodang"  # our name in the keyring of the system


@dataclass(frozen=True, repr=False)
class Key:
    """Seals and opens bytes with AES-GCM, which notices every changed bit."""

    secret: bytes

    @classmethod
    def drawn(cls) -> Key:
        """A new one."""
        return cls(AESGCM.generate_key(8 * KEY_BYTES))

    def seal(self, content: bytes, about: str) -> bytes:
        """Sealed bytes; `about` says what they are, and must be said again to open them."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, content, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """What was sealed.

        Raises:
            DataError: It was sealed with another key or as something else, or was changed since.
        """
        try:
            return AESGCM(self.secret).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise DataError("the key does not open it.") from error

    def __repr__(self) -> str:
        return "Key(...)"  # the secret stands in no traceback and no log


class MasterKey(Protocol):
    """Where the master key of a gallery comes from."""

    def __call__(self, salt: bytes, *, create: bool) -> Key:
        """The master key of the gallery of this salt; made now if `create`, which a new gallery says."""
        ...


def master_key(passphrase_file: Path | None) -> MasterKey:
    """The master key out of a passphrase file, or out of the keyring of this system.

    Raises:
        DataError: The passphrase file cannot be used.
    """
    if passphrase_file is None:
        return from_keyring
    passphrase = read_passphrase(passphrase_file)
    return lambda salt, *, create: from_passphrase(passphrase, salt)


def from_passphrase(passphrase: str, salt: bytes) -> Key:
    """A key made of a passphrase, slowly, so that guessing is slow too."""
    return Key(
        hashlib.scrypt(
            passphrase.encode(),
            salt=salt,
            n=SCRYPT_COST,
            r=SCRYPT_BLOCK,
            p=SCRYPT_LANES,
            dklen=KEY_BYTES,
            maxmem=SCRYPT_MEMORY,
        )
    )


def read_passphrase(path: Path) -> str:
    """The first line of a file that only its owner may read.

    Raises:
        DataError: The file is not there, holds no passphrase, or others may read it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode  # of the file that is read, whatever the path names a moment later
            passphrase = file.readline().strip()
    except OSError as error:
        raise DataError(f"{path}: the passphrase cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected a passphrase in UTF-8 in the first line.") from error
    if os.name == "posix" and mode & 0o077:
        raise DataError(f"{path}: others may read this passphrase; run `chmod 600 {path}`.")
    if not passphrase:
        raise DataError(f"{path}: expected a passphrase in the first line, got none.")
    return passphrase


def write_passphrase(path: Path) -> None:
    """Draw a passphrase into a new file that only its owner may read.

    Raises:
        MachineError: There is such a file already, or it cannot be written.
    """
    with machine_errors(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(PASSPHRASE_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())


def from_keyring(salt: bytes, *, create: bool) -> Key:
    """The key of the gallery of this salt in the keyring of this system; made there if `create`.

    Raises:
        MissingExtraError: The package keyring is not installed.
        MachineError: The system has no keyring, or it is locked.
        DataError: The keyring has no such key.
    """
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        message = "The keyring of the system needs a package: pip install 'seodang[faces]'; or give {passphrase_file}."
        raise MissingExtraError(message, settings=("passphrase_file",)) from error
    name = f"gallery {salt.hex()}"
    try:
        found = keyring.get_password(SERVICE, name)
        if found is None and create:
            found = Key.drawn().secret.hex()
            keyring.set_password(SERVICE, name, found)
    except KeyringError as error:
        message = (
            f"The keyring of the system refuses ({type(error).__name__}); give {{passphrase_file}}, a file with a passphrase."
        )
        raise MachineError(message, settings=("passphrase_file",)) from error
    if found is None:
        message = (
            "The keyring of this system has no key for this gallery; give {passphrase_file}, or open it where it was made."
        )
        raise DataError(message, settings=("passphrase_file",))
    return Key(bytes.fromhex(found))


def turning(master: Key, dimensions: int) -> NDArray[np.float32]:
    """A secret orthogonal matrix, (dimensions, dimensions), the same for the same master key.

    The Q of a matrix of normal numbers, signs fixed by its R, is uniform among all turnings (Mezzadri, "How to generate random
    matrices from the classical compact groups", 2007, arXiv:math-ph/0609050). The numbers are AES in counter mode, made normal
    by the formula of Box and Muller.
    """
    secret = hashlib.sha256(b"seodang turning" + master.secret).digest()
    stream = Cipher(algorithms.AES(secret), modes.CTR(bytes(16))).encryptor().update(bytes(16 * dimensions * dimensions))
    radii, angles = np.frombuffer(stream, "<u8").reshape(2, dimensions, dimensions)
    in_0_1 = (radii.astype(np.float64) + 0.5) / 2**64
    numbers = np.sqrt(-2 * np.log(in_0_1)) * np.cos(2 * np.pi * (angles.astype(np.float64) / 2**64))
    q, r = np.linalg.qr(numbers)
    return (q * np.sign(np.diag(r))).astype(np.float32)
