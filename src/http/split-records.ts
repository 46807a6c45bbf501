import { AmpsyncError } from "../errors.ts";
import { parseBounded } from "../model/bounded-json.ts";
import type { Clean } from "../model/foreign-text.ts";
import { pointerParts } from "./json.ts";
import { BRACKET, JsonScan } from "./json-scan.ts";

/** What stands beside the records is parsed, to know that it is JSON: no more of it than any list of pages needs. */
const OUTSIDE_LIMITS = { depth: 1_000, values: 1_000_000 };

/** Where the records of a page lie in its body. */
export interface Records {
  readonly count: number;
  readonly starts: Uint32Array;
  /** Behind each record. */
  readonly ends: Uint32Array;
}

/** A page in parts. */
export interface Page {
  /** Null where there is no array. */
  readonly records: Records | null;
  /** What there is in the place of the array. */
  readonly instead: "null" | "nothing" | "another value" | null;
  /** The document with that array emptied, as bytes: valid JSON. */
  readonly outside: Uint8Array;
}

/**
 * Splits an answer into its records, which are never parsed here: they go to PostgreSQL as they came. Whatever they hold
 * between their brackets is theirs. SY303 if the rest is no JSON, brackets do not match, or it ends early.
 */
export function splitRecords(body: Uint8Array, pointer: string, clean?: Clean): Page {
  const scan = new JsonScan(body, clean);
  const path = pointerParts(pointer);
  let found: { start: number; end: number } | null = null;
  let records = new GrowingRecords();

  /** Goes over a value that lies on the path, or at its end. */
  function walk(start: number, level: number): number {
    found = null; // Of a name that is there twice the last one counts.
    const part = path[level];
    if (part !== undefined) {
      return scan.isContainer(start)
        ? scan.over(start, part, (value) => walk(value, level + 1))
        : scan.endOf(start);
    }
    records = new GrowingRecords();
    const end = body[start] === BRACKET ? scan.items(start, records.add) : scan.endOf(start);
    found = { start, end };
    return end;
  }

  const end = scan.skipWhite(walk(scan.skipWhite(0), 0));
  if (end < body.length) throw scan.malformed(end, "its end");
  // The compiler does not see that walk() assigns it.
  const array = found as { start: number; end: number } | null;
  if (array === null || body[array.start] !== BRACKET) {
    // A body that is null says nothing, not even that there are no records.
    const isNull = array !== null && path.length > 0 && scan.text(array.start, array.end) === "null";
    const instead = array === null ? "nothing" : isNull ? "null" : "another value";
    return { records: null, instead, outside: checked(body) };
  }
  const outside = Buffer.concat([body.subarray(0, array.start + 1), body.subarray(array.end - 1)]);
  return { records: records.taken(), instead: null, outside: checked(outside) };
}

/** How V8 shows a part of what is no JSON. */
const QUOTED = /, (\.\.\.)?".*"(\.\.\.)? is not valid JSON$/s;

class GrowingRecords {
  #count = 0;
  #starts = new Uint32Array(1_024);
  #ends = new Uint32Array(1_024);

  readonly add = (start: number, end: number): void => {
    if (this.#count === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#ends = doubled(this.#ends);
    }
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#count++;
  };

  taken(): Records {
    const count = this.#count;
    return { count, starts: this.#starts.subarray(0, count), ends: this.#ends.subarray(0, count) };
  }
}

function doubled(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

function checked(outside: Uint8Array): Uint8Array {
  try {
    parseBounded(new TextDecoder().decode(outside), OUTSIDE_LIMITS);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const detail = said.replace(QUOTED, ""); // A secret may lie across its ends.
    const what = cause instanceof RangeError ? "has too much beside its records" : "is not JSON";
    throw new AmpsyncError("SY303", `The answer ${what}`, { detail });
  }
  return outside;
}
