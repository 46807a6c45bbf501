import type { DirtyTable } from "../db/gateway-answers.ts";
import type { SnapshotReads } from "../db/snapshot-reads.ts";
import type { Session } from "./session.ts";
import { liveShapes } from "./subscription.ts";

/** Has the live subscriptions of these shapes loaded anew for a reason. False: the session has none of them. */
export function touched(session: Session, shapes: ReadonlySet<number>, reason: string): boolean {
  const subscriptions = [...session.subscriptions.values()].filter(
    ({ form, mode }) => mode === "live" && form !== null && shapes.has(form.shape_id),
  );
  for (const { wish } of subscriptions) session.reasons.set(wish.id, reason);
  return subscriptions.length > 0;
}

/** Sessions whose tables have more changes in (after, to] than a frame may bring: these tables are loaded anew, together. */
export async function largeRows(
  reads: SnapshotReads,
  sessions: readonly Session[],
  after: bigint,
  to: bigint,
): Promise<readonly Session[]> {
  const behind = sessions.filter(({ served }) => served.position < to);
  const shapes = behind.flatMap(({ subscriptions }) => liveShapes(subscriptions.values(), "rows"));
  if (shapes.length === 0) return [];
  const large = new Set(await reads.large([...new Set(shapes)], after, to));
  return behind.filter((session) => touched(session, large, "too large"));
}

/**
 * Sessions that stand where the blocks of one of their tables are more than a frame may bring. What becomes of them is the
 * database's to say; those that stand further on are asked about when a reading begins where they are.
 */
export function largeBlocks(
  sessions: readonly Session[],
  dirty: readonly DirtyTable[],
  after: bigint | null,
): readonly Session[] {
  const large = new Set(dirty.flatMap((table) => table.large));
  return sessions.filter(
    ({ served, subscriptions }) =>
      served.blocks === after && liveShapes(subscriptions.values(), "blocks").some((id) => large.has(id)),
  );
}
