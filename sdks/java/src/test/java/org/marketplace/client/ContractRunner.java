package org.marketplace.client;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes the calls of the contract suite with this client: reads a plan as JSON, writes one outcome a line. */
public final class ContractRunner {
    private ContractRunner() {}

    public static void main(String[] arguments) throws Exception {
        Map<?, ?> plan = (Map<?, ?>) Json.read(new String(System.in.readAllBytes(), StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (Object call : (List<?>) plan.get("calls")) out.println(Json.write(outcomeOf(object(call))));
        System.exit(0); // the threads of the HTTP client linger
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    /** JSON has no NaN; cases write it as an object. */
    private static Object unmarked(Object value) {
        if (value instanceof List) {
            List<Object> values = new ArrayList<>();
            for (Object inner : (List<?>) value) values.add(unmarked(inner));
            return values;
        }
        if (!(value instanceof Map)) return value;
        if (object(value).containsKey("$nan")) return Double.NaN;
        if (object(value).containsKey("$infinity")) return Double.POSITIVE_INFINITY;
        Map<String, Object> members = new LinkedHashMap<>();
        object(value).forEach((name, inner) -> members.put(name, unmarked(inner)));
        return members;
    }

    private static Object marked(Object value) {
        if (value instanceof Double && !Double.isFinite((Double) value)) {
            return Map.of(Double.isNaN((Double) value) ? "$nan" : "$infinity", true);
        }
        if (value instanceof List) {
            List<Object> values = new ArrayList<>();
            for (Object inner : (List<?>) value) values.add(marked(inner));
            return values;
        }
        if (!(value instanceof Map)) return value;
        Map<String, Object> members = new LinkedHashMap<>();
        object(value).forEach((name, inner) -> members.put(name, marked(inner)));
        return members;
    }

    private static Predictions predicted(Client client, Map<String, Object> given, CallOptions options) {
        if (given.containsKey("columns")) return client.predictColumns(object(unmarked(given.get("columns"))), options);
        List<Map<String, Object>> rows = new ArrayList<>();
        if (given.containsKey("counting")) {
            for (long number = 0; number < (Long) given.get("counting"); number++) rows.add(Map.of("income", (double) number, "debt", 0.0));
        } else {
            for (Object row : (List<?>) unmarked(given.get("rows"))) rows.add(object(row));
        }
        return client.predict(rows, options);
    }

    private static Map<String, Object> outcomeOf(Map<String, Object> call) {
        List<Object> waits = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        Client client = client(call, waits, warnings);
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("name", call.get("name"));
        facts.put("error", null);
        try {
            if (call.containsKey("feedback")) {
                List<Map<String, Object>> outcomes = new ArrayList<>();
                for (Object outcome : (List<?>) call.get("feedback")) outcomes.add(object(outcome));
                facts.put("feedback", client.feedback(outcomes));
            } else {
                if (call.containsKey("warm")) client.metadata();
                CallOptions options = CallOptions.defaults().binary(Boolean.TRUE.equals(call.get("binary")));
                if (call.containsKey("call_timeout")) options = options.timeout(seconds(call.get("call_timeout")));
                long times = (Long) call.getOrDefault("times", 1L);
                for (long time = 0; time < times; time++) tell(facts, predicted(client, object(call.get("given")), options));
            }
        } catch (MarketplaceException error) {
            facts.put("error", errorOf(error));
        }
        facts.put("waits", waits);
        facts.put("warnings", warnings.size());
        return facts;
    }

    private static Duration seconds(Object value) {
        return Duration.ofMillis((long) (1000 * ((Number) value).doubleValue()));
    }

    private static Client client(Map<String, Object> call, List<Object> waits, List<String> warnings) {
        Map<String, Object> settings = object(call.getOrDefault("settings", Map.of()));
        Client.Builder builder = Client.builder((String) call.get("model"))
                .gateway((String) call.get("gateway"))
                .portal((String) call.get("gateway"))
                .key((String) call.get("key"))
                .onWarning(warnings::add)
                .sleep(wait -> waits.add(wait.toMillis() / 1000.0));
        if (settings.containsKey("timeout")) builder.timeout(seconds(settings.get("timeout")));
        if (settings.containsKey("attempts")) builder.attempts(((Number) settings.get("attempts")).intValue());
        if (settings.containsKey("max_rows")) builder.maxRows(((Number) settings.get("max_rows")).intValue());
        if (settings.containsKey("max_bytes")) builder.maxBytes(((Number) settings.get("max_bytes")).intValue());
        return builder.build();
    }

    private static void tell(Map<String, Object> facts, Predictions predictions) {
        List<Object> ids = new ArrayList<>();
        for (CallInfo info : predictions.calls()) ids.add(info.requestId());
        facts.put("rows", marked(predictions.rows()));
        facts.put("calls", predictions.calls().size());
        facts.put("version", predictions.modelVersion());
        facts.put("request_ids", ids);
        facts.put("trace_id", predictions.calls().get(0).traceId());
        Map<String, Object> limits = new LinkedHashMap<>();
        predictions.limits().forEach((name, limit) -> {
            Map<String, Object> told = new LinkedHashMap<>();
            told.put("remaining", limit.remaining());
            told.put("quota", limit.quota());
            told.put("reset_s", limit.resetSeconds());
            limits.put(name, told);
        });
        facts.put("limits", limits);
        Deprecation deprecation = predictions.deprecation();
        if (deprecation == null) return;
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("since", deprecation.since().getEpochSecond());
        told.put("sunset", deprecation.sunset().getEpochSecond());
        told.put("successor", deprecation.successor());
        facts.put("deprecation", told);
    }

    private static Map<String, Object> errorOf(MarketplaceException error) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("kind", error.kind());
        told.put("may_have_run", error.mayHaveRun());
        told.put("trace_id", error.traceId());
        told.put("done", error.predictions() == null ? 0 : error.predictions().size());
        if (error instanceof ProblemException) {
            ProblemException problem = (ProblemException) error;
            told.put("status", problem.status());
            told.put("slug", problem.slug());
            told.put("detail", problem.detail());
            told.put("request_id", problem.requestId());
            told.put("field", problem.field());
            told.put("row", problem.row());
            told.put("retry_after", problem.retryAfter());
        }
        if (error instanceof ProblemException.Gone) told.put("successor", ((ProblemException.Gone) error).successor());
        return told;
    }
}
