"""The contract of one model version, for those who call it: OpenAPI 3.1, a Postman collection, code to copy.

contract = Contract(gateway_url="https://…", model="income-verification", name="Income Verification", number="2.0.0",
                    signature={…}, example={…}, key="mkc_…")
contract.openapi(), contract.postman(), contract.snippets()
"""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from publishing.contract import (
    code,
    integrations,
    openapi_document,
    plain_rows,
    postman_collection,
    schemas,
)

KEY_VARIABLE = "MARKETPLACE_API_KEY"
MOST_ROWS_AT_ONCE, BODY_BYTES = 500, 100_000


@dataclass(frozen=True)
class Contract:
    """One version as its callers see it, in plain values.

    gateway_url  where the gateway answers, with or without /v2.
    example      a request body of the Open Inference Protocol, as in the manifest.
    answer       a recorded answer to it, or None: then one is made up from the signature.
    key          the caller's key, shown this once; "": code reads it from the environment.
    application  whose key code needs, by name; "" where that is not known.
    sandbox_url  where people who are signed in call without a key; "" where there is no such place.
    wheel_url, npm_url  where the clients are installed from; "": no code with them.
    """

    gateway_url: str
    model: str
    name: str
    number: str
    signature: dict
    example: dict
    answer: dict | None = None
    key: str = ""
    application: str = ""
    summary: str = ""
    support: str = ""
    sandbox_url: str = ""
    deprecated: bool = False
    wheel_url: str = ""
    npm_url: str = ""

    @property
    def base_url(self):
        return self.gateway_url.rstrip("/").removesuffix("/v2")

    @property
    def path(self):
        """Where this very version answers; without /versions/… the subscription's policy chooses."""
        return f"/v2/models/{self.model}/versions/{self.number}"

    @property
    def infer_url(self):
        """What code to copy calls: it names no version, so that the subscription's policy chooses."""
        return f"{self.base_url}/v2/models/{self.model}/infer"

    @property
    def rows_url(self):
        """The same for plain rows."""
        return f"{self.base_url}/v2/models/{self.model}/rows"

    @property
    def address(self):
        """Host, port and path of the gateway, for clients that ask for the scheme apart."""
        parts = urlsplit(self.base_url)
        return parts.netloc + parts.path

    @property
    def is_encrypted(self):
        return urlsplit(self.base_url).scheme == "https"

    @property
    def rows(self):
        """The example as plain rows; [] while there is none."""
        return plain_rows.of_tensors(self.example["inputs"])

    @property
    def answered_rows(self):
        """The answer to them, made up where none is recorded; [] where it is too large to show."""
        answer = self.answer or self.made_up_answer
        return plain_rows.of_tensors(answer["outputs"]) if answer else []

    @property
    def csv_rows(self):
        """The example as CSV."""
        return plain_rows.as_csv(self.input_names, self.rows)

    @property
    def rows_at_once(self):
        """How many rows a program sends in one call: what keeps a body near 100 kB, which every version takes."""
        longest = max((len(json.dumps(row)) for row in self.rows), default=1)
        return max(1, min(MOST_ROWS_AT_ONCE, BODY_BYTES // longest))

    @property
    def dag_id(self):
        return f"score_{self.model.replace('-', '_')}"

    @property
    def spark_types(self):
        """{output: its type in Spark's words}."""
        return {field["name"]: plain_rows.spark_type(field) for field in self.signature["outputs"]}

    @property
    def made_up_answer(self):
        """An answer with the right names, types and shapes; None where it is too large to show."""
        return schemas.made_up_answer(self)

    @property
    def input_names(self):
        return [field["name"] for field in self.signature["inputs"]]

    @property
    def output_names(self):
        return [field["name"] for field in self.signature["outputs"]]

    @property
    def key_variable(self):
        """The environment variable from which code reads its key."""
        return KEY_VARIABLE

    @property
    def whose_key(self):
        """Whose key that is, for a comment. A name is quoted as JSON: ASCII on one line, so that nothing breaks out of it."""
        return f"a key of {json.dumps(self.application)}" if self.application else "your key"

    def body(self):
        """The example request as indented JSON text, short lists on one line."""
        inputs = ",\n    ".join(
            json.dumps(tensor, ensure_ascii=False) for tensor in self.example["inputs"]
        )
        return f'{{\n  "inputs": [\n    {inputs}\n  ]\n}}'

    def openapi(self):
        """The OpenAPI 3.1 document of this version, as a dict."""
        return openapi_document.document(self)

    def postman(self):
        """The Postman collection (format 2.1) of this version, as a dict. It never contains the key."""
        return postman_collection.collection(self)

    def integration(self, kind):
        """The integration template of one of integrations.KINDS."""
        return integrations.text(kind, self)

    def snippets(self):
        """[Snippet] in curl, Python, JavaScript and Java, with nothing installed and with a client; each runs unchanged."""
        return code.snippets(self)


def openapi(**facts):
    """The OpenAPI document of Contract(**facts)."""
    return contract_of(**facts).openapi()


def postman(**facts):
    """The Postman collection of Contract(**facts)."""
    return contract_of(**facts).postman()


def snippets(**facts):
    """The snippets of Contract(**facts); [] while there is no example to send."""
    contract = contract_of(**facts)
    return contract.snippets() if contract.example["inputs"] else []


def contract_of(*, signature, example, **facts):
    """A Contract; a draft's signature and example may still be empty."""
    return Contract(
        signature={"inputs": [], "outputs": []} | signature,
        example={"inputs": []} | example,
        **facts,
    )
