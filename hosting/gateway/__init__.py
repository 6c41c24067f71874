"""The inference gateway: route, authenticate, resolve, admit, forward, meter, answer. docs/gateway.md describes it.

A module imports from those above it in this list (checked by import-linter):

    records, problems, config, headers, addresses, clock, database, background_tasks     what the rooms share
    metering/     counters, the Prometheus exporter, the process that ships the usage journal
    limits/       admission: rate, quota, concurrency; load shedding, fair scheduling, connections
    auth/         whose call it is and which version answers: caches, change feed, revocations
    upstream/     connection pool, circuit breakers, readiness probes
    context       the parts of one process, as request code sees them
    call          one inference as a state machine; rows_call: one in plain rows; reauthorise: long answers whose right has ended
    http/         HTTP/1.1 framing and deadlines; the ASGI application
    process/      the parent and its children, the assembly of a worker, the background loops
"""
