"""`python -m marketplace_client.cli`."""

import sys

from marketplace_client.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
