"""newman, which runs Postman collections, under `.tools/newman` (nothing of it is ever committed).

`.venv/bin/python -m tests.tools.newman` installs it by npm, through npm's own settings: half a minute, 60 MB.
"""

import json
import shutil
import subprocess
import sys

from tests.tools.environments import HOME

VERSION = "6.2.2"
FOLDER = HOME / "newman"
INSTALL = "not installed: .venv/bin/python -m tests.tools.newman"


def program():
    """The command, or None when it, or node, is not here in this version."""
    package = FOLDER / "node_modules" / "newman"
    if not shutil.which("node") or not (package / "package.json").exists():
        return None
    is_wanted = json.loads((package / "package.json").read_text())["version"] == VERSION
    return ["node", str(package / "bin" / "newman.js")] if is_wanted else None


def install():
    """Raises CalledProcessError when npm cannot, and SystemExit without it."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed here.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    words = ["install", "--silent", "--no-audit", "--no-fund", "--prefix", str(FOLDER)]
    subprocess.run([npm, *words, f"newman@{VERSION}"], cwd=FOLDER, check=True)


if __name__ == "__main__" and program() is None:
    install()
