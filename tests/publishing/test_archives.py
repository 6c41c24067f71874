"""Archives that lie, overflow or point elsewhere are refused; honest ones of every common tool are accepted."""

import gzip
import struct
import tarfile
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publishing.packages import Refused, limits
from tests.publishing.specimens import mlflow_files, onnx_bytes, tar_link, tar_of, zip_link, zip_of


def good_files(**more):
    return {"model.onnx": onnx_bytes(), **more}


BAD_NAMES = {
    "../evil.txt": "traversal",
    "a/../../evil.txt": "traversal",
    "/etc/evil.txt": "traversal",
    "C:/evil.txt": "traversal",
    "a//b.txt": "traversal",
    "a\\..\\evil.txt": "member-name",
    "a\x07.txt": "member-name",
    "a\u202egpj.txt": "member-name",
    "e\u0301.txt": "member-name",
    "x" * 201: "member-name",
    "/".join("abcdefghi"): "depth",
    "__MACOSX/../evil.txt": "traversal",
}
LITTER = [
    "__MACOSX/._model.onnx",
    "__MACOSX/model/._MLmodel",
    ".DS_Store",
    "model/.DS_Store",
    "._model.onnx",
    "Thumbs.db",
    "model/thumbs.db",
    "desktop.ini",
    ".Spotlight-V100/store",
    "$RECYCLE.BIN/x.bin",
    "__MACOSX/" + "x" * 250,
]


@pytest.mark.parametrize("name", LITTER)
@pytest.mark.parametrize(("pack", "upload"), [(zip_of, "m.zip"), (tar_of, "m.tar.gz")])
def test_what_file_managers_add_is_left_out_silently(look, pack, upload, name):
    """Issue 9, line 15. Its content is of no interest, and nothing of it is kept."""
    found, clean = (
        look(pack(good_files(**{name: b"\x00\x01\x02Bud1"})), upload),
        look(pack(good_files()), upload),
    )
    assert [file["name"] for file in found["files"]] == ["model.onnx"]
    assert found["warnings"] == clean["warnings"]


def test_what_is_left_out_counts_as_the_rest_does(look):
    with pytest.raises(Refused) as refused:
        look(zip_of(good_files(**{"__MACOSX/bomb": bytes(100 * 2**20)})), "m.zip")
    assert refused.value.code == "bomb"


@pytest.mark.parametrize(
    ("name", "says", "not_said"),
    [
        ("x" * 201, "201 bytes", "accents"),
        ("ü" * 101, "202 bytes", "accents"),
        ("e\u0301.txt", "accents", "bytes"),
    ],
)
def test_a_name_that_cannot_be_kept_gets_its_own_reason(look, name, says, not_said):
    with pytest.raises(Refused) as refused:
        look(zip_of(good_files(**{name: b"x"})), "m.zip")
    assert says in refused.value.message and not_said not in refused.value.message


@pytest.mark.parametrize("ending", [".onnx", ".zip", ".tar.gz"])
def test_a_long_name_of_the_upload_itself_keeps_its_ending(inspected, ending):
    """Cut at two hundred characters, model…onnx was a file of an unknown kind."""
    content = {
        ".onnx": onnx_bytes(),
        ".zip": zip_of(good_files()),
        ".tar.gz": tar_of(good_files()),
    }[ending]
    with inspected(content, "m" * 240 + ending) as found:
        assert found.entry == "model.onnx"


@pytest.mark.parametrize(("name", "code"), BAD_NAMES.items())
@pytest.mark.parametrize(("pack", "upload"), [(zip_of, "m.zip"), (tar_of, "m.tar.gz")])
def test_bad_member_name_is_refused(look, pack, upload, name, code):
    with pytest.raises(Refused) as refused:
        look(pack(good_files(**{name: b"x"})), upload)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_tar_member_that_is_no_file_is_refused(look, kind):
    with pytest.raises(Refused) as refused:
        look(tar_of([(tar_link("model.onnx", kind), b"")]), "m.tgz")
    assert refused.value.code == "member-kind"


def test_symlink_then_write_is_refused_and_writes_nothing_outside(look, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(Refused):
        look(
            tar_of([(tar_link("dir", tarfile.SYMTYPE, str(outside)), b""), ("dir/evil.txt", b"x")]),
            "m.tar.gz",
        )
    assert list(outside.iterdir()) == []


def zip_with_flag(flag):
    data = bytearray(zip_of({"model.onnx": onnx_bytes()}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.index(magic) + offset
        data[position] |= flag
    return bytes(data)


def zip_with_local_name(name):
    data = zip_of({"model.onnx": onnx_bytes()})
    return data.replace(b"model.onnx", name, 1)


def overlapping_zip():
    data = bytearray(zip_of([("a.txt", b"x" * 100), ("b.txt", b"x" * 100)]))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = bytes(4)
    return bytes(data)


def bad_crc():
    data = bytearray(zip_of({"model.onnx": onnx_bytes()}, zipfile.ZIP_STORED))
    data[data.index(b"tests")] ^= 1
    return bytes(data)


ODD_ZIPS = {
    "symlink": (lambda: zip_of([(zip_link("model.onnx"), b"/etc/passwd")]), "member-kind"),
    "encrypted": (lambda: zip_with_flag(0x1), "encrypted"),
    "lzma": (lambda: zip_of(good_files(), zipfile.ZIP_LZMA), "compression"),
    "empty": (lambda: zip_of({}), "empty"),
    "data before": (lambda: b"PK\x03\x04" + bytes(60) + zip_of(good_files()), "polyglot"),
    "data after": (lambda: zip_of(good_files()) + b"more", "polyglot"),
    "tar appended": (lambda: zip_of(good_files()) + tar_of(good_files()), "polyglot"),
    "two stories": (lambda: zip_with_local_name(b"other.onnx"), "mismatch"),
    "overlap": (overlapping_zip, "damaged-archive"),
    "bad crc": (bad_crc, "damaged-archive"),
    "cut": (lambda: zip_of(good_files())[:-30], "damaged-archive"),
    "nested zip": (lambda: zip_of(good_files(**{"more.txt": zip_of(good_files())})), "nested"),
    "nested tar": (lambda: zip_of(good_files(**{"more.txt": tar_of(good_files())})), "nested"),
    "two models": (lambda: zip_of({"a.onnx": onnx_bytes(), "b.onnx": onnx_bytes()}), "entry"),
    "two homes": (lambda: zip_of({"a/MLmodel": b"{}", "b/MLmodel": b"{}"}), "entry"),
    "stray file": (lambda: zip_of({**mlflow_files(), "stray.txt": b"x"}), "entry"),
    "python inside": (lambda: zip_of(good_files(**{"code.py": b"import os\n"})), "code"),
    "too many": (
        lambda: zip_of({f"{index}.txt": b"" for index in range(limits.ARCHIVE_MEMBERS + 1)}),
        "members",
    ),
    "too many files": (
        lambda: zip_of({f"{index}.txt": b"x" for index in range(limits.VERSION_FILES + 1)}),
        "members",
    ),
}


@pytest.mark.parametrize(("make", "code"), ODD_ZIPS.values(), ids=ODD_ZIPS.keys())
def test_odd_zip_is_refused(look, make, code):
    with pytest.raises(Refused) as refused:
        look(make(), "m.zip")
    assert refused.value.code == code


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_duplicate_after_casefold_is_refused(look, pack):
    with pytest.raises(Refused) as refused:
        look(
            pack([("README.md", b"x"), ("readme.MD", b"y")]), "m.zip" if pack is zip_of else "m.tgz"
        )
    assert refused.value.code == "duplicate"


def tar_with_trailer(trailer):
    return gzip.compress(gzip.decompress(tar_of(good_files())) + trailer)


def sparse_tar():
    info = tarfile.TarInfo("model.onnx")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "999999999",
    }
    return tar_of([(info, b"x")])


ODD_TARS = {
    "second archive": (lambda: tar_with_trailer(b"x" * 512), "polyglot"),
    "zip appended": (lambda: tar_of(good_files()) + zip_of(good_files()), "polyglot"),
    "trailing noise": (lambda: tar_of(good_files()) + b"noise", "damaged-archive"),
    "cut": (lambda: tar_of(good_files())[:-40], "damaged-archive"),
    "sparse": (sparse_tar, "tar-extension"),
    "no end mark": (
        lambda: gzip.compress(gzip.decompress(tar_of({"a.txt": b"x"}))[:1024]),
        "damaged-archive",
    ),
}


def test_folders_have_members_of_their_own(look):
    """As tar, shutil and zip -r write them: with a slash at the end or without."""
    folder = tarfile.TarInfo("model")
    folder.type = tarfile.DIRTYPE
    inner = tarfile.TarInfo("model/inner")
    inner.type = tarfile.DIRTYPE
    assert look(
        tar_of([(folder, b""), (inner, b""), ("model/inner/m.onnx", onnx_bytes())]), "m.tar.gz"
    )
    assert look(
        zip_of([("model/", b""), ("model/inner/", b""), ("model/inner/m.onnx", onnx_bytes())]),
        "m.zip",
    )


@pytest.mark.parametrize("members", [("a", "a/b"), ("a/b", "A"), ("a/b/c", "a/B")])
@pytest.mark.parametrize(("pack", "upload"), [(zip_of, "m.zip"), (tar_of, "m.tar.gz")])
def test_nothing_is_a_file_and_a_folder_at_once(look, pack, upload, members):
    """It was kept, and could not be unpacked again."""
    with pytest.raises(Refused) as refused:
        look(pack([(name, b"x") for name in members]), upload)
    assert refused.value.code == "duplicate" and "folder" in refused.value.message


@pytest.mark.parametrize(("make", "code"), ODD_TARS.values(), ids=ODD_TARS.keys())
def test_odd_tar_is_refused(look, make, code):
    with pytest.raises(Refused) as refused:
        look(make(), "m.tar.gz")
    assert refused.value.code == code


@pytest.mark.parametrize(("pack", "name"), [(zip_of, "m.zip"), (tar_of, "m.tar.gz")])
def test_bomb_is_refused_before_it_unpacks(look, tmp_path, pack, name):
    with pytest.raises(Refused) as refused:
        look(pack({"model.onnx": bytes(100 * 2**20)}), name)
    assert refused.value.code == "bomb"
    assert sum(file.stat().st_size for file in (tmp_path / "quarantine").iterdir()) <= 65 * 2**20


def test_bomb_that_lies_about_its_size_is_refused(look):
    data = bytearray(zip_of({"model.onnx": bytes(70 * 2**20)}))
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        position = data.index(magic) + offset
        data[position : position + 4] = struct.pack("<L", 1000)
    with pytest.raises(Refused):
        look(bytes(data), "m.zip")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(["m.onnx", "m.zip", "m.tar.gz"]), st.data())
def test_damaged_package_is_accepted_or_refused_but_never_breaks(look, name, data):
    """A few bytes changed, cut or doubled anywhere, also inside the gzip: no other exception than Refused."""
    raw = {
        "m.onnx": onnx_bytes,
        "m.zip": lambda: zip_of(mlflow_files()),
        "m.tar.gz": lambda: gzip.decompress(tar_of(mlflow_files())),
    }[name]()
    start = data.draw(st.integers(0, len(raw) - 1))
    length = data.draw(st.integers(0, 40))
    damaged = raw[:start] + data.draw(st.binary(max_size=8)) + raw[start + length :]
    with suppress(Refused):
        look(gzip.compress(damaged, 1) if name == "m.tar.gz" else damaged, name)


@pytest.mark.parametrize("rest", [b"\x12\x04abcd", b"\x12\x80\x02abcd"], ids=["whole", "cut"])
@pytest.mark.parametrize(
    "path",
    [
        "saved_model.pb",
        "model/saved_model.pb",
        "model/fingerprint.pb",
        "variables/variables.index",
        "model/variables/variables.data-00000-of-00001",
    ],
)
def test_a_saved_model_gets_the_line_that_converts_it(look, path, rest):
    """It begins as an ONNX file does: it was taken for one that a broken upload had cut."""
    with pytest.raises(Refused) as refused:
        look(zip_of([(path, b"\x08\x01" + rest)]), "m.zip")
    assert "TensorFlow SavedModel" in refused.value.message
    assert "broken upload" not in refused.value.message
    assert "tf2onnx.convert --saved-model" in refused.value.remedy
