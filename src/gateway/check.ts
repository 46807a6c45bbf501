import type { ChangeRow, ShapeForm, TableSums } from "../db/gateway-answers.ts";
import type { SnapshotReads } from "../db/snapshot-reads.ts";
import { encode } from "../wire/codec.ts";
import type { Op } from "../wire/ops.ts";
import { migrationsOf } from "./migrations.ts";
import type { Reading } from "./reading.ts";
import type { Session } from "./session.ts";

/** A table that a client wants to be compared; `id` is the client's name for the question. */
export interface Asked {
  readonly id: string;
  readonly table: string;
}

/** What is compared: all instances that the client has of the table. */
export interface Compared {
  readonly asked: Asked;
  readonly form: ShapeForm;
  readonly keys: ReadonlySet<string>;
}

/** Sums of captured tables, and the moment that they are of. */
export interface Moment {
  readonly visible: string;
  readonly settled: bigint;
  readonly sums: readonly TableSums[];
}

export interface CheckPlan {
  readonly asked: readonly Asked[];
  /** Of the session, when it was looked at for this plan. */
  readonly revision: number;
  readonly compared: readonly Compared[];
  readonly moment: Moment | null;
  /** What is said of tables that cannot be compared. */
  readonly refused: readonly Op[];
}

/** How one try ended. Those in `again` could not be compared this time. */
export interface Outcome {
  readonly again: readonly Asked[];
}

/**
 * One try of a check: what the tables of a session hold, said in a frame between what the sums have and what they do not. Of
 * datasets the sums are those of the frame's own snapshot; of captured tables, of a moment before it. What came after that
 * moment stands behind the check; where the client has some of it already, it cannot be compared this time.
 */
export class Check {
  readonly done: Promise<Outcome>;
  readonly #plan: CheckPlan;
  readonly #end: (outcome: Outcome) => void;

  constructor(plan: CheckPlan) {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.done = promise;
    this.#end = resolve;
    this.#plan = plan;
  }

  /** A frame that carries it goes up to there at least. */
  get settled(): bigint {
    return this.#plan.moment?.settled ?? 0n;
  }

  /** Whether a frame that goes up to there can carry it. */
  isDue(session: Session, to: bigint): boolean {
    return session.served.position <= to && this.settled <= to;
  }

  /** The operations for the frame of this reading. */
  async read(reads: SnapshotReads, session: Session, reading: Reading): Promise<CheckedOps> {
    const { compared, refused, moment, revision } = this.#plan;
    const later = new Map<number, readonly ChangeRow[]>();
    if (session.revision !== revision) return { texts: [], later, done: () => this.fail() };
    const ops: Op[] = [...refused];
    const again: Asked[] = [];
    const blocks = compared.filter(({ form }) => form.mode === "blocks");
    const sums = [...(moment?.sums ?? []), ...(await sumsOf(reads, blocks))];
    for (const each of compared) {
      const found = sums.find(({ shape_id }) => shape_id === each.form.shape_id);
      const unseen = await this.#unseen(reads, each, reading);
      if (found === undefined || !comesLater(unseen, each, session, reading)) {
        again.push(each.asked);
        continue;
      }
      ops.push(checkOp(each.asked, found, reading.log.now));
      if (unseen.length > 0) later.set(each.form.shape_id, unseen);
    }
    return { texts: ops.map((op) => encode(op)), later, done: () => this.#end({ again }) };
  }

  /** Nothing of it was said. */
  fail(): void {
    this.#end({ again: this.#plan.asked });
  }

  /** What of its instances has changed up to the frame's position and is not in the sums. */
  async #unseen(
    reads: SnapshotReads,
    { form, keys }: Compared,
    { to }: Reading,
  ): Promise<readonly ChangeRow[]> {
    const { moment } = this.#plan;
    if (form.mode === "blocks" || moment === null) return [];
    const unseen = await reads.unseen(form.shape_id, moment.visible, moment.settled, to);
    const isOurs = (key: string | null) => key !== null && keys.has(key);
    return unseen.filter(
      ({ operation, was, is }) =>
        operation === "truncate" || operation === "failed" || isOurs(was) || isOurs(is),
    );
  }
}

/** Whether all of it comes with this frame, in the table's present form. */
function comesLater(
  unseen: readonly ChangeRow[],
  { form }: Compared,
  { served }: Session,
  { log }: Reading,
): boolean {
  if (unseen.length === 0) return true;
  const isNews = ({ position, operation }: ChangeRow) => position > served.position && operation !== "failed";
  return unseen.every(isNews) && migrationsOf(log, form, served.position).length === 0;
}

export interface CheckedOps {
  readonly texts: readonly string[];
  /** By shape, what stands behind them. */
  readonly later: ReadonlyMap<number, readonly ChangeRow[]>;
  /** Called once they are on their way. */
  readonly done: () => void;
}

export async function sumsOf(reads: SnapshotReads, compared: readonly Compared[]): Promise<TableSums[]> {
  if (compared.length === 0) return [];
  return await reads.sums(compared.map(({ form, keys }) => ({ shape: form.shape_id, keys: [...keys] })));
}

function checkOp({ id, table }: Asked, { columns, low, rows, sum }: TableSums, at: string): Op {
  return { op: "check", table, id, at, columns, low, rows, sum, why: null };
}

/** What is said of a table that cannot be compared. */
export function refusal({ id, table }: Asked, why: string): Op {
  return { op: "check", table, id, at: "", columns: [], low: null, rows: null, sum: null, why };
}
