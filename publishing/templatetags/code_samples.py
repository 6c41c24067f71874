"""Values as literals of the languages in which templates/publishing/snippets/ are written.

Names come from publishers: a filter writes each value so that quotes, dollars and line breaks in it stay text.
"""

import json as json_format
import shlex

from django import template

from hosting.model_server.datatypes import FLOATS
from publishing.contract import plain_rows

register = template.Library()

NUMPY = {
    "BOOL": "bool_",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object_",
}


@register.filter
def shell(value):
    """A word of a shell command."""
    return shlex.quote(value)


@register.filter
def python(value):
    """A Python literal."""
    return repr(value)


@register.filter
def json(value):
    """A JSON text: also a literal of JavaScript and, for strings, of Java."""
    return json_format.dumps(value)


@register.filter
def json_line(text):
    """A line of text with its line break, as a JSON string."""
    return json(f"{text}\n")


register.filter("by_rows", plain_rows.by_rows)


@register.filter
def numpy(tensor):
    """Python code for the tensor's values as a numpy array; empty where it has a gap that NaN cannot stand for:
    binary tensors have no null."""
    datatype = tensor["datatype"]
    code = python(tensor["data"])
    if None in plain_rows.flattened(tensor["data"]):
        if datatype not in FLOATS:
            return ""
        code = code.replace("None", "np.nan")
    return f"np.array({code}, dtype=np.{NUMPY.get(datatype, datatype.lower())})"
