"""What a version's documentation hands out, against the real gateway and a real model: the Postman collection and the programs.

Airflow and Spark are stood for by what they call: the DAG's task, and the function that Spark runs on a partition. With the real
packages both run in the slow tier (tests/tools/test_integrations.py).
"""

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import types
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from publishing.contract import KEY_VARIABLE, Contract, integrations
from tests.gateway import free_port, subscriber, until
from tests.hosting import packages
from tests.hosting.replicas import serving
from tests.tiers import only
from tests.tools import newman

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
ODD = 'it\'s "$(touch broken)" `x` \\ ${y} *//u000a'
ROWS = [{"income": 10.0, "debt": 1.0, "age": 30}, {"income": 20.0, "debt": 2.0, "age": 40}]
SCORES = [{"score": 9.0}, {"score": 18.0}]


@pytest.fixture(scope="session")
def own_gateway(gateway_stage, tmp_path_factory):
    """One that takes any number of wrong keys, which newman sends."""
    folder = tmp_path_factory.mktemp("documented")
    return gateway_stage.keep(gateway_stage.new_gateway(folder, failures_per_minute=100_000))


@pytest.fixture(scope="module")
def replica(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("replica"), model="income-check") as address:
        yield address


@pytest.fixture
def documented(stage, own_gateway, replica):
    """(Contract of a live version, key of a subscriber)."""
    version = stage.version(signature=packages.SIGNATURE, example=packages.EXAMPLE)
    version.upstream.base_url = replica
    version.upstream.save()
    key = subscriber(version)[1]
    contract = Contract(
        gateway_url=f"http://127.0.0.1:{own_gateway.port}",
        model=version.model.slug,
        name=ODD,
        number=version.number,
        signature=version.signature,
        example=version.example,
        application=ODD,
    )
    body = json.dumps(ROWS).encode()
    path = f"{contract.path}/rows"
    until(lambda: own_gateway.infer(path, key, body)[2] == b'[{"score":9.0},{"score":18.0}]', 5)
    return contract, key


# ── Postman ───────────────────────────────────────────────────────────────


def run_collection(folder, contract, key):
    """(exit code, {name of a request: its failed assertions}) of newman."""
    command = newman.program()
    if command is None:
        pytest.skip(f"newman is {newman.INSTALL}")
    collection, report = folder / "collection.json", folder / "report.json"
    collection.write_text(json.dumps(contract.postman()))
    words = ["--env-var", f"api_key={key}", "--reporters", "json"]
    ran = subprocess.run(
        [*command, "run", str(collection), *words, "--reporter-json-export", str(report)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert report.exists(), ran.stderr
    failed = {}
    for execution in json.loads(report.read_text())["run"]["executions"]:
        failed[execution["item"]["name"]] = [
            assertion["error"]["message"]
            for assertion in execution["assertions"]
            if "error" in assertion
        ]
    return ran.returncode, failed


@pytest.mark.slow
def test_newman_runs_the_collection_green_and_red_with_a_wrong_key(documented, tmp_path):
    contract, key = documented
    code, failed = run_collection(tmp_path, contract, key)
    assert (code, {name: messages for name, messages in failed.items() if messages}) == (0, {})
    assert len(failed) == 11
    code, failed = run_collection(tmp_path, contract, key[:-4] + "aaaa")
    assert code != 0
    red = {name for name, messages in failed.items() if messages}
    assert {"Run the model", "Rows as JSON", "Rows as CSV", "Metadata", "Ready"} <= red
    assert not {"Without a key: 401", "Wrong key: 401"} & red


# ── Programs ──────────────────────────────────────────────────────────────


def save(documented, folder, kind):
    """(path of a program, environment that it needs)."""
    contract, key = documented
    integration = integrations.BY_ID[kind]
    path = folder / integration.filename
    path.write_text(contract.integration(integration))
    return path, os.environ | {KEY_VARIABLE: key}


def run(path, environment, *arguments):
    return subprocess.run(
        [sys.executable, path.name, *map(str, arguments)],
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )


def imported(path, monkeypatch, environment):
    """The program as a module."""
    monkeypatch.setenv(KEY_VARIABLE, environment[KEY_VARIABLE])
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_script_scores_csv_json_lines_and_the_example(documented, tmp_path):
    path, environment = save(documented, tmp_path, "script")
    ran = run(path, environment)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [json.loads(line) for line in ran.stdout.splitlines()] == SCORES
    many = [{"income": float(at), "debt": 1.0, "age": 30} for at in range(1201)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, many)))
    lines = [f"{row['income']},{row['debt']},{row['age']}" for row in many]
    (tmp_path / "rows.csv").write_text("\n".join(["income,debt,age", *lines]))
    for name in ("rows.jsonl", "rows.csv"):
        ran = run(path, environment, name)
        assert [json.loads(line)["score"] for line in ran.stdout.splitlines()] == [
            at - 1.0 for at in range(1201)
        ], ran.stderr
    assert not (tmp_path / "broken").exists()


def test_script_says_what_the_gateway_said(documented, tmp_path):
    path, environment = save(documented, tmp_path, "script")
    rows = [ROWS[0]] * 600 + [ROWS[0] | {"age": 7}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ran = run(path, environment, "rows.jsonl")
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("422: Input 'age', row 100: 7 is out of range.")
    assert "row 600 of all" in ran.stderr and "request " in ran.stderr
    ran = run(path, environment | {KEY_VARIABLE: "mkc_wrong"})
    assert ran.returncode == 1 and ran.stderr.startswith("401: ")


def test_spreadsheet_gets_its_answers_beside_its_rows(documented, tmp_path):
    path, environment = save(documented, tmp_path, "spreadsheet")
    assert run(path, environment, "--blank", "rows.csv").stdout == "rows.csv\n"
    assert run(path, environment, "rows.csv").stdout == "rows.scored.csv\n"
    with (tmp_path / "rows.scored.csv").open(encoding="utf-8-sig", newline="") as scored:
        assert [row["score"] for row in csv.DictReader(scored)] == ["9.0", "18.0"]
    (tmp_path / "own.csv").write_bytes(
        "\ufeffname;income;age;debt\r\n=Müller;10,5;30;1\r\n;;;\r\nB;20;40;\r\n".encode()
    )
    assert run(path, environment, "own.csv").returncode == 0
    with (tmp_path / "own.scored.csv").open(encoding="utf-8-sig", newline="") as scored:
        rows = list(csv.DictReader(scored, delimiter=";"))
    assert [(row["name"], row["score"]) for row in rows] == [("=Müller", "9.5"), ("B", "20.0")]


def test_batch_scores_a_table_and_each_partition(documented, tmp_path, monkeypatch):
    path, environment = save(documented, tmp_path, "batch")
    (tmp_path / "rows.csv").write_text("id,income,debt,age\na,10,1,30\nb,20,,40\n")
    ran = run(path, environment, "rows.csv", "answers.csv")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "answers.csv").read_text() == (
        "id,income,debt,age,score\na,10,1.0,30,9.0\nb,20,,40,20.0\n"
    )
    import pandas as pd

    batch = imported(path, monkeypatch, environment)
    parts = [pd.DataFrame([row], index=[7]) for row in ROWS]
    scored = list(batch.score_frames(iter(parts)))
    assert [part["score"].tolist() for part in scored] == [[9.0], [18.0]]
    assert list(scored[0].index) == [7] and batch.OUTPUTS == {"score": "float"}


def test_airflows_task_scores_a_days_file(documented, tmp_path, monkeypatch):
    """With stand-ins for Airflow's two decorators."""
    made = []

    def dag(**facts):
        made.append(facts)
        return lambda function: function

    def task(**facts):
        return lambda function: lambda *arguments: made.append((function, arguments, facts))

    sdk = types.ModuleType("airflow.sdk")
    sdk.dag, sdk.task = dag, task
    monkeypatch.setitem(sys.modules, "airflow", types.ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    path, environment = save(documented, tmp_path, "airflow")
    module = imported(path, monkeypatch, environment)
    facts, (function, arguments, retries) = made
    assert facts["dag_id"] == documented[0].dag_id and retries["retries"] == 3
    assert function is module.score_file and "{{ ds }}" in arguments[0]
    source, target = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    source.write_text("\n".join(map(json.dumps, ROWS)))
    assert function(str(source), str(target)) == 2
    assert [json.loads(line) for line in target.read_text().splitlines()] == SCORES
    source.write_text(json.dumps({"income": 1.0}))
    with pytest.raises(module.Refused, match="422"):
        function(str(source), str(target))
    assert len(target.read_text().splitlines()) == 2, "a file is replaced whole or not at all"


@contextmanager
def service(documented, folder, kind, **changed):
    """The address of a service while it runs."""
    commands = {
        "fastapi": [sys.executable, "-m", "uvicorn", "service:app", "--port"],
        "node": ["node"],
        "java": ["java"],
    }
    command = commands[kind]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    path, environment = save(documented, folder, kind)
    port = str(free_port())
    words = [*command, port] if kind == "fastapi" else [*command, path.name]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=folder, env=environment | {"PORT": port} | changed, stdout=log, stderr=log
        )
    try:
        address = f"http://127.0.0.1:{port}/score"
        until(
            lambda: ask(address, None)[0] != 0 or process.poll() is not None,
            30,
            lambda: (folder / "log").read_text(),
        )
        yield address
    finally:
        process.kill()
        process.wait(10)


def ask(address, rows):
    """(status, document), (0, None) when nobody answers."""
    data = None if rows is None else json.dumps(rows).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
    except OSError:
        return 0, None


@pytest.mark.parametrize("kind", only(("fastapi", "node", "java"), "fastapi"))
def test_service_answers_its_own_callers(documented, tmp_path, kind):
    with service(documented, tmp_path, kind) as address:
        assert ask(address, ROWS) == (200, SCORES)
        status, problem = ask(address, [ROWS[0], ROWS[0] | {"age": 7}])
        assert status == 422 and "row 1: 7 is out of range" in problem["detail"]
    with service(documented, tmp_path, kind, **{KEY_VARIABLE: "mkc_wrong"}) as address:
        assert ask(address, ROWS)[0] == 502, "its callers have nothing to do with its key"
    assert not (tmp_path / "broken").exists()
