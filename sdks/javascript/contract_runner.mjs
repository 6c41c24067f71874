// Makes the calls of the contract suite with this client: reads a plan as JSON, writes one outcome a line.
import { Client, MarketplaceError } from "./src/index.mjs";

// JSON has no NaN; cases write it as an object.
function unmarked(value) {
  if (Array.isArray(value)) return value.map(unmarked);
  if (value === null || typeof value !== "object") return value;
  if ("$nan" in value) return NaN;
  if ("$infinity" in value) return Infinity;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, unmarked(inner)]));
}

function marked(value) {
  if (typeof value === "number" && !Number.isFinite(value)) return Number.isNaN(value) ? { $nan: true } : { $infinity: true };
  if (Array.isArray(value)) return value.map(marked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, marked(inner)]));
}

function dataOf(given) {
  if ("counting" in given) return Array.from({ length: given.counting }, (_, number) => ({ income: number, debt: 0 }));
  return unmarked(given.rows ?? given.columns);
}

function factsOf(predictions) {
  const { deprecation } = predictions;
  return {
    rows: marked(predictions.toArray()),
    calls: predictions.calls.length,
    version: predictions.modelVersion,
    request_ids: predictions.requestIds,
    trace_id: predictions.calls[0].traceId,
    limits: Object.fromEntries(
      Object.entries(predictions.limits).map(([name, { remaining, quota, resetS }]) => [name, { remaining, quota, reset_s: resetS }]),
    ),
    deprecation: deprecation && {
      since: deprecation.since.getTime() / 1000,
      sunset: deprecation.sunset.getTime() / 1000,
      successor: deprecation.successor,
    },
  };
}

function errorOf(error) {
  const { kind, status, slug, detail, field, row, successor } = error;
  const done = error.predictions?.length ?? 0;
  const names = { may_have_run: error.mayHaveRun, request_id: error.requestId, retry_after: error.retryAfter, trace_id: error.traceId };
  return { kind, status, slug, detail, field, row, successor, done, ...names };
}

async function outcomeOf(call) {
  const waits = [];
  const settings = call.settings ?? {};
  const warnings = [];
  const client = new Client(call.model, {
    gateway: call.gateway,
    portal: call.gateway,
    key: call.key,
    timeoutMs: settings.timeout === undefined ? undefined : settings.timeout * 1000,
    attempts: settings.attempts,
    maxRows: settings.max_rows,
    maxBytes: settings.max_bytes,
    sleep: async (ms) => waits.push(ms / 1000),
    onWarning: (text) => warnings.push(text),
  });
  let facts = { name: call.name, error: null };
  try {
    if (call.feedback) {
      facts.feedback = await client.feedback(call.feedback);
    } else {
      if (call.warm) await client.metadata();
      const options = { binary: call.binary, timeoutMs: call.call_timeout && call.call_timeout * 1000 };
      for (let time = 0; time < (call.times ?? 1); time += 1) {
        facts = { ...facts, ...factsOf(await client.predict(dataOf(call.given), options)) };
      }
    }
  } catch (error) {
    if (!(error instanceof MarketplaceError)) throw error;
    facts.error = errorOf(error);
  }
  return { ...facts, waits, warnings: warnings.length };
}

let text = "";
for await (const chunk of process.stdin) text += chunk;
for (const call of JSON.parse(text).calls) console.log(JSON.stringify(await outcomeOf(call)));
