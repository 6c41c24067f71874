#!/usr/bin/env python3
"""The one entry: `python3 manage.py demo`, `python3 manage.py test`, or any Django command.

Works on a bare machine: before Django is imported, the standard library alone makes `.venv` and installs the lock.
"""

import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))


def bootstrap():
    """The bootstrap module, loaded by its path: importing its package would already need what it installs."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(
        "bootstrap", os.path.join(ROOT, "marketplace", "launcher", "bootstrap.py")
    )
    if spec is None or spec.loader is None:
        sys.exit("marketplace/launcher/bootstrap.py is missing: this checkout is not complete.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    if sys.version_info < (3, 11):  # noqa: UP036 - this very line is what older versions get to see
        sys.exit(
            "This needs Python 3.11 or newer; this one is "
            + sys.version.split()[0]
            + ". Try: python3.11 manage.py "
            + " ".join(sys.argv[1:])
        )
    bootstrap().enter(sys.argv)
    from marketplace.commands import launch

    sys.exit(launch(sys.argv))


if __name__ == "__main__":
    main()
