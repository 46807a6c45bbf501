import type { ChangeRow } from "../db/gateway-answers.ts";
import type { RowEvent } from "./fold.ts";

/** A change of a captured table, as one shape sees it. */
export type Change = Omit<ChangeRow, "shape_id">;

/** What changes mean to somebody who has these instances of the shape. */
export function eventsOf(
  changes: readonly Change[],
  instances: ReadonlySet<string>,
  columns: readonly string[],
): RowEvent[] {
  const events: RowEvent[] = [];
  for (const change of changes) {
    if (change.operation === "truncate") {
      events.push({ kind: "truncate" });
      continue;
    }
    const { was, is, key, data, unchanged } = change;
    if (is !== null && instances.has(is)) {
      if (unchanged === null) events.push({ kind: "upsert", key: key!, row: data! });
      else {
        const present = columns.filter((column) => !unchanged.includes(column));
        events.push({ kind: "update", key: key!, row: data!, columns: present });
      }
    } else if (was !== null && instances.has(was)) {
      events.push({ kind: "delete", key: key! });
    }
  }
  return events;
}

/** Changes of several readings of the log, each once, in the order of the log. */
export function inOrder(readings: readonly (readonly Change[])[]): Change[] {
  const all = new Map<string, Change>();
  for (const change of readings.flat()) all.set(`${change.position} ${change.seq}`, change);
  return [...all.values()].sort((a, b) =>
    a.position === b.position ? a.seq - b.seq : a.position < b.position ? -1 : 1,
  );
}
