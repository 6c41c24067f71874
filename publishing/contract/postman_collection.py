"""A Postman collection (format 2.1) for one version: calls, error cases, saved answers, and tests that run with them."""

import json
from http import HTTPStatus

from publishing.contract import plain_rows
from publishing.contract.openapi_document import PROBLEMS

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
JSON, CSV = "application/json", "text/csv"
WRONG_KEY = {"type": "bearer", "bearer": [{"key": "token", "value": "mkc_wrong", "type": "string"}]}


def collection(contract):
    """The collection as a dict. The key is a variable that the user fills in; it is never written here."""
    return {
        "info": {
            "name": f"{contract.name} {contract.number}",
            "description": _description(contract),
            "schema": SCHEMA,
        },
        "auth": {
            "type": "bearer",
            "bearer": [{"key": "token", "value": "{{api_key}}", "type": "string"}],
        },
        "variable": [
            {"key": "gateway", "value": contract.base_url},
            {"key": "model", "value": contract.model},
            {"key": "version", "value": contract.number},
            {"key": "api_key", "value": "", "type": "secret"},
        ],
        "item": [
            _infer(contract),
            _item("Metadata", "GET", "", ["pm.response.to.have.status(200);"]),
            _item("Ready", "GET", "ready", ["pm.response.to.have.status(200);"]),
            {"name": "Rows", "item": _rows(contract)},
            {"name": "Errors", "item": _errors(contract)},
        ],
    }


def _description(contract):
    key = f"Put {contract.whose_key} into the variable api_key, then run the collection."
    return "\n\n".join(text for text in (contract.summary, key) if text)


def _infer(contract):
    answered = contract.answer or contract.made_up_answer
    return _item(
        "Run the model",
        "POST",
        "infer",
        [
            "pm.response.to.have.status(200);",
            "pm.expect(pm.response.json().model_version).to.be.a('string');",
            f"pm.expect(pm.response.json().outputs.map((output) => output.name)).to.eql({json.dumps(contract.output_names)});",
        ],
        body=contract.body(),
        saved=[(200, JSON, json.dumps(answered, indent=2))] if answered else [],
    )


def _rows(contract):
    """The same in plain rows, as JSON and as CSV; [] while there is no example."""
    rows, answered = contract.rows, contract.answered_rows
    if not rows:
        return []
    names = json.dumps(contract.output_names)
    sent_csv = plain_rows.as_csv(contract.input_names, rows)
    answered_csv = plain_rows.as_csv(contract.output_names, answered)
    return [
        _item(
            "Rows as JSON",
            "POST",
            "rows",
            [
                "pm.response.to.have.status(200);",
                f"pm.expect(pm.response.json().length).to.eql({len(rows)});",
                f"pm.expect(pm.response.json()[0]).to.have.all.keys({names});",
            ],
            body=json.dumps(rows, indent=2, ensure_ascii=False),
            saved=[(200, JSON, json.dumps(answered, indent=2))] if answered else [],
        ),
        _item(
            "Rows as CSV",
            "POST",
            "rows",
            [
                "pm.response.to.have.status(200);",
                "pm.expect(pm.response.headers.get('Content-Type')).to.include('text/csv');",
                f"pm.expect(pm.response.text().trim().split('\\r\\n').length).to.be.at.least({len(rows) + 1});",
            ],
            body=sent_csv,
            kind=CSV,
            saved=[(200, CSV, answered_csv)] if answered else [],
        ),
    ]


def _errors(contract):
    name = (contract.input_names or ["input"])[0]
    no_value = json.dumps([{name: {"not": "a value"}}])
    body = contract.body()
    return [
        _item(
            "Without a key: 401", "POST", "infer", _says(401), body=body, auth={"type": "noauth"}
        ),
        _item("Wrong key: 401", "POST", "infer", _says(401), body=body, auth=WRONG_KEY),
        _item("Unknown model: 404", "POST", "infer", _says(404), body=body, model="no-such-model"),
        _item(
            "Without inputs: 400 or 422",
            "POST",
            "infer",
            _says(400, 422),
            body=json.dumps({"inputs": []}),
            saved=[_problem("422")],
        ),
        _item(
            "A row that does not fit: 422",
            "POST",
            "rows",
            [*_says(422), "pm.expect(pm.response.json().row).to.eql(0);"],
            body=no_value,
        ),
        _item("Another media type: 415", "POST", "rows", _says(415), body="x", kind="text/plain"),
    ]


def _says(*statuses):
    return [
        f"pm.expect(pm.response.code).to.be.oneOf({list(statuses)});",
        "pm.expect(pm.response.headers.get('Content-Type')).to.include('application/problem+json');",
        "pm.expect(pm.response.json().error).to.be.a('string');",
    ]


def _problem(status):
    title, remedy, slug = PROBLEMS[status]
    document = {
        "type": f"/docs/problems/{slug}",
        "title": title,
        "status": int(status),
        "detail": remedy,
        "error": remedy,
    }
    return int(status), "application/problem+json", json.dumps(document, indent=2)


def _item(name, method, verb, test, body=None, kind=JSON, auth=None, model="{{model}}", saved=None):
    """A request with its tests and saved answers [(status, media type, body)]; those of an error are what its name says."""
    path = ["v2", "models", model, "versions", "{{version}}", *([verb] if verb else [])]
    request = {
        "method": method,
        "header": [],
        "url": {"raw": "/".join(["{{gateway}}", *path]), "host": ["{{gateway}}"], "path": path},
    }
    if body is not None:
        types = {"Content-Type": kind} | ({"Accept": CSV} if kind == CSV else {})
        language = {"raw": {"language": "json" if kind == JSON else "text"}}
        request["header"] = [{"key": key, "value": value} for key, value in types.items()]
        request["body"] = {"mode": "raw", "raw": body, "options": language}
    if auth:
        request["auth"] = auth
    if saved is None:
        status = name[-3:]
        saved = [_problem(status)] if status in PROBLEMS else []
    lines = [f"pm.test({json.dumps(name)}, () => {{", *(f"  {line}" for line in test), "});"]
    return {
        "name": name,
        "request": request,
        "response": [_saved(request, *answer) for answer in saved],
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": lines}}],
    }


def _saved(request, status, kind, body):
    phrase = HTTPStatus(status).phrase
    return {
        "name": f"{status} {phrase}",
        "originalRequest": request,
        "status": phrase,
        "code": status,
        "_postman_previewlanguage": "json" if "json" in kind else "text",
        "header": [{"key": "Content-Type", "value": kind}],
        "body": body,
    }
