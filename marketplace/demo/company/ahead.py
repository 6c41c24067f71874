"""Trains the demo models that consumers call before the build asks for them: python -m marketplace.demo.company.ahead FOLDER.

Training needs no database, so that it goes on while tables are made and the portal starts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import models, training

NICENESS = 5  # what the visitor waits for goes first


def main(folder: str) -> None:
    os.nice(NICENESS)
    kept = Path(folder) / training.code_hash()
    for listing, release in models.to_build():
        if release.recipe and not models.is_rest(listing, release):
            training.cached(release.recipe, models.key(listing, release), kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
