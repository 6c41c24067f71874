"""How a signature's tensors are written for people."""

from django import template

register = template.Library()


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
