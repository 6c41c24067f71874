package org.marketplace.client;

import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The rows of an answer, in the order in which they were sent. Whole numbers are {@code Long}, others {@code Double}, texts
 * {@code String}; where a row has several values, nested lists.
 */
public final class Predictions implements Iterable<Map<String, Object>> {
    private final Map<String, List<Object>> columns;
    private final List<CallInfo> calls;

    Predictions(Map<String, List<Object>> columns, List<CallInfo> calls) {
        this.columns = columns;
        this.calls = List.copyOf(calls);
    }

    static Predictions joined(List<Predictions> pieces) {
        Map<String, List<Object>> columns = new LinkedHashMap<>();
        List<CallInfo> calls = new ArrayList<>();
        for (Predictions piece : pieces) {
            piece.columns.forEach((name, values) -> columns.computeIfAbsent(name, any -> new ArrayList<>()).addAll(values));
            calls.addAll(piece.calls);
        }
        return new Predictions(columns, calls);
    }

    public int size() {
        return calls.stream().mapToInt(CallInfo::rows).sum();
    }

    /** The row at a place, by output. */
    public Map<String, Object> get(int place) {
        Map<String, Object> row = new LinkedHashMap<>();
        columns.forEach((name, values) -> row.put(name, values.get(place)));
        return row;
    }

    /** All rows, without a copy. */
    public List<Map<String, Object>> rows() {
        return new AbstractList<>() {
            @Override
            public Map<String, Object> get(int place) {
                return Predictions.this.get(place);
            }

            @Override
            public int size() {
                return Predictions.this.size();
            }
        };
    }

    @Override
    public Iterator<Map<String, Object>> iterator() {
        return rows().iterator();
    }

    /** One value for each row, by output. */
    public Map<String, List<Object>> columns() {
        return Collections.unmodifiableMap(columns);
    }

    /** One for each piece of the batch; a batch that fits is one call. */
    public List<CallInfo> calls() {
        return calls;
    }

    /** Of the first call. */
    public String requestId() {
        return calls.isEmpty() ? "" : calls.get(0).requestId();
    }

    /** The version that answered last. */
    public String modelVersion() {
        return calls.isEmpty() ? "" : calls.get(calls.size() - 1).modelVersion();
    }

    /** What the plan leaves, as the last answer told it. */
    public Map<String, Limit> limits() {
        return calls.isEmpty() ? Map.of() : calls.get(calls.size() - 1).limits();
    }

    /** Null when the version is not deprecated. */
    public Deprecation deprecation() {
        return calls.isEmpty() ? null : calls.get(calls.size() - 1).deprecation();
    }
}
