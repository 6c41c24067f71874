"""How an upload is refused: a sentence, a code for programs, and what to do instead.

Like all that runs in the child process, it imports nothing of the marketplace.
"""

SKLEARN = "Convert it where you trained it: skl2onnx.to_onnx(model, X[:1], options={'zipmap': False}), then upload the .onnx file."
TORCH = "Export it where you trained it: torch.onnx.export(model, example, 'model.onnx', dynamo=True, external_data=False)."
KERAS = "Convert it where you trained it: python -m tf2onnx.convert --saved-model DIR --output model.onnx."
ACCEPTED = "Upload one .onnx file, or a .zip or .tar.gz of an MLflow model directory with the ONNX flavour."
REPACK = "Pack the files again with a standard tool, for example: zip -r model.zip model/"

PICKLE_WHY = "Pickles run code when they are opened, so the marketplace refuses them in every form."


class Refusal(Exception):
    """Why the upload cannot become a version: a sentence, a stable code, a remedy. The parent makes a Refused of it."""

    def __init__(self, message, code, remedy=""):
        super().__init__(message)
        self.message, self.code, self.remedy = message, code, remedy

    def as_data(self):
        return {"message": self.message, "code": self.code, "remedy": self.remedy}


# What a file turned out to be → (what it is called, why not, remedy). `{name}` is filled in by `refuse_content`.
CONTENT = {
    "pickle": ("is a Python pickle", PICKLE_WHY, SKLEARN),
    "compressed-pickle": ("is a compressed Python pickle (as joblib writes it)", PICKLE_WHY, SKLEARN),
    "torch": ("is a PyTorch checkpoint, which is a pickle inside a zip", PICKLE_WHY, TORCH),
    "keras": ("is a Keras model, which may carry code in its layers", "The marketplace runs ONNX only.", KERAS),
    "hdf5": ("is an HDF5 file (.h5), which may carry code in its layers", "The marketplace runs ONNX only.", KERAS),
    "npy-object": ("is a NumPy array of Python objects, which is a pickle", PICKLE_WHY, "Save it with a plain dtype, or leave it out."),
    "npy": ("is a NumPy array file", "An array is not a model.", ACCEPTED),
    "skops": ("is a skops file", "This marketplace does not serve skops yet.", SKLEARN),
    "safetensors": ("is a safetensors file: weights without the graph that uses them", "It cannot run by itself.", TORCH),
    "notebook": ("is a Jupyter notebook", "The marketplace hosts models, not code.", ACCEPTED),
    "code": ("is program code", "The marketplace never runs uploaded code.", "Leave it out: the ONNX graph is all that is served."),
    "executable": ("is a program", "The marketplace never runs uploaded code.", ACCEPTED),
    "nested": ("is an archive inside the archive", "Archives may not be nested.", "Pack the files themselves, in one archive."),
    "compressed": ("is a compressed file of a kind that is not accepted", "Its content cannot be inspected.", ACCEPTED),
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
    "binary": ("is of a kind the marketplace does not recognise", "What is not recognised is not accepted.", ACCEPTED),
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
    return Refusal(f"The archive is damaged or was built by hand: {detail[:120]}.", "damaged-archive", "Pack and upload it again.")


def too_big(sentence):
    return Refusal(sentence, "size", "Leave out what the model does not need; training data does not belong in a package.")


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
