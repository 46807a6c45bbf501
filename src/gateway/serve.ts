import type { ChangeRow, LogPage } from "../db/gateway-answers.ts";
import { encode } from "../wire/codec.ts";
import type { Op } from "../wire/ops.ts";
import type { CheckedOps } from "./check.ts";
import { fold } from "./fold.ts";
import { liveOps, type SharedFrames, type SharedOps } from "./frame.ts";
import { eventsOf } from "./merge.ts";
import { migrationsOf } from "./migrations.ts";
import { ownOps } from "./own.ts";
import type { LoadedOps } from "./read-load.ts";
import type { Reading } from "./reading.ts";
import type { Session } from "./session.ts";
import { type Instances, instancesOf, isOver, type Subscription, whereOf } from "./subscription.ts";

/** What several sessions get of one reading. */
export interface Shared {
  readonly ops: SharedOps;
  readonly frames: SharedFrames;
  /** A client hears at most this often that nothing was for it. */
  readonly emptyEachMs: number;
}

/**
 * Sends a session what a reading has for it, in one frame. `loaded`: of its load, which ends with this frame. `checked`: what
 * its tables hold at a moment of the frame: what came later stands behind it.
 */
export function serve(
  session: Session,
  reading: Reading,
  shared: Shared,
  loaded: LoadedOps | null,
  checked: CheckedOps | null,
): void {
  const live = liveInstances(session, loaded !== null);
  const to = endOf(session, reading, loaded !== null);
  const own = reading.own.of(session.client, session.served.position, to);
  // Beside a load or a check rows come whole: what a row was before is not what the client has of it by then.
  const saving = loaded === null && checked === null ? own : [];
  const liveTexts = liveOps(
    without(reading, checked),
    session.served,
    live,
    shared.ops,
    session.owed,
    saving,
  );
  const settled = [...passedBy(session, loaded), ...own.map(({ tx }) => tx), ...(loaded?.settled ?? [])];
  const texts = [
    ...liveTexts.texts,
    ...dropOps(session).map((op) => encode(op)),
    ...(loaded?.texts ?? []),
    ...(checked?.texts ?? []),
    ...laterOps(live, checked).map((op) => encode(op)),
    ...ownOps(settled, liveTexts.own).map((op) => encode(op)),
  ];
  const followed = followersOf(session, reading, live);
  const loads = loaded === null ? [] : session.load!.subscriptions;
  const gone = session.ended.map(({ wish }) => wish.id).filter((id) => !session.subscriptions.has(id));
  const emptied = [...session.subscriptions.values()].filter(isOver).map(({ wish }) => wish.id);
  session.served = { position: to, blocks: reading.head };
  if (reading.to === to) session.stamps.stamp = reading.log.to_stamp;
  session.stamps.blocksStamp = reading.log.head_stamp;
  if (loaded !== null) endLoad(session);
  if (emptied.length > 0) endEmptied(session);
  session.ended = [];

  const isNews = texts.length + loads.length + gone.length + emptied.length > 0;
  const isBehind = session.sent.position < to || session.sent.blocks < reading.head;
  if (!isNews && !(isBehind && performance.now() - session.frameAt >= shared.emptyEachMs)) return;
  sendFrame(session, reading.log, shared.frames, [...session.owed.take(live), ...texts], {
    live: loads.map(({ wish, answer }) => ({ id: wish.id, definition: answer?.definition ?? "" })),
    gone,
    ...(followed.length > 0 && { followed }),
    ...(emptied.length > 0 && { emptied }),
  });
}

/** What came by when the client had none of its tables. A load of rows has settled whatever came before its end. */
function passedBy(session: Session, loaded: LoadedOps | null): readonly string[] {
  const { passed } = session;
  if (passed.length === 0 || (loaded === null && !session.hasWholeRows)) return [];
  session.passed = [];
  return loaded === null ? passed : [];
}

/**
 * Where the frame leads to. Ahead of this page it stays; above the head, where only another life of the log can have brought
 * it, it does not.
 */
function endOf({ served, isHeld }: Session, { to, head }: Reading, isLoading: boolean): bigint {
  const isAhead = served.position > to && served.position <= head;
  return isAhead || (isHeld && !isLoading) ? served.position : to;
}

/** The changes that a check does not have are not what its tables hold. */
function without(reading: Reading, checked: CheckedOps | null): Reading {
  if (checked === null || checked.later.size === 0) return reading;
  const changes = new Map(reading.changes);
  for (const [shape, later] of checked.later) {
    const places = new Set(later.map(placeOf));
    changes.set(
      shape,
      (changes.get(shape) ?? []).filter((row) => !places.has(placeOf(row))),
    );
  }
  return { ...reading, changes };
}

function laterOps(live: Instances, checked: CheckedOps | null): Op[] {
  return [...live.values()].flatMap(({ form, keys }) =>
    fold(form.table, eventsOf(checked?.later.get(form.shape_id) ?? [], keys, form.columns)),
  );
}

const placeOf = ({ position, seq }: ChangeRow) => `${position} ${seq}`;

/** The subscriptions whose table changes its form in this frame, by statements. */
function followersOf({ subscriptions, served }: Session, { log }: Reading, live: Instances) {
  return [...subscriptions.values()].flatMap(({ wish, form, has, mode }) => {
    if (form === null || has === null || mode !== "live" || !live.has(form.shape_id)) return [];
    const after = form.mode === "rows" ? served.position : served.blocks;
    return migrationsOf(log, form, after).length === 0 ? [] : [{ id: wish.id, definition: has }];
  });
}

function sendFrame(
  session: Session,
  log: LogPage,
  frames: SharedFrames,
  ops: readonly string[],
  more: object,
): void {
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
  session.line.sendFrame(frames.of(head, ops), served);
}

/** Those of a shape that is being loaded now come with the load; rows of a session that is held with a later one. */
function liveInstances(session: Session, isLoading: boolean): Instances {
  const live = instancesOf(session.subscriptions.values(), ["live"]);
  if (!isLoading) {
    return session.isHeld ? new Map([...live].filter(([, { form }]) => form.mode === "blocks")) : live;
  }
  const loading = new Set(session.load!.parts.map(({ form }) => form.shape_id));
  return new Map([...live].filter(([shape]) => !loading.has(shape)));
}

/** What the client has of subscriptions that it ended, and of no other one. */
function dropOps({ ended, subscriptions }: Session): Op[] {
  return ended.flatMap(({ form, keys, has }) => {
    if (form === null || has === null) return [];
    const others = [...subscriptions.values()].filter((each) => each.form?.table === form.table);
    if (others.length === 0) return [{ op: "drop", table: form.table, where: null }];
    // A table has rows of one shape: of a second one, which is refused, there are none.
    const isSecond = others.some(
      (other) => other.form!.shape_id !== form.shape_id && other.mode !== "failed",
    );
    if (has === "" && isSecond) return [];
    const kept = new Set(others.flatMap((each) => each.keys));
    return keys
      .filter((key) => !kept.has(key))
      .map((key): Op => ({ op: "drop", table: form.table, where: whereOf(form, key) }));
  });
}

function endEmptied(session: Session): void {
  const all = [...session.subscriptions].map(
    ([id, each]) => [id, isOver(each) ? { ...each, has: null } : each] as const,
  );
  session.subscriptions = new Map(all);
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
