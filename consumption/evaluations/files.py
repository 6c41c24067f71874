"""The encrypted files of a batch evaluation: the upload, its mapped rows, the answers (docs/batch-evaluation.md, "Storage").

A file is a row of blocks, each sealed with AES-256-GCM under the evaluation's own key and bound to folder, file, place and
whether it is the last one: what was cut off, moved or mixed is noticed. The key is wrapped with one derived from the
platform's secret, which lives outside the database; destroying it is deletion (crypto-shredding).
"""

import hashlib
import hmac
import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from consumption.models import BatchEvaluation, EvaluationKey
from marketplace.core import disk_space
from marketplace.core.errors import InsufficientStorage, RuleError

BLOCK = 1 << 20
NONCE_BYTES, KEY_BYTES = 12, 32
PSEUDONYM_DIGITS = (
    16  # hexadecimal: two of 200 000 texts get the same one about once in a billion files
)
LENGTH = struct.Struct(">I")
MOST_UNPACKED = 256 << 20  # of one file that is JSON


class Gone(RuleError):
    """The rows were deleted, or cannot be opened any more."""


def make_key(evaluation: BatchEvaluation) -> None:
    """Give the evaluation a data key of its own."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = _wrapping().encrypt(nonce, os.urandom(KEY_BYTES), evaluation.folder.bytes)
    EvaluationKey.objects.create(evaluation=evaluation, wrapped=nonce + sealed)


def folder_of(evaluation: BatchEvaluation) -> Path:
    return Path(settings.EVALUATION_ROOT) / evaluation.folder.hex


def erase(evaluation: BatchEvaluation) -> tuple[int, int]:
    """Remove the folder. Returns (files, bytes) that were there. Safe to call twice."""
    folder = folder_of(evaluation)
    there = [path.stat().st_size for path in folder.iterdir()] if folder.is_dir() else []
    shutil.rmtree(folder, ignore_errors=True)
    return len(there), sum(there)


def is_empty(evaluation: BatchEvaluation) -> bool:
    return not folder_of(evaluation).exists()


class Files:
    """The files of one evaluation, open for whoever could load its row. Raises Gone when the key is destroyed."""

    def __init__(self, evaluation: BatchEvaluation) -> None:
        key = EvaluationKey.objects.filter(evaluation=evaluation).first()
        if key is None:
            raise Gone("The rows of this evaluation were deleted.")
        wrapped = bytes(key.wrapped)
        try:
            data_key = _wrapping().decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], evaluation.folder.bytes
            )
        except InvalidTag:
            raise Gone("The rows were sealed under another secret of the platform.") from None
        self._cipher = AESGCM(data_key)
        self._pseudonym_key = _derived(data_key, b"pseudonyms")
        self._folder = folder_of(evaluation)

    def pseudonym(self, text: str) -> str:
        """What stands for a text in this evaluation: the same for the same, and nobody's without the key (HMAC-SHA256)."""
        if not text.strip():
            return ""
        digest = hmac.new(self._pseudonym_key, text.strip().encode(), hashlib.sha256)
        return f"p-{digest.hexdigest()[:PSEUDONYM_DIGITS]}"

    def has(self, name: str) -> bool:
        return (self._folder / name).exists()

    def names(self, prefix: str) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(
            path.name for path in self._folder.glob(f"{prefix}*") if path.suffix != ".new"
        )

    def remove(self, prefix: str) -> None:
        for name in self.names(prefix):
            (self._folder / name).unlink(missing_ok=True)

    def write(self, name: str, blocks: Iterable[bytes]) -> int:
        """Seal blocks one after the other; the file is there whole or not at all. Returns how many bytes were sealed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new, size = self._folder / f"{name}.new", 0
        try:
            with open(new, "wb") as file:
                for number, (block, is_last) in enumerate(_with_last(blocks)):
                    size += len(block)
                    nonce = os.urandom(NONCE_BYTES)
                    bound = self._bound(name, number, is_last)
                    sealed = nonce + self._cipher.encrypt(nonce, block, bound)
                    file.write(LENGTH.pack(len(sealed)) + sealed)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self._folder / name)
        except OSError as error:
            new.unlink(missing_ok=True)
            if disk_space.is_full(error):
                raise InsufficientStorage(
                    "The disk is nearly full, so the rows were not kept.",
                    remedy="Try again later.",
                    ask="the operators",
                ) from error
            raise
        return size

    def read(self, name: str) -> Iterator[bytes]:
        """The blocks of a file. Raises Gone when they are not what was written."""
        try:
            with open(self._folder / name, "rb") as file:
                yield from self._opened(file, name)
        except FileNotFoundError:
            raise Gone("The rows of this evaluation are not there any more.") from None

    def _opened(self, file: IO[bytes], name: str) -> Iterator[bytes]:
        size, number = os.fstat(file.fileno()).st_size, 0
        while head := file.read(LENGTH.size):
            if len(head) < LENGTH.size:
                raise Gone("A file of this evaluation was cut off.")
            sealed = file.read(LENGTH.unpack(head)[0])
            bound = self._bound(name, number, file.tell() == size)
            try:
                yield self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
            except (InvalidTag, ValueError):
                raise Gone("A file of this evaluation was changed or cut off.") from None
            number += 1

    def write_json(self, name: str, data: Any) -> None:
        packed = zlib.compress(json.dumps(data).encode(), 1)
        self.write(name, (packed[at : at + BLOCK] for at in range(0, len(packed), BLOCK)))

    def read_json(self, name: str) -> Any:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(b"".join(self.read(name)), MOST_UNPACKED)
        return json.loads(text)

    def _bound(self, name: str, number: int, is_last: bool) -> bytes:
        return f"{self._folder.name}/{name}/{number}/{int(is_last)}".encode()


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block with whether it is the last one; one empty block where there is none."""
    before: bytes | None = None
    for block in blocks:
        if before is not None:
            yield before, False
        before = block
    yield before or b"", True


def _wrapping() -> AESGCM:
    return AESGCM(_derived(settings.SECRET_KEY.encode(), b"marketplace batch evaluation"))


def _derived(secret: bytes, purpose: bytes) -> bytes:
    derive = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose)
    return derive.derive(secret)
