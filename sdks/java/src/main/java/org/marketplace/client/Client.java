package org.marketplace.client;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Calls one model with one key. Safe to share between threads.
 *
 * <pre>{@code
 * Client client = Client.builder("income-verification").build();   // MARKETPLACE_GATEWAY_URL, MARKETPLACE_API_KEY
 * for (Map<String, Object> row : client.predict(List.of(Map.of("income", 4000.0, "debt", 300.0)))) {
 *     System.out.println(row.get("score"));
 * }
 * }</pre>
 *
 * <p>Repeated is only what was not done: 429, 503, and a connection that could not be made.
 */
public final class Client {
    private static final int MOST_OUTCOMES = 1000;
    private static final System.Logger LOG = System.getLogger(Client.class.getName());

    private final Builder settings;
    private final String modelUrl;
    private final HttpClient http;
    private final Set<String> warned = ConcurrentHashMap.newKeySet();
    private volatile Map<String, Tensors.Type> types;
    private volatile String typesOf = "";

    private Client(Builder settings) {
        this.settings = settings;
        String base = settings.gateway.replaceAll("/+$", "").replaceAll("/v2$", "");
        String middle = settings.version.isEmpty() ? "" : "/versions/" + quoted(settings.version);
        modelUrl = base + "/v2/models/" + quoted(settings.model) + middle;
        http = settings.http != null
                ? settings.http
                : HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();
    }

    private static String quoted(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    public static Builder builder(String model) {
        return new Builder(model);
    }

    /** Rows in, rows out. Throws MarketplaceException. */
    public Predictions predict(List<? extends Map<String, ?>> rows) {
        return predict(rows, CallOptions.defaults());
    }

    public Predictions predict(List<? extends Map<String, ?>> rows, CallOptions options) {
        return send(Tensors.columnsOf(rows), options);
    }

    /** Columns in, as lists or arrays. */
    public Predictions predictColumns(Map<String, ?> columns) {
        return predictColumns(columns, CallOptions.defaults());
    }

    public Predictions predictColumns(Map<String, ?> columns, CallOptions options) {
        return send(Tensors.columnsOf(columns), options);
    }

    /** The model's metadata of the protocol. */
    public Map<String, Object> metadata() {
        return metadata(new Headers.Trace(null), deadline(null));
    }

    /**
     * Report what turned out to be true (docs/feedback.md), as maps with request_id, actual and perhaps predicted, row, output. A
     * report may be repeated.
     */
    @SuppressWarnings("unchecked")
    public Map<String, Object> feedback(List<? extends Map<String, ?>> outcomes) {
        if (settings.portal.isEmpty()) {
            throw new IllegalStateException("Say portal, or set MARKETPLACE_URL: feedback goes to the portal.");
        }
        String url = settings.portal.replaceAll("/+$", "") + "/api/v1/feedback/";
        long deadline = deadline(null);
        long taken = 0;
        List<Object> refused = new ArrayList<>();
        for (int at = 0; at < outcomes.size(); at += MOST_OUTCOMES) {
            List<Map<String, Object>> part = new ArrayList<>();
            for (Map<String, ?> outcome : outcomes.subList(at, Math.min(at + MOST_OUTCOMES, outcomes.size()))) {
                Map<String, Object> members = new LinkedHashMap<>();
                outcome.forEach((name, value) -> members.put(name, Tensors.plain(value)));
                part.add(members);
            }
            byte[] body = Json.write(Map.of("outcomes", part)).getBytes(StandardCharsets.UTF_8);
            Map<String, String> headers = Map.of("X-API-Key", settings.key, "Content-Type", "application/json");
            Answer answer = call("POST", url, headers, body, new Headers.Trace(null), deadline);
            Map<String, Object> told = (Map<String, Object>) Json.read(answer.text());
            taken += ((Number) told.get("taken")).longValue();
            refused.addAll((List<Object>) told.get("refused"));
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("taken", taken);
        result.put("refused", refused);
        return result;
    }

    private long deadline(Duration timeout) {
        return System.nanoTime() + (timeout == null ? settings.timeout : timeout).toNanos();
    }

    private Predictions send(Map<String, List<Object>> columns, CallOptions options) {
        int count = columns.values().iterator().next().size();
        Headers.Trace trace = new Headers.Trace(options.traceparent());
        long deadline = deadline(options.timeout());
        List<Predictions> pieces = new ArrayList<>();
        int at = 0;
        int size = Math.min(count, settings.maxRows);
        try {
            if (types == null) metadata(trace, deadline);
            while (at < count) {
                int from = at;
                int rows = Math.min(size, count - at);
                Map<String, List<Object>> piece = new LinkedHashMap<>();
                columns.forEach((name, values) -> piece.put(name, values.subList(from, from + rows)));
                Map<String, Tensors.Type> known = types;
                Tensors.Body body = Tensors.encode(piece, known == null ? Map.of() : known, options.isBinary());
                if (rows > 1 && body.bytes.length > settings.maxBytes) {
                    size = (rows + 1) / 2;
                    continue;
                }
                try {
                    pieces.add(infer(body, rows, trace, deadline));
                    at += rows;
                } catch (ProblemException.TooLarge tooLarge) {
                    if (rows == 1) throw tooLarge;
                    size = (rows + 1) / 2;
                }
            }
        } catch (MarketplaceException error) {
            error.place(Predictions.joined(pieces), at, trace.id);
            throw error;
        }
        return Predictions.joined(pieces);
    }

    @SuppressWarnings("unchecked")
    private Map<String, Object> metadata(Headers.Trace trace, long deadline) {
        Answer answer = call("GET", modelUrl, authorization(), null, trace, deadline);
        try {
            Map<String, Object> document = (Map<String, Object>) Json.read(answer.text());
            Map<String, Tensors.Type> read = new LinkedHashMap<>();
            for (Object entry : (List<Object>) document.get("inputs")) {
                Map<String, Object> input = (Map<String, Object>) entry;
                read.put((String) input.get("name"), new Tensors.Type((String) input.get("datatype"), Tensors.shape(input.get("shape"))));
            }
            types = read;
            typesOf = answer.header("x-model-version");
            return document;
        } catch (RuntimeException wrong) {
            throw new MarketplaceException.UnexpectedAnswer("The metadata is none of the protocol: " + wrong.getMessage());
        }
    }

    private Map<String, String> authorization() {
        return Map.of("Authorization", "Bearer " + settings.key);
    }

    private Predictions infer(Tensors.Body body, int rows, Headers.Trace trace, long deadline) {
        Map<String, String> headers = new LinkedHashMap<>(authorization());
        headers.put("Content-Type", body.jsonLength == null ? "application/json" : "application/octet-stream");
        if (body.jsonLength != null) headers.put("Inference-Header-Content-Length", body.jsonLength.toString());
        Answer answer = call("POST", modelUrl + "/infer", headers, body.bytes, trace, deadline);
        String length = answer.response.headers().firstValue("inference-header-content-length").orElse(null);
        Map<String, List<Object>> columns = Tensors.decode(answer.response.body(), length, rows);
        CallInfo info = new CallInfo(
                answer.header("x-request-id"),
                answer.header("x-model-version"),
                trace.id,
                rows,
                answer.attempts,
                Headers.limitsOf(answer.response.headers()),
                Headers.deprecationOf(answer.response.headers()));
        if (!info.modelVersion().equals(typesOf)) types = null; // moved: the next call asks what this version takes
        warn(info);
        if (settings.onCall != null) settings.onCall.accept(info);
        return new Predictions(columns, List.of(info));
    }

    private void warn(CallInfo info) {
        Deprecation deprecation = info.deprecation();
        if (deprecation == null || !warned.add(info.modelVersion())) return;
        String end = deprecation.sunset() == null ? "" : " It ends on " + deprecation.sunset().toString().substring(0, 10) + ".";
        String move = deprecation.successor().isEmpty() ? "" : " Move to " + deprecation.successor() + ".";
        String text = settings.model + " " + info.modelVersion() + " is deprecated." + end + move;
        if (settings.onWarning != null) settings.onWarning.accept(text);
        else LOG.log(System.Logger.Level.WARNING, text);
    }

    private static final class Answer {
        final HttpResponse<byte[]> response;
        final int attempts;

        Answer(HttpResponse<byte[]> response, int attempts) {
            this.response = response;
            this.attempts = attempts;
        }

        String text() {
            return new String(response.body(), StandardCharsets.UTF_8);
        }

        String header(String name) {
            return response.headers().firstValue(name).orElse("");
        }
    }

    private Answer call(String method, String url, Map<String, String> headers, byte[] body, Headers.Trace trace, long deadline) {
        for (int attempt = 1; ; attempt++) {
            MarketplaceException error;
            double wait;
            try {
                HttpResponse<byte[]> response = exchange(method, url, headers, body, trace, deadline);
                if (response.statusCode() / 100 == 2) return new Answer(response, attempt);
                String text = new String(response.body(), StandardCharsets.UTF_8);
                ProblemException problem = ProblemException.of(response.statusCode(), response.headers(), text);
                if (problem.status() != 429 && problem.status() != 503) throw problem;
                error = problem;
                wait = pause(attempt, problem.retryAfter());
            } catch (MarketplaceException.ConnectionFailed failed) {
                error = failed;
                wait = pause(attempt, null);
            }
            if (attempt >= settings.attempts || System.nanoTime() + wait * 1e9 >= deadline) throw error;
            settings.sleep.accept(Duration.ofMillis((long) Math.ceil(wait * 1000)));
        }
    }

    private HttpResponse<byte[]> exchange(String method, String url, Map<String, String> headers, byte[] body, Headers.Trace trace, long deadline) {
        long left = deadline - System.nanoTime();
        if (left <= 0) throw new MarketplaceException.DeadlineExceeded("The deadline passed before the call.", false);
        HttpRequest.BodyPublisher publisher =
                body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofByteArray(body);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).method(method, publisher).header("traceparent", trace.parent());
        headers.forEach(request::header);
        CompletableFuture<HttpResponse<byte[]>> answer = http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        try {
            return answer.get(left, TimeUnit.NANOSECONDS);
        } catch (TimeoutException late) {
            answer.cancel(true);
            throw new MarketplaceException.DeadlineExceeded("No answer in time.", true);
        } catch (InterruptedException stopped) {
            answer.cancel(true);
            Thread.currentThread().interrupt();
            throw new MarketplaceException.ConnectionLost("The thread was interrupted during the call.");
        } catch (ExecutionException failed) {
            throw failure(url, failed.getCause());
        }
    }

    private static RuntimeException failure(String url, Throwable cause) {
        Throwable reason = cause;
        while (reason != null) {
            if (reason instanceof ConnectException || reason instanceof HttpConnectTimeoutException || reason instanceof UnresolvedAddressException) {
                return new MarketplaceException.ConnectionFailed("No connection to " + url + ": " + reason);
            }
            reason = reason.getCause();
        }
        if (cause instanceof IOException) return new MarketplaceException.ConnectionLost("The connection was lost during the call: " + cause.getMessage());
        return cause instanceof RuntimeException ? (RuntimeException) cause : new IllegalStateException(cause);
    }

    /** Seconds, with jitter: at least Retry-After, else growing by two. */
    private double pause(int attempt, Double retryAfter) {
        double longest = settings.longestPause.toMillis() / 1000.0;
        double grown = Math.min(longest, settings.firstPause.toMillis() / 1000.0 * Math.pow(2, attempt - 1));
        return grown * ThreadLocalRandom.current().nextDouble() + (retryAfter == null ? grown / 2 : retryAfter);
    }

    /** Where and how a client calls. */
    public static final class Builder {
        private final String model;
        private String gateway = fromEnvironment("MARKETPLACE_GATEWAY_URL");
        private String key = fromEnvironment("MARKETPLACE_API_KEY");
        private String portal = fromEnvironment("MARKETPLACE_URL");
        private String version = "";
        private Duration timeout = Duration.ofSeconds(60);
        private int attempts = 4;
        private Duration firstPause = Duration.ofMillis(250);
        private Duration longestPause = Duration.ofSeconds(8);
        private int maxRows = 100_000;
        private int maxBytes = 16 << 20;
        private HttpClient http;
        private Consumer<CallInfo> onCall;
        private Consumer<String> onWarning;
        private Consumer<Duration> sleep = Client::rest;

        private Builder(String model) {
            this.model = model;
        }

        private static String fromEnvironment(String name) {
            String value = System.getenv(name);
            return value == null ? "" : value;
        }

        /** Address of the gateway, with or without /v2. */
        public Builder gateway(String value) {
            gateway = value;
            return this;
        }

        public Builder key(String value) {
            key = value;
            return this;
        }

        /** Address of the portal, for feedback. */
        public Builder portal(String value) {
            portal = value;
            return this;
        }

        /** Only to call another version than the subscription's policy chooses. */
        public Builder version(String value) {
            version = value;
            return this;
        }

        /** For a call, or a whole batch, with all repetitions. */
        public Builder timeout(Duration value) {
            timeout = value;
            return this;
        }

        /** Of one call, the first included. */
        public Builder attempts(int value) {
            attempts = value;
            return this;
        }

        public Builder pauses(Duration first, Duration longest) {
            firstPause = first;
            longestPause = longest;
            return this;
        }

        /** Rows of one piece of a batch. */
        public Builder maxRows(int value) {
            maxRows = value;
            return this;
        }

        /** Bytes of one piece of a batch. */
        public Builder maxBytes(int value) {
            maxBytes = value;
            return this;
        }

        /** A client with other certificates or an executor of your own. */
        public Builder httpClient(HttpClient value) {
            http = value;
            return this;
        }

        /** Told of every answered call, for tracing. */
        public Builder onCall(Consumer<CallInfo> value) {
            onCall = value;
            return this;
        }

        /** Told once of each deprecated version, instead of the log. */
        public Builder onWarning(Consumer<String> value) {
            onWarning = value;
            return this;
        }

        /** For tests. */
        public Builder sleep(Consumer<Duration> value) {
            sleep = value;
            return this;
        }

        public Client build() {
            if (gateway.isEmpty() || key.isEmpty()) {
                throw new IllegalStateException("Say gateway and key, or set MARKETPLACE_GATEWAY_URL and MARKETPLACE_API_KEY.");
            }
            if (attempts < 1 || maxRows < 1 || timeout.isNegative() || timeout.isZero()) {
                throw new IllegalStateException("attempts and maxRows are at least 1, timeout is more than 0.");
            }
            return new Client(this);
        }
    }

    private static void rest(Duration wait) {
        try {
            Thread.sleep(wait.toMillis());
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new MarketplaceException.ConnectionFailed("The thread was interrupted before the call was repeated.");
        }
    }
}
