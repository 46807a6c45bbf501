import type { IngestCalls } from "../db/ingest-calls.ts";
import type { StreamLease } from "../db/stream-calls.ts";
import type { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";

/** What a pass of an HTTP source tells people, in log and journal, of what its requests meet: each thing once. */
export class PassNotes {
  readonly #calls: IngestCalls;
  readonly #lease: StreamLease;
  readonly #log: Log;
  #limit: AmpsyncError | null = null;
  #hasToldAbsurdWait = false;

  constructor(calls: IngestCalls, lease: StreamLease, log: Log) {
    this.#calls = calls;
    this.#lease = lease;
    this.#log = log;
  }

  /** What is shown of the limit, from the first refusal to the next answer. */
  get limit(): AmpsyncError | null {
    return this.#limit;
  }

  /** An answer came with this status; where the limit is used up, with what is to be shown of it. */
  answered(status: number, limit: AmpsyncError | null): void {
    if (limit !== null && this.#limit === null) {
      const { code, message: error, detail } = limit;
      this.#log.warn("rate_limited", { status, code, error, cause: detail });
      void this.note("rate_limited", { status, code, message: error, detail });
    }
    this.#limit = limit;
  }

  /** An answer tells a wait that no limit has. */
  absurdWait(): void {
    if (this.#hasToldAbsurdWait) return;
    this.#hasToldAbsurdWait = true;
    this.#log.warn("rate_limit_absurd");
    void this.note("rate_limit_absurd", { taken_as: "24 hours" });
  }

  /** Writes into the journal what happened, if the database can be told. */
  async note(event: string, details: object): Promise<void> {
    await this.#calls.noteIngest(this.#lease, event, details).catch((error) => {
      this.#log.debug("note_failed", { about: event, error: String(error) });
    });
  }
}
