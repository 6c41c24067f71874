package org.marketplace.client;

import java.io.ByteArrayOutputStream;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Rows and columns as the tensors of the Open Inference Protocol v2, in JSON or binary, and back.
 *
 * <p>JSON has no NaN: NaN and infinity travel as null, and a null in a float output is NaN again. The binary form carries NaN
 * itself and has no null.
 */
final class Tensors {
    private static final Set<String> FLOATS = Set.of("FP16", "FP32", "FP64");
    private static final Map<String, Integer> SIZES = sizes();

    private Tensors() {}

    /** What the model's metadata says of an input. */
    static final class Type {
        final String datatype;
        final List<Integer> shape;

        Type(String datatype, List<Integer> shape) {
            this.datatype = datatype;
            this.shape = shape;
        }
    }

    /** The body of one inference. {@code jsonLength} is null unless it is binary. */
    static final class Body {
        final byte[] bytes;
        final Integer jsonLength;

        Body(byte[] bytes, Integer jsonLength) {
            this.bytes = bytes;
            this.jsonLength = jsonLength;
        }
    }

    private static Map<String, Integer> sizes() {
        Map<String, Integer> sizes = new HashMap<>();
        for (String name : List.of("BOOL", "UINT8", "INT8")) sizes.put(name, 1);
        for (String name : List.of("UINT16", "INT16", "FP16")) sizes.put(name, 2);
        for (String name : List.of("UINT32", "INT32", "FP32")) sizes.put(name, 4);
        for (String name : List.of("UINT64", "INT64", "FP64")) sizes.put(name, 8);
        return sizes;
    }

    static Map<String, List<Object>> columnsOf(List<? extends Map<String, ?>> rows) {
        Set<String> names = new LinkedHashSet<>();
        for (Map<String, ?> row : rows) names.addAll(row.keySet());
        Map<String, List<Object>> columns = new LinkedHashMap<>();
        for (String name : names) {
            List<Object> values = new ArrayList<>(rows.size());
            for (Map<String, ?> row : rows) values.add(plain(row.get(name)));
            columns.put(name, values);
        }
        return checked(columns);
    }

    /** Columns as lists or arrays. */
    static Map<String, List<Object>> columnsOf(Map<String, ?> given) {
        Map<String, List<Object>> columns = new LinkedHashMap<>();
        given.forEach((name, values) -> columns.put(name, list(plain(values))));
        return checked(columns);
    }

    private static Map<String, List<Object>> checked(Map<String, List<Object>> columns) {
        long lengths = columns.values().stream().map(List::size).distinct().count();
        if (lengths != 1 || columns.values().iterator().next().isEmpty()) {
            throw new IllegalArgumentException("Give at least one row, and as many values in each column.");
        }
        return columns;
    }

    @SuppressWarnings("unchecked")
    private static List<Object> list(Object value) {
        if (!(value instanceof List)) throw new IllegalArgumentException("Give a column as a list or an array.");
        return (List<Object>) value;
    }

    /** A value of JSON: arrays as lists, times as ISO 8601. */
    static Object plain(Object value) {
        if (value == null || value instanceof Number || value instanceof String || value instanceof Boolean) return value;
        if (value instanceof Iterable) {
            List<Object> values = new ArrayList<>();
            for (Object inner : (Iterable<?>) value) values.add(plain(inner));
            return values;
        }
        if (value.getClass().isArray()) {
            List<Object> values = new ArrayList<>();
            for (int at = 0; at < Array.getLength(value); at++) values.add(plain(Array.get(value, at)));
            return values;
        }
        if (value instanceof java.time.temporal.TemporalAccessor || value instanceof Enum) return value.toString();
        throw new IllegalArgumentException("A " + value.getClass().getName() + " is no value that a model takes.");
    }

    static Body encode(Map<String, List<Object>> columns, Map<String, Type> types, boolean binary) {
        List<Object> inputs = new ArrayList<>();
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        columns.forEach((name, column) -> {
            List<Object> flat = new ArrayList<>();
            flatten(column, flat);
            Type type = types.getOrDefault(name, new Type(guessed(flat), List.of(-1)));
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", name);
            entry.put("datatype", type.datatype);
            entry.put("shape", shapeOf(column, type));
            if (binary) {
                byte[] chunk = packed(name, flat, type.datatype);
                entry.put("parameters", Map.of("binary_data_size", chunk.length));
                rest.writeBytes(chunk);
            } else {
                entry.put("data", flat);
            }
            inputs.add(entry);
        });
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("inputs", inputs);
        if (!binary) return new Body(Json.write(document).getBytes(StandardCharsets.UTF_8), null);
        document.put("parameters", Map.of("binary_data_output", true));
        byte[] head = Json.write(document).getBytes(StandardCharsets.UTF_8);
        byte[] bytes = Arrays.copyOf(head, head.length + rest.size());
        System.arraycopy(rest.toByteArray(), 0, bytes, head.length, rest.size());
        return new Body(bytes, head.length);
    }

    private static void flatten(List<?> values, List<Object> flat) {
        for (Object value : values) {
            if (value instanceof List) flatten((List<?>) value, flat);
            else flat.add(value);
        }
    }

    private static List<Integer> shapeOf(List<Object> column, Type type) {
        List<Integer> shape = new ArrayList<>();
        Object level = column;
        while (level instanceof List && !((List<?>) level).isEmpty()) {
            shape.add(((List<?>) level).size());
            level = ((List<?>) level).get(0);
        }
        if (shape.size() == 1 && type.shape.size() == 2 && type.shape.get(1) == 1) shape.add(1);
        return shape;
    }

    /** For an input that the metadata does not name: the server judges it, not we. */
    private static String guessed(List<Object> flat) {
        List<Object> values = new ArrayList<>(flat);
        values.removeIf(Objects::isNull);
        if (values.stream().anyMatch(String.class::isInstance)) return "BYTES";
        if (values.isEmpty()) return "FP64";
        if (values.stream().allMatch(Boolean.class::isInstance)) return "BOOL";
        return values.stream().anyMatch(value -> value instanceof Double || value instanceof Float) ? "FP64" : "INT64";
    }

    private static byte[] packed(String name, List<Object> flat, String datatype) {
        if (datatype.equals("BYTES")) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            for (Object value : flat) {
                byte[] text = String.valueOf(gapless(name, value)).getBytes(StandardCharsets.UTF_8);
                out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(text.length).array());
                out.writeBytes(text);
            }
            return out.toByteArray();
        }
        ByteBuffer out = ByteBuffer.allocate(flat.size() * SIZES.get(datatype)).order(ByteOrder.LITTLE_ENDIAN);
        for (Object value : flat) {
            Object given = value == null && FLOATS.contains(datatype) ? (Object) Double.NaN : gapless(name, value);
            if (datatype.equals("BOOL")) {
                out.put((byte) (Boolean.TRUE.equals(given) ? 1 : 0));
            } else if (!(given instanceof Number)) {
                throw new IllegalArgumentException("Input '" + name + "' has a value that is no " + datatype + ": " + given + ".");
            } else {
                put(out, datatype, (Number) given, name);
            }
        }
        return out.array();
    }

    private static Object gapless(String name, Object value) {
        if (value != null) return value;
        throw new IllegalArgumentException("Input '" + name + "' has a gap, and binary tensors have none: leave binary out.");
    }

    private static void put(ByteBuffer out, String datatype, Number value, String name) {
        switch (datatype) {
            case "FP16": out.putShort(halfOf(value.doubleValue())); return;
            case "FP32": out.putFloat(value.floatValue()); return;
            case "FP64": out.putDouble(value.doubleValue()); return;
            case "UINT64": case "INT64": out.putLong(value.longValue()); return;
            default:
        }
        int bits = 8 * SIZES.get(datatype);
        long number = value.longValue();
        long least = datatype.startsWith("U") ? 0 : -(1L << (bits - 1));
        long most = datatype.startsWith("U") ? (1L << bits) - 1 : (1L << (bits - 1)) - 1;
        if (number < least || number > most || number != value.doubleValue()) {
            throw new IllegalArgumentException("Input '" + name + "' has a value that is no " + datatype + ": " + value + ".");
        }
        if (bits == 8) out.put((byte) number);
        else if (bits == 16) out.putShort((short) number);
        else out.putInt((int) number);
    }

    /** IEEE 754 binary16, to the nearest, ties to even. */
    static short halfOf(double value) {
        if (Double.isNaN(value)) return 0x7e00;
        int sign = Double.doubleToRawLongBits(value) < 0 ? 0x8000 : 0;
        double size = Math.abs(value);
        if (size >= 65520) return (short) (sign | 0x7c00);
        int exponent = Math.max(-14, Math.getExponent(size));
        long whole = (long) Math.rint(size / Math.scalb(1.0, exponent - 10));
        return (short) (sign | (whole < 1024 ? whole : ((exponent + 15L) << 10) + whole - 1024));
    }

    static double numberOfHalf(short half) {
        int sign = (half & 0x8000) != 0 ? -1 : 1;
        int exponent = (half >> 10) & 0x1f;
        int fraction = half & 0x3ff;
        if (exponent == 31) return fraction != 0 ? Double.NaN : sign * Double.POSITIVE_INFINITY;
        double scaled = exponent == 0 ? Math.scalb(fraction / 1024.0, -14) : Math.scalb(1 + fraction / 1024.0, exponent - 15);
        return sign * scaled;
    }

    /** The answer to an inference of so many rows: a value for each row by output. Throws UnexpectedAnswer. */
    static Map<String, List<Object>> decode(byte[] body, String jsonLength, int rows) {
        try {
            int head = jsonLength == null ? body.length : Integer.parseInt(jsonLength.trim());
            Map<?, ?> document = (Map<?, ?>) Json.read(new String(body, 0, head, StandardCharsets.UTF_8));
            Map<String, List<Object>> columns = new LinkedHashMap<>();
            int offset = head;
            for (Object entry : (List<?>) document.get("outputs")) {
                Map<?, ?> output = (Map<?, ?>) entry;
                String datatype = (String) output.get("datatype");
                List<Integer> shape = shape(output.get("shape"));
                Object size = output.get("parameters") instanceof Map ? ((Map<?, ?>) output.get("parameters")).get("binary_data_size") : null;
                List<Object> flat = new ArrayList<>();
                if (size == null) {
                    flatten((List<?>) output.get("data"), flat);
                    if (FLOATS.contains(datatype)) flat.replaceAll(value -> value == null ? Double.NaN : ((Number) value).doubleValue());
                } else {
                    int length = ((Number) size).intValue();
                    unpack(ByteBuffer.wrap(body, offset, length).order(ByteOrder.LITTLE_ENDIAN), datatype, flat);
                    offset += length;
                }
                long wanted = shape.stream().mapToLong(Integer::longValue).reduce(1, (a, b) -> a * b);
                if (shape.get(0) != rows || flat.size() != wanted) {
                    throw new IllegalArgumentException("output " + output.get("name") + " has shape " + shape);
                }
                columns.put((String) output.get("name"), byRow(flat, shape));
            }
            return columns;
        } catch (RuntimeException wrong) {
            throw new MarketplaceException.UnexpectedAnswer("The answer is none of the protocol for " + rows + " rows: " + wrong.getMessage());
        }
    }

    static List<Integer> shape(Object value) {
        List<Integer> shape = new ArrayList<>();
        for (Object size : (List<?>) value) shape.add(((Number) size).intValue());
        return shape;
    }

    private static void unpack(ByteBuffer raw, String datatype, List<Object> values) {
        while (raw.hasRemaining()) {
            switch (datatype) {
                case "BYTES":
                    byte[] text = new byte[raw.getInt()];
                    raw.get(text);
                    values.add(new String(text, StandardCharsets.UTF_8));
                    break;
                case "BOOL": values.add(raw.get() != 0); break;
                case "UINT8": values.add((long) (raw.get() & 0xff)); break;
                case "INT8": values.add((long) raw.get()); break;
                case "UINT16": values.add((long) (raw.getShort() & 0xffff)); break;
                case "INT16": values.add((long) raw.getShort()); break;
                case "UINT32": values.add(raw.getInt() & 0xffffffffL); break;
                case "INT32": values.add((long) raw.getInt()); break;
                case "UINT64": values.add(unsigned(raw.getLong())); break;
                case "INT64": values.add(raw.getLong()); break;
                case "FP16": values.add(numberOfHalf(raw.getShort())); break;
                case "FP32": values.add((double) raw.getFloat()); break;
                case "FP64": values.add(raw.getDouble()); break;
                default: throw new IllegalArgumentException(datatype + " is no datatype");
            }
        }
    }

    private static Object unsigned(long bits) {
        return bits >= 0 ? (Object) bits : new java.math.BigInteger(Long.toUnsignedString(bits));
    }

    /** One entry for each row: a value where a row has one, else nested lists. */
    private static List<Object> byRow(List<Object> flat, List<Integer> shape) {
        if (shape.size() == 2 && shape.get(1) == 1) return flat;
        List<Object> level = flat;
        for (int dimension = shape.size() - 1; dimension > 0; dimension--) {
            int size = shape.get(dimension);
            List<Object> next = new ArrayList<>();
            for (int at = 0; at < level.size(); at += size) next.add(List.copyOf(level.subList(at, at + size)));
            level = next;
        }
        return level;
    }
}
