import { planTable, type TablePlan } from "../encoder/plan.ts";
import type { PassContext } from "./pass-context.ts";

/** Plans the table, makes or checks the target; returns the plan of its columns in their stored order. */
export async function prepareTarget({
  deps,
  lease,
  calls,
  reference,
  control,
  status,
}: PassContext): Promise<TablePlan> {
  const { flight, faults } = deps;
  status.waitsFor("plan");
  const { schema } = await flight.plan(`SELECT * FROM ${reference}`, {
    stream: false,
    signal: control.signal,
  });
  status.waitsFor(null);
  const plan = planTable(lease.tableName, schema);
  await faults.reach("before_prepare_target");
  await calls.prepareTarget(lease, plan.hasBlockNum, plan.columns);
  await faults.reach("target_prepared");
  if (lease.columns === null) {
    return plan;
  }
  const stored = lease.columns.flatMap((name) => plan.columns.find((column) => column.name === name) ?? []);
  return { ...plan, columns: stored, blockPosition: plan.hasBlockNum ? 0 : null };
}
