"""Other gateways beside ours: started without our secrets, gone afterwards, skipped with a reason where they cannot be."""

import dataclasses
import sys
from pathlib import Path

import pytest

from bench import peers

SERVER = """
import http.server, json, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def nothing():
    raise AssertionError("it is installed")


def peer(code=SERVER, **changed):
    made = peers.Peer(
        "Ours for once",
        2,
        Path(sys.executable),
        nothing,
        lambda where: ([sys.executable, "-c", code, str(where.port)], {"OWN": "1"}),
    )
    return dataclasses.replace(made, **changed)


def test_a_peer_runs_without_our_stores_and_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    seen = []
    monkeypatch.setattr(peers, "_clean", lambda clean=peers._clean: seen.append(clean()) or clean())
    with peers.running(peer(), tmp_path, 1, "/v2/x", "key") as (_port, pid, key):
        assert Path(f"/proc/{pid}").exists() and key == "key"
    assert not Path(f"/proc/{pid}").exists()
    assert "DATABASE_URL" not in seen[0] and "PATH" in seen[0]


def test_a_peer_that_dies_says_its_last_words(tmp_path):
    with (
        pytest.raises(TimeoutError, match="no such option"),
        peers.running(peer("raise SystemExit('no such option')"), tmp_path, 1, "/", "key"),
    ):
        raise AssertionError("it never answers")


def test_what_cannot_be_installed_is_said_and_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(peers, "HOME", tmp_path)
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    absent = dataclasses.replace(peers.EXPRESS, program=tmp_path / "absent")
    monkeypatch.setattr(peers, "PEERS", (absent, peer()))
    assert peers.main() == 0
    assert (
        "Express-Gateway: skipped. node and npm are not installed here." in capsys.readouterr().out
    )
    assert [one.name for one in peers.installed()] == ["Ours for once"]
