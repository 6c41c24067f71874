"""The examples of docs/ci: every shell step of each runs, as it stands, against a live portal; twice, and with a record that says no."""

import ast
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
import yaml

from catalog import search_record_actions
from catalog.models import ModelVersion
from marketplace.audit.models import AuditEvent
from marketplace.launcher.rundir import ROOT
from tests import factories
from tests.portal import Portal
from tests.publishing import specimens
from tests.publishing.mlflow_recordings import ReplayedServer
from tests.publishing.test_publication import document, entry, meanings
from tests.tiers import only

pytestmark = pytest.mark.django_db(transaction=True)
CI = ROOT / "docs" / "ci"
LONG = "Nothing that was found reads what this needs."
README = "# Income check\n\n## Limitations\nIt says little about people without a salary.\n"


def of_github(text):
    jobs = yaml.safe_load(text)["jobs"]
    return {
        name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()
    }


def of_gitlab(text):
    read = yaml.safe_load(text)
    before = read["default"]["before_script"]
    return {name: ["\n".join(before + read[name]["script"])] for name in ("reuse", "publish")}


def of_jenkins(text):
    return {"all": re.findall(r"sh '''(.*?)'''", text, re.DOTALL)}


def of_airflow(text):
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {
        "all": [
            ast.literal_eval(word.value)
            for call in calls
            for word in call.keywords
            if word.arg == "bash_command"
        ]
    }


EXAMPLES = {
    "github-actions.yml": of_github,
    "gitlab-ci.yml": of_gitlab,
    "Jenkinsfile": of_jenkins,
    "airflow_dag.py": of_airflow,
}


class Comments:
    """Where pull requests are commented: GitLab's API, and the words of a `gh` on the PATH."""

    def __init__(self, folder):
        self.bodies, outer = [], self
        self.gh = folder / "gh.txt"
        (folder / "gh").write_text(f'#!/bin/sh\necho "$@" >> {self.gh}\ncat "$5" >> {self.gh}\n')
        (folder / "gh").chmod(0o755)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                outer.bodies.append(parse_qs(self.rfile.read(length).decode())["body"][0])
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def all(self):
        return self.bodies + ([self.gh.read_text()] if self.gh.exists() else [])


@pytest.fixture(scope="module")
def portal(django_db_setup, tmp_path_factory):
    with Portal(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """An empty Python with pip, as a pipeline has one; its folder of programs."""
    folder = tmp_path_factory.mktemp("machine")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    return folder / "bin"


@pytest.fixture
def comments(tmp_path):
    (tmp_path / "bin").mkdir()
    comments = Comments(tmp_path / "bin")
    yield comments
    comments.server.shutdown()


@pytest.fixture
def repository(tmp_path):
    """A model's repository: the MLflow directory, and what is said beside it."""
    for name, content in specimens.mlflow_files().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    card = {k: v for k, v in factories.card_values().items() if k != "limitations.text"}
    told = document(fields=meanings("income", "age", "debt", "Y"), card=card)
    (tmp_path / "publication.json").write_text(json.dumps(told))
    (tmp_path / "README.md").write_text(README)
    return tmp_path


def decided(decision="build"):
    """A record of alice's team. Nothing was found, or it was decided to reuse what was."""
    alice, found = factories.alice(), None
    if decision == "reuse":
        factories.published_version()
        found = 1
    record = factories.search_record(alice, factories.lending())
    return search_record_actions.decide_search_record(
        alice, record, decision=decision, sponsor="Head of lending", reason=LONG, position=found
    )


def run(script, machine, repository, comments, portal, record, **changed):
    path = f"{comments.gh.parent}:{machine}:/usr/bin:/bin"
    environment = {
        "PATH": path,
        "HOME": str(repository),
        "PIP_NO_INDEX": "1",
        "MARKETPLACE_URL": f"http://127.0.0.1:{portal.port}",
        "MARKETPLACE_TOKEN": factories.token(team=factories.lending())[1],
        "SEARCH_RECORD": str(record),
        "MODEL": "income-check",
        "VERSION": "1.0.0",
        "WORKSPACE": str(repository),
        "PULL_REQUEST": "7",
        "CI_API_V4_URL": comments.url,
        "NOTES_TOKEN": "t",
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=repository,
        env=environment | {name: os.fspath(value) for name, value in changed.items()},
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.parametrize("example", only(EXAMPLES, "gitlab-ci.yml"))
def test_an_example_publishes_and_the_same_again_changes_nothing(
    example, machine, repository, comments, portal
):
    factories.vocabulary()
    record = decided()
    (repository / "entry.json").write_text(json.dumps(entry(search_record=record.pk)))
    jobs = EXAMPLES[example]((CI / example).read_text())
    scripts = [script for steps in jobs.values() for script in steps]
    assert any("check-reuse" in one for one in scripts) and any("publish" in one for one in scripts)
    for script in scripts:
        done = run(script, machine, repository, comments, portal, record)
        assert done.returncode == 0, (script, done.stdout[-1000:], done.stderr[-2000:])
    version = ModelVersion.objects.get()
    assert version.state in ("submitted", "checking", "in_review"), version.state
    assert "without a salary" in str(version.card.data["limitations.text"])
    assert json.loads((repository / "published.json").read_text())["number"] == "1.0.0"
    if example in ("github-actions.yml", "gitlab-ci.yml"):
        assert any(f"[{record}](http" in text for text in comments.all()), comments.all()
    before = AuditEvent.objects.exclude(action="token.make").count()
    again = run(scripts[-1], machine, repository, comments, portal, record)
    assert again.returncode == 0, again.stderr
    assert AuditEvent.objects.exclude(action="token.make").count() == before


@pytest.mark.parametrize("example", only(EXAMPLES, "Jenkinsfile"))
def test_a_record_that_says_reuse_stops_the_pipeline(
    example, machine, repository, comments, portal
):
    record = decided("reuse")
    scripts = [
        one for steps in EXAMPLES[example]((CI / example).read_text()).values() for one in steps
    ]
    (checks,) = [one for one in scripts if "check-reuse" in one][:1]
    install = "" if "pip install" in checks else scripts[0] + "\n"
    done = run(install + checks, machine, repository, comments, portal, record)
    assert done.returncode == 5, (done.stdout, done.stderr)
    if "--comment" in checks:
        assert "does not let this begin" in (repository / "reuse.md").read_text()


def test_a_version_of_a_registry_is_published_by_its_reference(
    machine, repository, comments, portal
):
    """As the DAG does; the registry answers as a real one did."""
    factories.vocabulary()
    record, server = decided(), ReplayedServer()
    (repository / "entry.json").write_text(json.dumps(entry(search_record=record.pk)))
    told = document(
        card={k: v for k, v in factories.card_values().items() if k != "limitations.text"}
    )
    (repository / "publication.json").write_text(json.dumps(told))
    scripts = of_airflow((CI / "airflow_dag.py").read_text())["all"]
    known = {"REGISTERED": "models:/income-check/1", "MLFLOW_TRACKING_URI": server.url}
    for script in scripts:
        done = run(script, machine, repository, comments, portal, record, **known)
        assert done.returncode == 0, (script, done.stdout[-1000:], done.stderr[-2000:])
    server.close()
    assert ModelVersion.objects.get().artifacts.filter(name="model.onnx").exists()
    wrong = known | {"REGISTERED": "models:/income-check"}
    assert run(scripts[-1], machine, repository, comments, portal, record, **wrong).returncode == 2
