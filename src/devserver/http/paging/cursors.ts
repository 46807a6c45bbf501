import { createHmac, timingSafeEqual } from "node:crypto";

/** What a cursor stands for. */
export interface Place {
  /** The index of the next record. */
  readonly at: number;
  /** The number of empty pages that were answered there. */
  readonly empty: number;
  /** When the cursor was made, and when the first one of its chain was, in milliseconds since 1970. */
  readonly issuedAt: number;
  readonly begunAt: number;
}

/** Opaque cursors that nobody else can make: a place and its signature, in base64url. */
export class Cursors {
  readonly #key: string;

  /** Servers of one seed read each other's cursors, so that they outlive a restart. */
  constructor(seed: number) {
    this.#key = `development ${seed}`;
  }

  issue({ at, empty, issuedAt, begunAt }: Place): string {
    const body = Buffer.from(JSON.stringify([at, empty, issuedAt, begunAt])).toString("base64url");
    return `${body}.${this.#sign(body)}`;
  }

  /** Null: the server never gave this one out. */
  read(cursor: string): Place | null {
    const [body = "", signature = "", ...more] = cursor.split(".");
    const expected = Buffer.from(this.#sign(body));
    const given = Buffer.from(signature);
    if (more.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    // It is as `issue` made it: the signature says so.
    const [at, empty, issuedAt, begunAt] = JSON.parse(Buffer.from(body, "base64url").toString()) as number[];
    return { at: at!, empty: empty!, issuedAt: issuedAt!, begunAt: begunAt! };
  }

  #sign(body: string): string {
    return createHmac("sha256", this.#key).update(body).digest("base64url").slice(0, 22);
  }
}
