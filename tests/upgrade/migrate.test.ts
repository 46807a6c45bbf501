import { readdir, readFile } from "node:fs/promises";

import { beforeAll, describe, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { readSqlFiles } from "../../src/install/sql-files.ts";
import { createLog } from "../../src/log.ts";
import { describeSchema } from "../support/postgres/describe-schema.ts";
import { releaseDead } from "../support/postgres/queue.ts";
import { shadowOf, swap } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { COLUMNS, type SqlStream } from "../support/postgres/sql-stream.ts";
import { advance, markLive, streamOf } from "../support/postgres/upgrade.ts";
import { loadKeptSchema } from "../support/release/kept-schema.ts";
import { RELEASES } from "../support/release/releases.ts";

const SCHEMAS = new URL("schemas/", import.meta.url);
/** What migrate itself records. */
const RECORDS = ["ampsync_private.migration", "ampsync_private.source"];

/** Tables that are loaded beside others, or that others replaced. */
const BESIDE = /^table ampsync_private\.(shadow|former)_\d+\n(.+\n)+\n/gm;

const log = createLog("error", () => {});

test("every release is kept", async () => {
  const kept = (await readdir(SCHEMAS)).sort();
  expect(kept).toEqual(RELEASES.map(({ version }) => `${version}.sql`).sort());
});

describe.each(RELEASES.map(({ version }) => version))("a database of %s that is migrated", (version) => {
  const db = sharedDatabase({ empty: true });
  let before: ReadonlyMap<string, readonly string[]>;
  let applied: readonly string[];

  /** Every row of every table but those of migrate, as JSON. */
  async function content(): Promise<Map<string, readonly string[]>> {
    const { rows: tables } = await db.query(
      `select c.oid::regclass::text as name
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema$)' and c.oid::regclass::text <> all ($1)
        order by 1`,
      [RECORDS],
    );
    const found = new Map<string, readonly string[]>();
    for (const { name } of tables) {
      const { rows } = await db.query(`select to_jsonb(t)::text as row from ${name} t order by 1`);
      found.set(
        name,
        rows.map(({ row }) => row),
      );
    }
    return found;
  }

  beforeAll(async () => {
    await loadKeptSchema(await db.client(), version);
    before = await content();
    ({ applied } = await migrate(db.url, { log }));
  });

  test("ran the migrations that it lacked, and no other", async () => {
    const { rows } = await db.query("select name from ampsync_private.migration order by applied_at, name");
    const { migrations } = await readSqlFiles();
    expect(rows.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name));
    expect(applied).not.toContain("migrations/0001_core.sql");
  });

  test("has the catalogue of a fresh installation", async () => {
    const fresh = await readFile(new URL("../../sql/schema.sql", import.meta.url), "utf8");
    const described = await describeSchema(await db.client());
    expect(described.replace(BESIDE, "")).toBe(fresh);
  });

  test("has all that it had: datasets, streams, journal, jobs and rows", async () => {
    const after = await content();
    for (const [table, rows] of before) {
      const kept = (after.get(table) ?? []).map((row) => JSON.parse(row));
      const had = rows.map((row) => JSON.parse(row));
      // A migration may add columns.
      expect(kept, table).toEqual(had.map((row) => expect.objectContaining(row)));
    }
  });

  /** Its stream, under a new lease. */
  async function resumed(dataset: string, table = "blocks", columns = COLUMNS): Promise<SqlStream> {
    const stream = await streamOf(db, table, dataset);
    expect(await stream.acquire("worker-9"), `lease of ${dataset}`).toBeDefined();
    await stream.prepareTarget(columns);
    return stream;
  }

  async function findings(dataset: string) {
    const { rows } = await db.query("select * from ampsync.verify($1)", [dataset]);
    return rows;
  }

  describe("goes on", () => {
    beforeAll(() => releaseDead(db)); // Its workers are gone.

    test("with streams that follow their head, reorgs included, and their cut", async () => {
      for (const table of ["blocks", "logs"]) {
        const stream = await resumed("live", table);
        await stream.commit(12, 14, { fork: "b" });
        await db.query("begin");
        await stream.replace(13, 15, { fork: "c", parentFork: "b" });
        await db.query("commit");
        expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 b8 b9 b10 b11 b12 c13 c14 c15");
      }
      expect((await db.query("select ampsync.cut('live')::int as cut")).rows).toEqual([{ cut: 15 }]);
      expect(await findings("live")).toEqual([]);
      const { rows } = await db.query(
        "select table_name, from_block::int, to_block::int from ampsync.repairs",
      );
      expect(rows).toEqual([{ table_name: "logs", from_block: 2, to_block: 3 }]);
    });

    test("with the keys of transactions", async () => {
      const stream = await resumed("keyed", "logs");
      await stream.commit(10, 11);
      const { rows } = await db.query(
        "select (max(_tx_id) filter (where _block_num > 9)) > max(_tx_id) filter (where _block_num <= 9) as rises from keyed.logs",
      );
      expect(rows).toEqual([{ rises: true }]);
      expect(await findings("keyed")).toEqual([]);
    });

    test.each(["paused", "failed"])("with what was %s, once it is resumed", async (dataset) => {
      await db.query("select ampsync.resume_sync($1)", [dataset]);
      await (await resumed(dataset)).commit(10, 11);
      expect(await findings(dataset)).toEqual([]);
    });

    test("with a resync under way", async () => {
      const stream = await streamOf(db, "blocks", "resyncing");
      const shadow = (await shadowOf(db, stream))!;
      await shadow.acquire("worker-9");
      await shadow.prepareTarget();
      await shadow.commit(5, 9, { expected: 4 });
      expect(await swap(db, shadow)).toBe(true);
      expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
      expect(await findings("resyncing")).toEqual([]);
    });

    test("with an upgrade to a new version under way", async () => {
      for (const table of ["blocks", "logs"]) {
        const shadow = (await shadowOf(db, await streamOf(db, table, "upgrading")))!;
        await shadow.acquire("worker-9");
        const columns =
          table === "logs" ? COLUMNS : [COLUMNS[0]!, { name: "size", type: "bigint", not_null: false }];
        await shadow.prepareTarget(columns);
        await shadow.commit(5, 9, { expected: 4 });
        await markLive(db, shadow);
      }
      expect(await advance(db, "upgrading")).toBe("freeze");
      expect(await advance(db, "upgrading")).toBe("swap");
      expect(await findings("upgrading")).toEqual([]);
    });

    test("with the tables that an upgrade had replaced, which can be brought back", async () => {
      await db.query("select ampsync.rollback_version('upgraded')");
      await (await resumed("upgraded")).commit(10, 11);
      expect(await findings("upgraded")).toEqual([]);
    });

    test("with rows that were set aside", async () => {
      await (await resumed("rejecting")).commit(12, 13);
      const { rows } = await db.query("select dataset, block::int from ampsync.rejects");
      expect(rows).toEqual([{ dataset: "rejecting", block: 11 }]);
    });
  });
});
