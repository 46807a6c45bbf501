import type pg from "pg";

import { type Dice, dice } from "../dice.ts";
import type { TestDatabase } from "./postgres.ts";
import { registerDataset, SqlStream } from "./sql-stream.ts";

/** What readers of the log saw while many streams were written. */
export interface Seen {
  readonly commits: number;
  readonly snapshots: number;
  /** Snapshots below whose head an entry appeared later. */
  readonly holes: number;
  /** Entries that a reader who follows the log never got. */
  readonly lost: number;
  /** Snapshots in which a table was not what the log says of it. */
  readonly torn: number;
}

export interface StormOptions {
  readonly writers: number;
  readonly seed: number;
  /** Asked before each commit, with what there is so far. */
  goesOn(commits: number, seen: () => Promise<Seen>): boolean | Promise<boolean>;
}

export interface Writer {
  readonly client: pg.Client;
  readonly stream: SqlStream;
}

type Database = Pick<TestDatabase, "client" | "query">;

/** Streams of one dataset, each in the hands of a writer with a connection of its own. */
export async function storedStreams(db: Database, count: number): Promise<readonly Writer[]> {
  const tables = Array.from({ length: count }, (_, n) => `t${n}`);
  await registerDataset(db, "storm", tables);
  const writers: Writer[] = [];
  for (const table of tables) {
    const { rows } = await db.query(
      "select s.stream_id, s.target from ampsync.streams s where s.dataset = 'storm' and s.table_name = $1",
      [table],
    );
    const client = await db.client();
    const stream = new SqlStream(client, rows[0]!["stream_id"], rows[0]!["target"], true, "0");
    await stream.acquire(`worker-${table}`);
    await stream.prepareTarget();
    writers.push({ client, stream });
  }
  // Nobody renews them.
  await db.query("update ampsync_private.lease set lease_until = ampsync_private.now() + interval '1 day'");
  return writers;
}

export async function publishStreams(db: Pick<Database, "query">): Promise<void> {
  await db.query("select ampsync.publish_dataset('storm')");
  await db.query("select ampsync_worker.activate_targets()");
}

/**
 * Writers append and replace blocks, each block a row, as fast as they can. Meanwhile one reader compares tables and
 * log in one snapshot after another, and one follows the log.
 */
export async function logStorm(db: TestDatabase, { writers, seed, goesOn }: StormOptions): Promise<Seen> {
  const all = await storedStreams(db, writers);
  await publishStreams(db);
  const heads: { head: string; entries: string }[] = [];
  const followed = new Set<string>();
  let commits = 0;
  let torn = 0;
  let ended = false; // Writers stop.
  let done = false; // They have.

  const seen = async (): Promise<Seen> => {
    const { rows } = await db.query(
      "select position::float8 as position from ampsync_private.change_tx order by 1",
    );
    const positions: number[] = rows.map((row) => row["position"]);
    const upTo = new Map(positions.map((position, n) => [position, n + 1]));
    return {
      commits,
      snapshots: heads.length,
      holes: heads.filter(({ head, entries }) => upTo.get(Number(head)) !== Number(entries)).length,
      lost: done ? positions.filter((position) => !followed.has(String(position))).length : 0,
      torn,
    };
  };

  async function write({ client, stream }: Writer, roll: Dice): Promise<void> {
    let tip = -1;
    while (!ended) {
      if (tip > 3 && roll(1, 4) === 1) {
        const first = tip - roll(0, 3);
        const last = tip + roll(0, 2);
        await client.query("begin");
        await stream.replace(first, last, {});
        await client.query("commit");
        tip = last;
      } else {
        const last = tip + roll(1, 3);
        await stream.commit(tip + 1, last);
        tip = last;
      }
      commits++;
      if (!(await goesOn(commits, seen))) ended = true;
    }
  }

  async function compare(client: pg.Client): Promise<void> {
    const query = snapshotQuery(all.map(({ stream }) => stream));
    while (!done) {
      const { rows } = await client.query(query);
      heads.push(rows[0]);
      if (rows[0].torn > 0) torn++;
    }
  }

  async function follow(client: pg.Client): Promise<void> {
    let after = "0";
    while (true) {
      const isLast = done;
      const { rows } = await client.query(
        "select distinct position from ampsync.read_changes($1) order by 1",
        [after],
      );
      for (const row of rows) followed.add(row.position);
      after = rows.at(-1)?.position ?? after;
      if (isLast && rows.length === 0) return;
    }
  }

  const readers = Promise.all([compare(await db.client()), follow(await db.client())]);
  try {
    await Promise.all(all.map((writer, n) => write(writer, dice(seed + n))));
  } finally {
    ended = true;
    done = true;
    await readers;
  }
  return seen();
}

/** One statement, so one snapshot: the head, how many entries there are, and how many tables differ from the log. */
function snapshotQuery(streams: readonly SqlStream[]): string {
  const tables = streams.map(
    ({ id, target }) =>
      `select ${id} as stream_id, count(*) as held, coalesce(max(_block_num), -1) as tip from ${target}`,
  );
  return `
    select ampsync.head()::text as head,
           (select count(*) from ampsync_private.change_tx)::text as entries,
           (select count(*)
              from (${tables.join(" union all ")}) t
              join ampsync_private.published p using (stream_id)
             cross join lateral (
               select coalesce((select b.first_block + b.rows - 1
                                  from ampsync_private.change_block b
                                 where b.published_id = p.published_id
                                 order by b.position desc
                                 limit 1), -1) as tip) l
             where (t.tip, t.held) <> (l.tip, l.tip + 1))::integer as torn`;
}
