package org.marketplace.client;

import java.util.Map;

/** One HTTP call that brought rows. */
public final class CallInfo {
    private final String requestId;
    private final String modelVersion;
    private final String traceId;
    private final int rows;
    private final int attempts;
    private final Map<String, Limit> limits;
    private final Deprecation deprecation;

    CallInfo(String requestId, String modelVersion, String traceId, int rows, int attempts, Map<String, Limit> limits, Deprecation deprecation) {
        this.requestId = requestId;
        this.modelVersion = modelVersion;
        this.traceId = traceId;
        this.rows = rows;
        this.attempts = attempts;
        this.limits = Map.copyOf(limits);
        this.deprecation = deprecation;
    }

    public String requestId() {
        return requestId;
    }

    public String modelVersion() {
        return modelVersion;
    }

    public String traceId() {
        return traceId;
    }

    public int rows() {
        return rows;
    }

    public int attempts() {
        return attempts;
    }

    /** What the plan leaves, by the name of the limit. */
    public Map<String, Limit> limits() {
        return limits;
    }

    /** Null when the version is not deprecated. */
    public Deprecation deprecation() {
        return deprecation;
    }
}
