package org.marketplace.client;

import java.time.Instant;

/** The version that answered is deprecated (RFC 9745) and ends at its sunset (RFC 8594). */
public final class Deprecation {
    private final Instant since;
    private final Instant sunset;
    private final String successor;
    private final String guide;

    Deprecation(Instant since, Instant sunset, String successor, String guide) {
        this.since = since;
        this.sunset = sunset;
        this.successor = successor;
        this.guide = guide;
    }

    /** May be null. */
    public Instant since() {
        return since;
    }

    /** May be null. */
    public Instant sunset() {
        return sunset;
    }

    /** The address of the version to move to, or "". */
    public String successor() {
        return successor;
    }

    /** The address of the page that explains it, or "". */
    public String guide() {
        return guide;
    }
}
