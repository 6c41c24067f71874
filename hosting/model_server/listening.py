"""Where a replica listens for other replicas. Ray opens that port on all addresses and unpickles what comes in; see docs/portal-limits.md."""

import os

ADDRESS = "ENGINE_LISTENS_ON"  # set by the embedded head; a cluster has its own network
EVERYWHERE = "[::]"


def listen_narrowly():
    """Before the port is opened, have it opened on ADDRESS only. Nothing to do where none is named."""
    if address := os.environ.get(ADDRESS):
        from ray.serve._private import replica

        narrow(replica, address)


def narrow(replica, address):
    """Ray's module of replicas opens on `address` what it would open on all."""
    add_port = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, wanted: add_port(
        server, wanted.replace(EVERYWHERE, address)
    )
