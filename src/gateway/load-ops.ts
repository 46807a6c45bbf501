import type { Prepared, ShapeForm } from "../db/gateway-answers.ts";
import type { Op } from "../wire/ops.ts";
import { type LinesByKey, linesOf, rowsOf } from "./copy-text.ts";
import { listOf } from "./fold.ts";
import { whereOf } from "./subscription.ts";

/** Rows that a gateway read itself, and the moment of that reading; a dataset's are read in the frame's own snapshot. */
export interface SmallRows {
  readonly lines: LinesByKey;
  readonly visible: string;
  readonly settled: bigint;
}

/** One table of a load: the instances of one shape that come in one frame. */
export interface LoadPart {
  readonly form: ShapeForm;
  readonly keys: readonly string[];
  /** The table is replaced, and not only these instances. */
  readonly whole: boolean;
  /** Those that the client has staged. */
  readonly staged: readonly Prepared[];
  readonly smallKeys: readonly string[];
  /** Null: none, or of a dataset. */
  readonly small: SmallRows | null;
}

/** The operations that put what was loaded into the client's table. `lines`: of the small instances. */
export function loadOps({ form, whole, staged, smallKeys }: LoadPart, lines: LinesByKey): Op[] {
  const { table, columns } = form;
  const rows = (keys: readonly string[]) => listOf(rowsOf(linesOf(lines, keys), columns));
  if (whole) {
    const snapshots = staged.length === 0 ? null : staged.map(({ snapshot }) => snapshot);
    const own = smallKeys.length === 0 && snapshots !== null ? null : rows(smallKeys);
    return [{ op: "load", table, snapshots, rows: own, where: null }];
  }
  return [
    ...staged.map(
      ({ snapshot, key }): Op => ({
        op: "load",
        table,
        snapshots: [snapshot],
        rows: null,
        where: whereOf(form, key),
      }),
    ),
    ...smallKeys.map(
      (key): Op => ({ op: "load", table, snapshots: null, rows: rows([key]), where: whereOf(form, key) }),
    ),
  ];
}
