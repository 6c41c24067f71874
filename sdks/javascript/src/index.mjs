// The same classes as for `require`, so that `instanceof` holds whichever way a program and its libraries load them.
import client from "./index.cjs";

export const {
  Client,
  Predictions,
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
} = client;
