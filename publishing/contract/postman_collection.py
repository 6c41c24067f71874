"""A Postman collection (format 2.1) for one version: calls, error cases, and tests that run with them."""

import json

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def collection(contract):
    """The collection as a dict. The key is a variable that the user fills in; it is never written here."""
    good = [
        "pm.response.to.have.status(200);",
        "pm.expect(pm.response.json().model_version).to.be.a('string');",
    ]
    return {
        "info": {
            "name": f"{contract.name} {contract.number}",
            "description": contract.summary,
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
            _item("Run the model", "POST", "infer", good, body=contract.body()),
            _item("Metadata", "GET", "", ["pm.response.to.have.status(200);"]),
            _item("Ready", "GET", "ready", ["pm.response.to.have.status(200);"]),
            {"name": "Errors", "item": _errors(contract)},
        ],
    }


def _errors(contract):
    no_input = json.dumps({"inputs": []})
    return [
        _item(
            "Without a key: 401",
            "POST",
            "infer",
            _says(401),
            body=contract.body(),
            auth={"type": "noauth"},
        ),
        _item(
            "Unknown model: 404",
            "POST",
            "infer",
            _says(404),
            body=contract.body(),
            model="no-such-model",
        ),
        _item("Without inputs: 400 or 422", "POST", "infer", _says(400, 422), body=no_input),
    ]


def _says(*statuses):
    return [
        f"pm.expect(pm.response.code).to.be.oneOf({list(statuses)});",
        "pm.expect(pm.response.headers.get('Content-Type')).to.include('application/problem+json');",
        "pm.expect(pm.response.json().error).to.be.a('string');",
    ]


def _item(name, method, verb, test, body=None, auth=None, model="{{model}}"):
    path = ["v2", "models", model, "versions", "{{version}}", *([verb] if verb else [])]
    request = {
        "method": method,
        "header": [],
        "url": {"raw": "/".join(["{{gateway}}", *path]), "host": ["{{gateway}}"], "path": path},
    }
    if body is not None:
        request["header"] = [{"key": "Content-Type", "value": "application/json"}]
        request["body"] = {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}
    if auth:
        request["auth"] = auth
    lines = [f"pm.test({json.dumps(name)}, () => {{", *(f"  {line}" for line in test), "});"]
    return {
        "name": name,
        "request": request,
        "response": [],
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": lines}}],
    }
