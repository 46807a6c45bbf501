import { AmpsyncError } from "../errors.ts";

/** The error of a server that cannot listen. */
export function portTaken(port: number, cause: Error): AmpsyncError {
  return new AmpsyncError("SY902", `port ${port} of 127.0.0.1 cannot be opened`, {
    detail: cause.message,
    hint: "Port 0 takes any free port.",
    cause,
  });
}
