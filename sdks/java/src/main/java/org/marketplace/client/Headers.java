package org.marketplace.client;

import java.net.http.HttpHeaders;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the server says in headers: limits, deprecation, links; and the trace that we send. */
final class Headers {
    private static final Pattern ITEM = Pattern.compile("\"([^\"]*)\"((?:\\s*;\\s*\\w+=\\d+)*)");
    private static final Pattern PARAMETER = Pattern.compile("(\\w+)=(\\d+)");
    private static final Pattern LINK = Pattern.compile("<([^>]*)>[^,]*?rel=\"([^\"]*)\"");
    private static final SecureRandom RANDOM = new SecureRandom();

    private Headers() {}

    /** RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10) by name. */
    static Map<String, Limit> limitsOf(HttpHeaders headers) {
        Map<String, Map<String, Long>> left = items(headers.firstValue("ratelimit").orElse(""));
        Map<String, Map<String, Long>> policy = items(headers.firstValue("ratelimit-policy").orElse(""));
        Set<String> names = new LinkedHashSet<>(policy.keySet());
        names.addAll(left.keySet());
        Map<String, Limit> limits = new LinkedHashMap<>();
        for (String name : names) {
            Map<String, Long> now = left.getOrDefault(name, Map.of());
            Map<String, Long> all = policy.getOrDefault(name, Map.of());
            limits.put(name, new Limit(now.get("r"), now.get("t"), all.get("q"), all.get("w")));
        }
        return limits;
    }

    private static Map<String, Map<String, Long>> items(String text) {
        Map<String, Map<String, Long>> items = new LinkedHashMap<>();
        Matcher item = ITEM.matcher(text);
        while (item.find()) {
            Map<String, Long> parameters = new HashMap<>();
            Matcher parameter = PARAMETER.matcher(item.group(2));
            while (parameter.find()) parameters.put(parameter.group(1), Long.valueOf(parameter.group(2)));
            items.put(item.group(1), parameters);
        }
        return items;
    }

    /** Deprecation (RFC 9745), Sunset (RFC 8594) and Link; null when the version is not deprecated. */
    static Deprecation deprecationOf(HttpHeaders headers) {
        String text = headers.firstValue("deprecation").orElse(null);
        if (text == null) return null;
        Map<String, String> links = linksOf(headers.firstValue("link").orElse(""));
        Instant since = text.trim().matches("@\\d{1,15}") ? Instant.ofEpochSecond(Long.parseLong(text.trim().substring(1))) : null;
        Instant sunset = dateOf(headers.firstValue("sunset").orElse(""));
        return new Deprecation(since, sunset, links.getOrDefault("successor-version", ""), links.getOrDefault("deprecation", ""));
    }

    private static Instant dateOf(String text) {
        try {
            return ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
        } catch (DateTimeParseException none) {
            return null;
        }
    }

    /** Retry-After: seconds or an HTTP date; null for anything else. */
    static Double secondsOf(String text) {
        if (text == null) return null;
        if (text.trim().matches("\\d{1,12}")) return Double.valueOf(text.trim());
        Instant at = dateOf(text);
        return at == null ? null : Math.max(0, Duration.between(Instant.now(), at).toMillis() / 1000.0);
    }

    /** The Link header (RFC 8288) by relation. */
    static Map<String, String> linksOf(String text) {
        Map<String, String> links = new LinkedHashMap<>();
        Matcher link = LINK.matcher(text);
        while (link.find()) links.put(link.group(2), link.group(1));
        return links;
    }

    /** A W3C trace context: one trace for a batch, one span for each request. */
    static final class Trace {
        final String id;
        private final String flags;

        Trace(String traceparent) {
            String[] parts = traceparent == null ? new String[0] : traceparent.split("-");
            boolean isGiven = parts.length == 4 && parts[1].length() == 32;
            id = isGiven ? parts[1] : random(16);
            flags = isGiven ? parts[3] : "01";
        }

        String parent() {
            return "00-" + id + "-" + random(8) + "-" + flags;
        }

        private static String random(int length) {
            byte[] bytes = new byte[length];
            RANDOM.nextBytes(bytes);
            StringBuilder out = new StringBuilder();
            for (byte one : bytes) out.append(String.format("%02x", one));
            return out.toString();
        }
    }
}
