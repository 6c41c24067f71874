"""What is changed in a graph so that it can be served as it answers today. Each change is a sentence for publisher and reviewer."""

import onnx.inliner
from onnx import TensorProto, helper

from . import census, limits
from .refusals import Refusal, printable

CLASSIFIERS = {"TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier", "ZipMap"}


def inline_functions(model):
    """(model without local functions, sentence or ""). Raises Refusal when they cannot be inlined within the limits."""
    if not model.functions:
        return model, ""
    if census.expanded_nodes(model) > limits.ONNX_NODES:
        raise Refusal(
            "The local functions of the ONNX file unfold to more than 200 000 nodes.",
            "too-many-nodes",
            "Simplify the graph.",
        )
    names = sorted({function.name for function in model.functions})
    try:
        inlined = onnx.inliner.inline_local_functions(model, convert_version=True)
    except Exception as error:  # the inliner speaks C++
        raise _not_inlined(names) from error
    if inlined.functions:
        raise _not_inlined(names)
    return inlined, f"Local functions were written out in place: {_some(names)}."


def _not_inlined(names):
    return Refusal(
        f"The local functions {_some(names)} cannot be written out in place, so the graph cannot be reviewed as one.",
        "functions",
        "Inline them where you export it: `onnx.inliner.inline_local_functions(model, convert_version=True)`.",
    )


def drop_training(model):
    """Takes the training graph away, which no call uses. The sentence, or ""."""
    if not model.training_info:
        return ""
    model.ClearField("training_info")
    return "The training graph was left out: calls use the inference graph only."


def tidy_domains(model):
    """The long name of the standard domain, and an import that was forgotten: ONNX Runtime takes both, the checker neither."""
    told = []
    if _shorten(model.graph) + sum(_rename(entry) for entry in model.opset_import):
        told.append("The domain ai.onnx was written in its short form.")
    used = {domain for domain, _ in census.Census.of(model).operators}
    imported = {entry.domain for entry in model.opset_import}
    if "com.microsoft" in used - imported:
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        told.append("The import of com.microsoft, whose operators the graph uses, was added.")
    return told


def _shorten(graph):
    count = 0
    for node in graph.node:
        count += _rename(node)
        for attribute in node.attribute:
            count += sum(
                _shorten(inner)
                for inner in [
                    *([attribute.g] if attribute.HasField("g") else []),
                    *attribute.graphs,
                ]
            )
    return count


def _rename(message):
    if message.domain != "ai.onnx":
        return 0
    message.domain = ""
    return 1


def drop_zipmaps(model):
    """Gives the tensor before each ZipMap at the end of the graph under the output's own name: (output → labels, sentences)."""
    found, told = {}, []
    for output in model.graph.output:
        node = next((node for node in model.graph.node if output.name in node.output), None)
        if node is None or (node.op_type, node.domain) != ("ZipMap", "ai.onnx.ml"):
            continue
        labels = found[output.name] = class_labels_of(node)
        node.CopyFrom(helper.make_node("Identity", [node.input[0]], [output.name], name=node.name))
        output.CopyFrom(
            helper.make_tensor_value_info(
                output.name, TensorProto.FLOAT, ["batch", len(labels) or None]
            )
        )
        shown = _some([str(label) for label in labels])
        _import_standard(model)
        told.append(
            f"The ZipMap at the end was dropped: {printable(output.name)} is a tensor with one column for each of {shown}."
        )
    return found, told


def _import_standard(model):
    """CatBoost imports the operators of machine learning only; Identity is the same in every version of the others."""
    if all(entry.domain for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", 8))


def class_labels(graph):
    """output name → the class labels of its columns, where a classifier in the graph tells them."""
    makers = {name: node for node in graph.node for name in node.output}
    found = {}
    for output in graph.output:
        width = _width(output)
        labels = {
            tuple(labels) for labels in _labels_before(output.name, makers) if len(labels) == width
        }
        if width > 1 and len(labels) == 1:
            found[output.name] = list(labels.pop())
    return found


def _labels_before(name, makers):
    """The label lists of classifiers that the value `name` is computed from."""
    seen, waiting = set(), [name]
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.op_type in CLASSIFIERS and node.domain == "ai.onnx.ml":
            yield class_labels_of(node)
        waiting.extend(node.input)


def class_labels_of(node):
    """The labels that a classifier or ZipMap carries, as texts."""
    for attribute in node.attribute:
        if attribute.name.startswith("classlabels_") and (attribute.ints or attribute.strings):
            return [str(value) for value in attribute.ints] or [
                value.decode("utf-8", "replace") for value in attribute.strings
            ]
    return []


def _width(value):
    """k for a float tensor [N, k], else 0."""
    kind = value.type.tensor_type
    if kind.elem_type not in (TensorProto.FLOAT, TensorProto.DOUBLE) or len(kind.shape.dim) != 2:
        return 0
    return kind.shape.dim[1].dim_value


def _some(names):
    shown = ", ".join(name[:40] for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
