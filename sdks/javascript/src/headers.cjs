"use strict";
// What the server says in headers: limits, deprecation, links; and the trace that we send.

const { randomBytes } = require("node:crypto");

/** `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10) by name. */
function limitsOf(headers) {
  const left = items(headers.get("ratelimit"));
  const policy = items(headers.get("ratelimit-policy"));
  const limits = {};
  for (const name of new Set([...Object.keys(policy), ...Object.keys(left)])) {
    limits[name] = {
      remaining: left[name]?.r ?? null,
      resetS: left[name]?.t ?? null,
      quota: policy[name]?.q ?? null,
      windowS: policy[name]?.w ?? null,
    };
  }
  return limits;
}

function items(text) {
  const found = {};
  for (const [, name, parameters] of (text ?? "").matchAll(/"([^"]*)"((?:\s*;\s*\w+=\d+)*)/g)) {
    found[name] = {};
    for (const [, key, value] of parameters.matchAll(/(\w+)=(\d+)/g)) found[name][key] = Number(value);
  }
  return found;
}

/** `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`; null when the version is not deprecated. */
function deprecationOf(headers) {
  const text = headers.get("deprecation");
  if (text === null) return null;
  const links = linksOf(headers.get("link"));
  const since = /^\s*@(\d+)\s*$/.exec(text);
  const sunset = Date.parse(headers.get("sunset") ?? "");
  return {
    since: since ? new Date(Number(since[1]) * 1000) : null,
    sunset: Number.isNaN(sunset) ? null : new Date(sunset),
    successor: links["successor-version"] ?? "",
    guide: links.deprecation ?? "",
  };
}

/** The `Link` header (RFC 8288) as {relation: address}. */
function linksOf(text) {
  const links = {};
  for (const [, address, relation] of (text ?? "").matchAll(/<([^>]*)>[^,]*?rel="([^"]*)"/g)) links[relation] = address;
  return links;
}

/** A W3C trace context: one trace for a batch, one span for each request. */
class Trace {
  constructor(traceparent) {
    const parts = (traceparent ?? "").split("-");
    const isGiven = parts.length === 4 && parts[1].length === 32;
    this.id = isGiven ? parts[1] : randomBytes(16).toString("hex");
    this.flags = isGiven ? parts[3] : "01";
  }

  parent() {
    return `00-${this.id}-${randomBytes(8).toString("hex")}-${this.flags}`;
  }
}

module.exports = { limitsOf, deprecationOf, linksOf, Trace };
