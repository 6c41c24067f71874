"""A model server at an address, as a replica has it, without Ray."""

import contextlib
import threading

import pytest
import uvicorn

from hosting.model_server import server
from tests.gateway import free_port, until
from tests.hosting import packages


@contextlib.contextmanager
def serving(folder, **facts):
    """The base address of a package's model while the block runs; `facts` are packages.package's."""
    keys = packages.Keypair()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REPLICA_LIMIT_MEMORY", "0")
        manifest = packages.package(folder, **facts)
        app = server.app_from_manifest(
            manifest, keys.sign(manifest), root=folder, public_key=keys.public
        )
    port = free_port()
    running = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started)
    try:
        yield f"http://127.0.0.1:{port}{app.prefix}"
    finally:
        running.should_exit = True
        thread.join(10)
