"""The ground: embedded Postgres and Redis, the supervisor, the two commands and the demo company."""
