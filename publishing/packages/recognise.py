"""What a file is, told from its bytes alone. Nothing is loaded; sizes in bytes."""

import bz2
import io
import json
import lzma
import os
import pickletools
import re
import warnings
import zipfile
import zlib

HEAD = 64 * 1024
PEEK_DEPTH = 3

MAGIC = [
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "nested"),
    (b"Rar!", "nested"),
    (b"\x28\xb5\x2f\xfd", "compressed"),
    (b"\x04\x22\x4d\x18", "compressed"),
    (b"\x7fELF", "executable"),
    (b"MZ", "executable"),
    (b"\xca\xfe\xba\xbe", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"#!", "code"),
    (b"\x93NUMPY", "npy"),
    (b"GGUF", "gguf"),
    (b"CBM1", "catboost"),
    (b"binf", "xgboost"),
    (b"tree\nversion=", "lightgbm"),
    (b"ftrt", "tensorrt"),
    (b"PAR1", "data"),
    (b"ARROW1", "data"),
    (b"SQLite format 3\x00", "data"),
    (b"RDX", "r"),
]
FLATBUFFERS = {b"TFL3": "tflite", b"ORTM": "ort-format"}  # their identifier stands at byte 4
UBJSON = re.compile(rb"\{L[\x00-\xff]{8}(learner|version)")

INFLATE = {
    "gzip": lambda data: zlib.decompressobj(31).decompress(data, HEAD),
    "zlib": lambda data: zlib.decompressobj().decompress(data, HEAD),
    "bz2": lambda data: bz2.BZ2Decompressor().decompress(data, HEAD),
    "xz": lambda data: lzma.LZMADecompressor(memlimit=64 * 2**20).decompress(data, HEAD),
    "lzma": lambda data: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=64 * 2**20).decompress(
        data, HEAD
    ),
}

RUNNING = {"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"}
NAMING = {"GLOBAL", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"}
CODE_LINE = re.compile(
    rb"^[ \t]*(import \w|from \w[\w.]* import |def \w+\(|class \w+[(:])", re.MULTILINE
)


def recognise(path):
    """The kind of the file at `path`: onnx, zip, tar-gz, text, json, or a key of refusals.CONTENT."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(HEAD)
        kind = recognise_bytes(head, whole=size <= HEAD)
        if kind == "binary":
            kind = onnx_kind(file, size)
    if kind == "zip":
        return zip_kind(path)
    if kind in ("onnx", "tar-gz", "text", "json") and zipfile.is_zipfile(path):
        return "polyglot"
    return kind


def recognise_bytes(head, whole=True, depth=0):
    """The kind of a file that starts with `head`; "binary" when no magic number or text fits."""
    if not head:
        return "empty"
    if is_pickle(head):
        return "pickle"
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return _npy_kind(head) if kind == "npy" else _peeked(kind, head, depth)
    if head[4:8] in FLATBUFFERS:
        return FLATBUFFERS[head[4:8]]
    if UBJSON.match(head) and b"learner" in head:
        return "xgboost"
    if head[:1] == b"x" and head[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
        return _peeked("zlib", head, depth)
    if head.startswith(b"\x5d\x00\x00"):
        return _peeked("lzma", head, depth)
    if is_tar(head):
        return "nested"
    if is_safetensors(head):
        return "safetensors"
    return text_kind(head, whole)


def is_pickle(head):
    """True for protocol 2 and later by its first bytes, for 0 and 1 by reading the opcodes (they are not run)."""
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return True
    stack, named = [], False
    try:
        for opcode in _opcodes(head):
            _step(stack, opcode)
            if opcode.name in RUNNING:
                return True
            named = named or opcode.name in NAMING
    except (
        Exception
    ):  # anything genops or the stack cannot follow is not a pickle: prose begins with opcodes too
        return False
    return named


def _opcodes(head):
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # genops decodes escapes, also those of files that are no pickles
        yield from (opcode for opcode, _, _ in pickletools.genops(io.BytesIO(head)))


def _step(stack, opcode):
    """Does to the stack's height what the opcode would do. Raises IndexError or ValueError when it cannot."""
    before = opcode.stack_before
    if pickletools.markobject in before:
        while stack.pop() is not pickletools.markobject:
            pass
        before = before[: before.index(pickletools.markobject)]
    for _ in before:
        stack.pop()
    stack.extend(opcode.stack_after)


def is_tar(head):
    return head[257:262] == b"ustar"


def is_safetensors(head):
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= 16 * 2**20 and head[8:10] == b'{"'


def text_kind(head, whole):
    """text, json, notebook or code; "binary" when the bytes are not plain UTF-8 text."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if whole or error.start < len(head) - 4:
            return "binary"
        text = head[: error.start].decode("utf-8")
    if any(ord(char) < 32 and char not in "\t\n\r\f" for char in text):
        return "binary"
    if text.lstrip()[:1] in ("{", "["):
        return _json_kind(text)
    if text.lstrip("\ufeff \n\r\t")[:1] == "<":
        return _xml_kind(text)
    return "code" if CODE_LINE.search(head) else "text"


def zip_kind(path):
    """zip, or the model format that hides in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, UnicodeDecodeError):
        return "zip"  # the archive reader says exactly what is wrong
    bases = {name.rsplit("/", 1)[-1] for name in names}
    if (
        "archive_format" in bases
        and any("/models/" in name for name in names)
        or "serialized_exported_program.json" in bases
    ):
        return "torch-export"
    if "data.pkl" in bases:
        return "torchscript" if any("/code/" in name for name in names) else "torch"
    if "model.ini" in bases and any(name.startswith("domains/") for name in names):
        return "h2o"
    if "model.weights.h5" in bases:
        return "keras"
    if "schema.json" in names and not any(name.endswith(".onnx") for name in names):
        return "skops"
    if names and all(name.endswith(".npy") for name in names):
        return "npy"
    return "zip"


# ModelProto's fields and their wire types (onnx.proto): nothing else may stand at the top of an ONNX file.
ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
GRAPH, IR_VERSION = 7, 1


def onnx_kind(file, size):
    """onnx, truncated-onnx or binary, by walking the top level of the protobuf to its last byte."""
    file.seek(0)
    seen = set()
    while file.tell() < size:
        tag = _varint(file)
        field, wire = (tag >> 3, tag & 7) if tag else (0, 7)
        if ONNX_FIELDS.get(field) != wire:
            return "binary" if GRAPH not in seen else "polyglot"
        length = _varint(file)
        if length is None:
            return "truncated-onnx" if IR_VERSION in seen else "binary"
        if wire == 2 and file.tell() + length > size:
            return "truncated-onnx" if IR_VERSION in seen else "binary"
        file.seek(length if wire == 2 else 0, os.SEEK_CUR)
        seen.add(field)
    return (
        "onnx"
        if {GRAPH, IR_VERSION} <= seen
        else "truncated-onnx"
        if IR_VERSION in seen
        else "binary"
    )


def _varint(file):
    """The next base-128 integer, or None at the end of the file or after ten bytes."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None


def _peeked(kind, head, depth):
    """The kind behind a compressed stream's first bytes."""
    if kind not in INFLATE:
        return kind
    if depth >= PEEK_DEPTH:
        return "compressed"
    try:
        inside = INFLATE[kind](head)
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
        return (
            text_kind(head, whole=False) if kind == "zlib" else "compressed"
        )  # "x^2" begins like zlib
    if kind == "gzip" and is_tar(inside):
        return "tar-gz"
    found = recognise_bytes(inside, whole=False, depth=depth + 1)
    return "compressed-pickle" if found in ("pickle", "compressed-pickle") else "compressed"


def _npy_kind(head):
    return "npy-object" if re.search(rb"'descr':\s*'[|=<>]?O", head[:512]) else "npy"


def _json_kind(text):
    if '"nbformat"' in text and '"cells"' in text:
        return "notebook"
    if '"learner"' in text[:1000] and ('"gradient_booster"' in text or '"attributes"' in text):
        return "xgboost"
    if '"features_info"' in text[:1000] and '"float_features"' in text:
        return "catboost"
    try:
        json.loads(text)
    except RecursionError:
        return "binary"
    except ValueError:
        return "text"  # cut at HEAD, or YAML's flow style: its reader decides
    return "json"


def _xml_kind(text):
    if re.search(r"<PMML[\s>]", text):
        return "pmml"
    return "openvino" if re.search(r"<net name=", text[:1000]) else "text"
