"use strict";
// Rows and columns as the tensors of the Open Inference Protocol v2, in JSON or binary, and back.
//
// JSON has no NaN: NaN and infinity travel as null, and a null in a float output is NaN again. The binary form carries NaN itself
// and has no null. Integers of 64 bits are numbers while they are safe, else BigInt.

const { UnexpectedAnswer } = require("./errors.cjs");

const FLOATS = new Set(["FP16", "FP32", "FP64"]);
const SIZES = { BOOL: 1, UINT8: 1, INT8: 1, UINT16: 2, INT16: 2, FP16: 2, UINT32: 4, INT32: 4, FP32: 4, UINT64: 8, INT64: 8, FP64: 8 };
const RANGES = { UINT8: [0, 255], INT8: [-128, 127], UINT16: [0, 65535], INT16: [-32768, 32767], UINT32: [0, 2 ** 32 - 1], INT32: [-(2 ** 31), 2 ** 31 - 1] };

/** Rows (array of objects) or columns (object of arrays or typed arrays) as Map(name → array). Throws TypeError. */
function columnsOf(data) {
  const columns = new Map();
  if (Array.isArray(data)) {
    const names = new Set(data.flatMap((row) => Object.keys(row)));
    for (const name of names) columns.set(name, data.map((row) => plain(row[name])));
  } else if (data && typeof data === "object") {
    for (const [name, values] of Object.entries(data)) columns.set(name, Array.from(values, plain));
  }
  const lengths = new Set([...columns.values()].map((values) => values.length));
  if (lengths.size !== 1 || lengths.has(0)) throw new TypeError("Give at least one row, and as many values in each column.");
  return columns;
}

function plain(value) {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.from(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

/** Columns → {body, headers} of one inference. `types`: Map(name → {datatype, shape}). Throws RangeError, TypeError. */
function encode(columns, types, binary) {
  const inputs = [];
  const chunks = [];
  for (const [name, column] of columns) {
    const type = types.get(name) ?? { datatype: guessed(column.flat(Infinity)), shape: [-1] };
    const flat = column.flat(Infinity);
    const entry = { name, datatype: type.datatype, shape: shapeOf(column, type) };
    if (binary) {
      const chunk = packed(name, flat, type.datatype);
      entry.parameters = { binary_data_size: chunk.length };
      chunks.push(chunk);
    } else {
      entry.data = flat;
    }
    inputs.push(entry);
  }
  if (!binary) return { body: Buffer.from(written({ inputs })), headers: { "Content-Type": "application/json" } };
  const head = Buffer.from(written({ inputs, parameters: { binary_data_output: true } }));
  return {
    body: Buffer.concat([head, ...chunks]),
    headers: { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(head.length) },
  };
}

/** JSON in which a BigInt is a number to its last digit. */
function written(value) {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (value && typeof value === "object") {
    return `{${Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}:${written(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value); // NaN and infinity as null
}

function shapeOf(column, type) {
  const shape = [];
  for (let level = column; Array.isArray(level) && level.length; level = level[0]) shape.push(level.length);
  return shape.length === 1 && type.shape.length === 2 && type.shape[1] === 1 ? [...shape, 1] : shape;
}

/** For an input that the metadata does not name: the server judges it, not we. */
function guessed(flat) {
  const values = flat.filter((value) => value !== null);
  if (values.length && values.every((value) => typeof value === "boolean")) return "BOOL";
  if (values.some((value) => typeof value === "string")) return "BYTES";
  return values.length && values.every((value) => typeof value === "bigint" || Number.isInteger(value)) ? "INT64" : "FP64";
}

function packed(name, flat, datatype) {
  const values = FLOATS.has(datatype) ? flat.map((value) => value ?? NaN) : flat;
  if (values.includes(null)) throw new TypeError(`Input '${name}' has a gap, and binary tensors have none: leave binary out.`);
  if (datatype === "BYTES") {
    return Buffer.concat(
      values.flatMap((value) => {
        const text = Buffer.from(String(value));
        const length = Buffer.alloc(4);
        length.writeUInt32LE(text.length);
        return [length, text];
      }),
    );
  }
  const size = SIZES[datatype];
  const buffer = Buffer.alloc(values.length * size);
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  values.forEach((value, at) => put(view, at * size, datatype, value, name));
  return buffer;
}

function put(view, at, datatype, value, name) {
  const range = RANGES[datatype];
  if (range && !(Number.isInteger(Number(value)) && value >= range[0] && value <= range[1])) {
    throw new RangeError(`Input '${name}' has a value that is no ${datatype}: ${value}.`);
  }
  switch (datatype) {
    case "BOOL": return view.setUint8(at, value ? 1 : 0);
    case "UINT8": return view.setUint8(at, Number(value));
    case "INT8": return view.setInt8(at, Number(value));
    case "UINT16": return view.setUint16(at, Number(value), true);
    case "INT16": return view.setInt16(at, Number(value), true);
    case "UINT32": return view.setUint32(at, Number(value), true);
    case "INT32": return view.setInt32(at, Number(value), true);
    case "UINT64": return view.setBigUint64(at, BigInt(value), true);
    case "INT64": return view.setBigInt64(at, BigInt(value), true);
    case "FP16": return view.setUint16(at, halfOf(value), true);
    case "FP32": return view.setFloat32(at, value, true);
    default: return view.setFloat64(at, value, true);
  }
}

/** IEEE 754 binary16 of a number, to the nearest, ties to even. */
function halfOf(value) {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1e-30)));
  const scaled = size / 2 ** (exponent - 10);
  let whole = Math.floor(scaled);
  const rest = scaled - whole;
  if (rest > 0.5 || (rest === 0.5 && whole % 2)) whole += 1;
  // A subnormal has no hidden bit; a carry into the exponent is what the sum makes of it.
  return sign | (whole < 1024 ? whole : ((exponent + 15) << 10) + (whole - 1024));
}

function numberOfHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

/** The answer to an inference of so many rows → Map(output → a value for each row). Throws UnexpectedAnswer. */
function decode(body, headerLength, rows) {
  try {
    const head = headerLength ? Number(headerLength) : body.length;
    const document = JSON.parse(body.subarray(0, head).toString());
    const columns = new Map();
    let offset = head;
    for (const output of document.outputs) {
      const size = output.parameters?.binary_data_size;
      let flat;
      if (size === undefined) {
        flat = output.data.flat(Infinity);
        if (FLOATS.has(output.datatype)) flat = flat.map((value) => value ?? NaN);
      } else {
        flat = unpacked(body.subarray(offset, offset + size), output.datatype);
        offset += size;
      }
      if (output.shape[0] !== rows || flat.length !== output.shape.reduce((a, b) => a * b)) {
        throw new TypeError(`output ${output.name} has shape [${output.shape}]`);
      }
      columns.set(output.name, byRow(flat, output.shape));
    }
    return columns;
  } catch (cause) {
    throw new UnexpectedAnswer(`The answer is none of the protocol for ${rows} rows: ${cause.message}.`);
  }
}

function unpacked(raw, datatype) {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const values = [];
  if (datatype === "BYTES") {
    for (let at = 0; at < raw.length; ) {
      const length = view.getUint32(at, true);
      values.push(raw.subarray(at + 4, at + 4 + length).toString());
      at += 4 + length;
    }
    return values;
  }
  for (let at = 0; at < raw.length; at += SIZES[datatype]) values.push(taken(view, at, datatype));
  return values;
}

function taken(view, at, datatype) {
  switch (datatype) {
    case "BOOL": return view.getUint8(at) !== 0;
    case "UINT8": return view.getUint8(at);
    case "INT8": return view.getInt8(at);
    case "UINT16": return view.getUint16(at, true);
    case "INT16": return view.getInt16(at, true);
    case "UINT32": return view.getUint32(at, true);
    case "INT32": return view.getInt32(at, true);
    case "UINT64": return safe(view.getBigUint64(at, true));
    case "INT64": return safe(view.getBigInt64(at, true));
    case "FP16": return numberOfHalf(view.getUint16(at, true));
    case "FP32": return view.getFloat32(at, true);
    case "FP64": return view.getFloat64(at, true);
    default: throw new TypeError(`${datatype} is no datatype`);
  }
}

const safe = (value) => (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value);

/** One entry for each row: a value where a row has one, else nested arrays. */
function byRow(flat, shape) {
  const sizes = shape.slice(1);
  if (sizes.length === 1 && sizes[0] === 1) return flat;
  let level = flat;
  for (const size of sizes.reverse()) {
    const next = [];
    for (let at = 0; at < level.length; at += size) next.push(level.slice(at, at + size));
    level = next;
  }
  return level;
}

module.exports = { columnsOf, encode, decode, halfOf, numberOfHalf, plain };
