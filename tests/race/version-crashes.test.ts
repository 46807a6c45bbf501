// Takes 23 s.
import type pg from "pg";
import { beforeAll, expect, test } from "vitest";

import { armCrash, disarmCrash, installCrashPoints } from "../support/postgres/crash-points.ts";
import { shadowOf } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { COLUMNS, type SqlStream } from "../support/postgres/sql-stream.ts";
import {
  advance,
  datasetId,
  loadedDataset,
  markLive,
  newTable,
  startUpgrade,
} from "../support/postgres/upgrade.ts";
import { adopt, offer } from "../support/postgres/versions.ts";

const ADDED = [...COLUMNS, { name: "added", type: "text", not_null: false }];
const OTHER = [{ name: "block_hash", type: "bytea", not_null: true }];

const db = sharedDatabase();
let streams: readonly SqlStream[] = [];

beforeAll(async () => {
  streams = await loadedDataset(db, ["blocks", "logs"]);
  await db.query(
    "create view chain.both as select b._block_num from chain.blocks b join chain.logs l using (_id)",
  );
  await installCrashPoints(db);
});

/** Every record of ours, every row of the tables, every job, and the form of all relations. */
async function everything(): Promise<Readonly<Record<string, string>>> {
  const { rows: tables } = await db.query(
    `select c.oid::regclass::text as name from pg_class c
      where c.relkind = 'r'
        and c.relnamespace::regnamespace::text in ('ampsync_private', 'chain', 'graphile_worker')
        and c.relname not in ('_private_known_crontabs')
      order by 1`,
  );
  const found: Record<string, string> = {};
  for (const { name } of tables) {
    const { rows } = await db.query(
      `select count(*) || ' ' || coalesce(md5(string_agg(t::text, ' ' order by t::text)), '') as digest from ${name} t`,
    );
    found[name] = rows[0]!["digest"];
  }
  const { rows } = await db.query(
    `select md5(string_agg(concat_ws(' ', c.oid, c.relnamespace, c.relname, c.relfilenode, a.attname, a.atttypid,
                                     a.attnotnull), ',' order by c.oid, a.attnum)) as form
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace::regnamespace::text in ('ampsync_private', 'chain')`,
  );
  return { ...found, form: rows[0]!["form"] };
}

/**
 * Breaks a call off at its first statements one by one, then at ever larger steps, until it gets through; resolves to
 * its answer and to how often it was broken off.
 */
async function throughCrashes<T>(
  text: string,
  call: (client: pg.Client) => Promise<T>,
): Promise<[T, number]> {
  const before = await everything();
  let crashes = 0;
  for (let nth = 1; ; nth += 1 + Math.floor(nth / 4)) {
    await armCrash(db, text, nth);
    const client = await db.client();
    const answer = await call(client).catch((error: pg.DatabaseError) => error);
    if (!(answer instanceof Error)) {
      expect(await disarmCrash(db)).toBeNull();
      return [answer, crashes];
    }
    expect(answer).toMatchObject({ code: "57P01" });
    crashes++;
    expect(await everything(), `broken off at statement ${nth}`).toEqual(before);
  }
}

test("adoption, freeze, swap and rollback that are broken off at any statement leave everything as it was, and get through when they are called again", async () => {
  await offer(db, "1.1.0");
  const adoption = await throughCrashes("adopt_version", (client) =>
    adopt(client, "1.1.0", [
      { table: "blocks", columns: ADDED },
      { table: "logs" },
      { table: "traces", columns: null },
    ]),
  );
  expect(adoption[0]).toBe("adopted");

  await startUpgrade(db, [newTable("blocks", OTHER), newTable("logs")]);
  for (const stream of streams) {
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget(stream === streams[0] ? OTHER : COLUMNS);
    await shadow.apply(0, 9, { fork: "b", expected: null });
    await markLive(db, shadow);
  }
  while ((await advance(db)) === "index");
  const id = await datasetId(db);
  await db.query("select ampsync_private.thaw_streams($1)", [id]);
  await db.query("update ampsync_private.upgrade set next_retry = null");
  const freeze = await throughCrashes("advance_upgrade", (client) => advance(client));
  expect(freeze[0]).toBe("freeze");
  const swap = await throughCrashes("advance_upgrade", (client) => advance(client));
  expect(swap[0]).toBe("swap");
  const { rows: upgraded } = await db.query("select version from ampsync.status");
  expect(upgraded).toEqual([{ version: "2.0.0" }]);

  const rollback = await throughCrashes(
    "rollback_version",
    async (client) =>
      (await client.query("select table_name, state from ampsync.rollback_version('chain')")).rows,
  );
  expect(rollback[0]).toContainEqual({ table_name: "blocks", state: "resyncing" }); // All its blocks were replaced.
  const { rows: back } = await db.query("select version from ampsync.status");
  expect(back).toEqual([{ version: "1.1.0" }]);

  for (const [, crashes] of [adoption, freeze, swap, rollback]) expect(crashes).toBeGreaterThan(5);
});
