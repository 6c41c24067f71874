package org.marketplace.client;

import java.time.Duration;

/** How one call differs from what the client does otherwise. Each method returns a changed copy. */
public final class CallOptions {
    private final boolean binary;
    private final Duration timeout;
    private final String traceparent;

    private CallOptions(boolean binary, Duration timeout, String traceparent) {
        this.binary = binary;
        this.timeout = timeout;
        this.traceparent = traceparent;
    }

    public static CallOptions defaults() {
        return new CallOptions(false, null, null);
    }

    /** Send and ask for binary tensors: smaller and faster for many numbers; no gaps but NaN. */
    public CallOptions binary(boolean wanted) {
        return new CallOptions(wanted, timeout, traceparent);
    }

    /** For all of it, instead of the client's; null for the client's. */
    public CallOptions timeout(Duration wanted) {
        return new CallOptions(binary, wanted, traceparent);
    }

    /** Of the caller's W3C trace, to which the calls then belong. */
    public CallOptions traceparent(String wanted) {
        return new CallOptions(binary, timeout, wanted);
    }

    boolean isBinary() {
        return binary;
    }

    Duration timeout() {
        return timeout;
    }

    String traceparent() {
        return traceparent;
    }
}
