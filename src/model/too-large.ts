import { AmpsyncError } from "../errors.ts";

/**
 * The error of a message that asks for more memory or time than one message may
 * have, however small it is itself. `what` says what of it, with its verb.
 */
export function tooLarge(what: string, found: number | bigint, unit: string, limit: number): AmpsyncError {
  return new AmpsyncError("SY106", `${what} ${found} ${unit}, and the limit is ${limit}`, {
    hint: "Configure the server to send smaller batches, then: select ampsync.resume_sync('<dataset>');",
  });
}
