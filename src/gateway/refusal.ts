import { AmpsyncError } from "../errors.ts";
import { failureOf, textOf } from "../model/failure.ts";
import { CLOSE } from "../wire/codec.ts";
import type { FromGateway } from "../wire/from-gateway.ts";

const MOST_PAUSE_MS = 5_000;

/** By the error's code; every other one is the database's trouble, and the client comes again later. */
const CODES: Readonly<Record<string, number>> = {
  SY001: CLOSE.replaced,
  SY105: CLOSE.token,
  SY411: CLOSE.protocol,
  SY415: CLOSE.forbidden,
  SY416: CLOSE.limit,
};

/** This gateway does not take the client; those with these addresses do. */
export class Elsewhere extends AmpsyncError {
  readonly gateways: readonly string[];

  constructor(message: string, gateways: readonly string[]) {
    super("SY104", message);
    this.gateways = gateways;
  }
}

interface Closing {
  readonly code: string;
  readonly close: number;
  readonly message: FromGateway;
}

/** How a connection ends by an error: texts of the database may hold values, and stay here. */
export function closingOf(error: unknown): Closing {
  const { code, message } = failureOf(error);
  const close = CODES[code];
  if (error instanceof Elsewhere) {
    return { code, ...later(code, message, CLOSE.later, error.gateways) };
  }
  if (close === undefined) {
    return { code, ...later("SY104", "the database cannot be asked at the moment") };
  }
  const hint = textOf(error, "hint");
  const pause = close === CLOSE.limit ? limitPause(error) : null;
  return {
    code,
    close,
    message: { t: "error", code, message, hint, retry_ms: pause, gateways: null },
  };
}

/** The client comes again, not all of them at once; to others at once, if there are any. */
export function later(
  code: string,
  message: string,
  close: number = CLOSE.later,
  others: readonly string[] = [],
): Omit<Closing, "code"> {
  const to =
    others.length === 0 ? { retry_ms: randomPause(), gateways: null } : { retry_ms: 0, gateways: others };
  return { close, message: { t: "error", code, message, hint: null, ...to } };
}

function limitPause(error: unknown): number {
  const told = error instanceof AmpsyncError ? error.retryAfterS : null;
  return (told === null ? MOST_PAUSE_MS : Math.ceil(told * 1000)) + randomPause();
}

function randomPause(): number {
  return Math.floor(Math.random() * MOST_PAUSE_MS);
}
