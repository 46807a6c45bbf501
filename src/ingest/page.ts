import type { Cleaned } from "../http/clean-records.ts";
import type { Records } from "../http/split-records.ts";
import type { HeldBytes } from "./held-bytes.ts";
import type { Position } from "./position.ts";

/** One page of a part that waits for its commit: its records, and what moves with them. */
export interface Page {
  readonly part: string;
  /** Its number in the run, from 1. */
  readonly page: number;
  readonly body: Uint8Array;
  readonly records: Records;
  /** The memory of its body. */
  readonly held: HeldBytes;
  /** The position that is stored before it, and the one after it. */
  readonly expected: Position | null;
  readonly position: Position | null;
  /** What it was asked with. */
  readonly asked: Position | null;
  /** The run of its part ends with it. */
  readonly done: boolean;
  /** How many records the API says there are; null where it does not say. */
  readonly total: string | null;
  /** Records in which something was rewritten that PostgreSQL cannot store. */
  readonly nuls: Cleaned;
}
