import { hash } from "node:crypto";

import type { Records } from "../http/split-records.ts";

/** How many requests of a run are remembered. */
const REMEMBERED = 10_000;

/**
 * What a pass remembers of one run of a part, to notice that its pages do not advance. To be made anew for each run, and
 * where a request is repeated on purpose (`previous`, a restart).
 */
export class RunMemory {
  /** Hashes of what was asked for. */
  readonly #asked = new Set<string>();
  #emptyPages: number;
  #records: string | null = null;
  #samePages = 0;

  /** `emptyPages`: in a row, those of earlier passes included. */
  constructor(emptyPages: number) {
    this.#emptyPages = emptyPages;
  }

  /** Empty pages in a row. */
  get emptyPages(): number {
    return this.#emptyPages;
  }

  /** Pages in a row with the same records, the last one included; 0 after an empty page. */
  get samePages(): number {
    return this.#samePages;
  }

  asked(request: string): void {
    const key = hashOf(request);
    this.#asked.add(key);
    for (const oldest of this.#asked) {
      if (this.#asked.size <= REMEMBERED) break;
      this.#asked.delete(oldest);
    }
  }

  wasAsked(request: string): boolean {
    return this.#asked.has(hashOf(request));
  }

  received(body: Uint8Array, records: Records | null): void {
    if (records === null || records.count === 0) {
      this.#emptyPages++;
      this.#samePages = 0;
      this.#records = null;
      return;
    }
    const bytes = hashOf(body.subarray(records.starts[0], records.ends[records.count - 1]));
    this.#emptyPages = 0;
    this.#samePages = bytes === this.#records ? this.#samePages + 1 : 1;
    this.#records = bytes;
  }
}

function hashOf(bytes: string | Uint8Array): string {
  return hash("sha1", bytes, "base64");
}
