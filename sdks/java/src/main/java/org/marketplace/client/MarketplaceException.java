package org.marketplace.client;

/** Any failure of a call. */
public class MarketplaceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String kind;
    private final boolean mayHaveRun;
    private transient Predictions predictions;
    private String traceId = "";

    MarketplaceException(String message, String kind, boolean mayHaveRun) {
        super(message);
        this.kind = kind;
        this.mayHaveRun = mayHaveRun;
    }

    /** What it is, in words that are the same in all our clients: {@code limit_reached}, {@code connection_lost} … */
    public String kind() {
        return kind;
    }

    /** The server may have done the call although there is no answer. The client never repeats it. */
    public boolean mayHaveRun() {
        return mayHaveRun;
    }

    /** What was answered before, when a batch was sent in pieces: go on with row {@code predictions().size()}. May be null. */
    public Predictions predictions() {
        return predictions;
    }

    /** Of the W3C trace that the call was sent with. */
    public String traceId() {
        return traceId;
    }

    /** Say how far a batch came; rows are counted over the whole batch instead of the piece. */
    void place(Predictions done, int rowsBefore, String trace) {
        predictions = done;
        traceId = trace;
    }

    /** No connection, so nothing was sent. */
    public static final class ConnectionFailed extends MarketplaceException {
        private static final long serialVersionUID = 1L;

        ConnectionFailed(String message) {
            super(message, "connection_failed", false);
        }
    }

    /** It ended after the request was sent. */
    public static final class ConnectionLost extends MarketplaceException {
        private static final long serialVersionUID = 1L;

        ConnectionLost(String message) {
            super(message, "connection_lost", true);
        }
    }

    /** No answer in time. */
    public static final class DeadlineExceeded extends MarketplaceException {
        private static final long serialVersionUID = 1L;

        DeadlineExceeded(String message, boolean mayHaveRun) {
            super(message, "deadline_exceeded", mayHaveRun);
        }
    }

    /** An answer that is none of the protocol. */
    public static final class UnexpectedAnswer extends MarketplaceException {
        private static final long serialVersionUID = 1L;

        UnexpectedAnswer(String message) {
            super(message, "unexpected_answer", true);
        }
    }
}
