"""A share of the odd requests through the front and the web process, as the demo starts them: sockets, several at once, nothing taken back."""

import http.client
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection

from tests.fuzz.playground import LONGEST_S, Run, built, memory_mib, scratch_database
from tests.portal import CSRF, Portal, session
from tests.stack import on_database

CASES = int(os.environ.get("FUZZ_FRONT_CASES", "8000"))
CONNECTIONS = 4
GROWTH_MIB = 16  # of the web process, in its second half: the first one loads what is imported at its first use
# They end the sessions of the people who ask.
LEFT_OUT = ("account_logout", "account_change_password", "account_set_password")
# The front answers what it cannot frame by closing.
FRAMING = {"Content-Length", "Expect", "Host"}
LONGEST_HEAD = 120 * 1024  # bytes; of a longer one it stops reading, so that its answer may be lost


class Line:
    """One connection kept open, as long as the front keeps it."""

    def __init__(self, port):
        self.port, self.socket = port, None

    def ask(self, request, cookie):
        """The status; 0 when the connection ended without an answer."""
        self.socket = self.socket or socket.create_connection(
            ("127.0.0.1", self.port), LONGEST_S * 2
        )
        try:
            with suppress(ConnectionError):  # refused before all of it is sent: the answer is there
                self.socket.sendall(in_bytes(request, cookie))
            answer = http.client.HTTPResponse(self.socket, method=request.method.upper())
            answer.begin()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0
        if answer.will_close or FRAMING & set(request.headers):  # the rest of it would be the next
            self.close()
        return answer.status

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None


def is_answered(request):
    """May the request be refused, but not without an answer?"""
    head = len(in_bytes(request, "")) - len(request.body()[0])
    return head < LONGEST_HEAD and not FRAMING & set(request.headers)


def in_bytes(request, cookie):
    body, content_type = request.body()
    cookies = {"sessionid": cookie, "csrftoken": CSRF} | request.cookies
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": CSRF,
    } | request.headers
    lines = [f"{request.method.upper()} {request.address} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body


@pytest.mark.fuzz
@pytest.mark.django_db(transaction=True)
def test_a_share_of_them_through_the_front(tmp_path, capsys):
    with scratch_database("front") as database:
        connection.settings_dict["NAME"], tested = database, connection.settings_dict["NAME"]
        try:
            with built(is_kept=True) as playground:
                run = Run(playground)
                cookies = {name: session(person) for name, person in playground.people.items()}
                cases = {number: run.case(number) for number in range(CASES)}
            with Portal(tmp_path, database_url=on_database(database)) as portal:
                web = portal.children[1].pid
                sizes = []
                for eighth in range(8):
                    visit(portal, run, cookies, dict(list(cases.items())[eighth::8]))
                    sizes.append(memory_mib(web))
        finally:
            connection.close()
            connection.close_pool()
            connection.settings_dict["NAME"] = tested
    with capsys.disabled():
        print(
            f"\n{run.cases} cases, slowest {run.slowest:.2f} s, web after each eighth {sizes} MiB"
        )
    assert run.broken == [], "\n".join(run.broken[:40])
    assert sizes[-1] - sizes[3] < GROWTH_MIB


def visit(portal, run, cookies, cases):
    """Visit the cases on several connections at once."""

    def share(numbers):
        line = Line(portal.port)
        for number in numbers:
            name, _, person, request = case = cases[number]
            if name in LEFT_OUT:
                continue
            began = time.perf_counter()
            status = line.ask(request, cookies.get(person, ""))
            is_lost = status == 0 and is_answered(request)
            complaint = str(status) if status >= 500 else "no answer" if is_lost else ""
            run.note(number, case, status, complaint, time.perf_counter() - began)
        line.close()

    numbers = list(cases)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(share, [numbers[n::CONNECTIONS] for n in range(CONNECTIONS)]))
