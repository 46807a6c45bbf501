import { AmpsyncError } from "../errors.ts";

const MIB = 1024 * 1024;

/** A page that is larger than what is accepted. */
export function tooLarge(maxBytes: number, where: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY106", `a page has more than ${maxBytes / MIB} MiB ${where}`, {
    detail: `AMPSYNC_HTTP_MAX_PAGE_MB is ${maxBytes / MIB}.`,
    hint: "Ask for smaller pages in the source's `query`, or start the workers with a larger AMPSYNC_HTTP_MAX_PAGE_MB; then: select * from ampsync.resume_sync('<dataset>');",
    cause,
  });
}
