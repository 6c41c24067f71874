"""Other people's servers, which tests do not call: models.example.com answers every request of the protocol with ones."""

import json
from urllib.parse import urlsplit

from tests import factories

HOST = "models.example.com"
ONE = {"BYTES": "a", "BOOL": True}


def answer(asked):
    """The bytes that answer a request (a document, or None), as the factories' signature promises."""
    rows = asked["inputs"][0]["shape"][0] if asked else 1
    outputs = [
        {
            "name": output["name"],
            "datatype": output["datatype"],
            "shape": [rows],
            "data": [ONE.get(output["datatype"], 1)] * rows,
        }
        for output in factories.signature()["outputs"]
    ]
    return json.dumps({"model_name": "there", "model_version": "1", "outputs": outputs}).encode()


class Answering:
    """Stands where http.client's connection would."""

    def __init__(self, url, timeout):
        self.asked, self.status = None, 200

    def request(self, method, path, body=None, headers=None):
        self.asked = json.loads(body) if body else None

    def getresponse(self):
        return self

    def read(self, most=None):
        return answer(self.asked)

    def close(self):
        pass


def answered_by_us(connect):
    """egress.connect, but for the host of the tests."""
    return lambda url, timeout: (Answering if urlsplit(url).hostname == HOST else connect)(
        url, timeout
    )
