package org.marketplace.client;

/** One limit of the plan as the last answer told it; null is what was not told. */
public final class Limit {
    private final Long remaining;
    private final Long resetSeconds;
    private final Long quota;
    private final Long windowSeconds;

    Limit(Long remaining, Long resetSeconds, Long quota, Long windowSeconds) {
        this.remaining = remaining;
        this.resetSeconds = resetSeconds;
        this.quota = quota;
        this.windowSeconds = windowSeconds;
    }

    /** Calls until it resets. */
    public Long remaining() {
        return remaining;
    }

    public Long resetSeconds() {
        return resetSeconds;
    }

    public Long quota() {
        return quota;
    }

    public Long windowSeconds() {
        return windowSeconds;
    }
}
