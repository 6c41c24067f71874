"""MLflow."""

import numpy as np
from registry import RNG, ROWS, TABLE, TWO, facts, maker, zipped


def mlflow_saved(folder, model, rows, onnx="model/model.onnx", **more):
    import mlflow

    mlflow.onnx.save_model(model, str(folder / "model"), pip_requirements=["onnxruntime"], **more)
    return facts(zipped(folder, folder / "model"), rows, onnx)


def sk_onnx(**options):
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    return to_onnx(LogisticRegression().fit(TABLE, TWO), TABLE[:1], **options)


@maker("mlflow")
def mlflow_sklearn(folder):
    return mlflow_saved(folder, sk_onnx(), {"X": ROWS})


@maker("mlflow")
def mlflow_signed(folder):
    import pandas
    from mlflow.models import infer_signature

    frame = pandas.DataFrame(ROWS, columns=["income", "age", "debt", "score"])
    return mlflow_saved(
        folder, sk_onnx(), {"X": ROWS}, signature=infer_signature(frame), input_example=frame
    )


@maker("mlflow")
def mlflow_tensor_signature(folder):
    from mlflow.models import infer_signature

    return mlflow_saved(
        folder, sk_onnx(), {"X": ROWS}, signature=infer_signature(ROWS), input_example=ROWS
    )


@maker("mlflow")
def mlflow_big_weights(folder):
    """Weights above MLflow's threshold lie beside the graph."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(RNG.normal(size=(4, 1024)).astype(np.float32), "W")
    sides = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size])
        for name, size in (("X", 4), ("Y", 1024))
    ]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["X", "W"], ["Y"])], "g", sides[:1], sides[1:], [weights]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return mlflow_saved(folder, model, {"X": ROWS})


@maker("mlflow")
def mlflow_one_file(folder):
    return mlflow_saved(folder, sk_onnx(), {"X": ROWS}, save_as_external_data=False)


@maker("mlflow2")
def mlflow2_sklearn(folder):
    return mlflow_saved(folder, sk_onnx(), {"X": ROWS})


@maker("mlflow2")
def mlflow2_signed(folder):
    return mlflow_signed(folder)


@maker("mlflow2")
def mlflow2_big_weights(folder):
    return mlflow_big_weights(folder)
