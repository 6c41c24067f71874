/** A value of a row: nested arrays where a row has several. A missing one is null. */
export type Value = string | number | bigint | boolean | null | Date | ArrayLike<number> | readonly Value[];
export type GivenRow = Readonly<Record<string, Value | undefined>>;
export type GivenColumns = Readonly<Record<string, ArrayLike<Value> | ArrayLike<number> | ArrayLike<bigint>>>;
/** A row of the answer by output. NaN stands for what a float output does not have. */
export type Row = Record<string, any>;

export interface Limit {
  remaining: number | null;
  resetS: number | null;
  quota: number | null;
  windowS: number | null;
}

export interface Deprecation {
  since: Date | null;
  sunset: Date | null;
  successor: string;
  guide: string;
}

/** One HTTP call that brought rows. */
export interface CallInfo {
  requestId: string;
  modelVersion: string;
  traceId: string;
  rows: number;
  attempts: number;
  limits: Record<string, Limit>;
  deprecation: Deprecation | null;
}

export interface Options {
  /** Address of the gateway, with or without /v2; else MARKETPLACE_GATEWAY_URL. */
  gateway?: string;
  /** API key; else MARKETPLACE_API_KEY. */
  key?: string;
  /** Address of the portal, for feedback; else MARKETPLACE_URL. */
  portal?: string;
  /** Only to call another version than the subscription's policy chooses. */
  version?: string;
  /** For a call, or a whole batch, with all repetitions. */
  timeoutMs?: number;
  /** Of one call, the first included. */
  attempts?: number;
  firstPauseMs?: number;
  longestPauseMs?: number;
  /** Rows and bytes of one piece of a batch. */
  maxRows?: number;
  maxBytes?: number;
  /** Told once for each deprecated version; else process.emitWarning. */
  onWarning?: (text: string, deprecation: Deprecation) => void;
  /** Told of every answered call, for tracing. */
  onCall?: (call: CallInfo) => void;
  fetch?: typeof globalThis.fetch;
  sleep?: (ms: number) => Promise<void>;
}

export interface CallOptions {
  /** Send and ask for binary tensors: smaller and faster for many numbers; no gaps but NaN. */
  binary?: boolean;
  timeoutMs?: number;
  /** Of the caller's W3C trace. */
  traceparent?: string;
}

export interface Outcome {
  request_id: string;
  actual: number | string | boolean;
  predicted?: number | string | boolean;
  row?: number;
  output?: string;
}

export interface Metadata {
  name: string;
  versions: string[];
  platform: string;
  inputs: { name: string; datatype: string; shape: number[] }[];
  outputs: { name: string; datatype: string; shape: number[] }[];
}

export class Predictions implements Iterable<Row> {
  readonly columns: Record<string, any[]>;
  readonly calls: CallInfo[];
  readonly length: number;
  readonly requestId: string;
  readonly requestIds: string[];
  readonly modelVersion: string;
  readonly limits: Record<string, Limit>;
  readonly deprecation: Deprecation | null;
  at(index: number): Row | undefined;
  toArray(): Row[];
  [Symbol.iterator](): Iterator<Row>;
}

/** Calls one model with one key. */
export class Client {
  constructor(model: string, options?: Options);
  readonly model: string;
  readonly modelUrl: string;
  predict(data: readonly GivenRow[] | GivenColumns, options?: CallOptions): Promise<Predictions>;
  predictOne(row: GivenRow, options?: CallOptions): Promise<Row>;
  metadata(options?: CallOptions): Promise<Metadata>;
  feedback(outcomes: readonly Outcome[]): Promise<{ taken: number; refused: { request_id: string; reason: string }[] }>;
}

export class MarketplaceError extends Error {
  readonly kind: string;
  /** The server may have done the call although there is no answer. The client never repeats it. */
  readonly mayHaveRun: boolean;
  /** What was answered before, when a batch was sent in pieces. */
  readonly predictions: Predictions | null;
  readonly traceId: string;
}
export class ConnectionFailed extends MarketplaceError {}
export class ConnectionLost extends MarketplaceError {}
export class DeadlineExceeded extends MarketplaceError {}
export class UnexpectedAnswer extends MarketplaceError {}
/** The server said no: problem+json (RFC 9457). */
export class ProblemError extends MarketplaceError {
  readonly status: number;
  readonly type: string;
  readonly slug: string;
  readonly title: string;
  readonly detail: string;
  readonly remedy: string;
  readonly field: string | null;
  readonly row: number | null;
  readonly errors: { field?: string; row?: number; detail: string; remedy?: string }[];
  readonly requestId: string;
  readonly retryAfter: number | null;
  readonly links: Record<string, string>;
  readonly document: Record<string, unknown>;
}
export class Unauthenticated extends ProblemError {}
export class Forbidden extends ProblemError {}
export class NotFound extends ProblemError {}
export class Conflict extends ProblemError {}
export class Gone extends ProblemError {
  readonly successor: string;
}
export class InvalidInput extends ProblemError {}
export class TooLarge extends ProblemError {}
export class LimitReached extends ProblemError {}
export class Unavailable extends ProblemError {}
export class ServerFailed extends ProblemError {}
