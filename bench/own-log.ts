import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { connectDatabase } from "../tests/support/postgres/database.ts";
import { publishStreams, storedStreams } from "../tests/support/postgres/log-storm.ts";
import { type SqlStream, watermark } from "../tests/support/postgres/sql-stream.ts";
import { AmpServer } from "./chain/amp-server.ts";
import type { BenchTable } from "./chain/repeating-source.ts";
import { type Figures, latencies, median, round } from "./figures.ts";
import { type Database, Lab } from "./lab/lab.ts";
import { load } from "./lab/load.ts";
import { MeasuredWorker } from "./lab/measured-worker.ts";
import type { Report } from "./print.ts";

const ROWS_PER_BLOCK = 100;
const ROWS_PER_COMMIT = 10;

export interface OwnLogOptions {
  readonly rows: number;
  readonly rounds: number;
  /** Of each case of commits. */
  readonly seconds: number;
  readonly commits: number;
}

/** What the log of changes costs the datasets that are published, and those that are not. */
export async function benchOwnLog(options: OwnLogOptions): Promise<Report> {
  await using lab = await Lab.start();
  const cases: Figures[] = [];
  for (const measure of [probe, head, saturation, loads]) {
    cases.push(await measure(lab, options));
    console.error(JSON.stringify(cases.at(-1)));
  }
  return { about: { postgres: lab.postgresVersion, ...options, rows_per_commit: ROWS_PER_COMMIT }, cases };
}

/** Commits of a stream that is not published, in turns with and without the look whether it is. */
async function probe(lab: Lab, { rounds, commits }: OwnLogOptions): Promise<Figures> {
  await using scene = await Scene.start(lab, 1, false);
  const writer = scene.writers[0]!;
  const signature =
    "ampsync_private.log_blocks(p_stream_id bigint, p_operation text, p_first bigint, p_last bigint, p_rows bigint, p_position bigint default null)";
  const whole = (
    await writer.client.query("select pg_get_functiondef('ampsync_private.log_blocks'::regproc) as text")
  ).rows[0].text;
  const nothing = `create or replace function ${signature} returns bigint language sql volatile
    set search_path = pg_catalog, pg_temp as 'select null::bigint'`;
  const with_: number[] = [];
  const without: number[] = [];
  await writer.commits(commits);
  for (let n = 0; n < rounds; n++) {
    const both = [
      async () => {
        await writer.client.query(whole);
        with_.push(median(await writer.commits(commits)));
      },
      async () => {
        await writer.client.query(nothing);
        without.push(median(await writer.commits(commits)));
      },
    ];
    for (const one of n % 2 === 0 ? both : both.reverse()) await one();
  }
  return {
    what: "commits of an unpublished stream, one after the other, with and without the look whether it is published",
    with_ms: round(median(with_), 3),
    without_ms: round(median(without), 3),
    ratio: round(median(with_.map((ms, n) => ms / without[n]!)), 3),
  };
}

/** 16 streams, each with ten commits a second. */
async function head(lab: Lab, { seconds }: OwnLogOptions): Promise<Figures> {
  const measured: Record<string, number>[] = [];
  for (const isPublished of [false, true]) {
    await using scene = await Scene.start(lab, 16, isPublished);
    const ms = await Promise.all(scene.writers.map((writer) => writer.steadily(10, seconds)));
    measured.push(latencies(ms.flat(), isPublished ? "published_" : "unpublished_"));
  }
  const [unpublished, published] = measured as [Record<string, number>, Record<string, number>];
  return {
    what: "commits of 16 streams, 10 a second each",
    ...unpublished,
    ...published,
    p50_ratio: round(published["published_p50_ms"]! / unpublished["unpublished_p50_ms"]!, 2),
    p99_ratio: round(published["published_p99_ms"]! / unpublished["unpublished_p99_ms"]!, 2),
  };
}

/** 8 streams, as fast as they can. */
async function saturation(lab: Lab, { seconds }: OwnLogOptions): Promise<Figures> {
  const perS: number[] = [];
  for (const isPublished of [false, true]) {
    await using scene = await Scene.start(lab, 8, isPublished);
    const until = performance.now() + seconds * 1000;
    const counts = await Promise.all(
      scene.writers.map(async (writer) => {
        let count = 0;
        for (; performance.now() < until; count++) await writer.commit();
        return count;
      }),
    );
    perS.push(Math.round(counts.reduce((sum, count) => sum + count, 0) / seconds));
  }
  return {
    what: "commits a second of 8 streams, as fast as they can",
    unpublished: perS[0]!,
    published: perS[1]!,
  };
}

/** Loads of a chain through the whole product, published and not, in turns. */
async function loads(lab: Lab, { rows, rounds }: OwnLogOptions): Promise<Figures> {
  const table: BenchTable = { name: "logs", shape: "logs", rowsPerBlock: ROWS_PER_BLOCK };
  const blocks = Math.ceil(rows / ROWS_PER_BLOCK);
  const once = async (isPublished: boolean) => {
    await using database = await lab.createDatabase();
    await using amp = await AmpServer.start({ tables: [table], blocks, blocksPerMicrobatch: 1000 });
    await using worker = await MeasuredWorker.start({ databaseUrl: database.url, ...amp.addresses });
    return (await load(database, { tables: [table], blocks, workers: [worker], isPublished })).seconds;
  };
  await once(false); // Not counted: files that are read for the first time.
  const unpublished: number[] = [];
  const published: number[] = [];
  for (let n = 0; n < rounds; n++) {
    for (const isPublished of n % 2 === 0 ? [false, true] : [true, false]) {
      (isPublished ? published : unpublished).push(await once(isPublished));
    }
  }
  return {
    what: "load of a dataset, published against unpublished",
    unpublished_rows_per_s: Math.round(rows / median(unpublished)),
    published_rows_per_s: Math.round(rows / median(published)),
    ratio: round(median(unpublished.map((s, n) => s / published[n]!)), 3),
  };
}

/** Streams of a dataset, each in the hands of a writer that commits as workers do: in one message. */
class Scene implements AsyncDisposable {
  readonly writers: readonly Writer[];
  readonly #end: () => Promise<void>;

  private constructor(writers: readonly Writer[], end: () => Promise<void>) {
    this.writers = writers;
    this.#end = end;
  }

  static async start(lab: Lab, count: number, isPublished: boolean): Promise<Scene> {
    const database: Database = await lab.createDatabase();
    const db = connectDatabase("bench", database.url, async () => {});
    const streams = await storedStreams(db, count);
    if (isPublished) await publishStreams(db);
    return new Scene(
      streams.map(({ client, stream }) => new Writer(client, stream)),
      async () => {
        await db.drop();
        await database[Symbol.asyncDispose]();
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

class Writer {
  readonly client: pg.Client;
  readonly #stream: SqlStream;
  #next = 0;

  constructor(client: pg.Client, stream: SqlStream) {
    this.client = client;
    this.#stream = stream;
  }

  /** Returns how long it took, in ms. */
  async commit(): Promise<number> {
    const { id, epoch, target } = this.#stream;
    const block = this.#next++;
    const expected = block === 0 ? "null" : block - 1;
    const start = performance.now();
    await this.client.query(
      `begin isolation level read committed; call ampsync_worker.begin_apply(${id}, ${epoch});
       insert into ${target} (_id, _block_num_start, _block_num_end, _block_num, block_hash)
       select ampsync_private.block_prefix(${block}) || substr(sha256(n::text::bytea), 1, 10), ${block}, ${block}, ${block}, '\\x00'
         from generate_series(1, ${ROWS_PER_COMMIT}) n;
       call ampsync_worker.commit_apply(${id}, ${epoch}, ${expected}, 'mainnet', '${JSON.stringify([watermark(block, block)])}',
                                        ${ROWS_PER_COMMIT});
       commit`,
    );
    return performance.now() - start;
  }

  async commits(count: number): Promise<number[]> {
    const ms: number[] = [];
    for (let n = 0; n < count; n++) ms.push(await this.commit());
    return ms;
  }

  /** So many a second; each from when it was due. */
  async steadily(perS: number, seconds: number): Promise<number[]> {
    const ms: number[] = [];
    const start = performance.now() + Math.random() * (1000 / perS);
    for (let n = 0; n < perS * seconds; n++) {
      const due = start + (n * 1000) / perS;
      const wait = due - performance.now();
      if (wait > 0) await pause(wait);
      const late = Math.max(0, performance.now() - due);
      ms.push((await this.commit()) + (wait > 0 ? 0 : late));
    }
    return ms.slice(perS); // The first second warms up.
  }
}
