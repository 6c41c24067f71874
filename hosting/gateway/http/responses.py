"""Problem documents as raw HTTP/1.1 responses."""

from hosting.gateway import problems
from hosting.gateway.headers import as_bytes


def problem_response(problem: problems.Problem, request_id: str, head: bytes) -> bytes:
    """Status line, headers and body. `head`: further header lines, each with its line end."""
    body = problem.body(request_id)
    return b"".join(
        (
            problems.status_line(problem.status),
            b"content-type: ",
            problems.MEDIA_TYPE,
            b"\r\ncontent-length: %d\r\nx-request-id: " % len(body),
            request_id.encode(),
            b"\r\n",
            head,
            as_bytes(list(problem.headers)),
            b"\r\n",
            body,
        )
    )
