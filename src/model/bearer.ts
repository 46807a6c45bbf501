import { AmpsyncError } from "../errors.ts";

/** The hint for a token that a server refuses. */
export const TOKEN_HINT = "Set AMP_AUTH_TOKEN or AMP_AUTH_TOKEN_FILE.";

/** Other characters would make the HTTP library fail with an error that shows the whole token. */
const PRINTABLE = /^[!-~]+$/;

/** The value of an `authorization` header. SY105, without the token, if no header can carry it. */
export function bearer(token: string): string {
  if (!PRINTABLE.test(token)) {
    throw new AmpsyncError("SY105", "The token contains characters that an HTTP header cannot carry", {
      hint: "Look for a blank or a line break in AMP_AUTH_TOKEN or AMP_AUTH_TOKEN_FILE.",
    });
  }
  return `Bearer ${token}`;
}
