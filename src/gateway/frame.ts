import type { LogPage, ShapeForm } from "../db/gateway-answers.ts";
import { encode } from "../wire/codec.ts";
import type { Op } from "../wire/ops.ts";
import { linesOf } from "./copy-text.ts";
import { fold, foldOwn } from "./fold.ts";
import { type Change, ChangesByInstance, eventsOf } from "./merge.ts";
import { migrationsOf } from "./migrations.ts";
import type { Owed } from "./owed.ts";
import type { OwnPart, OwnTx } from "./own.ts";
import type { Reading, ReplacedBlocks } from "./reading.ts";
import type { Instances } from "./subscription.ts";

/** Where a client stands: in the log of rows, and of datasets. */
export interface Standing {
  readonly position: bigint;
  readonly blocks: bigint;
}

/** Operations as JSON, made once for all sessions that get the same ones. */
export class SharedOps {
  readonly #texts = new Map<string, readonly string[]>();
  readonly #changes = new Map<number, ChangesByInstance>();

  /** Of the changes of a shape those that these instances are in. */
  changes({ changes }: Reading, { shape_id }: ShapeForm, keys: ReadonlySet<string>): readonly Change[] {
    const known = this.#changes.get(shape_id) ?? new ChangesByInstance(changes.get(shape_id) ?? []);
    this.#changes.set(shape_id, known);
    return known.of(keys);
  }

  /** `name`: whatever tells these operations from others. */
  of(name: readonly (number | string)[], make: () => readonly Op[]): readonly string[] {
    const key = JSON.stringify(name);
    const known = this.#texts.get(key) ?? make().map((op) => encode(op));
    this.#texts.set(key, known);
    return known;
  }
}

/** Frames as they go over the wire, made once for all sessions that get the same one. */
export class SharedFrames {
  /** By what comes before the operations, and the first one of these. */
  readonly #frames = new Map<
    string,
    Map<string, { readonly ops: readonly string[]; readonly bytes: Buffer }>
  >();

  /** `head`: the frame without its operations. */
  of(head: string, ops: readonly string[]): Buffer {
    const frames = this.#frames.get(head) ?? new Map();
    this.#frames.set(head, frames);
    const first = ops[0] ?? "";
    const known = frames.get(first);
    // Texts that are shared are the same objects, so that they are not read.
    if (known?.ops.length === ops.length && known.ops.every((op: string, n: number) => op === ops[n])) {
      return known.bytes;
    }
    const bytes = Buffer.from(`${head.slice(0, -1)},"ops":[${ops.join(",")}]}`);
    frames.set(first, { ops, bytes });
    return bytes;
  }
}

/** Operations as JSON, and rows that their author is told of by `own`. */
export interface LiveOps {
  readonly texts: readonly string[];
  readonly own: readonly OwnPart[];
}

/**
 * What a reading holds for a session that stands there and has these instances. New blocks that have nothing for it, and had
 * nothing, are `owed`. `own`: transactions that its client sent, whose rows become parts where that saves some: made for it
 * alone, while all others share what they have in common.
 */
export function liveOps(
  reading: Reading,
  from: Standing,
  instances: Instances,
  shared: SharedOps,
  owed: Owed,
  own: readonly OwnTx[],
): LiveOps {
  const texts: string[] = [];
  const datasets = new Set<string>();
  const passed = new Set<string>();
  for (const { form, keys } of instances.values()) {
    if (form.mode === "blocks") {
      texts.push(...migrationsOf(reading.log, form, from.blocks).map(({ op }) => encode(op)));
    }
    const replaced = reading.blocks.get(form.shape_id);
    if (form.mode !== "blocks" || replaced === undefined || reading.head <= from.blocks) continue;
    // Most have no rows there: they get the same.
    const held = [...keys].filter((key) => replaced.lines.has(key));
    if (held.length === 0 && reading.areNew(form, replaced.ranges, from.blocks)) {
      const trims = () => [blocksOp(form, [], { ...replaced, ranges: [] }, reading.log)];
      if (reading.log.low[form.shape_id] !== undefined) {
        owed.trim(form.table, shared.of(["trim", form.shape_id], trims)[0]!);
      }
      if (form.dataset !== null) passed.add(form.dataset);
      continue;
    }
    texts.push(
      ...shared.of(["blocks", form.shape_id, ...held], () => [blocksOp(form, held, replaced, reading.log)]),
    );
    if (form.dataset !== null) datasets.add(form.dataset);
  }
  const stands = (names: ReadonlySet<string>) =>
    shared.of(["datasets", ...names], () => {
      return datasetOps(reading.log.datasets.filter(({ dataset }) => names.has(dataset)));
    });
  texts.push(...stands(datasets));
  for (const name of passed) {
    const [text] = datasets.has(name) ? [] : stands(new Set([name]));
    if (text !== undefined) owed.dataset(name, text);
  }
  const parts: OwnPart[] = [];
  for (const { form, keys } of instances.values()) {
    if (form.mode !== "rows") continue;
    if (own.length > 0 && migrationsOf(reading.log, form, from.position).length === 0) {
      const changes = shared.changes(reading, form, keys).filter(({ position }) => position > from.position);
      const mine = reading.own.ofShape(form.shape_id, own);
      const folded = foldOwn(form.table, eventsOf(changes, keys, form.columns, mine));
      texts.push(...folded.ops.map((op) => encode(op)));
      parts.push(...folded.own);
      continue;
    }
    texts.push(
      ...shared.of(["rows", form.shape_id, from.position.toString(), ...keys], () => {
        return rowOps(form, keys, reading, shared.changes(reading, form, keys), from.position);
      }),
    );
  }
  return { texts, own: parts };
}

/** Changes before a change of the table's form are of the form before, and are not folded with those behind it. */
function rowOps(
  form: ShapeForm,
  keys: ReadonlySet<string>,
  { log }: Reading,
  all: readonly Change[],
  after: bigint,
): Op[] {
  const { table, columns } = form;
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
  keys: Iterable<string>,
  { ranges, lines }: ReplacedBlocks,
  { low }: LogPage,
): Op {
  return { op: "blocks", table, ranges, copy: linesOf(lines, keys), trim: low[shape_id] ?? null };
}

export function datasetOps(datasets: LogPage["datasets"]): Op[] {
  return datasets.map(({ dataset, cut, tables }): Op => ({ op: "dataset", dataset, cut, tables }));
}
