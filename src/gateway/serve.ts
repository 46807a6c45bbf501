import type { ChangeRow, LogPage } from "../db/gateway-answers.ts";
import type { SnapshotReads } from "../db/snapshot-reads.ts";
import { encode } from "../wire/codec.ts";
import type { Op } from "../wire/ops.ts";
import { linesByKey } from "./copy-text.ts";
import { fold } from "./fold.ts";
import { blocksOp, liveOps, type SharedOps } from "./frame.ts";
import { type LoadPart, loadOps } from "./load-ops.ts";
import { eventsOf, inOrder } from "./merge.ts";
import type { Reading } from "./reading.ts";
import type { Session } from "./session.ts";
import { type Instances, instancesOf, type Subscription, whereOf } from "./subscription.ts";

/** A client hears at most this often that nothing was for it. */
const EMPTY_EACH_MS = 1_000;

/** Operations of a load, read in the snapshot of the frame that brings it. */
export interface LoadedOps {
  readonly texts: readonly string[];
  /** A shape that cannot be judged, and at which row. */
  readonly failed: readonly ChangeRow[];
}

/**
 * Sends a session what a reading has for it, in one frame. `loaded`: of its load, which ends with this frame. `checked`: what
 * its tables hold once all of that is applied.
 */
export function serve(
  session: Session,
  reading: Reading,
  shared: SharedOps,
  loaded: LoadedOps | null,
  checked: readonly string[],
): void {
  const live = liveInstances(session, loaded !== null);
  const texts = [
    ...liveOps(reading, session.served, live, shared),
    ...dropOps(session).map((op) => encode(op)),
    ...(loaded?.texts ?? []),
    ...checked,
  ];
  const loads = loaded === null ? [] : session.load!.subscriptions;
  const gone = session.ended.map(({ wish }) => wish.id).filter((id) => !session.subscriptions.has(id));
  const { served } = session;
  // Ahead of this page it stays; above the head, where only another life of the log can have brought it, it does not.
  const isAhead = served.position > reading.to && served.position <= reading.head;
  const to = isAhead ? served.position : reading.to;
  session.served = { position: to, blocks: reading.head };
  if (reading.to === to) session.stamps.stamp = reading.log.to_stamp;
  session.stamps.blocksStamp = reading.log.head_stamp;
  if (loaded !== null) endLoad(session);
  session.ended = [];

  const isNews = texts.length > 0 || loads.length > 0 || gone.length > 0;
  const isBehind = session.sent.position < to || session.sent.blocks < reading.head;
  if (!isNews && !(isBehind && performance.now() - session.frameAt >= EMPTY_EACH_MS)) return;
  sendFrame(session, reading.log, texts, {
    live: loads.map(({ wish, answer }) => ({ id: wish.id, definition: answer?.definition ?? "" })),
    gone,
  });
}

function sendFrame(session: Session, log: LogPage, ops: readonly string[], more: object): void {
  const { sent, served, stamps } = session;
  const head = JSON.stringify({
    t: "frame",
    from: sent.position.toString(),
    to: served.position.toString(),
    stamp: stamps.stamp ?? "0",
    blocks: [sent.blocks.toString(), served.blocks.toString()],
    blocks_stamp: stamps.blocksStamp ?? "0",
    at: log.at ?? log.now,
    ...more,
  });
  session.sent = served;
  session.frameAt = performance.now();
  session.line.sendFrame(`${head.slice(0, -1)},"ops":[${ops.join(",")}]}`, served);
}

/** Those of a shape that is being loaded now come with the load. */
function liveInstances(session: Session, isLoading: boolean): Instances {
  const live = instancesOf(session.subscriptions.values(), ["live"]);
  if (!isLoading) return live;
  const loading = new Set(session.load!.parts.map(({ form }) => form.shape_id));
  return new Map([...live].filter(([shape]) => !loading.has(shape)));
}

/** What the client has of subscriptions that it ended, and of no other one. */
function dropOps({ ended, subscriptions }: Session): Op[] {
  return ended.flatMap(({ form, keys }) => {
    if (form === null) return [];
    const others = [...subscriptions.values()].filter((each) => each.form?.table === form.table);
    if (others.length === 0) return [{ op: "drop", table: form.table, where: null }];
    const kept = new Set(others.flatMap((each) => each.keys));
    return keys
      .filter((key) => !kept.has(key))
      .map((key): Op => ({ op: "drop", table: form.table, where: whereOf(form, key) }));
  });
}

function endLoad(session: Session): void {
  const subscriptions = new Map(session.subscriptions);
  for (const subscription of session.load!.subscriptions) {
    const { id } = subscription.wish;
    if (subscriptions.get(id) !== subscription) continue;
    subscriptions.set(id, {
      ...subscription,
      has: subscription.answer?.definition ?? null,
      mode: "live",
    } satisfies Subscription);
    session.reasons.delete(id);
  }
  session.subscriptions = subscriptions;
  session.load = null;
}

/** The operations of a session's load, in this snapshot: what was loaded, and what came between. */
export async function readLoad(reads: SnapshotReads, session: Session, reading: Reading): Promise<LoadedOps> {
  const texts: string[] = [];
  const failed: ChangeRow[] = [];
  const live = instancesOf(session.subscriptions.values(), ["live"]);
  for (const part of session.load!.parts) {
    const own = part.whole ? [] : (live.get(part.form.shape_id)?.keys ?? []);
    const keys = new Set([...own, ...part.keys]);
    const ops =
      part.form.mode === "rows"
        ? await loadedRows(reads, session, reading, part, keys, failed)
        : await loadedBlocks(reads, session, reading, part, keys);
    texts.push(...ops.map((op) => encode(op)));
  }
  return { texts, failed };
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
  reading: Reading,
  part: LoadPart,
  keys: ReadonlySet<string>,
): Promise<Op[]> {
  const { form, staged, smallKeys } = part;
  const small = smallKeys.length === 0 ? new Map() : linesByKey(await reads.copy(form, null, smallKeys));
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
  const ranges = log.blocks.find(({ shapes }) => shapes?.includes(form.shape_id))?.ranges ?? [];
  if (ranges.length === 0) {
    return [...loads, { op: "blocks", table: form.table, ranges, copy: "", trim: low }];
  }
  const lines = linesByKey(await reads.copy(form, ranges, [...keys]));
  return [...loads, blocksOp(form, keys, { ranges, lines }, reading.log)];
}
