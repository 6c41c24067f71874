"""A TCP proxy that misbehaves on command, to put between a program and what it depends on.

`mode` may change at any time: pass, refuse (no listener), hang (bytes go nowhere), slow (`delay` seconds each way),
cut (a share of the replies is swallowed and the connection dropped), reset (connections are reset).
`injected` counts how often the fault really happened; a test whose fault was never injected must fail.
"""

import contextlib
import itertools
import random
import socket
import struct
import threading
import time

from marketplace.launcher.ports import FALLBACK, choose

RESET = struct.pack("ii", 1, 0)


class FaultProxy:
    """Listens on a port of its own and forwards to (host, port)."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.mode = "pass"
        self.delay = 0.5
        self.share = 0.05
        self.injected = 0
        self.random = random.Random(11)
        self._pairs = set()
        self._listener = None
        self.port = choose(
            random.choice(FALLBACK)
        )  # to listen on again after a refusal: no outgoing connection takes it meanwhile
        self._listen(self.port)
        self.host = f"127.0.0.1:{self.port}"

    def _listen(self, port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def set(self, mode):
        """Change the behaviour, for connections that exist too."""
        before, self.mode = self.mode, mode
        if mode == "refuse" and before != "refuse":
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self.drop_all()
            self.injected += 1
        elif before == "refuse" and mode != "refuse":
            self._listen(self.port)
        elif mode == "reset":
            self.drop_all(reset=True)

    def flap(self, seconds, every=0.5):
        """Refuse and pass in turns, each for so long; blocks, and passes in the end."""
        by = time.monotonic() + seconds
        for mode in itertools.cycle(("refuse", "pass")):
            if time.monotonic() >= by:
                break
            self.set(mode)
            time.sleep(every)
        self.set("pass")

    def drop_all(self, reset=False):
        """Break every open connection."""
        for pair in list(self._pairs):
            self._break(pair, reset)

    def close(self):
        self.set("refuse")

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                if listener.fileno() == -1:
                    return
                time.sleep(0.05)  # out of files for a moment, say: it goes on listening
                continue
            if self.mode == "reset":
                self.injected += 1
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.close()
                continue
            try:
                server = socket.create_connection(self.target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = (client, server)
            for one in pair:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.add(pair)
            threading.Thread(
                target=self._pump, args=(pair, client, server, False), daemon=True
            ).start()
            threading.Thread(
                target=self._pump, args=(pair, server, client, True), daemon=True
            ).start()

    def _pump(self, pair, source, sink, is_reply):
        try:
            while data := source.recv(65536):
                if not self._passes(pair, is_reply):
                    continue
                sink.sendall(data)
        except OSError:
            pass
        finally:
            self._break(pair, False)

    def _passes(self, pair, is_reply):
        """Apply the fault to one piece of data: True when it may go on."""
        if self.mode == "slow":
            self.injected += 1
            time.sleep(self.delay)
        elif self.mode == "hang":
            self.injected += 1
            return False
        elif self.mode == "cut" and is_reply and self.random.random() < self.share:
            self.injected += 1
            self._break(pair, False)
            raise OSError("cut")
        return True

    def _break(self, pair, reset):
        self._pairs.discard(pair)
        for one in pair:
            with contextlib.suppress(OSError):
                if reset:
                    self.injected += 1
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                else:
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
