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

# What file managers write into every folder, and no model needs: it is read to its end, and kept nowhere.
LITTER = frozenset(
    {
        ".ds_store",
        ".localized",
        "thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        ".directory",
    }
)
LITTER_FOLDERS = frozenset(
    {"__macosx", ".appledouble", ".spotlight-v100", ".trashes", ".fseventsd", "$recycle.bin"}
)


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
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        gzip.BadGzipFile,
        struct.error,
        NotImplementedError,
        ValueError,
    ) as error:
        raise damaged(str(error)) from error


def _written(members, quarantine, archive_bytes):
    names, budget = NameBook(), Budget(archive_bytes)
    for name, chunks in members:
        names.add(name, is_folder=chunks is None)
        if is_litter(name):
            budget.read(chunks or ())
        elif chunks is not None:
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

    def read(self, chunks):
        """What is left out counts too."""
        for chunk in chunks:
            self.spend(len(chunk))

    def spend(self, count):
        self.spent += count
        if self.spent > limits.VERSION_BYTES:
            raise too_big("The archive unpacks to more than 5 GiB.")
        if (
            self.spent > limits.ARCHIVE_RATIO_FREE
            and self.spent / self.archive_bytes > limits.ARCHIVE_RATIO
        ):
            raise bomb()


class NameBook:
    """Accepts each member name once, and only harmless ones."""

    def __init__(self):
        self.seen, self.files, self.folders, self.count = set(), set(), set(), 0

    def add(self, name, is_folder):
        self.count += 1
        if self.count > limits.ARCHIVE_MEMBERS:
            raise Refusal(
                "The archive has more than 2 000 members.",
                "members",
                "Leave out what the model does not need.",
            )
        check_name(name)
        is_long = len(name) > limits.MEMBER_NAME_BYTES  # then it is litter, which nobody keeps
        folded = name if is_long else unicodedata.normalize("NFC", name).casefold().rstrip("/")
        if folded in self.seen:
            raise Refusal(
                f"The archive holds {printable(name)} twice (upper and lower case count as the same).",
                "duplicate",
                REPACK,
            )
        self.seen.add(folded)
        self._place(folded, name, is_folder)

    def _place(self, folded, name, is_folder):
        """Nothing is a file and a folder at once, or it could not be unpacked again."""
        parts = folded.split("/")
        parents = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        self.folders |= parents
        (self.folders if is_folder else self.files).add(folded)
        if self.files & (parents | {folded}) & self.folders:
            raise Refusal(
                f"The archive holds {printable(name)} in or as a folder that is a file, too.",
                "duplicate",
                REPACK,
            )


def is_litter(name):
    """True for what macOS, Windows and desktops add to folders and archives by themselves."""
    *folders, last = name.rstrip("/").lower().split("/")
    return (
        last in LITTER or last.startswith("._") or not LITTER_FOLDERS.isdisjoint([*folders, last])
    )


def check_name(name):
    """Raises Refusal unless `name` is a plain relative path of ordinary characters."""
    parts = name.rstrip("/").split("/")
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        raise Refusal(
            f"The archive member {printable(name)} has an absolute path.", "traversal", REPACK
        )
    if ".." in parts or "." in parts or "" in parts:
        raise Refusal(
            f"The archive member {printable(name)} would be written outside its folder.",
            "traversal",
            REPACK,
        )
    if "\\" in name or not name.isprintable():
        raise Refusal(
            f"The archive member {printable(name)} has characters that are not allowed in names.",
            "member-name",
            REPACK,
        )
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > limits.MEMBER_NAME_BYTES and not is_litter(name):
        raise Refusal(
            f"The archive member {printable(name)} has a name of {size} bytes with its folders; at most {limits.MEMBER_NAME_BYTES} are kept.",
            "member-name",
            "Shorten the names of the file and of the folders that it lies in, and pack them again.",
        )
    if not is_litter(name) and unicodedata.normalize("NFC", name) != name:
        raise Refusal(
            f"The archive member {printable(name)} has accents that are written apart from their letters (not Unicode NFC).",
            "member-name",
            "Type the name anew, or pack the files on Linux or Windows.",
        )
    if len(parts) > limits.ARCHIVE_DEPTH:
        raise Refusal(
            f"The archive member {printable(name)} lies more than eight folders deep.",
            "depth",
            REPACK,
        )
