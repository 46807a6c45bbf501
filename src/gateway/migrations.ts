import type { LogPage, ShapeForm } from "../db/gateway-answers.ts";
import type { Op } from "../wire/ops.ts";

/** A change of a table's form, at its place in the log, that clients follow by statements. */
export interface Migration {
  readonly position: bigint;
  readonly op: Op & { op: "migrate" };
}

/** What a client of the shape that stands there has to run, in order. */
export function migrationsOf({ entries }: LogPage, form: ShapeForm, after: bigint): readonly Migration[] {
  return entries.flatMap(({ position, mode, schema, migration, statements }) => {
    const own = statements?.[form.shape_id] ?? [];
    if (mode !== form.mode || BigInt(position) <= after || own.length === 0) return [];
    const op = {
      op: "migrate" as const,
      version: schema,
      migration,
      direction: "up" as const,
      statements: own,
      tables: [form.table],
    };
    return [{ position: BigInt(position), op }];
  });
}
