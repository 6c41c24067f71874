package org.marketplace.client;

import java.net.http.HttpHeaders;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The server said no: problem+json (RFC 9457). The subclasses are the kinds that a caller treats differently. */
public class ProblemException extends MarketplaceException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final transient Map<String, Object> document;
    private final String requestId;
    private final Double retryAfter;
    private final transient Map<String, String> links;
    private Integer row;

    ProblemException(int status, Map<String, Object> document, HttpHeaders headers, String kind, boolean mayHaveRun) {
        super(status + " " + detail(status, document) + " (request " + requestId(document, headers) + ")", kind, mayHaveRun);
        this.status = status;
        this.document = document;
        this.requestId = requestId(document, headers);
        this.retryAfter = Headers.secondsOf(headers.firstValue("retry-after").orElse(null));
        this.links = Headers.linksOf(headers.firstValue("link").orElse(""));
        this.row = document.get("row") instanceof Number ? ((Number) document.get("row")).intValue() : null;
    }

    private static String detail(int status, Map<String, Object> document) {
        Object detail = document.getOrDefault("detail", document.getOrDefault("error", document.get("title")));
        return detail == null ? "HTTP " + status : detail.toString();
    }

    private static String requestId(Map<String, Object> document, HttpHeaders headers) {
        return headers.firstValue("x-request-id").orElse(String.valueOf(document.getOrDefault("request_id", "")));
    }

    @Override
    void place(Predictions done, int rowsBefore, String trace) {
        super.place(done, rowsBefore, trace);
        if (row != null) row += rowsBefore;
        for (Map<String, Object> fault : errors()) {
            if (fault.get("row") instanceof Number) fault.put("row", ((Number) fault.get("row")).longValue() + rowsBefore);
        }
    }

    public int status() {
        return status;
    }

    /** A page of the portal that explains it. */
    public String type() {
        return String.valueOf(document.getOrDefault("type", "about:blank"));
    }

    /** The last part of the type, such as {@code rate-limited}. */
    public String slug() {
        return type().replaceAll("^.*/(?=[^/]+/?$)|/$", "");
    }

    public String title() {
        return String.valueOf(document.getOrDefault("title", "HTTP " + status));
    }

    public String detail() {
        return detail(status, document);
    }

    public String remedy() {
        return String.valueOf(document.getOrDefault("remedy", ""));
    }

    /** The input that does not fit, or null. */
    public String field() {
        return (String) document.get("field");
    }

    /** The row that does not fit, from 0, of all rows that were given; or null. */
    public Integer row() {
        return row;
    }

    /** All faults, when there are several: field, row, detail, remedy. */
    @SuppressWarnings("unchecked")
    public List<Map<String, Object>> errors() {
        Object errors = document.get("errors");
        return errors instanceof List ? (List<Map<String, Object>>) errors : List.of();
    }

    public String requestId() {
        return requestId;
    }

    /** Seconds, or null. */
    public Double retryAfter() {
        return retryAfter;
    }

    /** The Link header by relation. */
    public Map<String, String> links() {
        return Collections.unmodifiableMap(links);
    }

    /** All members of the problem. */
    public Map<String, Object> document() {
        return Collections.unmodifiableMap(document);
    }

    /** The exception of an answer that is not 2xx. A body that is no JSON object says nothing. */
    @SuppressWarnings("unchecked")
    static ProblemException of(int status, HttpHeaders headers, String text) {
        Map<String, Object> document = new LinkedHashMap<>();
        try {
            Object read = Json.read(text);
            if (read instanceof Map) document = (Map<String, Object>) read;
        } catch (IllegalArgumentException page) {
            // a balancer's page
        }
        switch (status) {
            case 400: case 422: return new InvalidInput(status, document, headers);
            case 401: return new Unauthenticated(status, document, headers);
            case 403: return new Forbidden(status, document, headers);
            case 404: return new NotFound(status, document, headers);
            case 409: return new Conflict(status, document, headers);
            case 410: return new Gone(status, document, headers);
            case 413: return new TooLarge(status, document, headers);
            case 429: return new LimitReached(status, document, headers);
            case 503: return new Unavailable(status, document, headers);
            default: return new ServerFailed(status, document, headers);
        }
    }

    /** 400, 422: an input does not fit. */
    public static final class InvalidInput extends ProblemException {
        private static final long serialVersionUID = 1L;

        InvalidInput(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "invalid_input", false);
        }
    }

    /** 401: the key is not recognised. */
    public static final class Unauthenticated extends ProblemException {
        private static final long serialVersionUID = 1L;

        Unauthenticated(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "unauthenticated", false);
        }
    }

    /** 403: the key may not do this. */
    public static final class Forbidden extends ProblemException {
        private static final long serialVersionUID = 1L;

        Forbidden(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "forbidden", false);
        }
    }

    /** 404: the key reaches no such model or version. */
    public static final class NotFound extends ProblemException {
        private static final long serialVersionUID = 1L;

        NotFound(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "not_found", false);
        }
    }

    /** 409. */
    public static final class Conflict extends ProblemException {
        private static final long serialVersionUID = 1L;

        Conflict(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "conflict", false);
        }
    }

    /** 413: one row is more than the server takes. */
    public static final class TooLarge extends ProblemException {
        private static final long serialVersionUID = 1L;

        TooLarge(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "too_large", false);
        }
    }

    /** 429: a limit of the plan. */
    public static final class LimitReached extends ProblemException {
        private static final long serialVersionUID = 1L;

        LimitReached(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "limit_reached", false);
        }
    }

    /** 503: not now. */
    public static final class Unavailable extends ProblemException {
        private static final long serialVersionUID = 1L;

        Unavailable(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "unavailable", false);
        }
    }

    /** Any other status. */
    public static final class ServerFailed extends ProblemException {
        private static final long serialVersionUID = 1L;

        ServerFailed(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "server_failed", true);
        }
    }

    /** 410: the version was retired. */
    public static final class Gone extends ProblemException {
        private static final long serialVersionUID = 1L;

        Gone(int status, Map<String, Object> document, HttpHeaders headers) {
            super(status, document, headers, "gone", false);
        }

        /** The address of the version to move to, or "". */
        public String successor() {
            return links().getOrDefault("successor-version", "");
        }
    }
}
