import type { Op } from "../wire/ops.ts";

/** What happens to one row of a client's table. Rows are JSON objects, keys JSON arrays, both as text. */
export type RowEvent =
  | { readonly kind: "upsert"; readonly key: string; readonly row: string }
  /** Only these columns are known, and the others stay; the key is among them. */
  | {
      readonly kind: "update";
      readonly key: string;
      readonly row: string;
      readonly columns: readonly string[];
    }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "truncate" };

type Known = Exclude<RowEvent, { kind: "truncate" }>;

/**
 * The operations that do to a table what the events do one after another: each key stands in one of them, once, so that
 * the client can run each as one statement. Order: truncate, deletes, updates, upserts.
 */
export function fold(table: string, events: readonly RowEvent[]): Op[] {
  let isTruncated = false;
  const byKey = new Map<string, Known>();
  for (const event of events) {
    if (event.kind === "truncate") {
      isTruncated = true;
      byKey.clear();
    } else {
      byKey.set(event.key, joined(byKey.get(event.key), event));
    }
  }
  return [...opsOf(table, isTruncated, [...byKey.values()])];
}

/** A row of which only some columns are known is what it was, with these columns changed. */
function joined(before: Known | undefined, event: Known): Known {
  if (event.kind !== "update" || before === undefined || before.kind === "delete") return event;
  // Values are strings or null: nothing is rounded here.
  const row = JSON.stringify({ ...JSON.parse(before.row), ...JSON.parse(event.row) });
  if (before.kind === "upsert") return { ...before, row };
  const columns = [...new Set([...before.columns, ...event.columns])];
  return { ...event, row, columns };
}

function* opsOf(table: string, isTruncated: boolean, events: readonly Known[]): Generator<Op> {
  if (isTruncated) yield { op: "truncate", table };
  const gone = events.filter(({ kind }) => kind === "delete").map(({ key }) => key);
  if (gone.length > 0 && !isTruncated) yield { op: "delete", table, keys: listOf(gone) };
  const updates = Map.groupBy(
    events.filter((event) => event.kind === "update"),
    ({ columns }) => JSON.stringify(columns.toSorted()),
  );
  for (const [columns, rows] of updates) {
    yield { op: "update", table, columns: JSON.parse(columns), rows: listOf(rows.map(({ row }) => row)) };
  }
  const whole = events.filter((event) => event.kind === "upsert").map(({ row }) => row);
  if (whole.length > 0) yield { op: "upsert", table, rows: listOf(whole) };
}

/** A list whose items are JSON already. */
export function listOf(items: readonly string[]): string {
  return `[${items.join(",")}]`;
}
