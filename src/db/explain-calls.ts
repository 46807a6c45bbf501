import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";
import type { DatasetToResolve, FoundDataset } from "./dataset-calls.ts";
import type { TargetColumn } from "./stream-calls.ts";

export interface DatasetToExplain extends Omit<DatasetToResolve, "failures"> {
  /** Where its server is; null: where that of the process is. */
  readonly flightAddress: string | null;
}

/** What is to be planned of a dataset. */
export interface TablesToPlan {
  /** The dataset in the SQL of the server. */
  readonly sourceSchema: string;
  /** The columns that are left out, by table. */
  readonly excluded: Readonly<Record<string, readonly string[]>>;
}

/** What a pass of a table would be told, or why it cannot be synced; the name alone of one that nobody wants. */
export type PlannedTable =
  | { readonly table: string }
  | { readonly table: string; readonly hasBlockNum: boolean; readonly columns: readonly TargetColumn[] }
  | { readonly table: string; readonly error: Failure };

/** The calls that answer ampsync.explain_sync. One method per SQL function. */
export class ExplainCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Null if nobody wants to know any more. */
  async begin(answerId: bigint): Promise<DatasetToExplain | null> {
    const { rows } = await this.#caller.call("select * from ampsync_worker.begin_explain($1)", [answerId]);
    const row = rows[0];
    return row === undefined
      ? null
      : { ...row, flightAddress: row.flight_addr, adminAddress: row.admin_addr };
  }

  /** Null if nobody wants to know any more. */
  async tables(
    answerId: bigint,
    { version, tables, hasNamespaces }: FoundDataset,
  ): Promise<TablesToPlan | null> {
    const { clean } = this.#caller;
    const { rows } = await this.#caller.call(
      "select * from ampsync_worker.tables_to_explain($1, $2, $3, $4)",
      [answerId, clean(version), tables.map(clean), hasNamespaces],
    );
    const row = rows[0];
    return row === undefined ? null : { sourceSchema: row.source_schema, excluded: row.tables };
  }

  async noteAnswer(
    answerId: bigint,
    { version, manifestHash, hasNamespaces }: FoundDataset,
    tables: readonly PlannedTable[],
    head: bigint | null,
  ): Promise<void> {
    const { clean } = this.#caller;
    const planned = tables.map((each) =>
      "error" in each
        ? { table: clean(each.table), error: each.error }
        : "columns" in each
          ? {
              table: clean(each.table),
              has_block_num: each.hasBlockNum,
              columns: each.columns.map(({ name, type, notNull }) => ({ name, type, not_null: notNull })),
            }
          : { table: clean(each.table) },
    );
    await this.#caller.call("select ampsync_worker.note_answer($1, $2, $3, $4, $5, $6, null)", [
      answerId,
      clean(version),
      manifestHash === null ? null : clean(manifestHash),
      hasNamespaces,
      JSON.stringify(planned),
      head,
    ]);
  }

  async noteNoAnswer(answerId: bigint, failure: Failure): Promise<void> {
    await this.#caller.call("select ampsync_worker.note_answer($1, null, null, null, null, null, $2)", [
      answerId,
      failure,
    ]);
  }
}
