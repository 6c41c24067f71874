"""Compressed request bodies (RFC 9110, 8.4.1): gzip and deflate, which the protocol's clients offer. Pure."""

import zlib

from hosting.model_server.problems import Fault, Problem, too_large, unreadable

PLAIN = (b"", b"identity")
TAKEN = (b"gzip", b"deflate")
BY_ITS_HEADER = zlib.MAX_WBITS | 32  # zlib tells gzip from deflate itself


def inflated(body, encoding, most):
    """The body as it was before `encoding`, at most `most` bytes. Raises Problem 400, 413 or 415."""
    if encoding.lower() not in TAKEN:
        fault = Fault(
            f"Bodies in the encoding '{encoding[:40].decode('latin-1')}' are not taken.",
            remedy="Send gzip, deflate or plain.",
        )
        raise Problem(415, "unsupported-encoding", "The body's encoding is not taken", [fault])
    stream = zlib.decompressobj(BY_ITS_HEADER)
    try:
        plain = stream.decompress(body, most + 1)
    except zlib.error:
        raise unreadable(
            "The body is not in the encoding that Content-Encoding names.",
            "Compress it as a whole.",
        ) from None
    if len(plain) > most:
        raise too_large(
            f"The body is larger than {most} bytes when inflated.",
            "Send fewer rows per request.",
            limit_bytes=most,
        )
    if not stream.eof or stream.unused_data:
        raise unreadable(
            "The compressed body is incomplete, or something follows it.", "Compress it as a whole."
        )
    return plain
