import type { ShapeForm, TableSums } from "../db/gateway-answers.ts";
import type { SnapshotReads } from "../db/snapshot-reads.ts";
import { encode } from "../wire/codec.ts";
import type { Op } from "../wire/ops.ts";
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
 * One try of a check: what the tables of a session hold, said in a frame whose position has all that the sums have, and
 * nothing beyond. Of datasets the sums are those of the frame's own snapshot; of captured tables, of a moment before it, with
 * nothing between.
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

  /** Whether a frame that goes up to there can carry it. */
  isDue(session: Session, to: bigint): boolean {
    return session.served.position <= to && (this.#plan.moment?.settled ?? 0n) <= to;
  }

  /** The operations for the frame of this reading. */
  async read(reads: SnapshotReads, session: Session, reading: Reading): Promise<CheckedOps> {
    const { compared, refused, moment, revision } = this.#plan;
    if (session.revision !== revision) return { texts: [], done: () => this.fail() };
    const ops: Op[] = [...refused];
    const again: Asked[] = [];
    const blocks = compared.filter(({ form }) => form.mode === "blocks");
    const sums = [...(moment?.sums ?? []), ...(await sumsOf(reads, blocks))];
    for (const each of compared) {
      const found = sums.find(({ shape_id }) => shape_id === each.form.shape_id);
      if (found === undefined || (await this.#hasChanged(reads, each, reading))) again.push(each.asked);
      else ops.push(checkOp(each.asked, found, reading.log.now));
    }
    return { texts: ops.map((op) => encode(op)), done: () => this.#end({ again }) };
  }

  /** Nothing of it was said. */
  fail(): void {
    this.#end({ again: this.#plan.asked });
  }

  /** Whether the frame's position has changes of these instances that the sums do not have. */
  async #hasChanged(reads: SnapshotReads, { form, keys }: Compared, { to }: Reading): Promise<boolean> {
    const { moment } = this.#plan;
    if (form.mode === "blocks" || moment === null) return false;
    const { visible, settled } = moment;
    const unseen = await reads.unseen(form.shape_id, visible, settled, to);
    const isOurs = (key: string | null) => key !== null && keys.has(key);
    return unseen.some(
      ({ operation, was, is }) =>
        operation === "truncate" || operation === "failed" || isOurs(was) || isOurs(is),
    );
  }
}

export interface CheckedOps {
  readonly texts: readonly string[];
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
