"""Which operators are served: all of ONNX, and those of ONNX Runtime that were reviewed. For every other one, what to do.

A reviewed operator is a pure function of its inputs: it opens no file, starts nothing, calls nobody and keeps no state.
`tests/publishing/test_operators.py` compares the list with the kernels of the installed runtime.
"""

from . import limits, producers
from .refusals import Problem, printable

STANDARD = frozenset({"", "ai.onnx.ml"})
RUNTIME = "com.microsoft"
REVIEWED = frozenset(
    # quantised
    "DequantizeLinear QuantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul MatMulInteger16 MatMulIntegerToFloat QAttention "
    "QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool "
    "QLinearLeakyRelu QLinearMul QLinearSigmoid QLinearSoftmax QLinearWhere NhwcMaxPool "
    # a few bits a weight
    "MatMulNBits MatMulBnb4 MatMulFpQ4 GatherBlockQuantized MoE QMoE "
    # fused attention and normalisation
    "Attention MultiHeadAttention GroupQueryAttention SparseAttention DecoderMaskedMultiHeadAttention RotaryEmbedding "
    "EmbedLayerNormalization SkipLayerNormalization SkipSimplifiedLayerNormalization "
    # fused arithmetic
    "BiasGelu FastGelu FusedConv FusedGemm FusedMatMul Gelu QuickGelu TransposeMatMul "
    # texts
    "Tokenizer WordConvEmbedding AttnLSTM NGramRepeatBlock BifurcationDetector MurmurHash3 "
    # shapes and the rest
    "CDist ConvTransposeWithDynamicPads CropAndResize DynamicTimeWarping ExpandDims GatherND GridSample Inverse "
    "MaxpoolWithMask Pad Range SparseToDenseMatMul Trilu UnfoldTensor Unique".split()
)
# Fused by ONNX Runtime's own optimiser into the standard domain, though ONNX does not know them.
REVIEWED_IN_STANDARD = frozenset({"SimplifiedLayerNormalization"})
GENERATING = frozenset({"BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"})

KEEP_OUTSIDE = "Export the model without it, and do that step in the caller."


def problems(census, name, producer, functions=()):
    """One Problem for each operator of the census that is not served. functions: (domain, name) of the file's own ones."""
    strange = sorted(
        key for key in census.operators if not is_served(*key) and key not in functions
    )
    return [_problem(name, producer, *key) for key in strange[: limits.PROBLEMS]]


def is_served(domain, operator):
    return domain in STANDARD or (domain == RUNTIME and operator in REVIEWED)


def _problem(name, producer, domain, operator):
    why, remedy = _remedy(producer, domain, operator)
    return Problem(
        f"{printable(name)} uses the operator {printable(operator)} of the domain {printable(domain)}, which is not served: {why}.",
        "custom-operator",
        remedy,
    )


def _remedy(producer, domain, operator):
    """(why not, what to do) for one operator of a foreign domain."""
    if domain == RUNTIME and operator in GENERATING:
        return (
            "it writes text in a loop inside the graph, whose length no limit of a call bounds",
            "Export one step of the decoder, and repeat it in the caller; or host the model yourself and register it as an external endpoint.",
        )
    if domain == RUNTIME:
        return "ONNX Runtime has no reviewed form of it for CPUs", producers.unfused(producer)
    if domain == "com.microsoft.nchwc":
        return "its memory layout fits one kind of processor only", producers.PORTABLE
    if domain in ("ai.onnx.contrib", "com.microsoft.extensions"):
        return (
            "onnxruntime-extensions adds it as code of its own",
            f"{KEEP_OUTSIDE} Tokenizers and image decoders are such steps.",
        )
    if "training" in domain:
        return (
            "it belongs to training",
            f"Export the model for inference. {producers.export_line(producer)}".strip(),
        )
    return "custom operators are code", f"{producers.standard_operators(producer)} {KEEP_OUTSIDE}"
