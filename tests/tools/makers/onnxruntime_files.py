"""ONNX Runtime's own tools."""

import numpy as np
from registry import IDS, RNG, facts, maker, zipped
from torch_files import attentive, exported


def float_model(folder):
    import torch

    module = torch.nn.Sequential(
        torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.LayerNorm(64), torch.nn.Linear(64, 32)
    ).eval()
    rows = RNG.normal(size=(3, 32)).astype(np.float32)
    exported(folder, module, {"x": rows}, False, free=True, opset_version=17)
    (folder / "model.onnx").rename(folder / "float.onnx")
    return rows


@maker("torch")
def ort_quantised_dynamic(folder):
    from onnxruntime.quantization import quantize_dynamic

    rows = float_model(folder)
    quantize_dynamic(folder / "float.onnx", folder / "model.onnx")
    return facts("model.onnx", {"x": rows})


def static(folder, form):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    rows = float_model(folder)

    class Reader(CalibrationDataReader):
        left = iter([{"x": rows}])

        def get_next(self):
            return next(self.left, None)

    quantize_static(
        folder / "float.onnx",
        folder / "model.onnx",
        Reader(),
        quant_format=getattr(QuantFormat, form),
    )
    return facts("model.onnx", {"x": rows})


@maker("torch")
def ort_quantised_operators(folder):
    return static(folder, "QOperator")


@maker("torch")
def ort_quantised_qdq(folder):
    return static(folder, "QDQ")


@maker("torch")
def ort_four_bits(folder):
    from onnx import load
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    rows = float_model(folder)
    quantizer = MatMulNBitsQuantizer(load(folder / "float.onnx"), block_size=32)
    quantizer.process()
    quantizer.model.save_model_to_file(str(folder / "model.onnx"))
    return facts("model.onnx", {"x": rows})


def optimised(folder, level):
    import onnxruntime

    rows = float_model(folder)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}"
    )
    options.optimized_model_filepath = str(folder / "model.onnx")
    onnxruntime.InferenceSession(
        str(folder / "float.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return facts("model.onnx", {"x": rows})


@maker("torch")
def ort_optimised_basic(folder):
    return optimised(folder, "BASIC")


@maker("torch")
def ort_optimised_extended(folder):
    return optimised(folder, "EXTENDED")


@maker("torch")
def ort_half(folder):
    from onnx import load, save
    from onnxruntime.transformers.float16 import convert_float_to_float16

    rows = float_model(folder)
    save(convert_float_to_float16(load(folder / "float.onnx")), folder / "model.onnx")
    return facts("model.onnx", {"x": rows.astype(np.float16)})


@maker("torch")
def ort_fused_transformer(folder):
    from onnxruntime.transformers.optimizer import optimize_model

    exported(folder, attentive(), {"ids": IDS}, False, free=True, opset_version=14)
    (folder / "model.onnx").rename(folder / "float.onnx")
    optimize_model(
        str(folder / "float.onnx"), "bert", num_heads=2, hidden_size=8
    ).save_model_to_file(str(folder / "model.onnx"))
    return facts("model.onnx", {"ids": IDS})


@maker("torch")
def onnx_external(folder):
    """onnx.save with save_as_external_data and one file for each tensor."""
    from onnx import load, save

    rows = float_model(folder)
    (folder / "model").mkdir()
    save(
        load(folder / "float.onnx"),
        folder / "model" / "model.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
    )
    return facts(zipped(folder, folder / "model"), {"x": rows}, "model/model.onnx")
