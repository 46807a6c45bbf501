import LinkHeader from "http-link-header";

import { AmpsyncError } from "../errors.ts";
import type { Clean } from "../model/foreign-text.ts";

/** How much of a header that cannot be read is shown. */
const SHOWN = 200;

/** The address of the next page in a Link header (RFC 8288); null if it names none. `clean`: of what is shown of it. */
export function nextLink(header: string | null, clean: Clean): string | null {
  if (header === null || header.trim() === "") return null;
  try {
    const [next] = LinkHeader.parse(header).rel("next");
    return next?.uri ?? null;
  } catch (cause) {
    // Taken for an end it would lose all that follows.
    throw new AmpsyncError("SY303", "The Link header of the answer cannot be read", {
      detail: `It is ${JSON.stringify(clean(header).slice(0, SHOWN))}.`,
      cause,
    });
  }
}
