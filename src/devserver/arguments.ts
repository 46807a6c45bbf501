import { AmpsyncError } from "../errors.ts";

export interface DevServerIo {
  /** Prints one line. */
  readonly stdout: (line: string) => void;
  /** Stops the server. */
  readonly signal: AbortSignal;
}

export function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw wrong(`--${option} ${text} is not a whole number`, "The number must be 0 or more.");
  }
  return value;
}

export function needed(option: string, value: string | undefined): string {
  if (value === undefined) {
    throw wrong(`--${option} is missing`, "This source needs it.");
  }
  return value;
}

/** An argument that is wrong. */
export function wrong(message: string, detail: string): AmpsyncError {
  return new AmpsyncError("SY004", message, { detail, hint: "ampsync devserver --help" });
}
