// What the contract suite does not see. `node --test test/`
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { inspect } from "node:util";
import { Client, Gone, MarketplaceError } from "../src/index.mjs";

const require = createRequire(import.meta.url);
const common = require("../src/index.cjs");
const { columnsOf, encode, halfOf, numberOfHalf } = require("../src/tensors.cjs");

test("ESM and CommonJS are the same classes", () => {
  assert.equal(common.Client, Client);
  assert.ok(Gone.prototype instanceof MarketplaceError);
});

test("a client needs a gateway and a key, and never shows it", () => {
  assert.throws(() => new Client("m", { gateway: "", key: "" }), TypeError);
  assert.ok(!inspect(new Client("m", { gateway: "http://g", key: "mkc_secret" }), { depth: 5 }).includes("mkc_secret"));
});

test("columns need rows of one length", () => {
  for (const data of [[], {}, { a: [1], b: [1, 2] }, null]) assert.throws(() => columnsOf(data), TypeError);
  assert.deepEqual(columnsOf({ a: new Float32Array([1, 2]) }).get("a"), [1, 2]);
});

test("the binary form has no gaps and no values out of range", () => {
  const types = new Map([["n", { datatype: "UINT8", shape: [-1] }]]);
  assert.throws(() => encode(new Map([["n", [1, null]]]), types, true), /gap/);
  assert.throws(() => encode(new Map([["n", [256]]]), types, true), RangeError);
});

test("integers are sent to the last digit", () => {
  const types = new Map([["n", { datatype: "INT64", shape: [-1] }]]);
  assert.ok(encode(new Map([["n", [9223372036854775807n]]]), types, false).body.toString().includes("9223372036854775807"));
});

test("half precision there and back, for each of its 65 536 values", () => {
  for (let bits = 0; bits < 65536; bits += 1) {
    const number = numberOfHalf(bits);
    if (Number.isNaN(number)) assert.ok(Number.isNaN(numberOfHalf(halfOf(number))));
    else assert.equal(halfOf(number), bits);
  }
  assert.equal(halfOf(1 + 2 ** -11), halfOf(1), "ties to even");
  assert.equal(halfOf(1e9), 0x7c00);
});
