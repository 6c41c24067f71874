"""The protocol's bytes: JSON with the binary tensor extension, both ways. Knows no model and judges no value."""

import json
import struct
from dataclasses import dataclass, field
from math import prod

import numpy as np

from hosting.model_server import datatypes
from hosting.model_server.limits import LONGEST_STRING, MOST_DIMENSIONS, MOST_ELEMENTS
from hosting.model_server.problems import Fault, bad_input, too_large, unreadable

UNSUPPORTED = frozenset(
    {"shared_memory_region", "shared_memory_offset", "shared_memory_byte_size", "classification"}
)


INFINITY = float("inf")
FORMS = ("dataframe_split", "dataframe_records", "instances")
TENSOR_MEMBERS = frozenset({"data", "datatype", "shape", "parameters"})


@dataclass(slots=True)
class RawTensor:
    """One input as sent: `data` is a JSON list, or the tensor's own bytes when `binary`.

    datatype and shape are None where the caller leaves them to the signature (`request_forms.completed`).
    """

    name: str
    datatype: str | None
    shape: list[int] | None
    data: object
    binary: bool = False

    def row(self, at):
        """The row that holds element `at`, both counted from 0 in row-major order."""
        return at // (prod(self.shape[1:]) or 1)


@dataclass(slots=True)
class WantedOutput:
    """An output asked for by name; `binary` None means "as the request says for all"."""

    name: str
    binary: bool | None = None


@dataclass(slots=True)
class RawRequest:
    """A read request. `outputs` None means all; `binary_output` is the request-wide default."""

    id: str | None
    inputs: list[RawTensor]
    outputs: list[WantedOutput] | None = None
    binary_output: bool = False
    parameters: dict = field(default_factory=dict)
    form: str = ""  # another form than the protocol's (request_forms), whose value is `content`; then `inputs` is empty
    content: object = None


def read(body, header_length=None):
    """bytes + Inference-Header-Content-Length (str or None) → RawRequest. Raises Problem 400, 413 or 422."""
    head, rest = _split(body, header_length)
    document = _json(head)
    parameters = _parameters(document, "The request")
    form = _form(document)
    request = RawRequest(
        id=_identifier(document),
        inputs=[] if form else _inputs(document, memoryview(rest)),
        form=form,
        content=document.get(form),
        outputs=_outputs(document),
        binary_output=parameters.get("binary_data_output") is True,
        parameters=parameters,
    )
    return request


def _split(body, header_length):
    if header_length is None:
        return body, b""
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 12):
        raise unreadable(
            "Inference-Header-Content-Length is not a number.",
            "Send the JSON part's length in bytes.",
        )
    length = int(header_length)
    if not 0 < length <= len(body):
        raise unreadable(
            f"Inference-Header-Content-Length says {length} bytes; the body has {len(body)}.",
            "Send the JSON part's length in bytes.",
        )
    return body[:length], body[length:]


def _no_constant(name):
    raise bad_input(
        Fault(f"{name} is not a JSON number.", remedy="Leave an optional value out, or send null.")
    )


def _no_duplicates(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise unreadable("A JSON member is there twice.", "Send each member once.")
    return members


def parsed(text, remedy="Send an Open Inference request.", pairs_hook=_no_duplicates):
    """The value of a JSON text. Raises Problem 400 or 422.

    remedy      said where the text is no JSON
    pairs_hook  makes an object of its members; None takes the last of several with one name
    """
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=pairs_hook)
    except RecursionError:
        raise unreadable(
            "The JSON is nested too deeply.", "Send data flat, or nested by shape."
        ) from None
    except json.JSONDecodeError as wrong:
        raise unreadable(f"The body is not JSON: {str(wrong)[:120]}.", remedy) from None
    except UnicodeDecodeError:
        raise unreadable("The body is not UTF-8 text.", "Encode JSON as UTF-8.") from None
    except ValueError:  # Python's own bound on the digits of an integer
        raise unreadable(
            "The body has a number of thousands of digits.", "Send numbers that fit their datatype."
        ) from None


def _json(head):
    document = parsed(head)
    if not isinstance(document, dict):
        raise unreadable("The body is not a JSON object.", 'Send {"inputs": [...]}.')
    return document


def _form(document):
    """The name of another form that the request is written in, or "" for the protocol's own. Raises Problem 422 for two at once."""
    forms = [form for form in FORMS if form in document]
    if len(forms) > 1 or (forms and "inputs" in document):
        raise bad_input(
            Fault(
                "The request is written in two forms at once.",
                remedy=f"Send {forms[0]} alone, or inputs alone.",
            )
        )
    if forms:
        return forms[0]
    inputs = document.get("inputs")
    return (
        "inputs"
        if inputs
        and (
            isinstance(inputs, dict)
            or (isinstance(inputs, list) and not any(map(_is_tensor, inputs)))
        )
        else ""
    )


def _is_tensor(entry):
    """True for what is, or tries to be, a tensor of the protocol; False for a row of values."""
    return isinstance(entry, dict) and (
        set(entry) == {"name"} or not TENSOR_MEMBERS.isdisjoint(entry)
    )


def _identifier(document):
    identifier = document.get("id")
    if identifier is None:
        return None
    if not isinstance(identifier, str) or len(identifier) > 200:
        raise bad_input(
            Fault(
                "`id` is not a text of at most 200 characters.",
                remedy="Send a text, or leave it out.",
            )
        )
    return identifier


def _parameters(owner, what):
    parameters = owner.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise bad_input(
            Fault(
                f"{what} has `parameters` that are not an object.",
                remedy="Send an object, or leave it out.",
            )
        )
    refused = UNSUPPORTED & parameters.keys()
    if refused:
        raise bad_input(
            Fault(
                f"{what} asks for {sorted(refused)[0]}, which is not offered.",
                remedy="Leave it out.",
            )
        )
    return parameters


def _inputs(document, rest):
    given = document.get("inputs")
    if not isinstance(given, list) or not given:
        raise bad_input(Fault("There are no inputs.", remedy='Send "inputs" as a list of tensors.'))
    tensors, offset = [], 0
    for entry in given:
        tensor, offset = _tensor(entry, rest, offset)
        tensors.append(tensor)
    if offset != len(rest):
        raise unreadable(
            f"{len(rest) - offset} bytes after the JSON belong to no input.",
            "Check binary_data_size of each input.",
        )
    return tensors


def _tensor(entry, rest, offset):
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise bad_input(
            Fault(
                "An input has no name.",
                remedy="Send name, shape, datatype and data for each input.",
            )
        )
    name = entry["name"][:200]
    datatype, shape = _datatype(entry, name), _shape(entry, name)
    parameters = _parameters(entry, f"Input '{name}'")
    size = parameters.get("binary_data_size")
    if size is None:
        return RawTensor(name, datatype, shape, _json_data(entry, name)), offset
    if "data" in entry:
        raise bad_input(
            Fault("has both data and binary_data_size.", name, remedy="Send one of them.")
        )
    if type(size) is not int or size < 0 or offset + size > len(rest):
        raise bad_input(
            Fault(
                "binary_data_size does not fit the bytes sent.",
                name,
                remedy="Send the tensor's bytes.",
            )
        )
    return RawTensor(
        name, datatype, shape, rest[offset : offset + size], binary=True
    ), offset + size


def _datatype(entry, name):
    datatype = entry.get("datatype")
    if datatype is None:
        return None
    if not isinstance(datatype, str) or datatype not in datatypes.NUMPY:
        allowed = ", ".join(datatypes.NUMPY)
        raise bad_input(
            Fault("has no datatype of the protocol.", name, remedy=f"Send one of {allowed}.")
        )
    return datatype


def _shape(entry, name):
    shape = entry.get("shape")
    if shape is None:
        return None
    if not isinstance(shape, list) or not shape or len(shape) > MOST_DIMENSIONS:
        raise bad_input(Fault("has no shape.", name, remedy="Send a list such as [1]: rows first."))
    if any(type(size) is not int or size < 0 for size in shape):
        raise bad_input(
            Fault(
                "has a shape that is not whole numbers from 0.",
                name,
                remedy="Send for example [1].",
            )
        )
    if prod(shape) > MOST_ELEMENTS:
        raise too_large(
            f"Input '{name}' has more than {MOST_ELEMENTS} elements.",
            "Send fewer rows per request.",
            limit_elements=MOST_ELEMENTS,
        )
    return shape


def _json_data(entry, name):
    data = entry.get("data")
    if not isinstance(data, list):
        raise bad_input(
            Fault(
                "has no data.", name, remedy="Send data as a list, or binary_data_size with bytes."
            )
        )
    return data


def _outputs(document):
    given = document.get("outputs")
    if given is None or given == []:
        return None
    if not isinstance(given, list):
        raise bad_input(
            Fault("`outputs` is not a list.", remedy="Leave it out to get every output.")
        )
    wanted = [_wanted(entry) for entry in given]
    if len({output.name for output in wanted}) != len(wanted):
        raise bad_input(Fault("An output is asked for twice.", remedy="Ask for each output once."))
    return wanted


def _wanted(entry):
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise bad_input(
            Fault(
                "An output that is asked for has no name.",
                remedy="Ask for each output by its name.",
            )
        )
    binary = _parameters(entry, f"Output '{entry['name'][:200]}'").get("binary_data")
    return WantedOutput(entry["name"], binary if isinstance(binary, bool) else None)


def count_strings(tensor):
    """How many texts a BYTES tensor in binary form holds; what is wrong with them is said when they are read."""
    count, offset = 0, 0
    while offset + 4 <= len(tensor.data):
        offset += 4 + struct.unpack_from("<I", tensor.data, offset)[0]
        count += 1
    return count


def strings(tensor):
    """The elements of a BYTES tensor in binary form (4-byte little-endian length, then UTF-8) → list of str, at most as many as
    its shape needs. Raises Problem 422."""
    raw, wanted, found, offset = tensor.data, prod(tensor.shape), [], 0
    while offset < len(raw):
        if len(found) == wanted:
            raise bad_input(
                Fault(
                    f"has more texts than the {wanted} of its shape.",
                    tensor.name,
                    remedy="Make shape and data agree.",
                )
            )
        row = tensor.row(len(found))
        if offset + 4 > len(raw):
            remedy = "Send each text as its length in 4 bytes, little-endian, and its bytes."
            raise bad_input(Fault("ends inside a length.", tensor.name, row, remedy))
        (length,) = struct.unpack_from("<I", raw, offset)
        offset += 4
        if length > LONGEST_STRING or offset + length > len(raw):
            fault = f"has a text of {length} bytes; {len(raw) - offset} are left, and 64 KiB are allowed."
            raise bad_input(
                Fault(fault, tensor.name, row, "Make each text's length and bytes agree.")
            )
        found.append(_text(raw[offset : offset + length], tensor.name, row))
        offset += length
    return found


def _text(raw, name, row):
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError:
        raise bad_input(Fault("is not UTF-8 text.", name, row, "Encode texts as UTF-8.")) from None


def write(head, outputs, by_row="", plain_output=""):
    """`head` (model_name, model_version, id) and [(name, array, binary)] → (body bytes, JSON length or None).

    by_row: the form that the request was written in. Where rows were sent, `predictions` has one entry for each as well.
    plain_output: whose values plain rows get although there are other outputs (publishing/manifest.py).
    The JSON length is told (Inference-Header-Content-Length) only when some output is binary.
    """
    described, chunks = [], []
    for name, array, binary in outputs:
        entry = {"name": name, "datatype": datatypes.of_array(array), "shape": list(array.shape)}
        if binary:
            chunk = _binary(array)
            entry["parameters"] = {"binary_data_size": len(chunk)}
            chunks.append(chunk)
        else:
            entry["data"] = _listed(array)
        described.append(entry)
    rows = (
        {}
        if chunks or by_row not in FORMS
        else {"predictions": _predictions(outputs, by_row == "instances", plain_output)}
    )
    text = json.dumps({**head, "outputs": described, **rows}, separators=(",", ":")).encode()
    return (b"".join([text, *chunks]), len(text)) if chunks else (text, None)


def _predictions(outputs, plain, plain_output):
    """One entry for each row: an object of the outputs, or where plain, the value of the only one or of `plain_output`."""
    columns = {name: finite(np.asarray(array).tolist()) for name, array, _ in outputs}
    if plain and len(columns) == 1:
        return next(iter(columns.values()))
    if plain and plain_output in columns:
        return columns[plain_output]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=False)]


def finite(value):
    """Nested lists in which what JSON cannot hold (NaN, infinity) is null, and bytes are texts."""
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if isinstance(value, float) and not -INFINITY < value < INFINITY else value


def _binary(array):
    if array.dtype.kind not in "OSU":
        return (
            np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        )
    encoded = [
        (text if isinstance(text, bytes) else str(text).encode()) for text in array.ravel().tolist()
    ]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def _listed(array):
    """A flat JSON list. What JSON cannot hold (NaN, infinity) becomes null."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return [value if np.isfinite(value) else None for value in array.ravel().tolist()]
    return array.ravel().tolist()
