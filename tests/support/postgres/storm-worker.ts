import type pg from "pg";

import { COLUMNS, type Connection, SqlStream, type TargetColumn, watermark } from "./sql-stream.ts";

const SIZE: TargetColumn = { name: "size", type: "bigint", not_null: false };
const OTHER: TargetColumn = { name: "other", type: "bigint", not_null: false };

type Tables = Readonly<Record<string, readonly TargetColumn[]>>;

/** One that adds, one that lacks a table, one that has another, and one that does not fit. */
export const VERSIONS: Readonly<Record<string, Tables>> = {
  "1.0.0": { blocks: COLUMNS, logs: COLUMNS },
  "1.1.0": { blocks: [...COLUMNS, SIZE] },
  "1.2.0": { blocks: [...COLUMNS, SIZE], logs: [...COLUMNS, SIZE], traces: COLUMNS },
  "2.0.0": { blocks: [COLUMNS[0]!, OTHER], logs: [COLUMNS[0]!, OTHER] },
};
const BLOCKS_PER_MICROBATCH = 3;
/** Of the server: what is loaded anew can catch up with what is there. */
const HEAD = 20;

/** A pass with some microbatches, whose worker may die without a word. */
export async function onePass(
  caller: Connection,
  id: string,
  worker: string,
  microbatches: number,
  end: "ended" | "yielded" | "failed" | "died",
): Promise<void> {
  const probe = new SqlStream(caller, id, "", true, "0");
  const lease = await probe.acquire(worker).catch((error: pg.DatabaseError) => {
    if (error.code?.startsWith("SY")) return undefined; // It is halted.
    throw error;
  });
  if (lease === undefined) return;
  const stream = new SqlStream(caller, id, `${lease.target_schema}.${lease.target_table}`, true, probe.epoch);
  const columns =
    lease.query === null ? VERSIONS[lease.source_schema.split("@")[1]]?.[lease.table_name] : COLUMNS;
  if (columns === undefined) return await stream.endPass("ended"); // The server has no such table.
  try {
    if ((await stream.prepareTarget(columns)) === null) return await stream.endPass("yielded");
  } catch (error) {
    const code = (error as pg.DatabaseError).code ?? "";
    if (!code.startsWith("SY2")) throw error;
    return await stream.endPass("failed", code);
  }
  for (let n = 0; n < microbatches; n++) {
    const { rows } = await caller.query(
      "select checkpoint_block::int as block from ampsync_private.stream where stream_id = $1",
      [id],
    );
    const expected: number | null = rows[0]?.block ?? null;
    const first = expected === null ? 0 : expected + 1;
    const last = first + BLOCKS_PER_MICROBATCH - 1;
    if (last > HEAD) break;
    await caller.query("begin");
    await stream.beginApply();
    await stream.insert(first, last);
    await stream.commitApply([watermark(first, last)], BLOCKS_PER_MICROBATCH, { expected });
    await caller.query("commit");
  }
  await caller.query("select ampsync_worker.mark_live($1, $2)", [id, stream.epoch]);
  if (end === "died") {
    await caller.query(
      "update ampsync_private.lease set lease_until = ampsync_private.now() where stream_id = $1 and epoch = $2",
      [id, stream.epoch],
    );
  } else await stream.endPass(end, end === "failed" ? "SY201" : "SY104");
}

export async function register(caller: Connection, id: string | null): Promise<void> {
  await caller.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [id]);
}

export async function adopt(caller: Connection, id: string, version: string): Promise<void> {
  const tables = Object.entries(VERSIONS[version]!).map(([table, columns]) => ({
    table,
    columns,
    has_block_num: true,
    network: "mainnet",
  }));
  await caller.query("select ampsync_worker.adopt_version($1, $2, null, $3)", [
    id,
    version,
    JSON.stringify(tables),
  ]);
}

export async function streamsOf(caller: Connection, id: string | null): Promise<readonly string[]> {
  const { rows } = await caller.query(
    "select s.stream_id from ampsync_private.stream s where s.dataset_id = $1 and s.state <> 'former' order by 1",
    [id],
  );
  return rows.map((row) => row.stream_id);
}
