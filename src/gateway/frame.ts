import type { LogPage, ShapeForm } from "../db/gateway-answers.ts";
import { encode } from "../wire/codec.ts";
import type { Op } from "../wire/ops.ts";
import { linesOf } from "./copy-text.ts";
import { fold } from "./fold.ts";
import { eventsOf } from "./merge.ts";
import { migrationsOf } from "./migrations.ts";
import type { Reading, ReplacedBlocks } from "./reading.ts";
import type { Instances } from "./subscription.ts";

/** Where a client stands: in the log of rows, and of datasets. */
export interface Standing {
  readonly position: bigint;
  readonly blocks: bigint;
}

/** Operations as JSON, made once for all sessions that have the same instances of a shape. */
export class SharedOps {
  readonly #texts = new Map<string, readonly string[]>();

  of(
    shape: ShapeForm,
    keys: ReadonlySet<string>,
    from: bigint,
    make: () => readonly Op[],
  ): readonly string[] {
    const name = JSON.stringify([shape.shape_id, from.toString(), ...keys]);
    const known = this.#texts.get(name) ?? make().map((op) => encode(op));
    this.#texts.set(name, known);
    return known;
  }
}

/** What a reading holds for a session that stands there and has these instances. */
export function liveOps(reading: Reading, from: Standing, instances: Instances, shared: SharedOps): string[] {
  const texts: string[] = [];
  const datasets = new Set<string>();
  for (const { form, keys } of instances.values()) {
    if (form.mode === "blocks") {
      texts.push(...migrationsOf(reading.log, form, from.blocks).map(({ op }) => encode(op)));
    }
    const replaced = reading.blocks.get(form.shape_id);
    if (form.mode !== "blocks" || replaced === undefined || reading.head <= from.blocks) continue;
    texts.push(...shared.of(form, keys, reading.head, () => [blocksOp(form, keys, replaced, reading.log)]));
    if (form.dataset !== null) datasets.add(form.dataset);
  }
  texts.push(...datasetOps(reading.log, datasets).map((op) => encode(op)));
  for (const { form, keys } of instances.values()) {
    if (form.mode !== "rows") continue;
    texts.push(...shared.of(form, keys, from.position, () => rowOps(form, keys, reading, from.position)));
  }
  return texts;
}

/** Changes before a change of the table's form are of the form before, and are not folded with those behind it. */
function rowOps(form: ShapeForm, keys: ReadonlySet<string>, { log, changes }: Reading, after: bigint): Op[] {
  const { shape_id, table, columns } = form;
  const all = changes.get(shape_id) ?? [];
  const folded = (from: bigint, to: bigint | null) => {
    const some = all.filter(({ position }) => position > from && (to === null || position < to));
    return fold(table, eventsOf(some, keys, columns));
  };
  const ops: Op[] = [];
  let from = after;
  for (const { position, op } of migrationsOf(log, form, after)) {
    ops.push(...folded(from, position), op);
    from = position;
  }
  return [...ops, ...folded(from, null)];
}

export function blocksOp(
  { table, shape_id }: ShapeForm,
  keys: ReadonlySet<string>,
  { ranges, lines }: ReplacedBlocks,
  { low }: LogPage,
): Op {
  return { op: "blocks", table, ranges, copy: linesOf(lines, keys), trim: low[shape_id] ?? null };
}

function datasetOps({ datasets }: LogPage, names: ReadonlySet<string>): Op[] {
  return datasets
    .filter(({ dataset }) => names.has(dataset))
    .map(({ dataset, cut, tables }): Op => ({ op: "dataset", dataset, cut, tables }));
}
