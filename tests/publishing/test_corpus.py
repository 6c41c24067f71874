"""Issue 11, done when 2: at least 120 hostile files through the limited child, each refused with a reason, in time and memory."""

import pickle
import re
import subprocess
import tarfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from publishing.packages import Refused
from tests.publishing import test_archives, test_packages
from tests.publishing.specimens import Payload, mlflow_files, onnx_bytes, tar_link, tar_of, zip_of

pytestmark = pytest.mark.slow
SECONDS, MEBIBYTES = 20, 512
NAMES = ("model.onnx", "model.pkl", "model.joblib", "model.zip", "model.tar.gz", "model.txt", "m")
KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)


def hostile(marker):
    """(what it is, bytes, name of the upload): those of the other files' tests, which say the exact reason of each."""
    for name in NAMES:
        for protocol in (0, pickle.HIGHEST_PROTOCOL):
            yield f"pickle {protocol}", pickle.dumps(Payload(marker), protocol), name
    for what, wrap in test_packages.WRAPPINGS.items():
        wrapped = wrap(pickle.dumps({"weights": [1.0] * 50, "x": Payload(marker)}))
        yield f"{what} alone", wrapped, "model.onnx"
        for pack, name in ((zip_of, "m.zip"), (tar_of, "m.tar.gz")):
            files = {"MLmodel": test_packages.specimens.mlmodel(), "model.onnx": wrapped}
            yield f"{what} packed", pack(files), name
    for what, (make, _) in test_packages.FOREIGN.items():
        for name in ("model.onnx", "model.zip"):
            yield what, make(), name
    for what, (make, *_) in test_packages.ODD_MODELS.items():
        yield what, make(), "model.onnx"
    for share in (0.02, 0.3, 0.5, 0.9, 0.99):
        whole = onnx_bytes(metadata={"note": "x" * 500})
        yield f"cut at {share}", whole[: int(len(whole) * share)], "model.onnx"
    for what, (text, _) in test_packages.ODD_MLMODELS.items():
        yield what, zip_of({**mlflow_files(), "model/MLmodel": text}), "m.zip"
    for member in test_archives.BAD_NAMES:
        for pack, name in ((zip_of, "m.zip"), (tar_of, "m.tar.gz")):
            yield f"member {member!r}", pack(test_archives.good_files(**{member: b"x"})), name
    for kind in KINDS:
        yield f"member of kind {kind!r}", tar_of([(tar_link("model.onnx", kind), b"")]), "m.tgz"
    for what, (make, _) in test_archives.ODD_ZIPS.items():
        yield what, make(), "m.zip"
    for what, (make, _) in test_archives.ODD_TARS.items():
        yield what, make(), "m.tar.gz"
    for what, (make, name, _) in test_packages.REAL.items():
        yield what, make(marker), name


@pytest.fixture
def peaks(monkeypatch):
    """The largest resident size (KiB) of each inspecting child, looked at every few milliseconds."""
    sizes = []
    plain = subprocess.Popen

    def watched(*args, **facts):
        child = plain(*args, **facts)
        status = Path(f"/proc/{child.pid}/status")

        def watch():
            with suppress(OSError):
                while found := re.search(r"VmHWM:\s+(\d+)", status.read_text()):
                    sizes.append(int(found.group(1)))
                    time.sleep(0.005)

        threading.Thread(target=watch, daemon=True).start()
        return child

    monkeypatch.setattr(subprocess, "Popen", watched)
    return sizes


def test_each_hostile_file_is_refused_with_a_reason_in_time_and_leaves_nothing(
    inspected, tmp_path, marker, peaks, capsys
):
    count, slowest, wrong = 0, 0.0, []
    for what, content, name in hostile(marker):
        count, began = count + 1, time.monotonic()
        try:
            with inspected(content, name):
                wrong.append(f"{what} as {name} was accepted")
        except Refused as refused:
            if not (refused.message and refused.remedy and refused.code):
                wrong.append(f"{what} as {name} has no reason or no remedy")
        slowest = max(slowest, time.monotonic() - began)
        there = {path.name for path in tmp_path.iterdir()}
        if list((tmp_path / "quarantine").iterdir()) or there != {"quarantine", "upload"}:
            wrong.append(f"{what} as {name} left {there}")
    largest = max(peaks)
    with capsys.disabled():
        print(
            f"\n{count} hostile files; slowest {slowest:.1f} s, largest child {largest >> 10} MiB"
        )
    assert wrong == [] and not marker.exists()
    assert count >= 120 and slowest <= SECONDS and largest <= MEBIBYTES << 10
