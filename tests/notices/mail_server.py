"""A mail server in the test's own process: speaks SMTP (RFC 5321) as far as a client needs, keeps what it takes."""

import contextlib
import socketserver
import threading
from email import message_from_bytes, policy


class Dialogue(socketserver.StreamRequestHandler):
    """One connection."""

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self):
        self.say("220 test")
        while line := self.rfile.readline():
            verb = line.split(b" ")[0].strip().upper().decode()
            if verb == "DATA":
                self.take()
            elif verb == "RCPT" and any(bad.encode() in line for bad in self.server.refused):
                self.say("550 no such mailbox")
            elif verb == "MAIL" and self.server.busy:
                self.server.busy -= 1
                self.say("451 try again later")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def take(self):
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.taken.append(message_from_bytes(b"".join(lines), policy=policy.default))
        if self.server.hangs_up_after_taking:
            self.server.hangs_up_after_taking -= 1
            return
        self.say("250 taken")


class MailServer(socketserver.ThreadingTCPServer):
    """`taken` are the mails; `busy` and `hangs_up_after_taking` count down faults; `refused` are parts of addresses."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.taken, self.refused, self.busy, self.hangs_up_after_taking = [], [], 0, 0


@contextlib.contextmanager
def running():
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
