"""`python -m hosting.gateway` starts the gateway: the parent process, or one of its children (process/parent.py)."""

import sys

from hosting.gateway.process.parent import main

if __name__ == "__main__":
    sys.exit(main())
