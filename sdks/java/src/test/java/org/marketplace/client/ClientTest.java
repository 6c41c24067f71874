package org.marketplace.client;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What the contract suite does not see. A program that ends with 1 when something is wrong: the client has no dependencies. */
public final class ClientTest {
    private static int failures;

    private ClientTest() {}

    public static void main(String[] arguments) {
        halfPrecisionThereAndBack();
        jsonIsReadAndWritten();
        columnsNeedRowsOfOneLength();
        theBinaryFormHasNoGaps();
        integersAreSentToTheLastDigit();
        aClientNeedsAGatewayAndAKey();
        System.out.println(failures == 0 ? "ok" : failures + " failures");
        System.exit(failures == 0 ? 0 : 1);
    }

    private static void check(boolean holds, String what) {
        if (holds) return;
        failures++;
        System.err.println("FAILED: " + what);
    }

    private static void refused(Runnable act, String what) {
        try {
            act.run();
            check(false, what);
        } catch (IllegalArgumentException | IllegalStateException expected) {
            check(true, what);
        }
    }

    private static void halfPrecisionThereAndBack() {
        for (int bits = 0; bits < 65536; bits++) {
            double number = Tensors.numberOfHalf((short) bits);
            short back = Tensors.halfOf(number);
            check(Double.isNaN(number) ? Double.isNaN(Tensors.numberOfHalf(back)) : back == (short) bits, "half " + bits);
        }
        check(Tensors.halfOf(1 + Math.scalb(1.0, -11)) == Tensors.halfOf(1), "ties to even");
    }

    private static void jsonIsReadAndWritten() {
        String text = "{\"a\":[1,-2.5,true,null,\"\\u00e9\\n\\\"\"],\"b\":{},\"c\":[],\"d\":18446744073709551615}";
        Map<?, ?> read = (Map<?, ?>) Json.read(text);
        check(read.get("a").equals(Arrays.asList(1L, -2.5, true, null, "é\n\"")), "values");
        check(read.get("d").equals(new BigInteger("18446744073709551615")), "a large number");
        check(Json.read(Json.write(read)).equals(read), "there and back");
        check(Json.write(List.of(Double.NaN)).equals("[null]"), "NaN is null");
        for (String wrong : List.of("", "{", "[1,]", "{\"a\"}", "1 2", "nul", "\"\\u00", "[".repeat(100))) {
            refused(() -> Json.read(wrong), "JSON " + wrong);
        }
    }

    private static void columnsNeedRowsOfOneLength() {
        refused(() -> Tensors.columnsOf(List.of()), "no rows");
        refused(() -> Tensors.columnsOf(Map.of("a", List.of(1), "b", List.of(1, 2))), "two lengths");
        check(Tensors.columnsOf(Map.of("a", new double[] {1, 2})).get("a").equals(List.of(1.0, 2.0)), "an array");
    }

    private static void theBinaryFormHasNoGaps() {
        Map<String, Tensors.Type> types = Map.of("n", new Tensors.Type("UINT8", List.of(-1)));
        refused(() -> Tensors.encode(Map.of("n", Arrays.asList(1L, null)), types, true), "a gap");
        refused(() -> Tensors.encode(Map.of("n", List.of(256L)), types, true), "a value out of range");
    }

    private static void integersAreSentToTheLastDigit() {
        Map<String, Tensors.Type> types = Map.of("n", new Tensors.Type("INT64", List.of(-1)));
        byte[] body = Tensors.encode(Map.of("n", List.of(Long.MAX_VALUE)), types, false).bytes;
        check(new String(body, StandardCharsets.UTF_8).contains("9223372036854775807"), "the largest long");
    }

    private static void aClientNeedsAGatewayAndAKey() {
        refused(() -> Client.builder("m").gateway("").key("").build(), "no gateway");
    }
}
