"""The OpenAPI 3.1 document of one version: what it takes, what it answers, and how it says no."""

from . import plain_rows, schemas

# status → (title, what the caller does about it, slug of the problem's page)
PROBLEMS = {
    "400": (
        "The request cannot be read",
        "Send JSON as the protocol says; keep the key out of the address.",
        "unreadable-request",
    ),
    "401": (
        "The API key is not recognised",
        "Send a live key as 'Authorization: Bearer mkc_…' or 'X-API-Key'.",
        "key-not-recognised",
    ),
    "403": (
        "The subscription is not active",
        "Ask the model's team, or resume the subscription.",
        "subscription-not-active",
    ),
    "404": (
        "There is no such model for this key",
        "Check the model and version; subscribe to the model first.",
        "no-such-model",
    ),
    "410": (
        "This version is retired",
        "Move to its successor; the header Link names it.",
        "version-gone",
    ),
    "413": ("The request is too large", "Send fewer rows per call.", "request-too-large"),
    "415": (
        "The body is of a type that is not understood",
        "Send JSON, or CSV as rows, and name it in Content-Type; compress with gzip or deflate.",
        "media-type",
    ),
    "422": (
        "The input does not fit the model's signature",
        "The members field, row and remedy say what to change.",
        "bad-input",
    ),
    "429": (
        "Too many calls, or the quota is used up",
        "Wait as long as Retry-After says, or choose a larger plan.",
        "rate-limited",
    ),
    "502": ("The model failed", "Try again; report it if it stays.", "model-failed"),
    "503": (
        "The model is busy, suspended or not running",
        "Try again after Retry-After seconds.",
        "model-busy",
    ),
    "504": ("The model did not answer in time", "Try again with fewer rows.", "model-late"),
}
RETRYING = {"429", "503"}


def document(contract):
    """The document as a dict, ready for JSON."""
    return {
        "openapi": "3.1.0",
        "info": _info(contract),
        "servers": _servers(contract),
        "security": [{"bearer": []}, {"header": []}],
        "tags": [
            {"name": "Rows", "description": "Plain rows, JSON objects or CSV, without tensors"},
            {"name": "Inference", "description": "Open Inference Protocol, version 2"},
        ],
        "paths": {
            f"{contract.path}/infer": {"post": _infer(contract)},
            f"{contract.path}/rows": {"post": _rows(contract)},
            contract.path: {
                "get": _get(contract, "metadata", "Names, datatypes and shapes", "Metadata")
            },
            f"{contract.path}/ready": {
                "get": _get(contract, "ready", "Whether a replica can answer", "Ready")
            },
        },
        "components": _components(contract),
    }


def _info(contract):
    info = {
        "title": contract.name,
        "version": contract.number,
        "summary": contract.summary or f"Calls to {contract.name} {contract.number}",
        "description": "Every call needs a key of a subscription. Answers tell the version in `model_version` and the request in `X-Request-Id`.",
    }
    return info | ({"contact": {"name": contract.support}} if contract.support else {})


def _servers(contract):
    gateway = {"url": contract.base_url, "description": "The inference gateway: needs a key"}
    if not contract.sandbox_url:
        return [gateway]
    words = "The sandbox: no key, for people who are signed in, sixty calls an hour"
    return [gateway, {"url": contract.sandbox_url, "description": words}]


def _rows(contract):
    rows, names = contract.rows, contract.input_names
    text = {"type": "string", "description": "A line of names, then one for each row."}
    return {
        "operationId": "rows",
        "summary": "Run the model on plain rows",
        "description": "One object, or one line of CSV, for each row; answered as CSV where Accept prefers text/csv. "
        "An optional input may be null, an empty cell, or left out.",
        "tags": ["Rows"],
        "deprecated": contract.deprecated,
        "requestBody": {
            "required": True,
            "content": _both_types(_ref("Rows"), text, names, rows),
        },
        "responses": {"200": _answered_rows(contract), **_problems(PROBLEMS)},
    }


def _answered_rows(contract):
    rows, names = contract.answered_rows, contract.output_names
    return {
        "description": "The outputs of each row, in the order of the rows.",
        "headers": _answer_headers(contract),
        "content": _both_types(_ref("AnsweredRows"), {"type": "string"}, names, rows),
    }


def _both_types(json_schema, csv_schema, names, rows):
    """Rows as JSON and as CSV, with an example of each where there are rows."""
    examples = [rows, plain_rows.as_csv(names, rows)] if rows else [None, None]
    return {
        media_type: {"schema": schema}
        | ({"examples": {"example": {"value": value}}} if value else {})
        for media_type, schema, value in zip(
            ("application/json", "text/csv"), (json_schema, csv_schema), examples, strict=True
        )
    }


def _answer_headers(contract):
    text = {"type": "string"}
    headers = {
        "X-Request-Id": {"description": "Quote it when you report a problem.", "schema": text},
        "X-Model-Version": {"description": "The version that answered.", "schema": text},
        "RateLimit": {"description": "What is left of the plan's rate.", "schema": text},
    }
    if contract.deprecated:
        headers |= {
            "Deprecation": {"description": "Since when (RFC 9745).", "schema": text},
            "Sunset": {"description": "When it ends (RFC 8594), once decided.", "schema": text},
            "Link": {"description": "Its successor and its page.", "schema": text},
        }
    return headers


def _infer(contract):
    return {
        "operationId": "infer",
        "summary": "Run the model",
        "tags": ["Inference"],
        "deprecated": contract.deprecated,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _ref("Request"),
                    "examples": {"example": {"value": contract.example}},
                }
            },
        },
        "responses": {"200": _answer(contract), **_problems(PROBLEMS)},
    }


def _answer(contract):
    value = contract.answer or schemas.made_up_answer(contract)
    summary = (
        "A recorded answer" if contract.answer else "The form of an answer; its values are made up"
    )
    examples = {"examples": {"example": {"summary": summary, "value": value}}} if value else {}
    return {
        "description": "The model's outputs, row by row.",
        "headers": _answer_headers(contract),
        "content": {"application/json": {"schema": _ref("Answer"), **examples}},
    }


def _get(contract, operation, summary, schema):
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["Inference"],
        "deprecated": contract.deprecated,
        "responses": {
            "200": {
                "description": "Yes.",
                "content": {"application/json": {"schema": _ref(schema)}},
            },
            **_problems(("401", "403", "404", "410", "429", "503")),
        },
    }


def _problems(statuses):
    return {status: {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}


def _components(contract):
    return {
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "The key of a subscription: mkc_…",
            },
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        },
        "schemas": {
            "Request": schemas.request_schema(contract.signature),
            "Answer": schemas.answer_schema(contract.signature),
            "Rows": plain_rows.rows_schema(contract.signature),
            "AnsweredRows": plain_rows.answered_rows_schema(contract.signature),
            "Problem": _problem_schema(),
            "Metadata": _metadata_schema(),
            "Ready": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "ready": {"type": "boolean"}},
            },
            **_field_schemas("Input", contract.signature["inputs"]),
            **_field_schemas("Output", contract.signature["outputs"]),
        },
        "responses": {
            f"Problem{status}": _problem_response(status, *words)
            for status, words in PROBLEMS.items()
        },
    }


def _field_schemas(side, fields):
    names = schemas.schema_names(side, fields)
    return {names[field["name"]]: schemas.tensor_schema(field) for field in fields}


def _problem_response(status, title, remedy, slug):
    value = {
        "type": f"/docs/problems/{slug}",
        "title": title,
        "status": int(status),
        "detail": remedy,
        "error": remedy,
    }
    response = {
        "description": f"{title}. {remedy}",
        "content": {
            "application/problem+json": {
                "schema": _ref("Problem"),
                "examples": {"example": {"value": value}},
            }
        },
    }
    if status in RETRYING:
        response["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait.",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return response


def _problem_schema():
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "RFC 9457, with the member `error` of the Open Inference Protocol.",
        "required": ["type", "title", "status", "detail", "error"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "error": text,
            "field": {"type": "string", "description": "The input that is wrong."},
            "row": {"type": "integer", "description": "Its row, from 0."},
            "remedy": text,
            "errors": {"type": "array", "items": {"type": "object"}},
            "request_id": text,
            "limit_bytes": {"type": "integer", "description": "Of a 413: so much would be taken."},
            "limit_rows": {"type": "integer", "description": "Of a 413."},
            "limit_elements": {"type": "integer", "description": "Of a 413: of one input."},
            "limit_cells": {"type": "integer", "description": "Of a 413: that rows leave out."},
        },
    }


def _metadata_schema():
    tensor = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string"},
            "shape": {"type": "array"},
        },
    }
    tensors = {"type": "array", "items": tensor}
    versions = {"type": "array", "items": {"type": "string"}}
    names = {"name": {"type": "string"}, "versions": versions, "platform": {"type": "string"}}
    return {"type": "object", "properties": {**names, "inputs": tensors, "outputs": tensors}}


def _ref(name):
    return {"$ref": f"#/components/schemas/{name}"}
