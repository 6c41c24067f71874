"""The field's tools, each family in an environment of its own under `.tools/` (nothing of it is ever committed).

`.venv/bin/python -m tests.tools.environments` installs them: about 3 GB and some minutes, through pip's own settings; `rm -r .tools`
removes them. PyTorch comes as its build for processors where pip finds one, else with the libraries for graphics cards.
"""

import os
import subprocess
import sys
from pathlib import Path

from marketplace.launcher.rundir import ROOT

HOME = ROOT / ".tools"
LISTS = Path(__file__).parent
NAMES = ("tools", "tensorflow", "mlflow2", "mlflow3", "airflow", "spark")
FAMILIES = {
    "tf2onnx": "tensorflow",
    "mlflow2": "mlflow2",
}  # tool → its environment, "tools" for all others


def environment_of(tool):
    return FAMILIES.get(tool, "tools")


def python_of(name):
    """The interpreter of an environment, or None when it is not installed as its list says now."""
    interpreter, stamp = HOME / name / "bin" / "python", HOME / name / "installed.txt"
    wanted = (LISTS / f"{name}.txt").read_text()
    return (
        interpreter
        if interpreter.exists() and stamp.exists() and stamp.read_text() == wanted
        else None
    )


def install(name):
    """Makes the environment. Raises CalledProcessError when pip cannot."""
    target, wanted = HOME / name, LISTS / f"{name}.txt"
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(target)], check=True)
    subprocess.run(
        [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(wanted)],
        check=True,
    )
    (target / "installed.txt").write_text(wanted.read_text())


def run(name, *arguments, folder, timeout_s=900):
    """Runs a script with an environment's interpreter, quietly; its output goes into `folder`/log.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    env = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    with (folder / "log.txt").open("wb") as log:
        command = [str(python_of(name)), *map(str, arguments)]
        return subprocess.run(
            command, cwd=folder, env=env, stdout=log, stderr=log, timeout=timeout_s
        ).returncode


if __name__ == "__main__":
    for environment in NAMES:
        if not python_of(environment):
            print(f"Installing {environment} …", flush=True)
            install(environment)
