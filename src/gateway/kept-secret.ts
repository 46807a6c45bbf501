import type { Log } from "../log.ts";
import { textOf } from "../model/failure.ts";
import { SECRET_BYTES } from "../model/secrets.ts";

/**
 * A secret that is read again each time. What is too short to be one, as a file that is being written, or was cut short, is
 * not believed: the last good one holds, and the log says so once.
 */
export class KeptSecret {
  readonly #read: () => string | null;
  readonly #log: Log;
  #good: string;
  #isDoubted = false;

  constructor(read: () => string | null, log: Log) {
    this.#read = read;
    this.#log = log;
    const { secret, why } = this.#found();
    this.#good = why === null ? secret : "";
  }

  get(): string {
    const { secret, why } = this.#found();
    if (why === null) this.#good = secret;
    else if (!this.#isDoubted) this.#log.warn("secret_refused", { reason: why });
    this.#isDoubted = why !== null;
    return this.#good;
  }

  #found(): { readonly secret: string; readonly why: string | null } {
    try {
      const secret = this.#read() ?? "";
      const bytes = Buffer.byteLength(secret);
      return { secret, why: bytes < SECRET_BYTES ? `it has ${bytes} bytes, and not ${SECRET_BYTES}` : null };
    } catch (error) {
      return { secret: "", why: `it cannot be read: ${textOf(error, "code") ?? "no reason"}` };
    }
  }
}
