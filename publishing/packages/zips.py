"""Reading zip archives strictly: the two directories must tell the same story and leave no byte unexplained."""

import stat
import struct
import zipfile

from . import limits
from .refusals import (
    ACCEPTED,
    REPACK,
    Refusal,
    bomb,
    damaged,
    not_a_file,
    printable,
    refuse_content,
    too_big,
)

LOCAL = struct.Struct("<4s2B4HL2L2H")
END = 22
ENCRYPTED, DESCRIPTOR, STRONG, UTF8, MASKED = 0x1, 0x8, 0x40, 0x800, 0x2000
DESCRIPTOR_SIZES = {12, 16, 20, 24}
ZIP64_END = 56 + 20


def members(path):
    """Yields (name, chunks) per member; chunks is None for a folder. Raises Refusal, or BadZipFile on a bad CRC."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as raw:
        infos = archive.infolist()
        check_count(infos)
        check_layout(archive, infos, raw, path)
        check_declared(infos, path.stat().st_size)
        for info in infos:
            check_member(info)
        for info in infos:
            yield info.filename, None if info.is_dir() else _chunks(archive, info)


def check_count(infos):
    if not infos:
        raise Refusal("The archive is empty.", "empty", ACCEPTED)
    if len(infos) > limits.ARCHIVE_MEMBERS:
        raise Refusal(
            "The archive has more than 2 000 members.",
            "members",
            "Leave out what the model does not need.",
        )


def check_declared(infos, archive_bytes):
    """The declared sizes obey the limits; the counted ones are checked again while inflating."""
    declared = sum(info.file_size for info in infos)
    if declared > limits.VERSION_BYTES:
        raise too_big("The archive says it unpacks to more than 5 GiB.")
    if declared > limits.ARCHIVE_RATIO_FREE and declared / archive_bytes > limits.ARCHIVE_RATIO:
        raise bomb()


def check_member(info):
    if info.flag_bits & (ENCRYPTED | STRONG | MASKED):
        raise Refusal(
            f"The archive member {printable(info.filename)} is encrypted, so it cannot be inspected.",
            "encrypted",
            "Pack it without a password.",
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refusal(
            f"The archive member {printable(info.filename)} uses an unusual compression.",
            "compression",
            REPACK,
        )
    if "\0" in info.orig_filename or (not info.flag_bits & UTF8 and not info.filename.isascii()):
        raise Refusal(
            f"The archive member {printable(info.filename)} has a name that is not UTF-8.",
            "member-name",
            REPACK,
        )
    special = _mode_kind(info.external_attr >> 16)
    if special:
        raise not_a_file(info.filename, special)
    if info.is_dir() and info.file_size:
        raise not_a_file(info.filename, "a folder with content")


def check_layout(archive, infos, raw, path):
    """Members follow each other from byte 0 to the directory, and the directory ends the file: no room for a second format."""
    position = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset != position:
            raise (
                refuse_content(path.name, "polyglot")
                if info.header_offset > position
                else damaged("members overlap")
            )
        position = _member_end(raw, info)
    gap = archive.start_dir - position
    last = max(infos, key=lambda info: info.header_offset)
    if gap and not (last.flag_bits & DESCRIPTOR and gap in DESCRIPTOR_SIZES):
        raise refuse_content(path.name, "polyglot")
    check_end(archive, raw, path)


def check_end(archive, raw, path):
    """After the central directory comes its end record (and zip64's), without a comment, and then nothing."""
    raw.seek(archive.start_dir)
    directory = raw.read()
    end = directory.rfind(b"PK\x05\x06")
    count, size = struct.unpack("<HL", directory[end + 10 : end + 16]) if end >= 0 else (0, -1)
    spare = len(directory) - END - size
    if (
        archive.comment
        or end != len(directory) - END
        or (size != 0xFFFFFFFF and spare not in (0, ZIP64_END))
    ):
        raise refuse_content(path.name, "polyglot")
    if count not in (len(archive.infolist()), 0xFFFF):
        raise damaged("the directory's count of members is wrong")


def _member_end(raw, info):
    """The offset after the member's data (and its descriptor). Raises Refusal when local and central header differ."""
    raw.seek(info.header_offset)
    header = raw.read(LOCAL.size)
    if len(header) < LOCAL.size or header[:4] != b"PK\x03\x04":
        raise damaged("a member has no header")
    fields = LOCAL.unpack(header)
    flags, method, crc, packed, size, name_bytes, extra_bytes = fields[3], fields[4], *fields[7:12]
    name = raw.read(name_bytes).decode("utf-8" if flags & UTF8 else "cp437", "replace")
    same = (name, flags & ~DESCRIPTOR, method) == (
        info.orig_filename,
        info.flag_bits & ~DESCRIPTOR,
        info.compress_type,
    )
    told = (
        flags & DESCRIPTOR
        or size == 0xFFFFFFFF
        or (crc, packed, size) == (info.CRC, info.compress_size, info.file_size)
    )
    if not same or not told:
        raise Refusal(
            f"The archive describes {printable(info.filename)} in two different ways.",
            "mismatch",
            REPACK,
        )
    end = info.header_offset + LOCAL.size + name_bytes + extra_bytes + info.compress_size
    return end + _descriptor_bytes(raw, end) if flags & DESCRIPTOR else end


def _descriptor_bytes(raw, end):
    """How long the data descriptor at `end` is: with or without signature, 32 or 64 bit sizes."""
    raw.seek(end)
    after = raw.read(28)
    for size in sorted(DESCRIPTOR_SIZES):
        if after[size : size + 4] in (b"PK\x03\x04", b"PK\x01\x02"):
            return size
    return 0


def _chunks(archive, info):
    counted = 0
    with archive.open(info) as file:
        while chunk := file.read(limits.CHUNK):
            counted += len(chunk)
            yield chunk
    if counted != info.file_size:
        raise damaged("a member is shorter than declared")


def _mode_kind(mode):
    """What a Unix mode says a member is, or "" for files and folders."""
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    kind = stat.S_IFMT(mode)
    return "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else kinds.get(kind, "a special file")
