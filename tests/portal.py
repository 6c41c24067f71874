"""A real portal for tests: its own process on the test's database, with fault proxies before its Postgres and its Redis."""

import http.client
import json
import os
import subprocess
from urllib.parse import urlencode

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client

from marketplace.launcher import process_definitions
from marketplace.launcher.processes import die_with_parent
from marketplace.launcher.rundir import ROOT, RunDir
from tests.gateway import free_port, proxy_before, through, until
from tests.stack import on_database

CSRF = "c" * 32


class Portal:
    """The front and the web process as the demo starts them. Use as a context manager; `environment` adds to theirs."""

    def __init__(self, folder, database_url="", redis_url="", threads=8, **environment):
        self.folder = folder
        self.timeout_s = 15  # a request that takes longer hangs: the portal's own timeouts are 10 s
        self.port = free_port()
        self.name = f"portal on {self.port}"  # of its sessions in Postgres
        self.postgres = proxy_before(settings.DATABASE_URL)
        self.redis = proxy_before(settings.REDIS_URL)
        self.processes = [
            process_definitions.front(self.port),
            process_definitions.web(RunDir(folder)),
        ]
        self.environment = (
            os.environ
            | environment
            | {
                "DATABASE_URL": through(
                    self.postgres, database_url or on_database(connection.settings_dict["NAME"])
                ),
                "REDIS_URL": through(self.redis, redis_url or settings.REDIS_URL),
                "RUN_DIR": str(folder),
                "PGAPPNAME": self.name,
                "PORTAL_THREADS": str(threads),
            }
        )

    def __enter__(self):
        with (self.folder / "portal.log").open("ab") as log:
            self.children = [
                subprocess.Popen(
                    process.argv,
                    env=self.environment | process.env,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent,
                )
                for process in self.processes
            ]
        for process in self.processes:
            until(process.ready, 60, self.log_tail)
        return self

    def __exit__(self, *_):
        self.end_faults()
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(20)
        self.postgres.close()
        self.redis.close()
        until(lambda: sessions_named(self.name) == 0, 10, self.log_tail)

    def log_tail(self):
        return (self.folder / "portal.log").read_text()[-1500:]

    def end_faults(self):
        self.postgres.set("pass")
        self.redis.set("pass")

    def heal(self):
        """All faults end; the portal is ready within five seconds (F4, F5)."""
        self.end_faults()
        until(lambda: self.get("/readyz")[0] == 200, 5, self.log_tail)

    def get(self, path, cookie=""):
        return self.request("GET", path, cookie)

    def post(self, path, cookie, **typed):
        return self.request(
            "POST", path, cookie, urlencode(typed), "application/x-www-form-urlencoded"
        )

    def post_json(self, path, cookie, **facts):
        return self.request("POST", path, cookie, json.dumps(facts), "application/json")

    def request(self, method, path, cookie="", body=None, kind=""):
        """(status, headers, body) of one request on a connection of its own. Raises TimeoutError after `timeout_s`."""
        headers = {"Cookie": f"sessionid={cookie}; csrftoken={CSRF}", "X-CSRFToken": CSRF}
        return self.raw(method, path, body, headers | ({"Content-Type": kind} if kind else {}))

    def raw(self, method, path, body, headers):
        """`request` with these headers alone."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        try:
            client.request(method, path, body, headers)
            answer = client.getresponse()
            return (
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read().decode(),
            )
        finally:
            client.close()


def sessions_named(name):
    """How many sessions a portal has in Postgres: the test database cannot be dropped before they end."""
    with psycopg.connect(on_database("postgres")) as server:
        return server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [name]
        ).fetchone()[0]


def session(person):
    """The cookie of somebody who signed in."""
    browser = Client()
    browser.force_login(person)
    return browser.cookies["sessionid"].value
