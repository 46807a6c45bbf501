import { status } from "@grpc/grpc-js";

/** An error that reaches the client with a gRPC status; whatever else is thrown becomes INTERNAL. */
export interface Refusal extends Error {
  readonly code: status;
  readonly details: string;
}

export function invalidArgument(details: string): Refusal {
  return refusal(status.INVALID_ARGUMENT, details);
}

export function internal(details: string): Refusal {
  return refusal(status.INTERNAL, details);
}

export function refusal(code: status, details: string): Refusal {
  return Object.assign(new Error(details), { code, details });
}

/** The error as the client receives it. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Error && "code" in error && "details" in error) {
    // Only refusals have both properties.
    return error as Refusal;
  }
  return internal(`unexpected error | Caused by: ${error instanceof Error ? error.message : String(error)}`);
}
