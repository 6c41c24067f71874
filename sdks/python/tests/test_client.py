"""What the contract suite does not see: DataFrames, arrays, what the caller is told."""

import json
import math
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from marketplace_client import Client
from marketplace_client.calls import Settings
from marketplace_client.errors import UnexpectedAnswer, links_of, problem_of, seconds_of
from marketplace_client.predictions import limits_of
from marketplace_client.tensors import TensorType, columns_of, decode, encode


class Doubling(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self._answer({"inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}]})

    def do_POST(self):
        (tensor,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        self._answer({"outputs": [tensor | {"name": "y", "data": [2 * x for x in tensor["data"]]}]})

    def _answer(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "r-1")
        self.end_headers()
        self.wfile.write(body)


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Doubling)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        gateway = f"http://127.0.0.1:{self.server.server_port}/v2"
        self.calls = []
        self.client = Client("m", gateway=gateway, key="k", on_call=self.calls.append)
        self.addCleanup(self.client.close)

    def test_a_frame_in_a_frame_out(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("pandas is not installed")
        frame = pandas.DataFrame({"x": [1.0, 2.5]}, index=["a", "b"])
        answer = self.client.predict(frame)
        self.assertEqual(answer["y"].to_dict(), {"a": 2.0, "b": 5.0})
        self.assertEqual(answer.attrs["request_ids"], ["r-1"])

    def test_arrays_in(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        self.assertEqual(self.client.predict({"x": numpy.array([1, 2])}).columns, {"y": [2, 4]})

    def test_rows_are_a_sequence(self):
        answer = self.client.predict([{"x": 1.0}, {"x": 2.0}, {"x": 3.0}])
        self.assertEqual(answer[-1], {"y": 6.0})
        self.assertEqual(answer[:2], [{"y": 2.0}, {"y": 4.0}])
        self.assertEqual(self.client.predict_one({"x": 4.0}), {"y": 8.0})

    def test_a_trace_is_continued_and_calls_are_told(self):
        trace = "0af7651916cd43dd8448eb211c80319c"
        self.client.predict([{"x": 1.0}], traceparent=f"00-{trace}-b7ad6b7169203331-01")
        self.assertEqual([(call.trace_id, call.rows) for call in self.calls], [(trace, 1)])

    def test_a_client_serves_many_threads(self):
        found = []
        threads = [
            threading.Thread(
                target=lambda n=n: found.append(self.client.predict_one({"x": n})["y"] == 2 * n)
            )
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [True] * 20)


class PartsTest(unittest.TestCase):
    def test_columns_need_rows_of_one_length(self):
        for data in ([], {}, {"a": [1], "b": [1, 2]}, [1, 2]):
            with self.assertRaises(ValueError):
                columns_of(data)

    def test_the_binary_form_has_no_gaps(self):
        with self.assertRaisesRegex(ValueError, "gap"):
            encode({"n": [1, None]}, {"n": TensorType("INT64")}, binary=True)
        with self.assertRaisesRegex(ValueError, "no UINT8"):
            encode({"n": [256]}, {"n": TensorType("UINT8")}, binary=True)

    def test_tables_with_gaps_fit_again(self):
        types = {"n": TensorType("INT64"), "t": TensorType("BYTES")}
        body, _ = encode({"n": [3.0, math.nan], "t": ["a", math.nan]}, types, binary=False)
        data = [tensor["data"] for tensor in json.loads(body)["inputs"]]
        self.assertEqual(data, [[3, None], ["a", None]])
        self.assertIsInstance(data[0][0], int)
        with self.assertRaisesRegex(ValueError, "gap"):
            encode({"t": ["a", math.nan]}, types, binary=True)

    def test_an_answer_for_other_rows_is_none(self):
        body = json.dumps(
            {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [1, None]}]}
        )
        self.assertTrue(math.isnan(decode(body.encode(), None, 2)["y"][1]))
        with self.assertRaises(UnexpectedAnswer):
            decode(body.encode(), None, 3)

    def test_retry_after_is_seconds_or_a_date(self):
        self.assertEqual(seconds_of("7"), 7.0)
        self.assertEqual(seconds_of("Thu, 01 Jan 1970 00:00:00 GMT"), 0.0)
        self.assertIsNone(seconds_of("soon"))

    def test_headers_are_read(self):
        limits = limits_of({"ratelimit": '"rate";r=4;t=1', "ratelimit-policy": '"rate";q=5;w=1'})
        self.assertEqual((limits["rate"].remaining, limits["rate"].quota), (4, 5))
        self.assertEqual(
            links_of('</a>; rel="deprecation"; type="text/html", </b>; rel="sunset"'),
            {"deprecation": "/a", "sunset": "/b"},
        )

    def test_a_page_instead_of_a_problem_is_an_error_too(self):
        error = problem_of(418, {"x-request-id": "r"}, b"<h1>no</h1>")
        self.assertEqual((error.kind, error.status, error.request_id), ("server_failed", 418, "r"))

    def test_a_client_needs_a_gateway_and_a_key_and_never_shows_it(self):
        with self.assertRaises(ValueError):
            Settings("m", gateway="", key="")
        self.assertNotIn("mkc_secret", repr(Settings("m", gateway="http://g", key="mkc_secret")))


if __name__ == "__main__":
    unittest.main()
