"""How a signature's tensors are written for people."""

import json

from django import template

register = template.Library()
LONGEST_LINE, MOST_LINES = 300, 60  # of an example that is shown


@register.filter
def shape(sizes):
    """A tensor's shape: [n, 3]; n is any number of rows."""
    return f"[{', '.join('n' if size == -1 else str(size) for size in sizes or ())}]"


@register.filter
def allowed_values(tensor):
    """What values a tensor declares: its list, its range, or "any"."""
    lowest, highest = tensor.get("minimum"), tensor.get("maximum")
    if tensor.get("enum"):
        return ", ".join(map(str, tensor["enum"]))
    if lowest is not None and highest is not None:
        return f"{lowest} to {highest}"
    if lowest is not None:
        return f"from {lowest}"
    return f"up to {highest}" if highest is not None else "any"


@register.filter
def request_text(example):
    """An example request for people: an input a line. What is too long for that is cut, and says so."""
    keys = ("name", "datatype", "shape", "data")
    lines = [
        json.dumps({key: tensor[key] for key in keys if key in tensor}, ensure_ascii=False)
        for tensor in example.get("inputs", [])
    ]
    shown = [line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …" for line in lines]
    more = [f"… {len(lines) - MOST_LINES} more inputs"] if len(lines) > MOST_LINES else []
    inside = ",\n".join(f"  {line}" for line in [*shown[:MOST_LINES], *more])
    return f'{{"inputs": [\n{inside}\n]}}'
