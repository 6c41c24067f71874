"use strict";
// What can go wrong with a call. `kind` says it in words that are the same in all our clients.

const { linksOf } = require("./headers.cjs");

/** Any failure of a call. `mayHaveRun`: the server may have done it although there is no answer; it is never repeated. */
class MarketplaceError extends Error {
  constructor(message, kind = "error", mayHaveRun = false) {
    super(message);
    this.name = new.target.name;
    this.kind = kind;
    this.mayHaveRun = mayHaveRun;
    this.predictions = null;
    this.traceId = "";
  }
}

class ConnectionFailed extends MarketplaceError {
  constructor(message) {
    super(message, "connection_failed");
  }
}

class ConnectionLost extends MarketplaceError {
  constructor(message) {
    super(message, "connection_lost", true);
  }
}

class DeadlineExceeded extends MarketplaceError {
  constructor(message, mayHaveRun = true) {
    super(message, "deadline_exceeded", mayHaveRun);
  }
}

class UnexpectedAnswer extends MarketplaceError {
  constructor(message) {
    super(message, "unexpected_answer", true);
  }
}

/** problem+json (RFC 9457). `row` counts over all rows that were given. */
class ProblemError extends MarketplaceError {
  constructor(status, document, headers, kind, mayHaveRun = false) {
    const title = document.title ?? `HTTP ${status}`;
    const detail = document.detail ?? document.error ?? title;
    const requestId = headers.get("x-request-id") ?? document.request_id ?? "";
    super(`${status} ${detail} (request ${requestId || "without id"})`, kind, mayHaveRun);
    this.status = status;
    this.document = document;
    this.type = document.type ?? "about:blank";
    this.slug = this.type.replace(/\/+$/, "").split("/").pop();
    this.title = title;
    this.detail = detail;
    this.remedy = document.remedy ?? "";
    this.field = document.field ?? null;
    this.row = document.row ?? null;
    this.errors = document.errors ?? [];
    this.requestId = requestId;
    this.retryAfter = secondsOf(headers.get("retry-after"));
    this.links = linksOf(headers.get("link"));
  }
}

const problem = (kind, mayHaveRun = false) =>
  class extends ProblemError {
    constructor(status, document, headers) {
      super(status, document, headers, kind, mayHaveRun);
    }
  };
class Unauthenticated extends problem("unauthenticated") {}
class Forbidden extends problem("forbidden") {}
class NotFound extends problem("not_found") {}
class Conflict extends problem("conflict") {}
class Gone extends problem("gone") {
  /** The address of the version to move to, or "". */
  get successor() {
    return this.links["successor-version"] ?? "";
  }
}
class InvalidInput extends problem("invalid_input") {}
class TooLarge extends problem("too_large") {}
class LimitReached extends problem("limit_reached") {}
class Unavailable extends problem("unavailable") {}
class ServerFailed extends problem("server_failed", true) {}

const BY_STATUS = {
  400: InvalidInput,
  401: Unauthenticated,
  403: Forbidden,
  404: NotFound,
  409: Conflict,
  410: Gone,
  413: TooLarge,
  422: InvalidInput,
  429: LimitReached,
  503: Unavailable,
};

/** The error of an answer that is not 2xx. A body that is no JSON object says nothing. */
function problemOf(status, headers, text) {
  let document = {};
  try {
    const read = JSON.parse(text);
    if (read && typeof read === "object" && !Array.isArray(read)) document = read;
  } catch {
    // a balancer's page
  }
  return new (BY_STATUS[status] ?? ServerFailed)(status, document, headers);
}

/** `Retry-After`: seconds or an HTTP date; null for anything else. */
function secondsOf(text) {
  if (!text) return null;
  if (/^\s*\d+\s*$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1000);
}

module.exports = {
  MarketplaceError,
  ConnectionFailed,
  ConnectionLost,
  DeadlineExceeded,
  UnexpectedAnswer,
  ProblemError,
  Unauthenticated,
  Forbidden,
  NotFound,
  Conflict,
  Gone,
  InvalidInput,
  TooLarge,
  LimitReached,
  Unavailable,
  ServerFailed,
  problemOf,
};
