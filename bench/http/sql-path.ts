import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";

import { SqlSource } from "../../tests/support/http/sql-source.ts";
import { COPY_HEADER, COPY_TRAILER } from "../lab/copy-file.ts";
import { connect, type Lab } from "../lab/lab.ts";
import { listed, MAPPINGS } from "./definitions.ts";
import { bareCopy, type Timed, timed } from "./session.ts";

const PAGE = 1000;
const BATCH = 5000;
/** As many as a commit holds at most. */
const LARGE_BATCH = 10_000;
const NOWHERE = "http://127.0.0.1:1/";

export interface SqlPath {
  readonly ours: Timed;
  readonly copy: Timed;
}

/**
 * The statements of a worker without one: records that are in memory already are copied into staging and committed, 5,000 at
 * a time. Beside it a bare COPY of the rows that came of it.
 */
export async function sqlPath(
  lab: Lab,
  mapping: keyof typeof MAPPINGS,
  records: readonly string[],
): Promise<SqlPath> {
  await using database = await lab.createDatabase();
  await using session = await connect(database.url);
  const source = await SqlSource.prepare(session, { source: { ...MAPPINGS[mapping], url: NOWHERE } });
  const batches = batchesOf(
    records.map((record) => listed(mapping, record)),
    BATCH,
  );
  await database.query("checkpoint");
  const ours = await timed(session, async () => {
    for (const batch of batches) await commit(session, source, batch);
  });
  return { ours, copy: await bareCopy(lab, database, "public.events") };
}

/** How long a reader waits at most, in milliseconds, while 10,000 records are committed that bring a new column. */
export async function waitForColumn(lab: Lab, records: readonly string[]): Promise<number> {
  await using database = await lab.createDatabase();
  await using session = await connect(database.url);
  const source = await SqlSource.prepare(session, { source: { ...MAPPINGS.evolve, url: NOWHERE } });
  const [first, second] = batchesOf(records.slice(0, 2 * LARGE_BATCH), LARGE_BATCH);
  await commit(session, source, first!);
  const texts = records.slice(LARGE_BATCH, 2 * LARGE_BATCH);
  const bringing = {
    ...second!,
    bytes: rowsOf(texts.map((text) => `${text.slice(0, -1)},"campaign":"c1"}`)),
  };
  let isOver = false;
  const work = commit(session, source, bringing).finally(() => {
    isOver = true;
  });
  let longest = 0;
  while (!isOver) {
    const start = performance.now();
    await database.query("select from public.events limit 1");
    longest = Math.max(longest, performance.now() - start);
    await pause(1);
  }
  await work;
  return longest;
}

interface Batch {
  readonly bytes: Buffer;
  readonly pages: readonly { readonly records: readonly string[] }[];
  readonly count: number;
}

async function commit(session: pg.Client, source: SqlSource, { bytes, pages, count }: Batch): Promise<void> {
  await session.query("begin");
  await source.beginApply();
  const copy = session.query(copyFrom(`copy ${source.staging} (n, record) from stdin (format binary)`));
  await pipeline([bytes], copy);
  await source.commitPages(source.partsOf(pages), count);
  await session.query("commit");
}

function batchesOf(records: readonly string[], size: number): readonly Batch[] {
  return Array.from({ length: Math.ceil(records.length / size) }, (_, batch) => {
    const texts = records.slice(batch * size, (batch + 1) * size);
    const pages = Array.from({ length: Math.ceil(texts.length / PAGE) }, (_, page) => ({
      records: texts.slice(page * PAGE, (page + 1) * PAGE),
    }));
    return { bytes: rowsOf(texts), pages, count: texts.length };
  });
}

/** Rows (n integer, record text) of binary COPY. */
function rowsOf(texts: readonly string[]): Buffer {
  const rows = texts.map((text, n) => {
    const record = Buffer.from(text);
    const head = Buffer.alloc(14);
    head.writeInt16BE(2, 0);
    head.writeInt32BE(4, 2);
    head.writeInt32BE(n, 6);
    head.writeInt32BE(record.length, 10);
    return Buffer.concat([head, record]);
  });
  return Buffer.concat([COPY_HEADER, ...rows, COPY_TRAILER]);
}
