import type { Op } from "../wire/ops.ts";
import { type OwnMark, type OwnPart, ownPart } from "./own.ts";

/** What happens to one row of a client's table. Rows are JSON objects, keys JSON arrays, both as text. */
export type RowEvent =
  | { readonly kind: "upsert"; readonly key: string; readonly row: string; readonly own?: OwnMark }
  /** Only these columns are known, and the others stay; the key is among them. */
  | {
      readonly kind: "update";
      readonly key: string;
      readonly row: string;
      readonly columns: readonly string[];
      readonly own?: OwnMark;
    }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "truncate" };

type Known = Exclude<RowEvent, { kind: "truncate" }>;

/** Operations of one table, and rows that their author is told of in place of them. */
export interface Folded {
  readonly ops: readonly Op[];
  readonly own: readonly OwnPart[];
}

/**
 * The operations that do to a table what the events do one after another: each key stands in one of them, once, so that
 * the client can run each as one statement. Order: truncate, deletes, updates, upserts.
 */
export function fold(table: string, events: readonly RowEvent[]): Op[] {
  return [...opsOf(table, ...joinedEvents(events))];
}

/** As fold. A row that no other event than those of one own transaction concerns stands in none of the operations. */
export function foldOwn(table: string, events: readonly RowEvent[]): Folded {
  const [isTruncated, all] = joinedEvents(events);
  const own: OwnPart[] = [];
  const others = all.filter((event) => {
    if (event.kind === "delete" || event.own === undefined) return true;
    own.push(ownPart(table, event.key, event.own));
    return false;
  });
  return { ops: [...opsOf(table, isTruncated, others)], own };
}

/** One event a key, and whether all that was there is gone before. */
function joinedEvents(events: readonly RowEvent[]): [boolean, readonly Known[]] {
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
  return [isTruncated, [...byKey.values()]];
}

/** A row that another transaction changed as well is sent as it is by then. */
function joined(before: Known | undefined, event: Known): Known {
  if (before === undefined) return event;
  const isOne = ownOf(before) !== undefined && ownOf(before)?.tx === ownOf(event)?.tx;
  return isOne ? joinedRows(before, event) : withoutOwn(joinedRows(before, event));
}

function ownOf(event: Known): OwnMark | undefined {
  return event.kind === "delete" ? undefined : event.own;
}

function withoutOwn(event: Known): Known {
  if (event.kind === "delete" || event.own === undefined) return event;
  const { own: _, ...rest } = event;
  return rest;
}

/** A row of which only some columns are known is what it was, with these columns changed. */
function joinedRows(before: Known, event: Known): Known {
  if (event.kind !== "update" || before.kind === "delete") return event;
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
