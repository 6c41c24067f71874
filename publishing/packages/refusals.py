"""How an upload is refused: a sentence, a code for programs, and what to do instead.

Like all that runs in the child process, it imports nothing of the marketplace.
"""

from dataclasses import asdict, dataclass

ACCEPTED = "Upload one .onnx file, or a .zip or .tar.gz of an MLflow model directory with the ONNX flavour."
REPACK = "Pack the files again with a standard tool, for example: zip -r model.zip model/"

RUNS_ONNX = "The marketplace runs ONNX only."
PICKLE_WHY = "Pickles run code when they are opened, so the marketplace refuses them in every form."


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an upload: a sentence, a stable code for programs, what to do instead."""

    message: str
    code: str
    remedy: str = ""


class Refusal(Exception):
    """Why the upload cannot become a version: one problem, or all that were found. The parent makes a Refused of it."""

    def __init__(self, message, code, remedy="", others=()):
        super().__init__(message)
        self.message, self.code, self.remedy = message, code, remedy
        self.problems = [Problem(message, code, remedy), *others]

    @classmethod
    def of(cls, problems):
        """All `problems` in one answer, the first one first; each is told once."""
        first, *others = dict.fromkeys(problems)
        return cls(first.message, first.code, first.remedy, others)

    def as_data(self):
        return {
            "message": self.message,
            "code": self.code,
            "remedy": self.remedy,
            "problems": [asdict(one) for one in self.problems],
        }


# What a file turned out to be → (what it is called, why not, remedy where packages.conversions has no line for it).
CONTENT = {
    "pickle": ("is a Python pickle", PICKLE_WHY, ""),
    "compressed-pickle": ("is a compressed Python pickle (as joblib writes it)", PICKLE_WHY, ""),
    "torch": ("is a PyTorch checkpoint, which is a pickle inside a zip", PICKLE_WHY, ""),
    "keras": ("is a Keras model, which may carry code in its layers", RUNS_ONNX, ""),
    "hdf5": ("is an HDF5 file (.h5), which may carry code in its layers", RUNS_ONNX, ""),
    "npy-object": (
        "is a NumPy array of Python objects, which is a pickle",
        PICKLE_WHY,
        "Save it with a plain dtype, or leave it out.",
    ),
    "npy": ("is a NumPy array file", "An array is not a model.", ACCEPTED),
    "skops": ("is a skops file", "This marketplace does not serve skops yet.", ""),
    "safetensors": (
        "is a safetensors file: weights without the graph that uses them",
        "It cannot run by itself.",
        "",
    ),
    "notebook": ("is a Jupyter notebook", "The marketplace hosts models, not code.", ACCEPTED),
    "code": (
        "is program code",
        "The marketplace never runs uploaded code.",
        "Leave it out: the ONNX graph is all that is served.",
    ),
    "executable": ("is a program", "The marketplace never runs uploaded code.", ACCEPTED),
    "data": ("is a file of data", "Data is not a model.", ACCEPTED),
    "nested": (
        "is an archive inside the archive",
        "Archives may not be nested.",
        "Pack the files themselves, in one archive.",
    ),
    "compressed": (
        "is a compressed file of a kind that is not accepted",
        "Its content cannot be inspected.",
        ACCEPTED,
    ),
    "truncated-onnx": (
        "is an ONNX file that ends too early",
        "Part of it is missing, as after a broken upload.",
        "Upload it again; compare its size and SHA-256 first.",
    ),
    "polyglot": (
        "can be read as two different formats at once",
        "Such files are used to slip past checks.",
        "Write the file again with a standard tool.",
    ),
    "empty": ("is empty", "There is nothing to publish.", ACCEPTED),
    "binary": (
        "is of a kind the marketplace does not recognise",
        "What is not recognised is not accepted.",
        ACCEPTED,
    ),
}


def refuse_content(name, kind):
    """The refusal for a file whose content is `kind`."""
    what, why, remedy = CONTENT.get(kind, CONTENT["binary"])
    return Refusal(f"{printable(name)} {what}. {why}", kind, remedy)


def printable(name):
    """An uploader's file name, safe and short enough to show in a sentence."""
    shown = "".join(char if char.isprintable() else "?" for char in str(name))
    return f"“{shown[:80]}…”" if len(shown) > 80 else f"“{shown}”"


def damaged(detail):
    return Refusal(
        f"The archive is damaged or was built by hand: {detail[:120]}.",
        "damaged-archive",
        "Pack and upload it again.",
    )


def too_big(sentence):
    return Refusal(
        sentence,
        "size",
        "Leave out what the model does not need; training data does not belong in a package.",
    )


def bomb():
    return Refusal(
        "The archive unpacks to more than fifty times its own size, like a zip bomb.",
        "bomb",
        "Upload the .onnx file itself, without an archive.",
    )


def not_a_file(name, what):
    return Refusal(
        f"The archive member {printable(name)} is {what}; only ordinary files and folders are accepted.",
        "member-kind",
        "Replace it by a copy of the file it points to.",
    )
