"""`manage.py demo`: the whole marketplace on one machine, with progress, from nothing or from where it stopped."""

import argparse
import contextlib
import hashlib
import os
import shutil
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hosting.drivers import ray_head
from marketplace.demo import readiness
from marketplace.launcher import environment, process_definitions
from marketplace.launcher.bootstrap import LOCK, explain_os_error
from marketplace.launcher.orphaned_processes import kill_orphaned_processes
from marketplace.launcher.ports import choose_all
from marketplace.launcher.processes import Process
from marketplace.launcher.rundir import MIGRATED, ROOT, RunDir
from marketplace.launcher.status import Status, bold, dim, print_error, print_line
from marketplace.launcher.stores import PROBLEMS, start_stores
from marketplace.launcher.subreaper import run_under_subreaper
from marketplace.launcher.supervisor import NotReady, StepFailed, Stopped, Supervisor

SPACE_NEEDED = 1_000_000_000  # bytes, for databases, packages and logs


def main(argv: list[str]) -> int:
    options = parse(argv)
    run = RunDir()
    try:
        if not run.lock():
            return already_running(run, options.fresh)
        if options.fresh:
            print_line("Beginning anew: the data of the earlier demo is removed.")
            kill_orphaned_processes(run)
            run.wipe()
        return begin(run, options)
    except OSError as problem:
        print_error(explain_os_error(problem))
    except PROBLEMS as problem:
        print_error(str(problem))
    return 1


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="manage.py demo",
        description="The whole marketplace with its demo company, on this machine.",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="remove the data of the earlier demo and begin anew"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="show every process' log on the console"
    )
    parser.add_argument(
        "--open", action="store_true", help="open the portal in the browser when it answers"
    )
    parser.add_argument("--port", type=int, help="the portal's port (default 8000, or a free one)")
    parser.add_argument(
        "--gateway-port", type=int, help="the gateway's port (default 8001, or a free one)"
    )
    parser.add_argument(
        "--without-engine", action="store_true", help="portal and gateway only: no model is served"
    )
    parser.add_argument("--without-company", action="store_true", help="an empty marketplace")
    return parser.parse_args(argv)


def already_running(run: RunDir, fresh: bool) -> int:
    """Say where the demo of this folder answers."""
    address = run.read("demo.json").get("web") or "(it is still starting)"
    pid = run.read("status.json").get("pid", "?")
    print_line(f"The demo is already running: {bold(address)}  (process {pid}, folder {run.path})")
    if fresh:
        print_error(f"To begin anew, stop it first: Ctrl-C in its window, or  kill {pid}")
        return 1
    print_line(
        "Ctrl-C in its window stops it. For a second one beside it, set MARKETPLACE_RUN_DIR to another folder."
    )
    return 0


def begin(run: RunDir, options: argparse.Namespace) -> int:
    if (free := shutil.disk_usage(run.path).free) < SPACE_NEEDED:
        print_error(
            f"Only {free / 1e9:.1f} GB are free at {run.path}; the demo needs about 1 GB. Free some space, or set MARKETPLACE_RUN_DIR."
        )
        return 1
    if count := kill_orphaned_processes(run):
        print_line(dim(f"{count} processes of an earlier start were still there: ended"))
    run.prepare()
    run.remove("demo.json")
    ports = choose_ports(run, options)
    return run_under_subreaper(lambda: Demo(run, ports, options).serve())


def choose_ports(run: RunDir, options: argparse.Namespace) -> dict[str, int]:
    """The ports of the last start where they are free; new ones are told."""
    last = run.read("services.json").get("ports", {})
    preferred = {
        name: last.get(name, port) for name, port in process_definitions.PREFERRED_PORTS.items()
    }
    preferred |= {
        "web": options.port or preferred["web"],
        "gateway": options.gateway_port or preferred["gateway"],
    }
    ports = choose_all(preferred)
    for name in ("web", "gateway"):
        if ports[name] != preferred[name]:
            print_line(
                f"Port {preferred[name]} is in use by another program: {name} takes {ports[name]}."
            )
    return ports | process_definitions.replica_ports(
        last.get("engine_replicas", process_definitions.RANGES.start)
    )


def vendor(port: int) -> Process:
    """The vendor of the demo company's externally hosted model."""
    argv = process_definitions.python("-m", "marketplace.demo.company.external_server", str(port))
    return process_definitions.Process(
        "vendor",
        argv,
        ready=process_definitions.answers_http(f"http://127.0.0.1:{port}/v2/health/ready"),
        cwd=ROOT,
    )


class Demo:
    """One start of the demo: the steps in order, then watching."""

    def __init__(self, run: RunDir, ports: dict[str, int], options: argparse.Namespace):
        self.run = run
        self.ports = ports
        self.options = options
        self.status = Status(run)
        self.environment = (
            environment.common(run) | environment.stores(run, ports) | environment.demo(ports)
        )
        self.supervisor = Supervisor(run, self.status, self.environment, verbose=options.verbose)
        self.document: dict[str, Any] = {
            "web": self.environment["PORTAL_URL"],
            "gateway": self.environment["GATEWAY_URL"],
        }

    def serve(self) -> int:
        """Everything, until asked to stop; returns an exit code."""
        self.supervisor.listen_to_signals()
        self.run.write(
            "services.json", {"ports": self.ports, "environment": self.environment}, mode=0o600
        )
        try:
            self.start_everything()
            self.supervisor.watch()
        except Stopped:
            print_line("Stopping …")
            return 0
        except PROBLEMS as problem:
            print_error(str(problem))
            return 1
        finally:
            self.status.finish("stopping")
            self.supervisor.stop()
            ray_head.stop(self.run.path, grace=0)
            self.run.remove("demo.json")
            self.status.finish("stopped")
        return 0

    def start_everything(self) -> None:
        """The portal first, then what takes longer: a visitor sees the progress. What no call waits for is built when all models answer."""
        if not self.options.without_company:
            self.train_ahead()
        with self.status.step("stores", "Postgres and Redis"):
            start_stores(self.supervisor, self.run, self.ports)
        self.migrate()
        self.open_doors()
        self.start_background()
        if not self.options.without_company:
            self.build_company()
        self.await_models()
        self.announce_ready()
        if not self.options.without_company:
            self.build_rest()

    def train_ahead(self) -> None:
        """The company's models learn while tables are made and the portal starts."""
        folder = str(self.run.path / "company")
        self.supervisor.begin(
            "training", process_definitions.python("-m", "marketplace.demo.company.ahead", folder)
        )

    def migrate(self) -> None:
        """Bring the database up to date; skipped when neither code nor database changed since the last time."""
        mark = {
            "migrations": migrations_digest(),
            "database": self.environment["DATABASE_URL"].rpartition("@")[2],
        }
        if not os.environ.get("DATABASE_URL"):
            mark["database"] = str((self.run.path / "data" / "postgres").stat().st_ino)
            if self.run.read(MIGRATED) == mark:
                return
        with self.status.step("migrate", "Database tables"):
            self.supervisor.run_once(
                "migrate", process_definitions.manage("migrate", "--no-input", "--verbosity", "1")
            )
        self.run.write(MIGRATED, mark)

    def open_doors(self) -> None:
        with self.status.step("portal", "Portal and gateway"):
            self.supervisor.start(process_definitions.front(self.ports["web"]))
            self.supervisor.start(process_definitions.web(self.run))
            self.supervisor.start(process_definitions.gateway(self.ports["gateway"]))
            self.supervisor.until_ready("front", "web")
        self.write_document()
        print_line(f"\n  The portal answers:  {bold(self.document['web'])}\n")
        if self.options.open:
            webbrowser.open(self.document["web"])

    def start_background(self) -> None:
        """The slow starters, all at once; nobody waits for them here."""
        self.supervisor.start(process_definitions.worker())
        self.supervisor.start(process_definitions.sender())
        self.supervisor.start(process_definitions.beat(self.run))
        self.supervisor.start(vendor(self.ports["vendor"]))
        if self.options.without_engine or os.environ.get("RAY_ADDRESS"):
            return
        self.supervisor.start(process_definitions.engine(self.run, self.ports))

    def build_company(self) -> None:
        self.run.remove("company.json")
        with report_and_continue(StepFailed), self.status.step("company", "Demo company") as step:
            waiting = ["--no-wait"] if self.options.without_engine else []
            command = process_definitions.manage("build_company", *waiting)
            self.supervisor.run_once(
                "company", command, while_running=lambda: self.show_company(step)
            )
        self.document |= self.run.read("company.json").get("result") or {}
        self.write_document()
        show_logins(self.document.get("logins", {}))

    def build_rest(self) -> None:
        """Past usage and the submissions that nobody calls: the demo is ready, and figures and review queue fill up."""
        command = process_definitions.manage("build_company", "--rest")
        with report_and_continue(StepFailed):
            self.supervisor.run_once("company", command)
            print_line(dim("  Past usage and the review queue are complete."))

    def show_company(self, step: dict[str, Any]) -> None:
        progress = self.run.read("company.json")
        text, done, total = (
            progress.get("text", ""),
            progress.get("done") or 0,
            progress.get("total") or 0,
        )
        if text and text != "done":
            self.status.detail(step, f"{text} ({done} of {total})" if total else text, done, total)

    def await_models(self) -> None:
        """Wait until every process is up and no model is still starting. One that does not come up is told and tried again."""
        names = list(self.supervisor.programs)
        with report_and_continue(NotReady), self.status.step("processes", "All processes"):
            self.supervisor.until_ready(*names)
        if "engine" not in names and not os.environ.get("RAY_ADDRESS"):
            return
        with self.status.step("models", "Models callable") as step:
            self.supervisor.wait_until(lambda: self.models_settled(step))

    def models_settled(self, step: dict[str, Any]) -> bool:
        seen = readiness.measure(self.environment)
        self.status.detail(step, seen.sentence(), seen.answering, seen.total)
        return seen.is_settled()

    def announce_ready(self) -> None:
        self.status.finish("ready")
        self.document["ready"] = True
        self.write_document()
        print_line(
            f"\n  Portal   {bold(self.document['web'])}\n  Gateway  {self.document['gateway']}/v2/\n  Ctrl-C stops everything; the data stays.\n"
        )

    def write_document(self) -> None:
        """`.run/demo.json`, for scripts: addresses, logins and one example call (0600: it holds a key)."""
        self.run.write(
            "demo.json", {"logins": {}, "example": {}, "ready": False} | self.document, mode=0o600
        )


@contextlib.contextmanager
def report_and_continue(error: type[Exception]) -> Iterator[None]:
    """Print an error and go on: the rest of the marketplace works without this part."""
    try:
        yield
    except error as caught:
        print_error(str(caught))


def migrations_digest() -> str:
    """Changes whenever a migration file or the lock does."""
    digest = hashlib.sha256((ROOT / LOCK).read_bytes())
    for path in sorted(migration_files()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def migration_files() -> Iterator[Path]:
    for pattern in ("*/migrations/*.py", "marketplace/*/migrations/*.py"):
        yield from ROOT.glob(pattern)


def show_logins(logins: dict[str, dict[str, str]]) -> None:
    if not logins:
        return
    print_line("  Demo logins (the login page has a button for each):")
    for role, login in logins.items():
        print_line(f"    {role:<12} {login['username']:<10} {login['password']}")
    print_line("")
