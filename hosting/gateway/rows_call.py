"""One call in plain rows: the same states, admission, record and unit as a call in tensors (call.py).

Our own model servers read rows themselves, so their bytes pass through as those of tensors do. An external endpoint speaks the
protocol only: for it the gateway makes tensors of the rows and rows of the answer, by the version's signature, within
bounds so small that the event loop does not notice (`converted_…`, docs/gateway.md). What does not fit is the caller's error, as
it would be at a model server.
"""

from typing import Any

from consumption.metering import usage_journal
from hosting.gateway import problems
from hosting.gateway.auth.resolve import Version
from hosting.gateway.call import RESPONDING, Call
from hosting.gateway.upstream.connection_pool import UpstreamConnection
from hosting.gateway.upstream.errors import UpstreamProblem
from hosting.model_server import compression, rows
from hosting.model_server.problems import Problem as InputProblem
from hosting.model_server.problems import too_large

AS_TENSORS = {b"content-type": b"application/json", b"accept": b"application/json"}


class RowsCall(Call):
    """One inference whose caller sends and gets rows. `accept`: how they are wanted. `rows`: how many were made tensors, else 0."""

    __slots__ = ("accept", "rows", "answer", "answer_size")

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.accept = self.request_headers.get(b"accept", b"*/*").decode("latin-1")
        self.rows = 0
        self.answer: list[bytes] = []
        self.answer_size = 0

    def _request_head(self, version: Version) -> bytes:
        return version.rows_head

    def _send(self, connection: UpstreamConnection, first_byte_s: float) -> None:
        assert self.version is not None
        if self.version.is_external and not self.rows:
            try:
                self._make_tensors()
            except InputProblem as problem:
                self.context.pool.give_back(connection)
                document = problem.body(self.request_id)
                self._fail(UpstreamProblem(problem.status, document), usage_journal.CLIENT_ERROR)
                return
            except Exception as error:
                self.context.pool.give_back(connection)
                self._fail(self._problem_of(error), usage_journal.UPSTREAM_ERROR)
                return
        super()._send(connection, first_byte_s)

    def _make_tensors(self) -> None:
        """The body as the protocol has it. Raises model_server.problems.Problem."""
        config, version = self.context.config, self.version
        assert version is not None and version.signature is not None
        if self.size > config.converted_bytes:
            raise _too_large(config.converted_bytes)
        body = b"".join(self.body)
        encoding = self.request_headers.get(b"content-encoding", b"")
        if encoding not in compression.PLAIN:
            body = compression.inflated(body, encoding, config.converted_bytes)
        request = rows.read(
            body,
            self.request_headers.get(b"content-type", b"").decode("latin-1"),
            version.signature,
            most_rows=config.converted_rows,
            most_gaps=config.converted_bytes,
        )
        body, self.rows = rows.tensors_of(request, version.signature)
        self.body, self.size = [body], len(body)
        self.request_headers = AS_TENSORS

    def _write_head(self, status: int, received: dict[bytes, bytes]) -> None:
        if not self.rows:
            super()._write_head(status, received)

    def on_data(self, data: bytes) -> None:
        if not self.rows or self.state is not RESPONDING:
            super().on_data(data)
            return
        self.answer_size += len(data)
        self.answer.append(data)
        if self.answer_size > self.context.config.converted_answer_bytes:
            assert self.connection is not None
            self.connection.abort()
            self._fail(
                problems.rows_too_large(self.context.config.converted_answer_bytes),
                usage_journal.CLIENT_ERROR,
            )

    def on_done(self) -> None:
        if self.rows and self.state is RESPONDING:
            try:
                columns = rows.columns_of_answer(b"".join(self.answer), self.rows)
                body, media_type = rows.write(columns, self.accept)
            except (ValueError, RecursionError):
                self.connection = None
                self._fail_upstream(problems.upstream_failed(), usage_journal.UPSTREAM_ERROR)
                return
            self.response_bytes, self.held = len(body), body
            framing = {b"content-type": media_type.encode(), b"content-length": b"%d" % len(body)}
            super()._write_head(self.status, framing)
        super().on_done()

    def _try_again(self, pause_s: float) -> bool:
        self.answer, self.answer_size = [], 0
        return super()._try_again(pause_s)


def _too_large(limit: int) -> InputProblem:
    return too_large(
        f"This model answers at an endpoint of its own team, for which rows may have {limit // 1024} KiB.",
        "Send fewer rows at a time, or tensors.",
    )
