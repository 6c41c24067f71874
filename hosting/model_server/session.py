"""A graph's bytes → a session of ONNX Runtime that answers requests. Knows no manifest's signature, no store and no marketplace:
a replica (`loader`) and the run gate's child (`trial`) open a graph by the same code.
"""

import os
import resource
from dataclasses import dataclass, field
from pathlib import Path

import onnxruntime

from hosting.model_server import binding, locales, runtime_words
from hosting.model_server.columns import Signature
from hosting.model_server.runtime_words import is_lack_of_memory

# In a serialised graph: field 4 of a node (op_type), its length, its name. One that loops takes as long as its input says.
LOOPS = (b"\x22\x04Loop", b"\x22\x04Scan")


class CannotLoad(Exception):
    """Why this version cannot start, in words its publisher can act on. `said`: the runtime's own words, whole."""

    def __init__(self, message, said=""):
        super().__init__(message)
        self.said = said


@dataclass
class LoadedModel:
    """A model that is open. `run(columns)` → {output name: array of n rows}."""

    signature: Signature
    session: onnxruntime.InferenceSession
    ranks: dict
    has_loops: bool = False
    manifest: dict = field(default_factory=dict)
    warm_ms: float = 0.0

    def run(self, columns):
        feeds = binding.bind(columns, self.signature, self.ranks)
        names = [spec["tensor"] for spec in self.signature.binding_outputs]
        return binding.results_of(
            dict(zip(names, self.session.run(names, feeds), strict=True)), self.signature
        )


def open_graph(graph, signature, memory_mb):
    """ONNX bytes and their signature → LoadedModel. Raises CannotLoad.

    memory_mb   what the version declares that it needs; only told, `bound_memory` limits
    """
    session = _session(graph, memory_mb)
    model = LoadedModel(
        signature=Signature.of(signature),
        session=session,
        ranks={tensor.name: len(tensor.shape) for tensor in session.get_inputs()},
        has_loops=any(graph.find(mark) >= 0 for mark in LOOPS),
    )
    _fits_graph(model)
    return model


def _session(graph, memory_mb):
    try:
        return open_session(graph)
    except Exception as wrong:  # onnxruntime raises many kinds
        raise because(wrong, memory_mb, "The graph", "ONNX Runtime cannot load the graph") from None


def open_session(graph):
    """An InferenceSession for the bytes of a graph, as a replica has it. Raises what ONNX Runtime raises."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what it says is raised too
    with locales.provided(graph):
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def because(wrong, memory_mb, what, otherwise, when_run=False):
    """The CannotLoad for an exception: its useful part first, what to do, and the runtime's own words whole."""
    if isinstance(wrong, CannotLoad):
        return wrong
    if is_lack_of_memory(wrong):
        return CannotLoad(
            f"Out of memory: {what} needs more than a version that declares {memory_mb} MB gets. "
            "Make the model smaller, or host it yourself and register it as an external endpoint."
        )
    said, remedy = runtime_words.in_words(wrong, when_run)
    return CannotLoad(f"{otherwise}: {said.rstrip('.')}. {remedy}".strip(), said=str(wrong)[:4000])


def bound_memory(memory_mb):
    """A model that takes far more than it declared fails itself, not its neighbours.

    RLIMIT_AS counts reserved address space, not use; so the limit is what the process has reserved by now plus twice
    the declaration plus 1 GiB for threads and allocator arenas. REPLICA_LIMIT_MEMORY=0 turns it off.
    """
    if os.environ.get("REPLICA_LIMIT_MEMORY", "1") == "0":
        return
    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = reserved + (2 * memory_mb + 1024) * 2**20
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )


def _fits_graph(model):
    tensors = {tensor.name for tensor in model.session.get_inputs()}
    bound = {spec["tensor"] for spec in model.signature.binding_inputs}
    if tensors != bound:
        raise CannotLoad(
            f"The signature binds {sorted(bound)}; the graph has the inputs {sorted(tensors)}."
        )
    made = {tensor.name for tensor in model.session.get_outputs()}
    missing = {spec["tensor"] for spec in model.signature.binding_outputs} - made
    if missing:
        raise CannotLoad(
            f"The signature binds the outputs {sorted(missing)}; the graph makes {sorted(made)}."
        )
