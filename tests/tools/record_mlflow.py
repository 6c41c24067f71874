"""What a real MLflow server sends and answers, for tests/publishing/mlflow_3.json, which the default tier replays.

    MLFLOW_RECORD=1 python3 manage.py test tests/tools/test_mlflow_registry.py -m slow -n 0

writes it anew (tests/publishing/mlflow_recordings.py reads it).
"""

import base64
import json
import subprocess
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from marketplace.launcher.rundir import ROOT
from tests.gateway import until
from tests.tools.mlflow_servers import TrackingServer

SECRET = "whsec_" + base64.b64encode(b"recorded once, opens nothing....").decode()
KINDS = ("model_version.created", "model_version_alias.created", "model_version_tag.set")
TARGET = ROOT / "tests" / "publishing" / "mlflow_3.json"
ELSEWHERE = b"/home/ada/income"  # stands for this checkout, which nobody else has
HEADERS = ("Content-Type", "X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature")


def key_of(target):
    """How an answer is found again: the path, and the query sorted and as it reads."""
    parts = urllib.parse.urlsplit(target)
    query = "&".join(
        f"{name}={value}" for name, value in sorted(urllib.parse.parse_qsl(parts.query))
    )
    return f"{parts.path}?{query}" if query else parts.path


class Catcher(ThreadingHTTPServer):
    def __init__(self):
        self.events = outer = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                read = json.loads(body)
                headers = {name: self.headers[name] for name in HEADERS}
                outer[f"{read['entity']}.{read['action']}"] = {"headers": headers, "body": body}
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Recorder:
    def __init__(self, url):
        self.url, self.answers = url, {}

    def get(self, address, /, **query):
        asked = urllib.parse.urlencode(query)
        target = f"{address}?{asked}" if asked else address
        with urllib.request.urlopen(self.url + target, timeout=30) as answer:
            body = answer.read()
        kept = base64.b64encode(body.replace(str(ROOT).encode(), ELSEWHERE)).decode()
        self.answers[key_of(target)] = {"status": 200, "body": kept}
        return body

    def json(self, operation, **query):
        return json.loads(self.get(f"/api/2.0/mlflow/{operation}", **query))

    def tree(self, uri):
        root = urllib.parse.urlsplit(uri).path.strip("/")
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            listed = json.loads(self.get("/api/2.0/mlflow-artifacts/artifacts", path=folder))
            for entry in listed.get("files", []):
                path = f"{folder}/{entry['path']}"
                if entry["is_dir"]:
                    waiting.append(path)
                else:
                    self.get(f"/api/2.0/mlflow-artifacts/artifacts/{urllib.parse.quote(path)}")


def record(folder, run_files):
    """The recording, as the file has it. `run_files`: folder → what a run says for the marketplace is in it."""
    catcher = Catcher()
    with TrackingServer(folder) as server:
        for kind in KINDS:
            url = f"http://127.0.0.1:{catcher.server_port}/"
            server.run("webhook", kind, url, SECRET)
        (folder / "run").mkdir()
        trained = server.run("train", run_files(folder / "run"))
        server.run("alias", "income-check", trained["version"], "production")
        server.run("tag", "income-check", trained["version"], "stage", "ready")
        until(lambda: set(catcher.events) == set(KINDS), 60, server.log_tail)
        recorder = Recorder(server.url)
        asked = {"name": "income-check", "version": str(trained["version"])}
        found = recorder.json("model-versions/get", **asked)["model_version"]
        recorder.tree(recorder.json("model-versions/get-download-uri", **asked)["artifact_uri"])
        run = recorder.json("runs/get", run_id=found["run_id"])["run"]
        recorder.tree(run["info"]["artifact_uri"] + "/marketplace")
        version = subprocess.check_output(
            [server.python, "-c", "import mlflow; print(mlflow.__version__)"], text=True
        ).split()[-1]
    made = {"mlflow": version, "secret": SECRET, "events": catcher.events}
    return made | {"answers": recorder.answers}
