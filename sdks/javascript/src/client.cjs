"use strict";
// The client. Repeated is only what was not done: 429, 503, and a connection that could not be made.

const errors = require("./errors.cjs");
const { columnsOf, encode, decode } = require("./tensors.cjs");
const { limitsOf, deprecationOf, Trace } = require("./headers.cjs");

const MOST_OUTCOMES = 1000;
// What undici and the system say when no byte was sent.
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

/** The rows of an answer, in the order in which they were sent: iterable, with `at` and `length`. */
class Predictions {
  constructor(columns, calls) {
    this.columns = columns;
    this.calls = calls;
  }

  get length() {
    return this.calls.reduce((sum, call) => sum + call.rows, 0);
  }

  at(index) {
    const place = index < 0 ? this.length + index : index;
    return place in (Object.values(this.columns)[0] ?? []) ? this.#row(place) : undefined;
  }

  #row(place) {
    return Object.fromEntries(Object.entries(this.columns).map(([name, values]) => [name, values[place]]));
  }

  *[Symbol.iterator]() {
    for (let place = 0; place < this.length; place += 1) yield this.#row(place);
  }

  toArray() {
    return [...this];
  }

  get requestId() {
    return this.calls[0]?.requestId ?? "";
  }

  get requestIds() {
    return this.calls.map((call) => call.requestId);
  }

  get modelVersion() {
    return this.calls.at(-1)?.modelVersion ?? "";
  }

  get limits() {
    return this.calls.at(-1)?.limits ?? {};
  }

  get deprecation() {
    return this.calls.at(-1)?.deprecation ?? null;
  }
}

class Client {
  #types = null;
  #typesOf = "";
  #warned = new Set();

  constructor(model, options = {}) {
    const environment = globalThis.process?.env ?? {};
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.settings = {
      gateway: environment.MARKETPLACE_GATEWAY_URL ?? "",
      key: environment.MARKETPLACE_API_KEY ?? "",
      portal: environment.MARKETPLACE_URL ?? "",
      version: "",
      timeoutMs: 60_000,
      attempts: 4,
      firstPauseMs: 250,
      longestPauseMs: 8_000,
      maxRows: 100_000,
      maxBytes: 16 * 2 ** 20,
      fetch: globalThis.fetch,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      onWarning: (text) => globalThis.process?.emitWarning?.(text, "DeprecatedVersion"),
      onCall: () => {},
      ...given,
    };
    const { gateway, key, attempts, maxRows, timeoutMs, version } = this.settings;
    if (!gateway || !key) throw new TypeError("Say gateway and key, or set MARKETPLACE_GATEWAY_URL and MARKETPLACE_API_KEY.");
    if (!(attempts >= 1 && maxRows >= 1 && timeoutMs > 0)) throw new RangeError("attempts and maxRows are at least 1, timeoutMs is more than 0.");
    // A key must not end up in a log that shows the client.
    Object.defineProperty(this.settings, "key", { enumerable: false, value: key });
    const base = gateway.replace(/\/+$/, "").replace(/\/v2$/, "");
    const middle = version ? `/versions/${encodeURIComponent(version)}` : "";
    this.model = model;
    this.modelUrl = `${base}/v2/models/${encodeURIComponent(model)}${middle}`;
  }

  /** The model's metadata of the protocol. */
  async metadata(options = {}) {
    return this.#metadata(new Trace(options.traceparent), this.#deadline(options));
  }

  /** Rows or columns in, rows out; in as many calls as the server's limits need. */
  async predict(data, options = {}) {
    const columns = columnsOf(data);
    const count = columns.values().next().value.length;
    const trace = new Trace(options.traceparent);
    const deadline = this.#deadline(options);
    const pieces = [];
    let at = 0;
    let size = Math.min(count, this.settings.maxRows);
    try {
      if (this.#types === null) await this.#metadata(trace, deadline);
      while (at < count) {
        const rows = Math.min(size, count - at);
        const piece = new Map([...columns].map(([name, values]) => [name, values.slice(at, at + rows)]));
        const { body, headers } = encode(piece, this.#types ?? new Map(), options.binary ?? false);
        if (rows > 1 && body.length > this.settings.maxBytes) {
          size = Math.ceil(rows / 2);
          continue;
        }
        try {
          pieces.push(await this.#infer(body, headers, rows, trace, deadline));
          at += rows;
        } catch (error) {
          if (!(error instanceof errors.TooLarge) || rows === 1) throw error;
          size = Math.ceil(rows / 2);
        }
      }
    } catch (error) {
      if (error instanceof errors.MarketplaceError) place(error, joined(pieces), at, trace);
      throw error;
    }
    return joined(pieces);
  }

  /** One row in, one row out. */
  async predictOne(row, options = {}) {
    return (await this.predict([row], options)).at(0);
  }

  /** Report what turned out to be true (docs/feedback.md). A report may be repeated. */
  async feedback(outcomes) {
    if (!this.settings.portal) throw new TypeError("Say portal, or set MARKETPLACE_URL: feedback goes to the portal.");
    const url = `${this.settings.portal.replace(/\/+$/, "")}/api/v1/feedback/`;
    const headers = { "X-API-Key": this.settings.key, "Content-Type": "application/json" };
    const deadline = this.#deadline({});
    const told = { taken: 0, refused: [] };
    for (let at = 0; at < outcomes.length; at += MOST_OUTCOMES) {
      const body = Buffer.from(JSON.stringify({ outcomes: outcomes.slice(at, at + MOST_OUTCOMES) }));
      const { response, bytes } = await this.#call("POST", url, headers, body, new Trace(), deadline);
      if (!response.ok) throw errors.problemOf(response.status, response.headers, bytes.toString());
      const document = JSON.parse(bytes.toString());
      told.taken += document.taken;
      told.refused.push(...document.refused);
    }
    return told;
  }

  #deadline(options) {
    return performance.now() + (options.timeoutMs ?? this.settings.timeoutMs);
  }

  async #metadata(trace, deadline) {
    const { response, bytes } = await this.#call("GET", this.modelUrl, this.#authorization(), undefined, trace, deadline);
    let document;
    try {
      document = JSON.parse(bytes.toString());
      this.#types = new Map(document.inputs.map(({ name, datatype, shape }) => [name, { datatype, shape }]));
    } catch (cause) {
      throw new errors.UnexpectedAnswer(`The metadata is none of the protocol: ${cause.message}.`);
    }
    this.#typesOf = response.headers.get("x-model-version") ?? "";
    return document;
  }

  #authorization() {
    return { Authorization: `Bearer ${this.settings.key}` };
  }

  async #infer(body, headers, rows, trace, deadline) {
    const sent = { ...this.#authorization(), ...headers };
    const { response, bytes, attempts } = await this.#call("POST", `${this.modelUrl}/infer`, sent, body, trace, deadline);
    const columns = decode(bytes, response.headers.get("inference-header-content-length"), rows);
    const info = {
      requestId: response.headers.get("x-request-id") ?? "",
      modelVersion: response.headers.get("x-model-version") ?? "",
      traceId: trace.id,
      rows,
      attempts,
      limits: limitsOf(response.headers),
      deprecation: deprecationOf(response.headers),
    };
    if (info.modelVersion !== this.#typesOf) this.#types = null; // moved: the next call asks what this version takes
    this.#warn(info);
    this.settings.onCall(info);
    return new Predictions(Object.fromEntries(columns), [info]);
  }

  #warn({ deprecation, modelVersion }) {
    if (deprecation === null || this.#warned.has(modelVersion)) return;
    this.#warned.add(modelVersion);
    const end = deprecation.sunset ? ` It ends on ${deprecation.sunset.toISOString().slice(0, 10)}.` : "";
    const move = deprecation.successor ? ` Move to ${deprecation.successor}.` : "";
    this.settings.onWarning(`${this.model} ${modelVersion} is deprecated.${end}${move}`, deprecation);
  }

  async #call(method, url, headers, body, trace, deadline) {
    for (let attempt = 1; ; attempt += 1) {
      const left = deadline - performance.now();
      if (left <= 0) throw new errors.DeadlineExceeded("The deadline passed before the call.", false);
      let error;
      let wait;
      try {
        const answer = await this.#send(method, url, headers, body, trace, left);
        if (answer.response.ok) return { ...answer, attempts: attempt };
        error = errors.problemOf(answer.response.status, answer.response.headers, answer.bytes.toString());
        if (![429, 503].includes(error.status)) throw error;
        wait = this.#pause(attempt, error.retryAfter);
      } catch (cause) {
        if (!(cause instanceof errors.ConnectionFailed)) throw cause;
        error = cause;
        wait = this.#pause(attempt, null);
      }
      if (attempt >= this.settings.attempts || performance.now() + wait >= deadline) throw error;
      await this.settings.sleep(wait);
    }
  }

  async #send(method, url, headers, body, trace, left) {
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(left)));
    try {
      const response = await this.settings.fetch(url, {
        method,
        headers: { ...headers, traceparent: trace.parent(), "Accept-Encoding": "identity" },
        body,
        signal,
        redirect: "manual", // a key is not carried elsewhere
      });
      return { response, bytes: Buffer.from(await response.arrayBuffer()) };
    } catch (cause) {
      if (signal.aborted) throw new errors.DeadlineExceeded("No answer in time.");
      const code = cause.cause?.code ?? cause.cause?.errors?.[0]?.code ?? "";
      const text = cause.cause?.message || cause.message;
      if (NOT_SENT.has(code)) throw new errors.ConnectionFailed(`No connection to ${url}: ${text || code}.`);
      throw new errors.ConnectionLost(`The connection was lost during the call: ${text}.`);
    }
  }

  /** Milliseconds, with jitter: at least Retry-After, else growing by two. */
  #pause(attempt, retryAfter) {
    const grown = Math.min(this.settings.longestPauseMs, this.settings.firstPauseMs * 2 ** (attempt - 1));
    return grown * Math.random() + (retryAfter === null ? grown / 2 : retryAfter * 1000);
  }
}

function joined(pieces) {
  const columns = {};
  for (const piece of pieces) {
    for (const [name, values] of Object.entries(piece.columns)) columns[name] = (columns[name] ?? []).concat(values);
  }
  return new Predictions(columns, pieces.flatMap((piece) => piece.calls));
}

/** Say how far a batch came, and count rows over the whole batch instead of the piece. */
function place(error, done, at, trace) {
  error.predictions = done;
  error.traceId = trace.id;
  if (typeof error.row === "number") error.row += at;
  for (const fault of error.errors ?? []) if (typeof fault.row === "number") fault.row += at;
}

module.exports = { Client, Predictions };
