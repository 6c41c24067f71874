"""The command line `marketplace`: for people at a terminal and for pipelines.

Exit codes
  0    done; a check passed
  1    the marketplace refused: its rules, its state, or what was sent (the message says what to do)
  2    called wrongly
  3    not signed in, or not allowed
  4    there is no such thing, or not for you
  5    a check did not pass: check-reuse, status --wait, evaluate --require
  6    not now: a limit, an outage, no connection, no answer in time; the same command may be given again
  130  interrupted
"""

from marketplace_client.cli.main import main

__all__ = ["main"]
