import type { GatewayCalls } from "../db/gateway-calls.ts";

/** Bytes that are kept: a snapshot of 200,000 rows takes about as much, and who comes next comes soon. */
const MOST_KEPT = 32 * 1024 * 1024;

interface Chunk {
  readonly status: number;
  readonly body: Buffer | null;
}

interface Kept {
  /** Null: who asked first did not get it. */
  readonly body: Promise<Buffer | null>;
  bytes: number;
}

/**
 * Chunks of snapshots for whoever may have them. Of many that load one instance together, one reads its bytes in the
 * database; for each of the others the database is asked whether they are for it.
 */
export class Chunks {
  readonly #calls: Pick<GatewayCalls, "chunk" | "chunkStatus">;
  readonly #mostKept: number;
  /** By snapshot and number, what was used last at the end. A snapshot that is ready stays what it is. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(calls: Pick<GatewayCalls, "chunk" | "chunkStatus">, mostKept = MOST_KEPT) {
    this.#calls = calls;
    this.#mostKept = mostKept;
  }

  async get(snapshot: string, n: number, token: object): Promise<Chunk> {
    const name = `${snapshot} ${n}`;
    const kept = this.#kept.get(name);
    if (kept === undefined) return await this.#read(name, snapshot, n, token);
    const status = await this.#calls.chunkStatus(snapshot, n, token);
    if (status !== 200) return { status, body: null };
    const body = await kept.body;
    if (body === null) return await this.get(snapshot, n, token);
    this.#use(name, kept);
    return { status, body };
  }

  async #read(name: string, snapshot: string, n: number, token: object): Promise<Chunk> {
    const reading = this.#calls.chunk(snapshot, n, token);
    const body = reading.then(
      (chunk) => chunk.body,
      () => null,
    );
    const kept = { body, bytes: 0 };
    this.#drop(name);
    this.#kept.set(name, kept);
    const bytes = (await body)?.length ?? null;
    if (this.#kept.get(name) === kept) {
      if (bytes === null) this.#drop(name);
      else this.#keep(kept, bytes);
    }
    return await reading;
  }

  #keep(kept: Kept, bytes: number): void {
    kept.bytes = bytes;
    this.#bytes += bytes;
    for (const name of this.#kept.keys()) {
      if (this.#bytes <= this.#mostKept) return;
      this.#drop(name);
    }
  }

  #use(name: string, kept: Kept): void {
    if (this.#kept.get(name) !== kept) return;
    this.#kept.delete(name);
    this.#kept.set(name, kept);
  }

  #drop(name: string): void {
    this.#bytes -= this.#kept.get(name)?.bytes ?? 0;
    this.#kept.delete(name);
  }
}
