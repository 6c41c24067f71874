"""A real MLflow tracking server from its package, in the environment "mlflow3"."""

import base64
import json
import os
import subprocess
import urllib.request
from pathlib import Path

from marketplace.launcher.processes import die_with_parent
from tests.gateway import free_port, until
from tests.tools import environments

NAME = "mlflow3"
CLIENT = Path(__file__).with_name("mlflow3_client.py")


class TrackingServer:
    """`mlflow server` with a registry in SQLite and artifacts that it serves itself. Use as a context manager."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.python = str(environments.python_of(NAME))
        self.env = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ} | {
            "PATH": f"{Path(self.python).parent}:{os.environ['PATH']}",
            "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
            # The portal of the test is at plain http on this machine.
            "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
            "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        }

    def __enter__(self):
        words = ["server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        words += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        words += ["--artifacts-destination", str(self.folder / "artifacts"), "--serve-artifacts"]
        with (self.folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [self.python, "-m", "mlflow", *words],
                env=self.env,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        until(self._answers, 180, self.log_tail)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def run(self, act, *words):
        """What the client of `mlflow3_client.py` writes as JSON, or None."""
        done = subprocess.run(
            [self.python, CLIENT, act, self.url, *map(str, words)],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:] + self.log_tail()
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else None

    def log_tail(self):
        return (self.folder / "server.log").read_text()[-2000:]

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False
