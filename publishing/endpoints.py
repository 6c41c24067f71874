"""An endpoint hosted outside, asked by the way that the gateway's calls take: egress policy, deadlines, bounded answers.

What it answers is read here and never run. It is asked with the credential that its team stored, if any.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import ModelVersion
from hosting import health
from hosting.model_server import cases, datatypes
from hosting.model_server.cases import Columns
from hosting.model_server.columns import Signature
from hosting.model_server.datatypes import FLOATS
from publishing.packages import perturbations

CREDENTIAL_ASKED = (401, 403)
ROWS_AT_ONCE = 200  # of a call: the answer has to fit into what is read of one


class CannotAsk(Exception):
    """Why there is no answer, in a sentence without a value of a row."""


class CredentialAsked(CannotAsk):
    """It wants another credential than the one that is stored, if any."""


@dataclass(frozen=True)
class Answer:
    """Of one call. `body` is its outputs as JSON when the status is 200: what else a server writes beside them may differ."""

    status: int
    body: bytes
    wall_s: float

    @property
    def is_finite(self) -> bool:
        """JSON writes NaN and infinity as null."""
        return not any(None in output["data"] for output in json.loads(self.body)["outputs"])


class Endpoint:
    """Asked like a replica (checks.Asked), for at most `seconds` in all. It is its own model: `signature`, `run`."""

    def __init__(self, version: ModelVersion, seconds: float) -> None:
        self.version, self.seconds = version, seconds
        self.signature = Signature.of(version.signature)
        self.outputs = {field["name"]: field["datatype"] for field in version.signature["outputs"]}
        self.until = time.monotonic() + seconds

    @property
    def model(self) -> "Endpoint":
        return self

    def ask(self, columns: Columns) -> Answer:
        return self.post(json.dumps(cases.document(columns)).encode())

    def post(self, body: bytes, json_length: str | None = None) -> Answer:
        return self._exchange("POST", "/infer", body)

    def get(self, path: str) -> Answer:
        return self._exchange("GET", path, None)

    def run(self, columns: Columns) -> Columns:
        """{output: array} of any number of rows. Raises CannotAsk."""
        rows = len(next(iter(columns.values())))
        parts = [
            self._run({name: array[at : at + ROWS_AT_ONCE] for name, array in columns.items()})
            for at in range(0, rows, ROWS_AT_ONCE)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def _run(self, columns: Columns) -> Columns:
        answer = self.ask(columns)
        if answer.status != 200:
            raise CannotAsk(f"The endpoint answered rows with {answer.status}.")
        outputs = {output["name"]: output for output in json.loads(answer.body)["outputs"]}
        try:
            return {
                name: np.array(
                    outputs[name]["data"], dtype=float if datatype in FLOATS else None
                ).reshape(outputs[name]["shape"])
                for name, datatype in self.outputs.items()
            }
        except (KeyError, TypeError, ValueError):
            raise CannotAsk("The endpoint's answer does not fit its signature.") from None

    def _exchange(self, method: str, path: str, body: bytes | None) -> Answer:
        if time.monotonic() > self.until:
            raise CannotAsk(f"The endpoint was asked for {self.seconds:.0f} seconds and not done.")
        try:
            status, content, milliseconds = health.exchange(self.version, method, path, body)
        except health.Unreachable as away:
            raise CannotAsk(f"The endpoint cannot be asked: {away}") from None
        if status in CREDENTIAL_ASKED:
            raise CredentialAsked(
                f"The endpoint asks for a credential ({status}): store the one that it takes."
            )
        if status == 200 and method == "POST":
            content = _outputs(content)
        return Answer(status, content, milliseconds / 1000)


def _outputs(content: bytes) -> bytes:
    """The outputs of an answer, in one order. Raises CannotAsk."""
    try:
        found = json.loads(content)["outputs"]
        outputs = [
            {key: output[key] for key in ("name", "shape", "data")}
            for output in sorted(found, key=lambda output: str(output["name"]))
        ]
        if not all(isinstance(output["data"], list) for output in outputs):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CannotAsk("The endpoint's answer is not JSON with a list of outputs.") from None
    return json.dumps({"outputs": outputs}).encode()


def predict(
    version: ModelVersion, request: dict[str, Any], output: str, seed: int | None, seconds: float
) -> dict[str, Any]:
    """As publishing.predictions.predict: {"values"}, and with a seed {"probe"}; or {"problem": a phrase without any value}."""
    endpoint = Endpoint(version, seconds)
    columns = {
        tensor["name"]: np.array(tensor["data"], dtype=datatypes.dtype(tensor["datatype"])).reshape(
            tensor["shape"]
        )
        for tensor in request["inputs"]
    }
    try:
        found: dict[str, Any] = {"values": endpoint.run(columns)[output].tolist()}
    except CannotAsk as problem:
        return {"problem": str(problem)[0].lower() + str(problem)[1:].rstrip(".")}
    if seed is not None:
        try:
            found["probe"] = perturbations.probe(
                columns, endpoint.signature, lambda rows: endpoint.run(rows)[output], seed
            )
        except CannotAsk:
            found["probe"] = {"crashed": True}
    return found
