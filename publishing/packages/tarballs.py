"""Reading tar.gz archives strictly, block by block. The standard library's reader forgives too much for hostile input."""

import gzip
import tarfile

from . import limits
from .refusals import ACCEPTED, Refusal, damaged, not_a_file, printable

BLOCK = 512
HEADER_BYTES = 64 * 1024
LONGEST_PAX_LENGTH = 10  # digits
FILE_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE)
KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
HARMLESS_KEYS = {
    "path",
    "mtime",
    "atime",
    "ctime",
    "uid",
    "gid",
    "uname",
    "gname",
    "comment",
    "hdrcharset",
}
HARMLESS_PREFIXES = ("LIBARCHIVE.", "SCHILY.")


def members(path):
    """Yields (name, chunks) per member; chunks is None for a folder. Raises Refusal, or OSError/EOFError on bad gzip."""
    with gzip.open(path) as stream:
        long_name, count = None, 0
        while block := _block(stream):
            info = _header(block)
            if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
                long_name = _extended_name(stream, info) or long_name
                continue
            info.name, long_name, count = (
                (long_name or info.name).removeprefix("./"),
                None,
                count + 1,
            )
            if info.name not in ("", "."):  # tar -C model . begins with the folder itself
                yield _member(stream, info)
        if not count:
            raise Refusal("The archive is empty.", "empty", ACCEPTED)
        _only_zeros(stream)


def _member(stream, info):
    if info.type == tarfile.DIRTYPE and not info.size:
        return info.name, None
    if info.type not in FILE_TYPES:
        raise not_a_file(info.name, KINDS.get(info.type, "a special file"))
    if info.name.endswith("/"):
        raise not_a_file(info.name, "a folder with content")
    return info.name, _chunks(stream, info.size)


def _block(stream):
    """The next header block, or b"" at the end mark (a block of zeros)."""
    block = stream.read(BLOCK)
    if len(block) < BLOCK:
        raise damaged("the tar ends too early")
    return block if block.strip(b"\0") else b""


def _header(block):
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise damaged("a member has no valid header") from error


def _extended_name(stream, info):
    """The member name that a pax or GNU header sets for the next member, or None."""
    if info.size > HEADER_BYTES:
        raise damaged("a header is too long")
    data = b"".join(_chunks(stream, info.size))
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return data.rstrip(b"\0").decode("utf-8")
    records = dict(_pax_records(data))
    for key in records:
        if key not in HARMLESS_KEYS and not key.startswith(HARMLESS_PREFIXES):
            raise Refusal(
                f"The archive uses the tar extension {printable(key)}, which is not accepted.",
                "tar-extension",
                "Pack it with tar -czf.",
            )
    if info.type == tarfile.XGLTYPE and "path" in records:
        raise damaged("a global header sets a path")
    return records.get("path")


def _pax_records(data):
    """Yields (key, value) of a pax header: lines of "<length> <key>=<value>\\n"."""
    while data:
        length, space, _ = data.partition(b" ")
        is_number = length.isdigit() and len(length) <= LONGEST_PAX_LENGTH
        if not space or not is_number or not len(length) + 3 < int(length) <= len(data):
            raise damaged("a pax header is malformed")
        key, equals, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        if not equals or data[int(length) - 1 : int(length)] != b"\n":
            raise damaged("a pax header is malformed")
        yield key.decode("utf-8"), value.decode("utf-8")
        data = data[int(length) :]


def _chunks(stream, size):
    """Yields the member's `size` bytes and skips the padding to the next block."""
    left = size
    while left:
        chunk = stream.read(min(limits.CHUNK, left))
        if not chunk:
            raise damaged("a member ends too early")
        left -= len(chunk)
        yield chunk
    stream.read(-size % BLOCK)


def _only_zeros(stream):
    """After the end mark only padding may follow: anything else is a second archive."""
    padding = 0
    while chunk := stream.read(limits.CHUNK):
        padding += len(chunk)
        if chunk.strip(b"\0") or padding > 1024 * 1024:
            raise Refusal(
                "The archive has data after its end.",
                "polyglot",
                "Pack the files again with tar -czf.",
            )
