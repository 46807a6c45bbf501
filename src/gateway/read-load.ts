import type { ChangeRow, DirtyTable, Settling, ShapeForm } from "../db/gateway-answers.ts";
import { type SnapshotReads, TooManyRows } from "../db/snapshot-reads.ts";
import { encode } from "../wire/codec.ts";
import type { Op } from "../wire/ops.ts";
import { linesByKey } from "./copy-text.ts";
import { fold } from "./fold.ts";
import { blocksOp, datasetOps } from "./frame.ts";
import type { Load } from "./load.ts";
import { type LoadPart, loadOps } from "./load-ops.ts";
import { eventsOf, inOrder } from "./merge.ts";
import type { Reading } from "./reading.ts";
import type { Session } from "./session.ts";
import { instancesOf } from "./subscription.ts";

/** Operations of a load, read in the snapshot of the frame that brings it. */
export interface LoadedOps {
  readonly texts: readonly string[];
  /** A shape that cannot be judged, and at which row. */
  readonly failed: readonly ChangeRow[];
  /** Transactions of the client that it has with this load. */
  readonly settled: readonly string[];
}

/** What came since a load was prepared is more than a frame may bring: it is prepared anew. */
export class LoadTooLarge extends Error {
  override readonly name = "LoadTooLarge";
  readonly load: Load;
  /** Where the reading stood. */
  readonly from: bigint;
  /** Whose rows are more than they were expected to be. */
  readonly large: ShapeForm | null;

  constructor(load: Load, from: bigint, large: ShapeForm | null = null) {
    super("more has changed since the load was prepared than a frame may bring");
    this.load = load;
    this.from = from;
    this.large = large;
  }
}

/** The loads that end with this reading. One that is too large for it is prepared anew, and its session goes on without. */
export async function readLoads(
  reads: SnapshotReads,
  sessions: readonly Session[],
  reading: Reading,
): Promise<ReadonlyMap<Session, LoadedOps>> {
  const loaded = new Map<Session, LoadedOps>();
  for (const session of sessions) {
    if (!session.isLoaded || session.load!.settled > reading.to) continue;
    try {
      loaded.set(session, await readLoad(reads, session, reading));
    } catch (error) {
      // Where a COPY was broken off nothing more can be read.
      if (!(error instanceof LoadTooLarge) || error.large !== null) throw error;
      error.load.outrun(error.from, null);
    }
  }
  return await withSettled(reads, loaded, reading.to);
}

/** Asked at once for all of them. */
async function withSettled(
  reads: SnapshotReads,
  loaded: ReadonlyMap<Session, LoadedOps>,
  to: bigint,
): Promise<ReadonlyMap<Session, LoadedOps>> {
  const loads = [...loaded.keys()].flatMap(({ client, awaiting, lastSeq, load }): Settling[] => {
    const rows = load!.parts.filter(({ form }) => form.mode === "rows");
    const visible = rows.flatMap(({ small, staged }) => [
      ...(small === null ? [] : [small.visible]),
      ...staged.map((each) => each.visible),
    ]);
    return visible.length === 0
      ? []
      : [{ client, awaiting, last_seq: lastSeq, visible: [...new Set(visible)] }];
  });
  if (loads.length === 0) return loaded;
  const settled = await reads.settled(loads, to);
  return new Map(
    [...loaded].map(([session, ops]) => [session, { ...ops, settled: settled[session.client] ?? [] }]),
  );
}

/** The operations of a session's load, in this snapshot: what was loaded, and what came between. */
async function readLoad(reads: SnapshotReads, session: Session, reading: Reading): Promise<LoadedOps> {
  const load = session.load!;
  await checkSize(reads, load, reading);
  const texts: string[] = [];
  const failed: ChangeRow[] = [];
  const live = instancesOf(session.subscriptions.values(), ["live"]);
  for (const part of load.parts) {
    const own = part.whole ? [] : (live.get(part.form.shape_id)?.keys ?? []);
    const keys = new Set([...own, ...part.keys]);
    const ops =
      part.form.mode === "rows"
        ? await loadedRows(reads, session, reading, part, keys, failed)
        : await loadedBlocks(reads, session, load, reading, part, keys);
    texts.push(...ops.map((op) => encode(op)));
  }
  const blocks = load.parts.filter(({ form }) => form.mode === "blocks").map(({ form }) => form.shape_id);
  if (blocks.length > 0) texts.push(...datasetOps(await reads.datasets(blocks)).map((op) => encode(op)));
  return { texts, failed, settled: [] };
}

/** Throws LoadTooLarge where what came since its rows were read does not fit into one frame. */
async function checkSize(reads: SnapshotReads, load: Load, { to }: Reading): Promise<void> {
  const rows = load.parts.filter(({ form }) => form.mode === "rows");
  const since = rows.flatMap(({ small, staged }) => [
    ...(small === null ? [] : [small.settled]),
    ...staged.map((each) =>
      each.since === null ? BigInt(each.settled ?? each.position) : BigInt(each.since) - 1n,
    ),
  ]);
  if (since.length === 0) return;
  const oldest = since.reduce((least, each) => (each < least ? each : least));
  const shapes = rows.map(({ form }) => form.shape_id);
  if ((await reads.large(shapes, oldest, to)).length > 0) throw new LoadTooLarge(load, to);
}

async function loadedRows(
  reads: SnapshotReads,
  session: Session,
  reading: Reading,
  part: LoadPart,
  keys: ReadonlySet<string>,
  failed: ChangeRow[],
): Promise<Op[]> {
  const { form, small, staged } = part;
  const moments = new Map<string, bigint>();
  if (small !== null) moments.set(small.visible, small.settled);
  for (const { visible, settled, position } of staged) moments.set(visible, BigInt(settled ?? position));
  const unseen: ChangeRow[][] = [];
  for (const [visible, settled] of moments) {
    unseen.push(await reads.unseen(form.shape_id, visible, settled, reading.to));
  }
  // Of the instances that were there already.
  const news = reading.changes.get(form.shape_id) ?? [];
  unseen.push(news.filter(({ position }) => position > session.served.position));
  failed.push(...unseen.flat().filter(({ operation }) => operation === "failed"));
  const events = eventsOf(inOrder(unseen), keys, form.columns);
  return [...loadOps(part, small?.lines ?? new Map()), ...fold(form.table, events)];
}

/** A dataset's rows of this snapshot are those of its head, so small instances need nothing more. */
async function loadedBlocks(
  reads: SnapshotReads,
  session: Session,
  load: Load,
  reading: Reading,
  part: LoadPart,
  keys: ReadonlySet<string>,
): Promise<Op[]> {
  const { form, staged, smallKeys } = part;
  const copy = (ranges: DirtyTable["ranges"] | null, of: readonly string[]) =>
    reads.copy(form, ranges, of).catch((error: unknown) => {
      throw error instanceof TooManyRows ? new LoadTooLarge(load, reading.head, form) : error;
    });
  const small = smallKeys.length === 0 ? new Map() : linesByKey(await copy(null, smallKeys));
  const loads = loadOps(part, small);
  const low = reading.log.low[form.shape_id] ?? null;
  if (staged.length === 0) {
    const replaced = reading.blocks.get(form.shape_id);
    const own = new Set([...keys].filter((key) => !part.keys.includes(key)));
    const isLive = own.size > 0 && replaced !== undefined && reading.head > session.served.blocks;
    return [...(isLive ? [blocksOp(form, own, replaced, reading.log)] : []), ...loads];
  }
  const isAlone = keys.size === part.keys.length; // No other instances, which stand where the session stands.
  const since = [
    ...(isAlone ? [] : [session.served.blocks]),
    ...staged.map(({ position }) => BigInt(position)),
  ];
  const oldest = since.reduce((least, each) => (each < least ? each : least));
  const log = await reads.log(null, session.epoch, oldest);
  const dirty = log.blocks.find(({ shapes }) => shapes?.includes(form.shape_id));
  if (dirty?.large.includes(form.shape_id)) throw new LoadTooLarge(load, reading.head);
  const ranges = dirty?.ranges ?? [];
  if (ranges.length === 0) {
    return [...loads, { op: "blocks", table: form.table, ranges, copy: "", trim: low }];
  }
  const lines = linesByKey(await copy(ranges, [...keys]));
  return [...loads, blocksOp(form, keys, { ranges, lines }, reading.log)];
}
