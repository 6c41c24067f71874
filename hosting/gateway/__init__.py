"""The inference gateway: route → authenticate → resolve → admit → forward → meter → answer.

worker.py      one process: uvicorn, the protocol below, the node
protocol.py    sockets: framing, sizes, deadlines; hands whole requests on
app.py         what is answered at which path
call.py        one inference from first to last byte
authenticate.py, resolve.py, admission.py, pool.py     its steps
snapshot.py    the one window to the ORM
node.py        what a process has: keys, snapshot, leases, pool, spool, counters
"""
