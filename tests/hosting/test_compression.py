"""Compressed requests: taken as the plain ones are, bounded, and refused in words."""

import asyncio
import gzip
import json
import zlib

import pytest

from hosting.model_server import compression, server
from hosting.model_server.problems import Problem
from tests.hosting import packages

BODY = b'{"inputs": []}'


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"GZIP"])
def test_what_was_compressed_comes_out(encoding):
    compress = zlib.compress if encoding == b"deflate" else gzip.compress
    assert compression.inflated(compress(BODY), encoding, len(BODY)) == BODY


@pytest.mark.parametrize(
    ("body", "encoding", "most", "status"),
    [
        (gzip.compress(BODY), b"br", 100, 415),
        (BODY, b"gzip", 100, 400),
        (gzip.compress(BODY)[:-3], b"gzip", 100, 400),
        (gzip.compress(BODY) + b"x", b"gzip", 100, 400),
        (b"", b"gzip", 100, 400),
        (gzip.compress(bytes(50_000_000)), b"gzip", 1_000_000, 413),
    ],
)
def test_what_cannot_be_inflated_is_refused_with_a_remedy(body, encoding, most, status):
    with pytest.raises(Problem) as caught:
        compression.inflated(body, encoding, most)
    assert caught.value.status == status and caught.value.faults[0].remedy


@pytest.mark.parametrize(
    ("encoding", "compress"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"", bytes)]
)
def test_a_replica_answers_a_compressed_request(tmp_path, monkeypatch, encoding, compress):
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    keys, sent = packages.Keypair(), []
    manifest = packages.package(
        tmp_path,
        content=packages.difference(),
        signature=packages.PLAIN,
        example=packages.plain_request(3.0),
    )
    app = server.app_from_manifest(
        manifest, keys.sign(manifest), root=tmp_path, public_key=keys.public
    )
    body = compress(json.dumps(packages.plain_request(5.0)).encode())

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    headers = [(b"content-encoding", encoding)] if encoding else []
    asyncio.run(
        app(
            {"type": "http", "method": "POST", "path": f"{app.prefix}/infer", "headers": headers},
            receive,
            send,
        )
    )
    assert sent[0]["status"] == 200 and json.loads(sent[1]["body"])["outputs"], sent[1]["body"]
