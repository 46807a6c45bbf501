import { textAt } from "../http/json.ts";
import type { Records } from "../http/split-records.ts";
import { parseBounded } from "../model/bounded-json.ts";

const RECORD_LIMITS = { depth: 10_000, values: 1_000_000 };

/** The value at a pointer into the last record, as JSON text; null: it has none that can be read. */
export function lastValue(
  body: Uint8Array,
  { starts, ends, count }: Records,
  pointer: string,
): string | null {
  const record = body.subarray(starts[count - 1], ends[count - 1]);
  try {
    parseBounded(new TextDecoder().decode(record), RECORD_LIMITS);
  } catch {
    return null; // No JSON.
  }
  const text = textAt(record, pointer);
  return text === "null" ? null : text;
}
