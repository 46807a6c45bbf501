import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";

import { copyColumns, planTable, type TablePlan } from "../../../src/encoder/plan.ts";
import { type EncoderOptions, RowEncoder } from "../../../src/encoder/row-encoder.ts";
import type { ArrowStream } from "./arrow-messages.ts";
import { encodeBatch, h64Raw } from "./encode.ts";
import { MemorySink } from "./memory-sink.ts";

const HEADER = Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);

export interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Makes the table that the stream's schema plans, and copies all batches into it
 * as one microbatch. Its column `copied` numbers the rows in that order.
 */
export async function load(
  client: pg.Client,
  table: string,
  { schema, messages }: ArrowStream,
  range: Range,
  options: EncoderOptions = {},
): Promise<RowEncoder> {
  const plan = planTable(table, schema);
  const encoder = new RowEncoder(plan, h64Raw, options);
  const sink = new MemorySink();
  encoder.beginMicrobatch(range);
  for (const message of messages) {
    if (message.kind === "batch") {
      encodeBatch(encoder, message.batch, sink);
    } else {
      encoder.takeDictionary(message.dictionary);
    }
  }
  await createTable(client, table, plan);
  await copyRows(client, table, plan, sink.regions);
  return encoder;
}

export async function createTable(client: pg.Client, table: string, plan: TablePlan): Promise<void> {
  const definitions = [
    "copied bigint generated always as identity",
    "_id bytea primary key",
    "_block_num_start bigint not null",
    "_block_num_end bigint not null",
    ...(plan.hasBlockNum ? ["_block_num bigint not null"] : []),
    ...plan.columns.map(
      ({ name, type, notNull }) => `${pg.escapeIdentifier(name)} ${type}${notNull ? " not null" : ""}`,
    ),
  ];
  const quoted = pg.escapeIdentifier(table);
  await client.query(`drop table if exists ${quoted}`);
  await client.query(`create table ${quoted} (${definitions.join(", ")})`);
}

/** Copies the rows that an encoder made. */
export async function copyRows(
  client: pg.Client,
  table: string,
  plan: TablePlan,
  rows: readonly Uint8Array[],
): Promise<void> {
  const columns = copyColumns(plan).map((name) => pg.escapeIdentifier(name));
  const target = `${pg.escapeIdentifier(table)} (${columns.join(", ")})`;
  const copy = client.query(copyFrom(`copy ${target} from stdin (format binary)`));
  await pipeline(Readable.from([HEADER, ...rows, TRAILER]), copy);
}
