"""The models' side: pooled connections to upstreams, circuit breakers and retry budgets, readiness probes."""
