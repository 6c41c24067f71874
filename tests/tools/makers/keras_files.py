"""TensorFlow and Keras."""

import sys

from registry import IMAGES, ROWS, facts, maker


def keras_dense():
    import keras

    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((4,), name="x"),
            keras.layers.Dense(8, "relu"),
            keras.layers.Dense(3, "softmax", name="y"),
        ]
    )
    model(ROWS)  # Keras exports what has been called
    return model


@maker("tf2onnx")
def keras_export(folder):
    """Keras 3: model.export(format="onnx")."""
    model = keras_dense()
    model.export(str(folder / "model.onnx"), format="onnx", verbose=False)
    import onnx

    return facts("model.onnx", {onnx.load(folder / "model.onnx").graph.input[0].name: ROWS})


@maker("tf2onnx")
def tf_saved_model(folder):
    """A SavedModel through tf2onnx's command line."""
    import subprocess

    keras_dense().export(str(folder / "saved"), verbose=False)
    command = [
        sys.executable,
        "-m",
        "tf2onnx.convert",
        "--saved-model",
        str(folder / "saved"),
        "--output",
        str(folder / "model.onnx"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    import onnx

    return facts("model.onnx", {onnx.load(folder / "model.onnx").graph.input[0].name: ROWS})


@maker("tf2onnx")
def tf_function(folder):
    import onnx
    import tensorflow as tf
    import tf2onnx

    model = keras_dense()
    made, _ = tf2onnx.convert.from_function(
        tf.function(lambda x: model(x)),
        input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")],
        opset=17,
    )
    onnx.save(made, folder / "model.onnx")
    return facts("model.onnx", {made.graph.input[0].name: ROWS})


@maker("tf2onnx")
def tf_images(folder):
    import keras
    import onnx

    keras.utils.set_random_seed(6)
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(4, 3),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2),
    ]
    model = keras.Sequential(layers)
    model(IMAGES.transpose(0, 2, 3, 1))
    model.export(str(folder / "model.onnx"), format="onnx", verbose=False)
    name = onnx.load(folder / "model.onnx").graph.input[0].name
    return facts("model.onnx", {name: IMAGES.transpose(0, 2, 3, 1).copy()})
