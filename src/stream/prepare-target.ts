import { setTimeout as pause } from "node:timers/promises";

import type { ArrowSchema } from "../arrow/type.ts";
import type { StreamLease } from "../db/stream-calls.ts";
import { planTable, type TablePlan } from "../encoder/plan.ts";
import { AmpsyncError } from "../errors.ts";
import { backoffMs } from "../model/backoff.ts";
import type { PassContext } from "./pass-context.ts";
import { inOrder, type SourceTable } from "./table-query.ts";

/** Plans the table, makes or checks the target; returns the plan of its columns in their stored order, and a query in that order. */
export async function prepareTarget(context: PassContext): Promise<Pick<SourceTable, "plan" | "query">> {
  const { deps, lease, reference, control, status } = context;
  const { flight, faults } = deps;
  status.waitsFor("plan");
  // Some functions of the server exist in streams alone, and a query may use them.
  const { schema } = await flight.plan(lease.query ?? `SELECT * FROM ${reference}`, {
    stream: lease.query !== null,
    signal: control.signal,
  });
  status.waitsFor(null);
  checkExcluded(schema, lease);
  const planned = planStored(lease.tableName, schema, lease.excluded);
  await faults.reach("before_prepare_target");
  const stored = await evolve(context, planned);
  await faults.reach("target_prepared");
  const columns = stored.flatMap((name) => planned.columns.find((column) => column.name === name) ?? []);
  const plan = { ...planned, columns, blockPosition: planned.hasBlockNum ? 0 : null };
  return { plan, query: lease.query === null ? null : inOrder(lease.query, schema, plan) };
}

/** Calls until nobody else uses a table that has to be changed. Between two calls the pass holds no lock. */
async function evolve({ calls, lease, control, log }: PassContext, plan: TablePlan) {
  log.debug("checking_schema_evolution", { columns: plan.columns.length });
  for (let attempt = 1; ; attempt++) {
    const stored = await calls.prepareTarget(lease, plan.hasBlockNum, plan.columns, attempt);
    if (stored !== null) {
      return stored;
    }
    const delayMs = backoffMs(attempt, 1_000, 30_000);
    log.warn("schema_evolution_waits", { attempt, delay_ms: Math.round(delayMs) });
    await pause(delayMs, undefined, { signal: control.signal });
  }
}

/** Refuses to exclude what a table that is not made yet does not have. A later version of a dataset may lack a column. */
function checkExcluded(schema: ArrowSchema, { tableName, excluded, columns }: StreamLease): void {
  const names = schema.fields.map(({ name }) => name);
  const unknown = excluded.find((name) => !names.includes(name));
  if (unknown !== undefined && columns === null) {
    const others = excluded.filter((name) => name !== unknown);
    const option = JSON.stringify(others.length === 0 ? null : others).replaceAll("'", "''");
    throw new AmpsyncError("SY004", `exclude_columns: table ${tableName} has no column ${unknown}`, {
      detail: `Its columns: ${names.join(", ")}.`,
      hint: `select ampsync.enqueue_sync('<dataset>', exclude_columns => '{"<table>": ${option}}'); select ampsync.resume_sync('<dataset>');`,
    });
  }
}

/** Plans the columns of a table that are read and stored; SY202 where there is none. */
export function planStored(table: string, schema: ArrowSchema, excluded: readonly string[]): TablePlan {
  const plan = planTable(table, { fields: schema.fields.filter(({ name }) => !excluded.includes(name)) });
  if (plan.columns.length === 0) {
    throw new AmpsyncError("SY202", `Table ${table} has no column to store`, {
      detail: `Of the server: ${schema.fields.map(({ name }) => name).join(", ") || "none"}. Those of blocks do not count.`,
      hint: "Select another column in the query of the table, or exclude fewer with exclude_columns.",
    });
  }
  return plan;
}
