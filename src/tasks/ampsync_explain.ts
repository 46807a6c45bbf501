import type { Task } from "graphile-worker";

import type { FoundDataset } from "../db/dataset-calls.ts";
import { ExplainCalls, type PlannedTable, type TablesToPlan } from "../db/explain-calls.ts";
import type { Deps } from "../deps.ts";
import { tableRefSql } from "../model/dataset-ref.ts";
import { failureOf } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { resolveWithoutAdmin } from "../model/resolve-without-admin.ts";
import { withRuntime } from "../runtime.ts";
import { planStored } from "../stream/prepare-target.ts";

type Flight = ReturnType<Deps["servers"]["flight"]>;

/** Asks the Amp server what it has of a dataset, for ampsync.explain_sync. Whoever asks again gets another job. */
export function explainDataset(deps: Deps): Task {
  const calls = new ExplainCalls(deps.caller);
  return async (payload, { abortSignal }) => {
    const answerId = parseId(payload, "answer_id");
    const signal = abortSignal ?? AbortSignal.timeout(60_000);
    try {
      const dataset = await calls.begin(answerId);
      if (dataset === null) {
        return;
      }
      const admin = deps.servers.admin(dataset.adminAddress);
      const found: FoundDataset =
        admin === null ? resolveWithoutAdmin(dataset) : await admin.resolve(dataset, signal, true);
      const wanted = await calls.tables(answerId, found);
      if (wanted !== null) {
        using flight = deps.servers.flight(dataset.flightAddress);
        await calls.noteAnswer(
          answerId,
          found,
          await planned(flight, found, wanted, signal),
          await head(flight, wanted, signal),
        );
      }
    } catch (error) {
      abortSignal?.throwIfAborted(); // The worker stops: another one answers.
      await calls.noteNoAnswer(answerId, failureOf(error));
    }
  };
}

/** What a pass of each table would be told. */
async function planned(
  flight: Flight,
  { tables }: FoundDataset,
  { sourceSchema, excluded }: TablesToPlan,
  signal: AbortSignal,
): Promise<readonly PlannedTable[]> {
  const answers: PlannedTable[] = [];
  for (const table of tables) {
    const columns = Object.hasOwn(excluded, table) ? excluded[table] : undefined;
    if (columns === undefined) {
      answers.push({ table }); // Whoever wants it by the time of the answer is to know that there is one.
      continue;
    }
    try {
      const sql = `SELECT * FROM ${tableRefSql(sourceSchema, table)}`;
      const { schema } = await flight.plan(sql, { stream: false, signal });
      const plan = planStored(table, schema, columns);
      answers.push({ table, hasBlockNum: plan.hasBlockNum, columns: plan.columns });
    } catch (error) {
      signal.throwIfAborted();
      answers.push({ table, error: failureOf(error) });
    }
  }
  return answers;
}

/** The last block of the server, as its table of blocks says; null if there is none, or no answer. */
async function head(
  flight: Flight,
  { sourceSchema }: TablesToPlan,
  signal: AbortSignal,
): Promise<bigint | null> {
  try {
    return (await flight.highestBlock(tableRefSql(sourceSchema, "blocks"), signal)).block;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

export default withRuntime(explainDataset);
