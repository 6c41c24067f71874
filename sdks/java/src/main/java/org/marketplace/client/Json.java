package org.marketplace.client;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON as plain values: Map, List, String, Boolean, null; a number without fraction and exponent is a Long or a BigInteger, any
 * other a Double.
 */
final class Json {
    private static final int DEEPEST = 64;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** Throws IllegalArgumentException for what is no JSON. */
    static Object read(String text) {
        Json json = new Json(text);
        Object value = json.value();
        json.space();
        if (json.at < text.length()) throw json.wrong("something after the end");
        return value;
    }

    /** A text of JSON; NaN and infinity, which JSON does not have, become null. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof String) {
            quote((String) value, out);
        } else if (value instanceof Map) {
            char before = '{';
            if (((Map<?, ?>) value).isEmpty()) out.append('{');
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                out.append(before);
                quote(String.valueOf(entry.getKey()), out);
                out.append(':');
                write(entry.getValue(), out);
                before = ',';
            }
            out.append('}');
        } else if (value instanceof List) {
            char before = '[';
            if (((List<?>) value).isEmpty()) out.append('[');
            for (Object inner : (List<?>) value) {
                out.append(before);
                write(inner, out);
                before = ',';
            }
            out.append(']');
        } else if (value instanceof Double || value instanceof Float) {
            double number = ((Number) value).doubleValue();
            out.append(Double.isFinite(number) ? value.toString() : "null");
        } else if (value == null || value instanceof Number || value instanceof Boolean) {
            out.append(value);
        } else {
            throw new IllegalArgumentException("A " + value.getClass().getName() + " is no value that a model takes.");
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int at = 0; at < text.length(); at++) {
            char letter = text.charAt(at);
            if (letter == '"' || letter == '\\') {
                out.append('\\').append(letter);
            } else if (letter < ' ') {
                out.append(String.format("\\u%04x", (int) letter));
            } else {
                out.append(letter);
            }
        }
        out.append('"');
    }

    private Object value() {
        space();
        if (at >= text.length()) throw wrong("the end");
        char first = text.charAt(at);
        if (first == '{') return object();
        if (first == '[') return list();
        if (first == '"') return string();
        if (first == 't') return word("true", true);
        if (first == 'f') return word("false", false);
        if (first == 'n') return word("null", null);
        return number();
    }

    private Map<String, Object> object() {
        Map<String, Object> members = new LinkedHashMap<>();
        enter();
        while (!ends('}', members.isEmpty())) {
            space();
            String name = string();
            space();
            expect(':');
            members.put(name, value());
        }
        depth--;
        return members;
    }

    private List<Object> list() {
        List<Object> values = new ArrayList<>();
        enter();
        while (!ends(']', values.isEmpty())) values.add(value());
        depth--;
        return values;
    }

    private void enter() {
        at++;
        if (++depth > DEEPEST) throw wrong("more than " + DEEPEST + " levels");
    }

    private boolean ends(char end, boolean isFirst) {
        space();
        if (at < text.length() && text.charAt(at) == end) {
            at++;
            return true;
        }
        if (!isFirst) expect(',');
        return false;
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        while (at < text.length()) {
            char letter = text.charAt(at++);
            if (letter == '"') return out.toString();
            out.append(letter == '\\' ? escaped() : letter);
        }
        throw wrong("a text without end");
    }

    private char escaped() {
        if (at >= text.length()) throw wrong("a text without end");
        char letter = text.charAt(at++);
        switch (letter) {
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case 'b': return '\b';
            case 'f': return '\f';
            case 'u':
                if (at + 4 > text.length()) throw wrong("a text without end");
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 4, at), 16);
            default: return letter;
        }
    }

    private Object number() {
        int from = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
        String digits = text.substring(from, at);
        try {
            if (digits.matches("-?\\d+")) {
                return digits.length() < 19 ? (Object) Long.valueOf(digits) : narrowed(new BigInteger(digits));
            }
            return Double.valueOf(digits);
        } catch (NumberFormatException notOne) {
            throw wrong("what is no value");
        }
    }

    private static Object narrowed(BigInteger number) {
        return number.bitLength() < 64 ? (Object) number.longValue() : number;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw wrong("what is no value");
        at += word.length();
        return value;
    }

    private void expect(char letter) {
        if (at >= text.length() || text.charAt(at) != letter) throw wrong("no '" + letter + "'");
        at++;
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private IllegalArgumentException wrong(String what) {
        return new IllegalArgumentException("JSON has " + what + " at " + at);
    }
}
