import type { ChangeRow, DirtyTable, LogPage, ShapeForm } from "../db/gateway-answers.ts";
import type { SnapshotReads } from "../db/snapshot-reads.ts";
import { type LinesByKey, linesByKey } from "./copy-text.ts";
import { OwnChanges } from "./own.ts";
import type { Session } from "./session.ts";
import { liveShapes } from "./subscription.ts";

/** Blocks of a dataset table that may differ, and the rows that they have now. */
export interface ReplacedBlocks {
  readonly ranges: DirtyTable["ranges"];
  readonly lines: LinesByKey;
}

/** What one snapshot of the database says to several sessions. */
export interface Reading {
  readonly log: LogPage;
  readonly to: bigint;
  readonly head: bigint;
  /** By shape. */
  readonly changes: ReadonlyMap<number, readonly ChangeRow[]>;
  readonly blocks: ReadonlyMap<number, ReplacedBlocks>;
  readonly own: OwnChanges;
  /** Whether nothing was in these blocks of a shape's table when a session stood there; false where that is not known. */
  readonly areNew: (form: ShapeForm, ranges: DirtyTable["ranges"], from: bigint) => boolean;
}

/** The changes of these shapes of rows in (after, to]. */
export async function readChanges(
  reads: SnapshotReads,
  shapes: Iterable<ShapeForm>,
  after: bigint | null,
  to: bigint,
): Promise<Map<number, ChangeRow[]>> {
  const ids = [...shapes].filter(({ mode }) => mode === "rows").map(({ shape_id }) => shape_id);
  if (after === null || after >= to || ids.length === 0) return new Map();
  return Map.groupBy(await reads.changes(ids, after, to), ({ shape_id }) => shape_id);
}

/** What these sessions need of their own transactions: read for the shapes that these have, and only where there are some. */
export async function readOwn(
  reads: SnapshotReads,
  sessions: readonly Session[],
  { own }: LogPage,
): Promise<OwnChanges> {
  const standing = new Map(own.length === 0 ? [] : sessions.map((session) => [session.client, session]));
  const entries = own.filter(({ client, position }) => {
    const session = standing.get(client);
    return session !== undefined && BigInt(position) > session.served.position;
  });
  if (entries.length === 0) return OwnChanges.none;
  const authors = [...new Set(entries.map(({ client }) => standing.get(client)!))];
  const shapes = new Set(authors.flatMap((each) => liveShapes(each.subscriptions.values(), "rows")));
  return new OwnChanges(
    entries,
    await reads.own(
      [...shapes],
      entries.map(({ position }) => BigInt(position)),
    ),
  );
}

/** For each of these shapes whose blocks are dirty, its rows in them: one COPY a shape, whatever number of instances. */
export async function readBlocks(
  reads: SnapshotReads,
  shapes: Iterable<ShapeForm>,
  dirty: readonly DirtyTable[],
): Promise<Map<number, ReplacedBlocks>> {
  const blocks = new Map<number, ReplacedBlocks>();
  for (const form of shapes) {
    const ranges = dirty.find((table) => table.shapes?.includes(form.shape_id))?.ranges;
    if (ranges === undefined) continue;
    const copy = await reads.copy(form, ranges, null);
    blocks.set(form.shape_id, { ranges, lines: linesByKey(copy) });
  }
  return blocks;
}
