"""The inference gateway: route → authenticate → resolve → admit → forward → meter → answer.

__main__.py    the parent: the port, its children, their end; shipping.py the child that copies the journal to Postgres
worker.py      one process: uvicorn, the protocol below, the node
protocol.py    sockets: framing, sizes, deadlines; hands whole requests on
app.py         what is answered at which path
call.py        one inference from first to last byte, and what is sent again when a replica dies
authenticate.py, resolve.py, admission.py, pool.py     its steps
lanes.py       what is known of each version's upstream: is it worth asking, how many lost calls may be sent again
entitlement.py long answers whose key, subscription or version has ended are cut off
slots.py, pressure.py, turns.py    calls in flight over all workers; a process that is too busy; whose call is next
limits.py      every bound, in seconds and bytes; problems.py every refusal, in words
redis_line.py, addresses.py, callers.py, cross_origin.py     how Redis is asked; whose address is whose; what browsers may do
metrics.py, recent.py, scrape.py, admin.py               what is counted, and how Prometheus reads it
changes.py, model_cache.py, single_flight.py, database_health.py     what is held of Postgres' records, and how it stays true
snapshot.py    the one window to the ORM
node.py        what a process has: keys, models, leases, pool, lanes, usage journal, counters, and the loops that keep them fresh
"""
