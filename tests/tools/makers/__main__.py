"""Files as the field's tools write them, by their defaults: what publishers upload. Runs in the tools' own environment.

    python makers FOLDER [NAME …]      # makes FOLDER/<name>/{upload file, inputs.npz, facts.json}; all when no name is given

It imports nothing of the project. `inputs.npz` holds three rows for each input of the graph; `facts.json` says which file is
the upload and which ONNX file inside it ONNX Runtime reads for the comparison.
"""

import json
import sys
import traceback
from pathlib import Path

import everything  # noqa: F401 - enters all makers
import numpy as np
from registry import MAKERS


def make(name, folder):
    """Makes one file; its facts stand in facts.json. Raises whatever the tool raises."""
    folder.mkdir(parents=True, exist_ok=True)
    made = MAKERS[name][1](folder)
    np.savez(folder / "inputs.npz", **made.pop("inputs"))
    (folder / "facts.json").write_text(json.dumps(made))


def main(target, *names):
    for name in names or MAKERS:
        try:
            make(name, Path(target) / name)
        except Exception:  # the test says which tool failed and why
            (Path(target) / name / "failed.txt").write_text(traceback.format_exc())


if __name__ == "__main__":
    main(*sys.argv[1:])
