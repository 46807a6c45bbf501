import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as arrow from "apache-arrow";
import pg from "pg";

import type { ArrowBatch } from "../src/arrow/batch.ts";
import { startEmbeddedPostgres } from "../src/embedded/postgres.ts";
import { planTable, type TablePlan } from "../src/encoder/plan.ts";
import { RowEncoder } from "../src/encoder/row-encoder.ts";
import { buildBatch } from "../tests/support/arrow/arrow.ts";
import { readStream } from "../tests/support/arrow/arrow-messages.ts";
import { encodeBatch, h64Raw } from "../tests/support/arrow/encode.ts";
import { copyRows } from "../tests/support/arrow/load.ts";
import { MemorySink } from "../tests/support/arrow/memory-sink.ts";
import { type Figures, median } from "./figures.ts";
import type { Report } from "./print.ts";

const SETS = ["mainnet_15000000", "base_33411770"];
const ROWS = 100_000;
/** PostgreSQL looks for values to compress in rows of more than about 2,000 bytes. */
const LARGE_BYTES = 2000;
const SCHEMA = "ampsync_bench";
const SETTINGS = { shared_buffers: "1GB", max_wal_size: "8GB", checkpoint_timeout: "30min" };
/** The unit in which Linux counts processor time. */
const TICK_MS = 10;

/** How a table may keep its bytea and text columns. */
const STORAGES = {
  pglz: "set compression pglz",
  lz4: "set compression lz4",
  external: "set storage external",
} as const;
type Storage = keyof typeof STORAGES;

interface Shape {
  readonly name: string;
  readonly plan: TablePlan;
  readonly rows: number;
  /** COPY rows. */
  readonly regions: readonly Uint8Array[];
}

interface Load {
  readonly ms: number;
  /** Processor time of the server's process; NaN where it does not run on this Linux. */
  readonly cpuMs: number;
  readonly readMs: number;
  readonly bytes: number;
}

/**
 * What the storage of bytea and text costs, on real transactions and logs of
 * AMPSYNC_TEST_DATA, copied over and over with other block numbers, and on large
 * calldata alone: COPY into a table with its key, in turns. The server is that
 * of DATABASE_URL (as superuser on this machine, for its processor time), else
 * the embedded one.
 */
export async function benchCompression({ rounds }: { readonly rounds: number }): Promise<Report> {
  const folder = process.env["AMPSYNC_TEST_DATA"];
  if (folder === undefined) {
    throw new Error("AMPSYNC_TEST_DATA must name the folder that holds evm/*.arrows");
  }
  await using stack = new AsyncDisposableStack();
  const client = new pg.Client({ connectionString: await serverUrl(stack) });
  await client.connect();
  stack.defer(() => client.end());
  await client.query(`create schema ${SCHEMA}; set search_path to ${SCHEMA}`);
  stack.defer(async () => void (await client.query(`drop schema ${SCHEMA} cascade`)));

  const { rows: facts } = await client.query(
    `select current_setting('server_version') as version, 'lz4' = any (enumvals) as lz4
       from pg_settings where name = 'default_toast_compression'`,
  );
  const storages: readonly Storage[] = facts[0].lz4 ? ["pglz", "lz4", "external"] : ["pglz", "external"];
  const results: Figures[] = [];
  for (const shape of readShapes(join(folder, "evm"))) {
    const loads = new Map<Storage, Load[]>(storages.map((storage) => [storage, []]));
    for (let round = 0; round < rounds; round++) {
      for (const storage of storages) {
        loads.get(storage)!.push(await load(client, shape, storage));
      }
    }
    for (const [storage, measured] of loads) {
      const ms = median(measured.map((one) => one.ms));
      results.push({
        shape: shape.name,
        storage,
        rows_per_s: Math.round((1000 * shape.rows) / ms),
        server_cpu_us_per_row: round1((1000 * median(measured.map((one) => one.cpuMs))) / shape.rows),
        read_us_per_row: round1((1000 * median(measured.map((one) => one.readMs))) / shape.rows),
        bytes_per_row: Math.round(measured[0]!.bytes / shape.rows),
      });
    }
  }

  return { about: { postgres: facts[0].version, rounds }, cases: results };
}

const round1 = (value: number) => Math.round(10 * value) / 10;

async function serverUrl(stack: AsyncDisposableStack): Promise<string> {
  const url = process.env["DATABASE_URL"];
  if (url !== undefined) {
    return url;
  }
  const folder = await mkdtemp(join(tmpdir(), "ampsync-bench-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, "postgres"),
    persistent: true,
    settings: SETTINGS,
  });
  stack.defer(() => postgres.stop());
  return postgres.connectionString("postgres");
}

function readShapes(folder: string): readonly Shape[] {
  const file = (set: string, table: string) => readFileSync(join(folder, `${set}.${table}.arrows`));
  const inputs = SETS.flatMap((set) => [
    ...arrow.tableFromIPC<{ input: arrow.Binary }>(file(set, "transactions")).getChild("input")!,
  ]).filter((input) => input !== null && input.length >= LARGE_BYTES);
  const values = Array.from({ length: ROWS / 10 }, (_, i) => inputs[i % inputs.length]!);
  const large = buildBatch([{ name: "input", type: { kind: "binary", layout: "offsets" }, values }]);
  return [
    ...["logs", "transactions"].map((table) => {
      const streams = SETS.map((set) => readStream(file(set, table)));
      const batches = streams.flatMap(({ messages }) =>
        messages.flatMap((message) => (message.kind === "batch" ? [message.batch] : [])),
      );
      return repeated(table, planTable(table, streams[0]!.schema), batches);
    }),
    encoded("large calldata", planTable("calldata", large.schema), [large.batch]),
  ];
}

/** The rows of the batches as those of ever higher blocks, until there are enough. */
function repeated(name: string, plan: TablePlan, batches: readonly ArrowBatch[]): Shape {
  const copies: ArrowBatch[] = [];
  let block = 0n;
  for (let rows = 0; rows < ROWS; block++) {
    const batch = batches[Number(block) % batches.length]!;
    copies.push(atBlock(batch, block));
    rows += batch.rowCount;
  }
  return encoded(name, plan, copies);
}

/** `_block_num` is the first column: its values are the second buffer. */
function atBlock(batch: ArrowBatch, block: bigint): ArrowBatch {
  const body = Uint8Array.from(batch.body);
  const numbers = new DataView(body.buffer, batch.buffers[1]!.offset);
  for (let row = 0; row < batch.rowCount; row++) {
    numbers.setBigUint64(8 * row, block, true);
  }
  return { ...batch, body };
}

function encoded(name: string, plan: TablePlan, batches: readonly ArrowBatch[]): Shape {
  const encoder = new RowEncoder(plan, h64Raw);
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start: 0n, end: BigInt(batches.length) });
  for (const batch of batches) {
    encodeBatch(encoder, batch, sink);
  }
  return { name, plan, rows: encoder.ledger.rows, regions: sink.regions };
}

async function load(client: pg.Client, { plan, regions }: Shape, storage: Storage): Promise<Load> {
  const { table } = plan;
  const columns = plan.columns.map(({ name, type }) => `, ${pg.escapeIdentifier(name)} ${type}`).join("");
  await client.query(
    `create table ${table} (_id bytea primary key, _block_num_start bigint, _block_num_end bigint
       ${plan.hasBlockNum ? ", _block_num bigint" : ""} ${columns})`,
  );
  const stored = plan.columns.filter(({ type }) => type === "bytea" || type === "text");
  for (const { name } of stored) {
    await client.query(`alter table ${table} alter ${pg.escapeIdentifier(name)} ${STORAGES[storage]}`);
  }
  await client.query("checkpoint");

  const cpu = await cpuMs(client);
  const start = performance.now();
  await copyRows(client, table, plan, regions);
  const ms = performance.now() - start;
  const used = (await cpuMs(client)) - cpu;

  const readStart = performance.now();
  const sums = stored.map(({ name }) => `sum(get_byte(sha224(${pg.escapeIdentifier(name)}::bytea), 0))`);
  await client.query(`select ${sums.join(", ")} from ${table}`);
  const readMs = performance.now() - readStart;

  const { rows } = await client.query(`select pg_total_relation_size('${table}') as bytes`);
  await client.query(`drop table ${table}`);
  return { ms, cpuMs: used, readMs, bytes: Number(rows[0].bytes) };
}

/** Processor time of the connection's server process. */
async function cpuMs(client: pg.Client): Promise<number> {
  const { rows } = await client.query("select pg_backend_pid() as pid");
  const stat = await readFile(`/proc/${rows[0].pid}/stat`, "utf8").catch(() => "");
  const [user, system] = stat
    .replace(/^.*\) /, "")
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * TICK_MS;
}
