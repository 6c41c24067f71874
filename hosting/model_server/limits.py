"""What one call may carry. The same numbers bound a signature: one whose single row cannot be sent is refused (docs/packaging.md)."""

MOST_BODY_BYTES = 32 * 2**20
MOST_ROWS = 100_000
MOST_ELEMENTS = 8_000_000  # of one tensor
MOST_DIMENSIONS = 8
LONGEST_STRING = 64 * 1024  # bytes of UTF-8 in binary form, characters in JSON
