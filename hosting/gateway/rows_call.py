"""One call in plain rows: the same states, admission, record and unit as a call in tensors (call.py).

Our own model servers read rows themselves, so their bytes pass through as those of tensors do. An external endpoint speaks the
protocol only: for it the gateway makes tensors of the rows and rows of the answer, by the version's signature and within bounds
(`converted_…`, docs/gateway.md); what takes longer than a call does is made in a thread, while the call stays ADMITTED or
RESPONDING. Rows that do not fit are the caller's error, recorded as they are when a model server refuses them.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from consumption.metering import usage_journal
from hosting.gateway import problems
from hosting.gateway.auth.resolve import Version
from hosting.gateway.call import ENDED, RESPONDING, Call
from hosting.gateway.upstream.connection_pool import UpstreamConnection
from hosting.gateway.upstream.errors import UpstreamProblem
from hosting.model_server import compression, rows
from hosting.model_server.problems import Problem as InputProblem
from hosting.model_server.problems import too_large

AS_TENSORS = {b"content-type": b"application/json", b"accept": b"application/json"}
AT_ONCE_BYTES = 4096  # about 60 µs of converting
# One thread: more would only take turns, and the gateway's other threads look up keys and addresses.
_converter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rows")


class RowsCall(Call):
    """One inference whose caller sends and gets rows.

    `accept`: in which form. `rows`: how many were made tensors, 0 when the model reads rows itself; `tensors`: their body. `refusal`: why they cannot be.
    """

    __slots__ = ("accept", "rows", "tensors", "refusal", "answer", "answer_size")

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.accept = self.request_headers.get(b"accept", b"*/*").decode("latin-1")
        self.rows = 0
        self.tensors = b""
        self.refusal: InputProblem | None = None
        self.answer: list[bytes] = []
        self.answer_size = 0

    def _request_head(self, version: Version) -> bytes:
        return version.rows_head

    # Rows to tensors

    def _forward(self) -> None:
        assert self.version is not None
        if not self.version.is_external:
            super()._forward()
        elif self.size <= AT_ONCE_BYTES:
            self._make_tensors()
            super()._forward()
        else:
            self.task = asyncio.create_task(self._convert_and_forward())

    async def _convert_and_forward(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(_converter, self._make_tensors)
            if self.state is ENDED:
                assert self.limits is not None and self.version is not None
                self.context.admission.release(
                    self.limits, self.version.id, self.at_us, was_charged=False
                )
                return
            super()._forward()
        except Exception as error:
            self._reject(self._problem_of(error))

    def _make_tensors(self) -> None:
        """Set `tensors` and `rows`, or `refusal`."""
        config, version = self.context.config, self.version
        assert version is not None and version.signature is not None
        try:
            if self.size > config.converted_bytes:
                raise too_large(
                    f"This model answers at an endpoint of its own team, for which rows may have {config.converted_bytes // 1024} KiB.",
                    "Send fewer rows at a time, or tensors.",
                    limit_bytes=config.converted_bytes,
                )
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
            self.tensors, self.rows = rows.tensors_of(request, version.signature)
        except InputProblem as problem:
            self.refusal = problem

    def _send(self, connection: UpstreamConnection, first_byte_s: float) -> None:
        if self.refusal is not None:
            self.context.pool.give_back(connection)
            document = self.refusal.body(self.request_id)
            problem = UpstreamProblem(self.refusal.status, document)
            self._fail(problem, usage_journal.CLIENT_ERROR)
            return
        if self.rows:
            self.body, self.size = [self.tensors], len(self.tensors)
            self.request_headers = AS_TENSORS
        super()._send(connection, first_byte_s)

    # Tensors to rows

    def _write_head(self, status: int, received: dict[bytes, bytes]) -> None:
        if not self.rows:
            super()._write_head(status, received)

    def on_data(self, data: bytes) -> None:
        if not self.rows or self.state is not RESPONDING:
            super().on_data(data)
            return
        self.answer_size += len(data)
        self.answer.append(data)
        limit = self.context.config.converted_answer_bytes
        if self.answer_size > limit:
            assert self.connection is not None
            self.connection.abort()
            self._fail(problems.rows_too_large(limit), usage_journal.CLIENT_ERROR)

    def on_done(self) -> None:
        if not self.rows or self.state is not RESPONDING:
            super().on_done()
            return
        self.connection = None
        if self.answer_size <= AT_ONCE_BYTES:
            self._finish(self._rows_of_answer())
        else:
            self.task = asyncio.create_task(self._convert_and_finish())

    async def _convert_and_finish(self) -> None:
        converted = asyncio.get_running_loop().run_in_executor(_converter, self._rows_of_answer)
        try:
            self._finish(await converted)
        except Exception as error:
            self._fail(self._problem_of(error), usage_journal.UPSTREAM_ERROR)

    def _rows_of_answer(self) -> tuple[bytes, str] | None:
        """(body, media type); None where the endpoint's answer is none of the protocol."""
        try:
            columns = rows.columns_of_answer(b"".join(self.answer), self.rows)
            return rows.write(columns, self.accept)
        except (ValueError, RecursionError):
            return None

    def _finish(self, made: tuple[bytes, str] | None) -> None:
        if self.state is ENDED:
            return
        if made is None:
            self._fail_upstream(problems.upstream_failed(), usage_journal.UPSTREAM_ERROR)
            return
        body, media_type = made
        self.response_bytes, self.held = len(body), body
        framing = {b"content-type": media_type.encode(), b"content-length": b"%d" % len(body)}
        super()._write_head(self.status, framing)
        super().on_done()

    def _try_again(self, pause_s: float) -> bool:
        self.answer, self.answer_size = [], 0
        return super()._try_again(pause_s)
