"""PyTorch, both exporters."""

import numpy as np
from registry import IDS, IMAGES, RNG, ROWS, SERIES, facts, maker, zipped


def dense():
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3), torch.nn.Softmax(-1)
    ).eval()


def exported(folder, module, rows, dynamo, free=False, **more):
    """torch.onnx.export with one row as the sample, as tutorials do it. rows: name → three rows."""
    import torch

    names = list(rows)
    sample = tuple(torch.from_numpy(array[:1]) for array in rows.values())
    if free and dynamo:  # two rows as the sample: one row is taken for a constant
        sample = tuple(torch.from_numpy(array[:2]) for array in rows.values())
        more["dynamic_shapes"] = tuple({0: torch.export.Dim("batch")} for _ in rows)
    elif free:
        more["dynamic_axes"] = {name: {0: "batch"} for name in names}
    torch.onnx.export(
        module, sample, str(folder / "model.onnx"), dynamo=dynamo, input_names=names, **more
    )
    upload, onnx = "model.onnx", "model.onnx"
    if (folder / "model.onnx.data").exists():
        (folder / "model").mkdir()
        for name in ("model.onnx", "model.onnx.data"):
            (folder / name).rename(folder / "model" / name)
        upload, onnx = zipped(folder, folder / "model"), "model/model.onnx"
    return facts(upload, rows, onnx, batch=None if free else 1)


@maker("torch")
def torch_dynamo_default(folder):
    return exported(folder, dense(), {"x": ROWS}, True)


@maker("torch")
def torch_dynamo_one_file(folder):
    return exported(folder, dense(), {"x": ROWS}, True, external_data=False)


@maker("torch")
def torch_dynamo_free(folder):
    return exported(folder, dense(), {"x": ROWS}, True, free=True)


@maker("torch")
def torch_dynamo_saved(folder):
    """torch.onnx.export(…).save(…): the other way to write it."""
    import torch

    program = torch.onnx.export(dense(), (torch.from_numpy(ROWS[:1]),), dynamo=True)
    program.save(str(folder / "model.onnx"))
    return facts("model.onnx", {program.model.graph.inputs[0].name: ROWS}, batch=1)


@maker("torch")
def torch_script_default(folder):
    return exported(folder, dense(), {"x": ROWS}, False)


@maker("torch")
def torch_script_free(folder):
    return exported(folder, dense(), {"x": ROWS}, False, free=True)


def convolution():
    import torch

    torch.manual_seed(1)
    layers = (
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 5)).eval()


@maker("torch")
def torch_dynamo_images(folder):
    return exported(folder, convolution(), {"image": IMAGES}, True)


@maker("torch")
def torch_script_images(folder):
    return exported(folder, convolution(), {"image": IMAGES}, False)


def recurrent():
    import torch

    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(2)
            self.cells, self.out = torch.nn.LSTM(4, 6, batch_first=True), torch.nn.Linear(6, 2)

        def forward(self, x):
            return self.out(self.cells(x)[0][:, -1])

    return Last().eval()


@maker("torch")
def torch_dynamo_lstm(folder):
    return exported(folder, recurrent(), {"series": SERIES}, True)


@maker("torch")
def torch_script_lstm(folder):
    return exported(folder, recurrent(), {"series": SERIES}, False)


def attentive():
    import torch

    torch.manual_seed(3)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.encoder, self.out = (
                torch.nn.Embedding(50, 8),
                torch.nn.TransformerEncoder(layer, 1),
                torch.nn.Linear(8, 2),
            )

        def forward(self, ids):
            return self.out(self.encoder(self.words(ids)).mean(1))

    return Encoder().eval()


@maker("torch")
def torch_dynamo_transformer(folder):
    return exported(folder, attentive(), {"ids": IDS}, True)


@maker("torch")
def torch_dynamo_transformer_free(folder):
    return exported(folder, attentive(), {"ids": IDS}, True, free=True)


@maker("torch")
def torch_script_transformer(folder):
    return exported(folder, attentive(), {"ids": IDS}, False)


def two_towers():
    import torch

    class Towers(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(4)
            self.left, self.right = torch.nn.Linear(4, 6), torch.nn.Linear(2, 6)

        def forward(self, user, item):
            a, b = self.left(user), self.right(item)
            return (a * b).sum(-1), a

    return Towers().eval()


@maker("torch")
def torch_dynamo_two_inputs(folder):
    return exported(
        folder,
        two_towers(),
        {"user": ROWS, "item": ROWS[:, :2].copy()},
        True,
        output_names=["score", "embedding"],
    )


@maker("torch")
def torch_script_two_inputs(folder):
    return exported(
        folder,
        two_towers(),
        {"user": ROWS, "item": ROWS[:, :2].copy()},
        False,
        output_names=["score", "embedding"],
    )


@maker("torch")
def torch_dynamo_half(folder):
    return exported(folder, dense().half(), {"x": ROWS.astype(np.float16)}, True)


@maker("torch")
def torch_script_half(folder):
    return exported(folder, dense().half(), {"x": ROWS.astype(np.float16)}, False, free=True)


@maker("torch")
def torch_dynamo_embedding(folder):
    import torch

    return exported(
        folder,
        torch.nn.Linear(64, 8).eval(),
        {"embedding": RNG.normal(size=(3, 64)).astype(np.float32)},
        True,
        free=True,
    )


@maker("torch")
def torch_dynamo_opset20(folder):
    return exported(folder, dense(), {"x": ROWS}, True, opset_version=20, external_data=False)


@maker("torch")
def torch_script_opset11(folder):
    return exported(folder, convolution(), {"image": IMAGES}, False, opset_version=11)


@maker("torch")
def torch_functions(folder):
    """Modules kept as local functions of the graph."""
    import torch

    module = torch.nn.Sequential(dense(), torch.nn.LayerNorm(3)).eval()
    return exported(
        folder,
        module,
        {"x": ROWS},
        False,
        free=True,
        export_modules_as_functions=True,
        opset_version=17,
    )
