import { once } from "node:events";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";

import { COPY_HEADER, COPY_TRAILER } from "./copy-file.ts";
import { connect } from "./lab.ts";

const READ_BYTES = 2 ** 20;

export type CopyJob =
  | { readonly way: "copy"; readonly url: string; readonly table: string; readonly file: string }
  | { readonly way: "temp table"; readonly url: string; readonly table: string; readonly file: string };

/** Loads one file into one table, in a process of its own. */
const job: CopyJob = JSON.parse(process.argv[2]!);
await using client = await connect(job.url);
await (job.way === "copy" ? copy(client, job) : throughTempTable(client, job));

async function copy(db: pg.Client, { table, file }: CopyJob): Promise<void> {
  await pipeline(
    createReadStream(file, { highWaterMark: READ_BYTES }),
    db.query(copyFrom(`copy ${table} from stdin (format binary)`)),
  );
}

/** As tools load whose rows have random keys: each batch goes through a temporary table, and may meet a row that is there. */
async function throughTempTable(db: pg.Client, { table, file }: CopyJob): Promise<void> {
  await db.query(`create temporary table incoming (like ${table}) on commit delete rows`);
  await db.query("create table if not exists public.progress (of text primary key, rows bigint not null)");
  const { rows } = await db.query(
    "select string_agg(format('%1$I = excluded.%1$I', attname), ', ') as columns from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> '_id'",
    [table],
  );
  const insert = `insert into ${table} select * from incoming on conflict (_id) do update set ${rows[0].columns}`;
  await using source = await open(file);
  const length = Buffer.alloc(4);
  for (let position = 0; ; ) {
    if ((await source.read(length, 0, 4, position)).bytesRead === 0) return;
    const batch = Buffer.allocUnsafe(length.readUInt32BE());
    await source.read(batch, 0, batch.length, position + 4);
    position += 4 + batch.length;
    await db.query("begin");
    const stream = db.query(copyFrom("copy incoming from stdin (format binary)"));
    const done = once(stream, "finish");
    stream.write(COPY_HEADER);
    stream.write(batch);
    stream.end(COPY_TRAILER);
    await done;
    const { rowCount } = await db.query(insert);
    await db.query(
      "insert into public.progress as p values ($1, $2) on conflict (of) do update set rows = p.rows + excluded.rows",
      [table, rowCount],
    );
    await db.query("commit");
  }
}
