"""How often a process that serves looks for garbage."""

import gc

# Objects, collections of the youngest, of the middle generation. With 50 of these the garbage of 36 000 requests was never
# looked for, and a process grew by 4 KiB a request (tests/fuzz/test_front.py).
THRESHOLD = (20_000, 20, 5)


def keep_what_is_loaded() -> None:
    """Call when all modules are loaded: they live for ever, so no collection needs to walk them, and collections are rarer.

    A full collection of a web process takes 80 to 250 ms, in which it answers nobody.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLD)
