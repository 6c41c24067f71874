"""What a call must pass before it is forwarded: rate, quota, concurrency, load shedding, fair scheduling, connections."""
