"""All makers, entered in the registry by being imported. No tool is imported here: each maker does when it is called."""

import keras_files  # noqa: F401
import mlflow_files  # noqa: F401
import onnxruntime_files  # noqa: F401
import sklearn_files  # noqa: F401
import torch_files  # noqa: F401
import tree_files  # noqa: F401
