"""The programs for Airflow and Spark with the real packages, against a stub of the gateway (tests/hosting/test_contract_live.py has
the real one with stand-ins of the packages)."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from publishing.contract import integrations
from tests.hosting import packages
from tests.publishing.contracts import contract
from tests.tools import environments

pytestmark = pytest.mark.slow
DAG = """
import json, os, sys
sys.path.insert(0, ".")
os.environ["MARKETPLACE_API_KEY"] = "mkc_x"
import score_daily
dag = score_daily.score_daily()
[task] = dag.tasks
assert (dag.dag_id, task.task_id, task.retries) == ("score_income_verification", "score_file", 3)
assert "{{ ds }}" in task.op_args[0] and "op_args" in task.template_fields
assert task.python_callable("rows.jsonl", "answers.jsonl") == 2
"""
TABLE = """
import os, runpy, sys
os.environ |= {"MARKETPLACE_API_KEY": "mkc_x", "PYSPARK_PYTHON": sys.executable}
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").getOrCreate()
rows = [("a", 10.0, 1.0, 30), ("b", 20.0, None, 40)]
spark.createDataFrame(rows, "id string, income double, debt double, age long").write.parquet("rows.parquet")
sys.argv = ["batch_score.py", "--spark", "rows.parquet", "answers.parquet"]
runpy.run_path("batch_score.py", run_name="__main__")
scored = spark.read.parquet("answers.parquet").orderBy("id").collect()
assert [(row.id, row.debt, row.score) for row in scored] == [("a", 1.0, 9.0), ("b", None, 20.0)], scored
"""


@pytest.fixture
def gateway():
    """Answers rows with income less debt."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            scores = [{"score": row["income"] - (row.get("debt") or 0.0)} for row in rows]
            body = json.dumps(scores).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("kind", "tool", "script"), [("airflow", "airflow", DAG), ("batch", "spark", TABLE)]
)
def test_program_runs_with_the_real_package(gateway, tmp_path, kind, tool, script):
    if not environments.python_of(tool):
        pytest.skip(f"{tool} is not installed: python -m tests.tools.environments")
    integration = integrations.BY_ID[kind]
    made = contract(
        gateway_url=gateway, signature=packages.SIGNATURE, example=packages.EXAMPLE
    ).integration(integration)
    (tmp_path / integration.filename).write_text(made)
    rows = [{"income": 10.0, "debt": 1.0, "age": 30}, {"income": 20.0, "age": 40}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "run.py").write_text(script)
    code = environments.run(tool, "run.py", folder=tmp_path)
    assert code == 0, (tmp_path / "log.txt").read_text()[-3000:]
    if kind == "airflow":
        answers = (tmp_path / "answers.jsonl").read_text().splitlines()
        assert [json.loads(line)["score"] for line in answers] == [9.0, 20.0]
