"""What ONNX Runtime says when it refuses, for the publisher: the useful part first, without places in its source, and a remedy."""

import re

NO_MEMORY = ("Failed to allocate memory", "bad_alloc", "bad allocation", "Cannot allocate memory")
LONGEST = 1500
HEAD = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |Exception during initialization: ")
PLACE = re.compile(
    r"/\S+\.(?:cc|h|cpp):\d+ .*?\)(?: const)?(?:::<lambda\(.*?\)>)? |\b\w+\.(?:cc|h):\d+ \w+ ",
    re.DOTALL,
)
CONDITION = re.compile(r"^.*? was false\.? ", re.DOTALL)
NODE = re.compile(
    r"Non-zero status code returned while running (\w+) node\. Name:'([^']*)' Status Message: (.*)",
    re.DOTALL,
)
SIZE = (
    "The example's shape does not fit the graph: give an example of a size that the model takes. "
    "Where only one size works, write it into the signature in place of -1."
)
# what it says → (sentence or None for its own words, remedy); {0}, {1} are what the parentheses caught
KNOWN = [
    (
        re.compile(
            r"Opset (\d+) is under development.*domain (\S+) is till opset (\d+)", re.DOTALL
        ),
        "It was exported with opset {0} of {1}; the marketplace's ONNX Runtime serves up to {2}.",
        "Export it again with opset {2} or lower: opset_version={2}, in skl2onnx target_opset={2}.",
    ),
    (
        re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)"),
        "It was saved in the file format (IR version) {0}; the marketplace's ONNX Runtime reads up to {1}.",
        "Set model.ir_version = {1} before onnx.save, or save it with an earlier release of onnx.",
    ),
    (
        re.compile(r"Failed to construct locale with name:(\S+?):"),
        "Its StringNormalizer needs the locale {0}, which the marketplace does not have.",
        "Let it use en_US, or lower the case before the call.",
    ),
    (
        re.compile(r"Could not find an implementation for (\S+)"),
        "The marketplace's ONNX Runtime has no implementation of {0} for the types that the graph gives it.",
        "Put a Cast to float32 before it, or export the model with another opset.",
    ),
    (
        re.compile(r"No Op registered for (\S+)|(\S+) is not a registered function/op"),
        None,
        "Export the model with standard operators (domains ai.onnx and ai.onnx.ml).",
    ),
]
KNOWN_WHEN_RUN = [
    (
        re.compile(r"out of data bounds|out of range"),
        None,
        "Give an example that the model was trained for, and a range for callers.",
    ),
    (re.compile(r"[Ii]nvalid (?:dimension|rank)|[Dd]imension|[Ss]hape|broadcast|size"), None, SIZE),
]


def is_lack_of_memory(wrong):
    """True for what Python, C++ and ONNX Runtime's allocator say when there is no more memory."""
    return isinstance(wrong, MemoryError) or any(words in str(wrong) for words in NO_MEMORY)


def in_words(wrong, when_run=False):
    """(what is wrong, what to do about it or "") of an exception of ONNX Runtime, from loading a graph or from a run."""
    said = str(wrong).strip() or type(wrong).__name__
    for known, sentence, remedy in KNOWN + KNOWN_WHEN_RUN * when_run:
        if caught := known.search(said):
            parts = [part or "" for part in caught.groups()]
            return sentence.format(*parts) if sentence else _plain(said), remedy.format(*parts)
    return _plain(said), ""


def _plain(said):
    """Its own words, without the names of its functions; what failed comes before where."""
    said = HEAD.sub("", said)
    node = NODE.search(said)
    if node:
        operator, name, why = node.groups()
        where = f"{operator} “{name}”" if name else operator
        return f"{_without_places(why)} (in the graph's {where})"[:LONGEST]
    return _without_places(said)[:LONGEST]


def _without_places(said):
    said = CONDITION.sub("", PLACE.sub("", said))
    return " ".join(said.split()).rstrip(".:")
