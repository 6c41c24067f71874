"""`marketplace call`: rows of a file through a model, and on after a break, against the contract's scripted server."""

import csv
import io
import json
import subprocess
import sys

import pytest

from marketplace_client.cli.context import World
from marketplace_client.cli.main import main
from marketplace_client.cli.portal import Portal
from tests.sdks.cli import Terminal
from tests.sdks.runners import PYTHON, need
from tests.sdks.test_contract import closed_port, contract


@pytest.fixture
def server():
    with contract.ScriptedServer() as server:
        yield server


def terminal(server, case):
    gateway = server.address("cli", case)
    return Terminal(MARKETPLACE_GATEWAY_URL=gateway, MARKETPLACE_API_KEY=contract.KEY)


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def counting(path, count):
    lines = [f"{number},0" for number in range(count)]
    path.write_text("\n".join(["income,debt", *lines]) + "\n")
    return path


def test_csv_in_csv_out(server, tmp_path):
    source = counting(tmp_path / "in.csv", 25)
    target = tmp_path / "out.csv"
    words = ["call", contract.MODEL, "--input", source, "--output", target, "--batch", 10]
    done = terminal(server, "batch_by_bytes").run(*words)
    assert done.code == 0 and "25 rows" in done.out, done.err
    assert [float(row["score"]) for row in csv.DictReader(target.open())] == list(range(25))
    again = terminal(server, "batch_by_bytes").run(*words)
    assert again.code == 2 and "--resume" in again.err, "what is there is not written over"


def test_a_pipe(server):
    rows = '{"income": 2.5, "debt": 0}\n{"income": 1, "debt": 1}\n'
    words = ["call", contract.MODEL, "--input", "-", "--format", "jsonl"]
    done = terminal(server, "batch_by_bytes").run(*words, stdin=rows)
    assert (done.code, done.out) == (0, '{"score": 2.5}\n{"score": 0}\n')


def test_it_goes_on_where_it_broke_off(server, tmp_path):
    """The third piece is refused: 20 rows are written. Then another server answers, and gets the rest alone."""
    source, target = counting(tmp_path / "in.csv", 30), tmp_path / "out.jsonl"
    words = ["call", contract.MODEL, "--input", source, "--output", target, "--batch", 10]
    broken = terminal(server, "batch_broken_in_the_middle").run(*words)
    assert broken.code == 1 and "20 rows are written" in broken.err
    assert "Row 24 of the input" in broken.err
    assert len(rows_of(target)) == 20
    with target.open("a") as file:
        file.write('{"score": 2')  # the machine went off in the middle of a line
    done = terminal(server, "batch_by_bytes").run(*words, "--resume")
    assert done.code == 0, done.err
    assert [row["score"] for row in rows_of(target)] == list(range(30))
    assert server.seen["cli", "batch_by_bytes"].answered == list(range(20, 30)), "nothing twice"


def test_wrong_words_and_files(server, tmp_path):
    call = terminal(server, "batch_by_bytes").run
    (tmp_path / "in.csv").write_text("income,debt\nmany,0\n")
    wrong = call("call", contract.MODEL, "--input", tmp_path / "in.csv")
    assert wrong.code == 2 and "Row 1" in wrong.err and "FP32 for income" in wrong.err
    (tmp_path / "in.jsonl").write_text('{"income": 1}\n[2]\n')
    assert "Line 2" in call("call", contract.MODEL, "--input", tmp_path / "in.jsonl").err
    assert call("call", contract.MODEL, "--input", tmp_path / "in.xls").code == 2
    assert Terminal().run("call", contract.MODEL, "--input", "-").code == 3
    refused = terminal(server, "401").run(
        "call", contract.MODEL, "--input", "-", "--format", "jsonl", stdin='{"income": 1}\n'
    )
    assert refused.code == 3


def test_the_portal_over_real_http(server, tmp_path):
    """The other tests of commands go into Django's test client; this one takes the transport of real life."""
    portal = Portal(server.address("cli", "feedback"), "mkp_contract")
    case = contract.BY_NAME["feedback"]
    assert (
        portal.post("feedback", data={"outcomes": case["feedback"]}) == case["expect"]["feedback"]
    )
    (headers,) = server.seen["cli", "feedback"].headers
    assert headers["authorization"] == "Bearer mkp_contract" and headers["idempotency-key"]
    waits, err = [], io.StringIO()
    environment = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "MARKETPLACE_URL": f"http://127.0.0.1:{closed_port()}",
        "MARKETPLACE_TOKEN": "mkp_contract",
    }
    assert main(["search"], World(environment, sleep=waits.append, stderr=err)) == 6
    assert len(waits) == 3 and "No answer from" in err.getvalue()


def test_bash_completes(tmp_path):
    need("bash")
    made = Terminal().run("completion", "bash").out
    script = f'{made}\nCOMP_WORDS=(marketplace sub); COMP_CWORD=1; _marketplace; echo "${{COMPREPLY[@]}}"\n'
    script += (
        'COMP_WORDS=(marketplace call --re); COMP_CWORD=2; _marketplace; echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["subscribe", "--resume"]


def test_it_is_a_program():
    words = [sys.executable, "-m", "marketplace_client.cli", "--help"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(PYTHON / "src")}
    )
    assert "Exit codes" in done.stdout
