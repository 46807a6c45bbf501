import { AmpsyncError } from "../errors.ts";
import type { Failure } from "./subscriptions.ts";

export function full(error: unknown): AmpsyncError {
  return new AmpsyncError("SY433", `the store takes nothing: ${(error as Error).message}`, {
    hint: "Free space on the device: the store is tried again each minute.",
    cause: error,
  });
}

/** The store is there, or was, and cannot be opened. Nothing has been done to it. */
export function unavailable(name: string, error: unknown): AmpsyncError {
  return new AmpsyncError("SY421", `the store ${name} cannot be opened: ${(error as Error).message}`, {
    detail: "store_unavailable: what is in it is as it was.",
    hint: "Try again, or createClient({ …, reset: true }), which gives up what is in it.",
    cause: error,
  });
}

export function failureOfStore({ code, message, hint }: AmpsyncError): Failure {
  return { code, message, hint };
}
