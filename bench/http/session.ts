import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";

import { writeCopyFile } from "../lab/copy-file.ts";
import { connect, type Database, type Lab } from "../lab/lab.ts";
import { cpuS } from "../lab/process-figures.ts";

const READ_BYTES = 2 ** 20;

/** What the work of one session took. */
export interface Timed {
  readonly seconds: number;
  readonly backendCpuS: number;
}

/** Another session must make the checkpoint before, or it would be counted. */
export async function timed(session: pg.Client, work: () => Promise<void>): Promise<Timed> {
  const { rows } = await session.query("select pg_backend_pid() as pid");
  const before = cpuS(rows[0].pid);
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  return { seconds, backendCpuS: cpuS(rows[0].pid) - before };
}

/** A bare COPY of the rows of a table, in binary and one transaction, into an empty one like it. */
export async function bareCopy(lab: Lab, database: Database, table: string): Promise<Timed> {
  const file = join(lab.folder, "rows.copy");
  await writeCopyFile(database, table, file);
  await database.query("create table public.bare (like public.events including all)");
  await database.query("checkpoint");
  await using session = await connect(database.url);
  const copy = await timed(session, async () => {
    const stream = session.query(copyFrom("copy public.bare from stdin (format binary)"));
    await pipeline(createReadStream(file, { highWaterMark: READ_BYTES }), stream);
  });
  await database.query("drop table public.bare");
  await rm(file);
  return copy;
}
