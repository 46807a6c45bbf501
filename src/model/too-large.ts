import { AmpsyncError } from "../errors.ts";

/**
 * The error of a message that takes more memory or time than one message may, however
 * small it is itself. `what` names the part of it, with a verb.
 */
export function tooLarge(what: string, found: number | bigint, unit: string, limit: number): AmpsyncError {
  return new AmpsyncError("SY106", `${what} ${found} ${unit}, and the limit is ${limit}`, {
    hint: "Configure the server to send smaller batches, then: select ampsync.resume_sync('<dataset>');",
  });
}
