"""Opening a zip or tar.gz without trusting it: every member is checked, counted, and written under a made-up name."""

import gzip
import hashlib
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from . import limits, tarballs, zips
from .refusals import REPACK, Refusal, bomb, damaged, printable, too_big

MAC_REMEDY = "Leave out what macOS adds: zip -r model.zip model/ -x '*.DS_Store' -x '__MACOSX/*'"


@dataclass(frozen=True)
class Member:
    """A file taken out of an archive. `name` is the uploader's, for reading only; `path` is ours."""

    name: str
    path: Path
    size: int
    sha256: str


def extract(path, kind, quarantine):
    """The members of the archive at `path` ("zip" or "tar-gz"), written into `quarantine`. Raises Refusal."""
    reader = zips.members if kind == "zip" else tarballs.members
    try:
        return list(_written(reader(path), Path(quarantine), path.stat().st_size))
    except (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, struct.error, NotImplementedError, ValueError) as error:
        raise damaged(str(error)) from error


def _written(members, quarantine, archive_bytes):
    names, budget = NameBook(), Budget(archive_bytes)
    for name, chunks in members:
        names.add(name)
        if chunks is not None:
            yield write_member(name, chunks, quarantine / f"member-{names.count:04d}", budget)


def write_member(name, chunks, target, budget):
    """Writes the byte `chunks` to `target` while counting and hashing them."""
    digest, size = hashlib.sha256(), 0
    with open(target, "xb") as file:
        for chunk in chunks:
            size += len(chunk)
            budget.spend(len(chunk))
            if size > limits.FILE_BYTES:
                raise too_big(f"{printable(name)} is larger than 2 GiB.")
            digest.update(chunk)
            file.write(chunk)
    return Member(name, target, size, digest.hexdigest())


class Budget:
    """Counts inflated bytes against the size and ratio limits, whatever the archive declares."""

    def __init__(self, archive_bytes):
        self.archive_bytes = max(archive_bytes, 1)
        self.spent = 0

    def spend(self, count):
        self.spent += count
        if self.spent > limits.VERSION_BYTES:
            raise too_big("The archive unpacks to more than 5 GiB.")
        if self.spent > limits.ARCHIVE_RATIO_FREE and self.spent / self.archive_bytes > limits.ARCHIVE_RATIO:
            raise bomb()


class NameBook:
    """Accepts each member name once, and only harmless ones."""

    def __init__(self):
        self.seen, self.count = set(), 0

    def add(self, name):
        self.count += 1
        if self.count > limits.ARCHIVE_MEMBERS:
            raise Refusal("The archive has more than 2 000 members.", "members", "Leave out what the model does not need.")
        check_name(name)
        folded = unicodedata.normalize("NFC", name).casefold().rstrip("/")
        if folded in self.seen:
            raise Refusal(f"The archive holds {printable(name)} twice (upper and lower case count as the same).", "duplicate", REPACK)
        self.seen.add(folded)


def check_name(name):
    """Raises Refusal unless `name` is a plain relative path of ordinary characters."""
    parts = name.rstrip("/").split("/")
    if "__MACOSX" in parts or parts[-1] == ".DS_Store" or parts[-1].startswith("._"):
        raise Refusal(f"The archive holds {printable(name)}, which macOS adds and no model needs.", "member-name", MAC_REMEDY)
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        raise Refusal(f"The archive member {printable(name)} has an absolute path.", "traversal", REPACK)
    if ".." in parts or "." in parts or "" in parts:
        raise Refusal(f"The archive member {printable(name)} would be written outside its folder.", "traversal", REPACK)
    if "\\" in name or not name.isprintable():
        raise Refusal(f"The archive member {printable(name)} has characters that are not allowed in names.", "member-name", REPACK)
    if len(name.encode("utf-8", "surrogateescape")) > limits.MEMBER_NAME_BYTES or unicodedata.normalize("NFC", name) != name:
        raise Refusal(f"The archive member {printable(name)} has a name that is too long or not in Unicode NFC.", "member-name", REPACK)
    if len(parts) > limits.ARCHIVE_DEPTH:
        raise Refusal(f"The archive member {printable(name)} lies more than eight folders deep.", "depth", REPACK)
