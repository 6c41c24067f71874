"""Counting what an ONNX file holds: nodes, tensors, operators and tensors kept elsewhere, in subgraphs and functions too."""

from collections import Counter

from onnx import TensorProto

from . import limits
from .refusals import Refusal


class Census:
    """What was found in the parts that were taken so far.

    counts      "nodes" and "tensors"
    operators   (domain, operator) of every node; the domain "ai.onnx" is the same as ""
    external    tensors whose values are in another file, as protobuf messages of the model
    confused    names of tensors that hold their values and name another file as well
    """

    def __init__(self):
        self.counts, self.operators, self.external, self.confused = Counter(), set(), [], []

    @classmethod
    def of(cls, model):
        """The census of a whole ModelProto. Raises Refusal when subgraphs nest too deep."""
        census = cls()
        census.take(model.graph, depth=0)
        for function in model.functions:
            for node in function.node:
                census.take_node(node, depth=0)
        return census

    def take(self, graph, depth):
        if depth > limits.ONNX_DEPTH:
            raise Refusal(
                "The ONNX graph nests subgraphs more than 16 deep.",
                "too-many-nodes",
                "Simplify the graph.",
            )
        for tensor in graph.initializer:
            self.take_tensor(tensor)
        for sparse in graph.sparse_initializer:
            self.take_sparse(sparse)
        for node in graph.node:
            self.take_node(node, depth)

    def take_node(self, node, depth):
        self.counts["nodes"] += 1
        self.operators.add(("" if node.domain == "ai.onnx" else node.domain, node.op_type))
        for attribute in node.attribute:
            self.take_attribute(attribute, depth)

    def take_attribute(self, attribute, depth):
        for tensor in [*_present(attribute, "t"), *attribute.tensors]:
            self.take_tensor(tensor)
        for sparse in [*_present(attribute, "sparse_tensor"), *attribute.sparse_tensors]:
            self.take_sparse(sparse)
        for graph in [*_present(attribute, "g"), *attribute.graphs]:
            self.take(graph, depth + 1)

    def take_sparse(self, sparse):
        self.take_tensor(sparse.values)
        self.take_tensor(sparse.indices)

    def take_tensor(self, tensor):
        self.counts["tensors"] += 1
        if tensor.data_location == TensorProto.EXTERNAL:
            self.external.append(tensor)
        elif tensor.external_data:
            self.confused.append(tensor.name)


def expanded_nodes(model):
    """How many nodes the graph has once its local functions are inlined; above the limit the count stops.

    Raises Refusal for functions that call themselves, which no inlining ends.
    """
    functions = {(function.domain, function.name): function for function in model.functions}
    sizes = {}

    def size(key):
        if key not in sizes:
            sizes[key] = None
            sizes[key] = weigh(functions[key].node)
        if sizes[key] is None:
            raise Refusal(
                "A local function of the ONNX file calls itself.",
                "functions",
                "Export the model again.",
            )
        return sizes[key]

    def weigh(nodes):
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            total += size(key) if key in functions else 1
            total += sum(
                weigh(graph.node)
                for attribute in node.attribute
                for graph in [*_present(attribute, "g"), *attribute.graphs]
            )
            if total > limits.ONNX_NODES:
                break
        return total

    return weigh(model.graph.node)


def _present(message, field):
    return [getattr(message, field)] if message.HasField(field) else []
