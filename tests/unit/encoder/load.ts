import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { copyColumns, planTable } from "../../../src/encoder/plan.ts";
import { RowEncoder } from "../../../src/encoder/row-encoder.ts";
import type { ArrowStream } from "../../support/arrow.ts";
import { MemorySink } from "./copy-rows.ts";
import { h64Raw } from "./encode.ts";

const HEADER = Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);

/**
 * Makes the table that the stream's schema plans, and copies all batches into it
 * as one microbatch. Its column `copied` numbers the rows in that order.
 */
export async function load(
  client: pg.Client,
  table: string,
  { schema, batches }: ArrowStream,
  range: { readonly start: bigint; readonly end: bigint },
): Promise<void> {
  const plan = planTable(table, schema);
  const definitions = [
    "copied bigint generated always as identity",
    "_id bytea primary key",
    "_block_num_start bigint not null",
    "_block_num_end bigint not null",
    ...(plan.exact ? ["_block_num bigint not null"] : []),
    ...plan.columns.map(
      ({ name, type, notNull }) => `${pg.escapeIdentifier(name)} ${type}${notNull ? " not null" : ""}`,
    ),
  ];
  const quoted = pg.escapeIdentifier(table);
  await client.query(`drop table if exists ${quoted}`);
  await client.query(`create table ${quoted} (${definitions.join(", ")})`);

  const encoder = new RowEncoder(plan, h64Raw);
  const sink = new MemorySink();
  encoder.beginMicrobatch(range);
  for (const batch of batches) {
    encoder.encode(batch, sink);
  }
  const columns = copyColumns(plan).map((name) => pg.escapeIdentifier(name));
  const copy = client.query(copyFrom(`copy ${quoted} (${columns.join(", ")}) from stdin (format binary)`));
  await pipeline(Readable.from([HEADER, ...sink.regions, TRAILER]), copy);
}
