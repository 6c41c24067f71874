"""The parent's side of an inspection: starts the limited child, reads its answer, and cleans up."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.core.errors import Invalid

from . import limits

ROOT = Path(__file__).resolve().parents[2]
TRY_AGAIN = "Check that the file opens where you made it, and upload it again."


class Refused(Invalid):
    """The upload cannot become a version. `code` is stable; the message is for people.

    problems: everything that was found, [{"message", "code", "remedy"}]; message, code and remedy are the first one's.
    """

    slug = "package-refused"
    title = "This package was refused"

    def __init__(self, message, code, remedy="", problems=()):
        super().__init__(message, field="file", remedy=remedy)
        self.code = code
        self.problems = list(problems) or [{"message": message, "code": code, "remedy": remedy}]

    @property
    def sentences(self):
        """One sentence with its remedy for each problem."""
        return [f"{problem['message']} {problem['remedy']}".strip() for problem in self.problems]

    @property
    def sentence(self):
        if len(self.problems) == 1:
            return self.sentences[0]
        numbered = " ".join(
            f"({number}) {sentence}" for number, sentence in enumerate(self.sentences, 1)
        )
        return f"{len(self.problems)} things stand against this package. {numbered}"


@dataclass(frozen=True)
class PackageFile:
    """One file of the package. `name` is for the manifest; the bytes are at `path` until the inspection is closed."""

    name: str
    sha256: str
    size: int
    path: Path


@dataclass
class Inspection:
    """What a package was found to be. Close it (or leave its `with` block) once the files are stored."""

    format: str  # onnx | mlflow
    flavor: str
    entry: str
    files: list
    signature: dict  # proposed, with binding
    example: dict | None
    graph: dict  # {"inputs": [{name, datatype, shape}], "outputs": [...], "opset", "producer", "nodes"}
    opset: dict
    producer: str
    warnings: list = field(default_factory=list)
    questions: list = field(
        default_factory=list
    )  # [{"tensor", "width"}]: one tensor, or so many columns without names?
    changes: list = field(
        default_factory=list
    )  # sentences: what is different from the uploaded bytes, and why
    original: list = field(
        default_factory=list
    )  # [{"name", "sha256", "size"}] of the uploaded files that were replaced
    scan: dict = field(
        default_factory=dict
    )  # {"tool", "files"}: the second reader, which found nothing
    quarantine: Path | None = None

    def close(self):
        if self.quarantine:
            shutil.rmtree(self.quarantine, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def inspect(path, filename, *, quarantine=None):
    """Looks at the upload at `path` that its sender called `filename`. Raises Refused; then nothing is left behind.

    quarantine: the folder to unpack in, by default the system's temporary one. The upload itself stays the caller's.
    """
    path = Path(path).resolve()
    if path.stat().st_size > limits.FILE_BYTES:
        raise Refused(
            "The file is larger than 2 GiB.",
            "size",
            "Host the model yourself and register it as an external endpoint.",
        )
    if quarantine:
        Path(quarantine).mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix="quarantine-", dir=quarantine))
    try:
        return _inspection(_ask_child(path, filename, room), path, room)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise


def _inspection(found, path, room):
    """The child's plain data as an Inspection; its files must lie in the quarantine or be the upload."""
    files = [
        PackageFile(file["name"], file["sha256"], file["size"], Path(file["path"]))
        for file in found.pop("files")
    ]
    if any(file.path != path and file.path.parent != room for file in files):
        raise unfinished("it named a file outside the quarantine")
    return Inspection(files=files, quarantine=room, **found)


def _ask_child(path, filename, room):
    """The child's answer about the upload. Crash, time-out and nonsense are refusals."""
    reply = _run_child([str(path), _short(os.path.basename(filename)), str(room)], room)
    try:
        answer = json.loads(reply)
    except ValueError as error:
        raise unfinished("its answer could not be read") from error
    if "refused" in answer:
        raise Refused(**answer["refused"])
    return answer["found"]


def _short(name):
    """A name that fits beside others on a command line; its ending says what the file claims to be, so that it stays."""
    return name if len(name) <= 200 else name[:150] + name[-50:]


def _run_child(arguments, room):
    command = [sys.executable, "-B", "-m", "publishing.packages.inspect_child", *arguments]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(room),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        reply, _ = child.communicate(timeout=limits.CHILD_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise unfinished("it took longer than a minute") from late
    finally:
        _end(child)
    if child.returncode or len(reply) > limits.CHILD_REPLY_BYTES:
        raise unfinished(_reason(child.returncode))
    return reply


def _environment(room):
    """No secrets, one thread: OpenBLAS would reserve memory for every core."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(room),
        "TMPDIR": str(room),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _end(child):
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    child.stdout.close()


def _reason(code):
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "it used more time or memory than an inspection may"
    return "the inspection broke off"


def unfinished(reason):
    """What could not be inspected to the end is refused."""
    return Refused(f"The package could not be inspected: {reason}.", "unfinished", TRY_AGAIN)
