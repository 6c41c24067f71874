"""What one replica counts, told to Ray, whose agent tells a scraper. Ray adds the names of the application and the replica.

One call costs about ten microseconds here (measured: 1.3 to 2.3 for each of Ray's figures). Sums have counters of their own:
Ray tells the sum of a histogram by the middle of each bucket.
"""

from ray.serve import metrics

from hosting.model_server.server import Figures

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
ROWS = (1, 2, 5, 10, 20, 50, 100, 1_000, 10_000, 100_000)


class RayFigures(Figures):
    """Made inside a replica; elsewhere Ray would have no name for it."""

    def __init__(self):
        self._requests = metrics.Counter(
            "model_requests", "Inferences answered, by status", tag_keys=("status",)
        )
        self._seconds = metrics.Histogram(
            "model_request_seconds",
            "From the first byte of a request to its answer",
            boundaries=SECONDS,
        )
        self._seconds_spent = metrics.Counter(
            "model_request_seconds_spent", "Seconds of all requests together"
        )
        self._batches = metrics.Histogram(
            "model_batch_rows", "Rows in one request", boundaries=ROWS
        )
        self._rows = metrics.Counter("model_rows", "Rows of all requests together")
        self._in_flight = metrics.Gauge("model_in_flight", "Inferences that wait or run")
        self._out_of_memory = metrics.Counter(
            "model_out_of_memory", "Inferences refused because they need too much memory"
        )

    def answered(self, status, seconds):
        self._requests.inc(1, {"status": str(status)})
        self._seconds.observe(seconds)
        self._seconds_spent.inc(seconds)

    def took(self, rows):
        self._batches.observe(rows)
        self._rows.inc(rows)

    def at_once(self, calls):
        self._in_flight.set(calls)

    def ran_out_of_memory(self):
        self._out_of_memory.inc()
