import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import type { Dice } from "../dice.ts";
import type { TestDatabase } from "./database.ts";
import { tendPublication } from "./tended.ts";

const WRITERS = 3;
const READERS = 2;

/** Sessions of an application, and the one that publishes. */
export interface Racers {
  readonly writers: readonly pg.Client[];
  readonly readers: readonly pg.Client[];
  readonly publisher: pg.Client;
}

/** What went wrong in a round: rows that neither the snapshot has nor WAL tells, and errors of the application. */
export interface Round {
  readonly lost: readonly string[];
  readonly refused: readonly string[];
  /** How long a reader waited at most, in milliseconds. */
  readonly longestWaitMs: number;
}

export async function startRacers(db: TestDatabase): Promise<Racers> {
  await db.query("create table first (id text primary key)");
  await db.query("select ampsync.publish('first')");
  await tendPublication(db);
  const some = (count: number) => Promise.all(Array.from({ length: count }, () => db.client()));
  return { writers: await some(WRITERS), readers: await some(READERS), publisher: await db.client() };
}

/**
 * A table is published while some have written to it in transactions that are still open, and others have read it and
 * are about to write. Whoever loads the table as soon as it is published, and then follows WAL, must have every row.
 */
export async function race(
  db: TestDatabase,
  racers: Racers,
  { throws, round }: { throws: Dice; round: number },
): Promise<Round> {
  const table = `raced_${round}`;
  await db.query(`create table ${table} (id text primary key, n integer not null default 0)`);
  if (round % 2 === 0) await db.query(`alter table ${table} replica identity full`); // Else the change of it waits, too.
  const refused: string[] = [];
  const written: string[] = [];
  let longestWaitMs = 0;
  let isOver = false;
  const delay = () => pause(throws(0, 12));

  const write = async (client: pg.Client, name: string): Promise<void> => {
    for (let n = 0; n < 3 || !isOver; n++) {
      const id = `${table}-${name}-${n}`;
      await client.query(`begin; insert into ${table} (id) values ('${id}')`);
      await delay();
      await client.query("commit");
      written.push(id);
      await delay();
    }
  };
  const read = async (client: pg.Client): Promise<void> => {
    for (let n = 0; n < 3 || !isOver; n++) {
      const began = performance.now();
      await client.query(`begin; select count(*) from ${table}`);
      longestWaitMs = Math.max(longestWaitMs, performance.now() - began);
      await delay();
      await client.query(
        `update ${table} set n = n + 1 where id in (select id from ${table} order by id limit 1)`,
      );
      await client.query("commit");
      await delay();
    }
  };
  const publish = async (): Promise<readonly string[]> => {
    await delay();
    await racers.publisher.query(`select ampsync.publish('${table}')`);
    const { rows } = await racers.publisher.query(`select id from ${table}`);
    await delay();
    isOver = true;
    return rows.map(({ id }) => id);
  };

  const note = (error: Error) => void refused.push(error.message);
  const [loaded] = await Promise.all([
    publish(),
    ...racers.writers.map((client, n) => write(client, `w${n}`).catch(note)),
    ...racers.readers.map((client) => read(client).catch(note)),
  ]);
  const told = await readSlot(db);
  const lost = written.filter((id) => !loaded.includes(id) && !told.includes(id));
  await db.query(`select ampsync.unpublish('${table}')`);
  await tendPublication(db);
  await db.query(`drop table ${table}`);
  return { lost, refused, longestWaitMs };
}

/** What WAL tells by the publication since the last call, as text. */
async function readSlot(db: TestDatabase): Promise<string> {
  const { rows } = await db.query(
    `select string_agg(encode(g.data, 'escape'), ' ') as told
       from ampsync_private.capture c
      cross join pg_logical_slot_get_binary_changes(c.slot, null, null, 'proto_version', '1',
                                                    'publication_names', 'ampsync') g`,
  );
  // As the pass that stores it would: else the slot were somebody else's.
  await db.query(
    `update ampsync_private.capture c set end_lsn = s.confirmed_flush_lsn
       from pg_replication_slots s where s.slot_name = c.slot`,
  );
  return rows[0]!["told"] ?? "";
}
