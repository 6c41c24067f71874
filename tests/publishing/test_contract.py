"""The version's contract: a valid OpenAPI document, a Postman collection, and code that runs as it is copied."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema
import openapi_spec_validator
import pytest

import publishing.contract as contract_module
from publishing.clients import SDKS
from tests.publishing.contracts import EXAMPLE, SIGNATURE, contract, given
from tests.tiers import one_of_each

KEY = "mkc_" + "a" * 46
ROWS = [
    {
        "stated_income": 52000.0,
        "age": 41,
        "employment": "salaried",
        "since": "2019-04-01",
        "has_account": True,
        "debt": 1200.5,
        "pixels": [0.5, 0.25],
    },
    {
        "stated_income": 18000.5,
        "age": 22,
        "employment": "self-employed",
        "since": "2024-11-30",
        "has_account": False,
        "pixels": [1.0, 0.0],
    },
]
WHEEL = "https://portal.example.com/downloads/marketplace_client-1.0.0-py3-none-any.whl"
TARBALL = "https://portal.example.com/downloads/marketplace-client-1.0.0.tgz"
ODD = 'it\'s "$(touch broken)" `x` \\ ${y} *//u000a'
COMMANDS = {
    "curl": ["bash"],
    "rows": ["bash"],
    "python": [sys.executable],
    "python-client": [sys.executable],
    "pandas": [sys.executable],
    "tritonclient": [sys.executable],
    "javascript": ["node"],
    "javascript-client": ["node"],
    "java": ["java"],
}


@pytest.fixture
def gateway():
    """A stub that keeps what it was sent and answers with one number per row."""
    calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            """Metadata, which the clients ask for."""
            inputs = [
                {name: tensor[name] for name in ("name", "datatype", "shape")}
                for tensor in SIGNATURE["inputs"]
            ]
            self._answer({"name": "m", "inputs": inputs, "outputs": []})

        def do_POST(self):
            length = int(self.headers["Content-Length"])
            calls.append((self.path, dict(self.headers), self.rfile.read(length)))
            output = {
                "name": "income",
                "datatype": "FP32",
                "shape": [2],
                "data": [51000.0, 17250.0],
            }
            rows = [{"income": value} for value in output["data"]]
            answer = {
                "model_name": "m",
                "model_version": "2.0.0",
                "outputs": [output],
                "predictions": rows,
            }
            self._answer(rows if self.path.endswith("/rows") else answer)

        def _answer(self, document):
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", calls
    server.shutdown()
    server.server_close()


def with_clients(folder):
    """The environment in which the clients are installed: for Python a path, for Node a link beside the program."""
    (folder / "node_modules").mkdir(exist_ok=True)
    link = folder / "node_modules" / "marketplace-client"
    if not link.exists():
        link.symlink_to(SDKS / "javascript")
    return os.environ | {"PYTHONPATH": str(SDKS / "python" / "src")}


@pytest.mark.parametrize(
    ("name", "is_shown"),
    one_of_each(
        [(name, is_shown) for name in COMMANDS for is_shown in (True, False)],
        lambda name, is_shown: name,
    ),
)
def test_snippet_runs_unchanged(gateway, tmp_path, name, is_shown):
    """With the key that was just made, and as the API tab shows it, for an application with an odd name."""
    url, calls = gateway
    command = COMMANDS[name]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    made = contract(
        gateway_url=url,
        key=KEY if is_shown else "",
        application=ODD,
        wheel_url=WHEEL,
        npm_url=TARBALL,
        signature={**SIGNATURE, "outputs": SIGNATURE["outputs"][:1]},
    )
    snippet = next(snippet for snippet in made.snippets() if snippet.id == name)
    (tmp_path / snippet.filename).write_text(snippet.text)
    ran = subprocess.run(
        [*command, snippet.filename],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env=with_clients(tmp_path) | ({} if is_shown else {contract_module.KEY_VARIABLE: KEY}),
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "51000" in ran.stdout
    assert (KEY in snippet.text) == is_shown
    assert not (tmp_path / "broken").exists()
    path, headers, body = calls[0]
    verb = "rows" if name == "rows" else "infer"
    assert path == f"/v2/models/income-verification/{verb}", (
        "whoever copies it keeps what the subscription's policy brings"
    )
    assert {key.lower(): value for key, value in headers.items()}[
        "authorization"
    ] == f"Bearer {KEY}"
    if name == "rows":
        assert json.loads(body) == ROWS
    elif name.endswith("-client"):
        assert [
            (tensor["name"], tensor["datatype"], tensor["shape"])
            for tensor in json.loads(body)["inputs"]
        ] == [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in EXAMPLE["inputs"]]
    elif name not in ("tritonclient", "pandas"):
        assert json.loads(body) == EXAMPLE


def test_snippets_cannot_be_broken_out_of(gateway, tmp_path):
    """Names come from publishers: quotes and dollars stay text."""
    url, calls = gateway
    odd = ODD
    tensor = {"name": odd, "datatype": "FP64", "shape": [2], "data": [1.5, 2.5]}
    made = contract(
        gateway_url=url,
        key=KEY,
        wheel_url=WHEEL,
        npm_url=TARBALL,
        signature={**SIGNATURE, "inputs": [given(odd)]},
        example={"inputs": [tensor]},
    )
    for snippet in made.snippets():
        command = COMMANDS[snippet.id]
        if snippet.id == "tritonclient" or not shutil.which(command[0]):
            continue
        (tmp_path / snippet.filename).write_text(snippet.text)
        ran = subprocess.run(
            [*command, snippet.filename],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            env=with_clients(tmp_path),
        )
        assert (ran.returncode, ran.stderr) == (0, ""), snippet.id
        sent = json.loads(calls[-1][2])
        if snippet.id == "rows":
            assert sent == [{odd: 1.5}, {odd: 2.5}]
        else:
            assert sent == {"inputs": [tensor]} or sent["dataframe_split"]["columns"] == [odd]
    assert not (tmp_path / "broken").exists()


def test_snippets_without_a_key_say_whose_they_need():
    for snippet in contract(application="Loan origination").snippets():
        assert "MARKETPLACE_API_KEY" in snippet.text and '"Loan origination"' in snippet.text
    assert all("your key" in snippet.text for snippet in contract().snippets())


def test_clients_are_shown_where_they_can_be_installed():
    assert not [snippet.id for snippet in contract().snippets() if "client" in snippet.filename]
    shown = {
        snippet.id: snippet.text
        for snippet in contract(wheel_url=WHEEL, npm_url=TARBALL).snippets()
    }
    assert f"pip install {WHEEL}" in shown["python-client"]
    assert f"npm install {TARBALL}" in shown["javascript-client"]


def test_openapi_document_is_valid():
    openapi_spec_validator.validate(contract().openapi())
    openapi_spec_validator.validate(
        contract(deprecated=True, support="lending@example.com").openapi()
    )


def test_draft_without_signature_has_documents_but_no_snippets():
    facts = {
        "gateway_url": "http://127.0.0.1:1",
        "model": "m",
        "name": "M",
        "number": "1.0.0",
        "signature": {},
        "example": {},
    }
    assert contract_module.snippets(**facts, key="") == []
    assert contract_module.postman(**facts)["item"]
    openapi_spec_validator.validate(contract_module.openapi(**facts))


@pytest.fixture
def request_schema():
    """The request schema with its references resolved inside the document."""
    document = contract().openapi()
    return jsonschema.Draft202012Validator(
        {"$ref": "#/components/schemas/Request", "components": document["components"]}
    )


def changed(name, /, **more):
    return {
        "inputs": [
            tensor | (more if tensor["name"] == name else {}) for tensor in EXAMPLE["inputs"]
        ]
    }


def test_example_fits_the_documents_schema(request_schema):
    request_schema.validate(EXAMPLE)
    request_schema.validate(
        {"inputs": [tensor for tensor in EXAMPLE["inputs"] if tensor["name"] != "debt"]}
    )
    request_schema.validate(changed("pixels", data=[0.5, 0.25, 1.0, 0.0]))
    request_schema.validate(changed("age", shape=[2, 1]))
    request_schema.validate(
        {
            "inputs": [
                {"name": tensor["name"], "data": tensor["data"]} for tensor in EXAMPLE["inputs"]
            ]
        }
    )
    request_schema.validate({"dataframe_split": {"columns": ["age"], "data": [[41]]}})


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": []},
        {"inputs": EXAMPLE["inputs"][1:]},
        changed("age", data=[41, 17]),
        changed("age", data=[41.5, 22]),
        changed("age", datatype="FP64"),
        changed("age", shape=[2, 2]),
        changed("employment", data=["salaried", "other"]),
        changed("has_account", data=[1, 0]),
        changed("stated_income", data=[None, 1]),
        changed("debt", name="dept"),
    ],
)
def test_schema_refuses_what_the_model_refuses(request_schema, body):
    assert not request_schema.is_valid(body)


ADDRESS = "/v2/models/income-verification/versions/2.0.0"


@pytest.mark.parametrize("verb", ["infer", "rows"])
def test_document_tells_every_error(verb):
    responses = contract().openapi()["paths"][f"{ADDRESS}/{verb}"]["post"]["responses"]
    errors = {"400", "401", "403", "404", "410", "413", "415", "422", "429", "502", "503", "504"}
    assert errors < set(responses)


def test_both_operations_say_that_they_are_deprecated():
    paths = contract(deprecated=True).openapi()["paths"]
    assert all(paths[f"{ADDRESS}/{verb}"]["post"]["deprecated"] for verb in ("infer", "rows"))
    told = paths[f"{ADDRESS}/rows"]["post"]["responses"]["200"]["headers"]
    assert {"Deprecation", "Sunset", "Link"} < set(told)
    paths = contract().openapi()["paths"]
    assert not any(paths[f"{ADDRESS}/{verb}"]["post"]["deprecated"] for verb in ("infer", "rows"))


def rows_schema(name):
    document = contract().openapi()
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


def test_rows_of_the_example_fit_the_documents_schema():
    rows_schema("Rows").validate(ROWS)
    content = contract().openapi()["paths"][f"{ADDRESS}/rows"]["post"]["requestBody"]["content"]
    assert content["application/json"]["examples"]["example"]["value"] == ROWS
    lines = content["text/csv"]["examples"]["example"]["value"].splitlines()
    assert lines[0] == "stated_income,age,employment,since,has_account,debt,pixels"
    assert lines[2] == '18000.5,22,self-employed,2024-11-30,false,,"[1.0, 0.0]"'
    rows_schema("Rows").validate([ROWS[0] | {"debt": None}])
    answered = [{"income": None, "class": "a", "scores": [0.5, None]}]
    rows_schema("AnsweredRows").validate(answered)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        ROWS[0],
        [ROWS[0] | {"colour": "red"}],
        [{"age": 41}],
        [ROWS[0] | {"age": 17}],
        [ROWS[0] | {"age": None}],
        [ROWS[0] | {"pixels": [0.5]}],
        [ROWS[0] | {"has_account": 1}],
    ],
)
def test_rows_that_the_model_refuses_do_not_fit_the_schema(rows):
    assert not rows_schema("Rows").is_valid(rows)


def test_the_sandbox_is_a_server_where_there_is_one():
    assert [server["url"] for server in contract().openapi()["servers"]] == [
        "http://127.0.0.1:20400"
    ]
    document = contract(sandbox_url="https://portal.example/sandbox").openapi()
    openapi_spec_validator.validate(document)
    assert document["servers"][1]["url"] == "https://portal.example/sandbox"


def test_made_up_answer_fits_the_documents_schema():
    document = contract().openapi()
    answer = document["paths"]["/v2/models/income-verification/versions/2.0.0/infer"]["post"][
        "responses"
    ]["200"]
    value = answer["content"]["application/json"]["examples"]["example"]["value"]
    jsonschema.Draft202012Validator(
        {"$ref": "#/components/schemas/Answer", "components": document["components"]}
    ).validate(value)
    assert [output["shape"] for output in value["outputs"]] == [[2], [2], [2, 2]]


def test_gateway_address_may_end_in_v2():
    assert (
        contract(gateway_url="https://gateway.example/v2/").infer_url
        == contract(gateway_url="https://gateway.example").infer_url
    )


def test_postman_collection_has_calls_errors_and_no_key():
    collection = contract(key=KEY).postman()
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert KEY not in json.dumps(collection)
    call = collection["item"][0]["request"]
    assert call["url"]["raw"] == "{{gateway}}/v2/models/{{model}}/versions/{{version}}/infer"
    assert json.loads(call["body"]["raw"]) == EXAMPLE
    rows, errors = (folder["item"] for folder in collection["item"][3:])
    assert json.loads(rows[0]["request"]["body"]["raw"]) == ROWS
    assert [item["name"][-3:] for item in errors] == ["401", "401", "404", "422", "422", "415"]
    saved = [
        answer for item in (*collection["item"][:1], *rows, *errors) for answer in item["response"]
    ]
    assert [answer["code"] for answer in saved] == [200, 200, 200, 401, 401, 404, 422, 422, 415]


def test_postman_collection_says_whose_key_it_needs():
    description = contract(application="Loan origination").postman()["info"]["description"]
    assert 'a key of "Loan origination"' in description
