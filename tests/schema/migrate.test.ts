// Takes 12 s.
import { readFile } from "node:fs/promises";

import pg from "pg";
import { describe, expect, test } from "vitest";

import { packageVersion } from "../../src/install/installed.ts";
import { migrate } from "../../src/install/migrate.ts";
import { readSqlFiles, sha256 } from "../../src/install/sql-files.ts";
import { missingForWorker } from "../../src/install/worker-guard.ts";
import { createLog } from "../../src/log.ts";
import { describeSchema } from "../support/postgres/describe-schema.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";

const log = createLog("error", () => {});

async function describeDatabase(db: TestDatabase): Promise<string> {
  return describeSchema(await db.client());
}

test("a fresh installation matches sql/schema.sql (else: node scripts/dump-schema.ts, and review the diff)", async () => {
  await using db = await createDatabase();
  const golden = await readFile(new URL("../../sql/schema.sql", import.meta.url), "utf8");
  expect(await describeDatabase(db)).toBe(golden);
});

test("released migrations keep their text", async () => {
  const frozen = await readFile(new URL("../../sql/migrations/frozen.txt", import.meta.url), "utf8");
  const released = frozen.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const { migrations } = await readSqlFiles();
  const current = migrations.map((file) => `${file.sha256}  ${file.name}`);
  expect(current).toEqual(expect.arrayContaining(released));
});

describe("migrate", () => {
  test("changes nothing the second time, and waits for nobody's lock", async () => {
    await using db = await createDatabase();
    const before = await describeDatabase(db);
    const writer = await db.client();
    await writer.query("begin");
    const { rows } = await writer.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c
        where c.relnamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace) and c.relkind = 'r'`,
    );
    // Everything that a running stream may hold, and more: only plain reads pass beside it.
    await writer.query(`lock table ${rows.map((row) => row.name).join(", ")} in exclusive mode`);

    expect(await migrate(db.url, { log })).toMatchObject({ applied: [], functionsReplaced: false });
    await writer.query("rollback");
    expect(await describeDatabase(db)).toBe(before);
  });

  test("two installers at once both succeed, and one of them does the work", async () => {
    await using db = await createDatabase({ empty: true });
    const done = await Promise.all([migrate(db.url, { log }), migrate(db.url, { log })]);
    expect(done.filter((result) => result.applied.length > 0)).toHaveLength(1);
    expect(done.filter((result) => result.functionsReplaced)).toHaveLength(1);
  });

  test("a second installer says that it waits, and goes on when the first is gone", async () => {
    await using db = await createDatabase();
    const first = await db.client();
    await first.query("select pg_advisory_lock(hashtextextended('ampsync.migrate', 0))");
    const lines: string[] = [];
    const second = migrate(db.url, { log: createLog("info", (line) => lines.push(line)) });
    await waitFor("the report", () => lines.some((line) => line.includes("migrate_waiting")));
    await first.query("select pg_advisory_unlock_all()");
    expect(await second).toMatchObject({ applied: [], functionsReplaced: false });
  });

  test("a locked table makes it retry instead of waiting", async () => {
    await using db = await createDatabase();
    const reader = await db.client();
    await reader.query("begin; lock table ampsync.streams in access share mode");
    await db.query("delete from ampsync_private.source where name like '%streams%'");
    const lines: string[] = [];
    const migrating = migrate(db.url, { log: createLog("info", (line) => lines.push(line)) });
    await waitFor("a retry", () => lines.some((line) => line.includes("migrate_retry")));
    await reader.query("rollback");
    expect(await migrating).toMatchObject({ applied: [], functionsReplaced: true });
  });

  test("a replaced function is put back, and stays closed to the public", async () => {
    await using db = await createDatabase();
    await db.query("drop function ampsync_private.now() cascade");
    await db.query("delete from ampsync_private.source where name = 'functions'");
    const before = await readFile(new URL("../../sql/schema.sql", import.meta.url), "utf8");
    expect((await migrate(db.url, { log })).functionsReplaced).toBe(true);
    expect(await describeDatabase(db)).toBe(before);
  });

  test("refuses a database that a newer, breaking migration has changed", async () => {
    await using db = await createDatabase();
    await addForeignMigration(db, true);
    await expect(migrate(db.url, { log })).rejects.toMatchObject({ code: "SY901" });
  });

  test("leaves a database alone that is ahead without a break, and warns", async () => {
    await using db = await createDatabase();
    await addForeignMigration(db, false);
    await db.query("delete from ampsync_private.source");
    const lines: string[] = [];
    const done = await migrate(db.url, { log: createLog("warn", (line) => lines.push(line)) });
    expect(done).toMatchObject({ applied: [], functionsReplaced: false });
    expect(lines.join()).toContain("migrate_database_ahead");
  });

  test("refuses when an applied file was edited", async () => {
    await using db = await createDatabase();
    await db.query("update ampsync_private.migration set sha256 = $1", [sha256("another text")]);
    await expect(migrate(db.url, { log })).rejects.toMatchObject({ code: "SY901" });
  });

  test("refuses a queue that belongs to another role", async () => {
    await using db = await createDatabase();
    const role = `installer_${db.name}`;
    const password = pg.escapeLiteral(decodeURIComponent(new URL(db.url).password));
    await db.query(`create role ${role} login password ${password} in role pg_read_all_data`);
    try {
      await db.query(`grant all on schema graphile_worker to ${role}`);
      await expect(migrate(withRole(db.url, role), { log })).rejects.toMatchObject({
        code: "SY901",
        message: expect.stringContaining("another role"),
      });
    } finally {
      await db.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

describe("a worker beside the functions of another release", () => {
  async function missing(functionsVersion: string): Promise<string | null> {
    await using db = await createDatabase();
    await db.query(
      "update ampsync_private.source set sha256 = 'unknown', version = $1 where name = 'functions'",
      [functionsVersion],
    );
    return await missingForWorker(await db.client(), { schema: "graphile_worker", known: 1000 });
  }

  test("waits where they are older, a candidate of an older release included", async () => {
    expect(await missing("0.0.9")).toContain("those of version 0.0.9");
    expect(await missing("0.1.0-alpha")).toContain("those of version 0.1.0-alpha");
  });

  test("works where they are newer, be it a number or a candidate of the next release", async () => {
    const [, minor] = (await packageVersion()).split(".");
    expect(await missing(`0.${Number(minor) + 10}.0`)).toBeNull();
    expect(await missing(`0.${Number(minor) + 1}.0-rc`)).toBeNull();
  });

  test("works where they are of the release that its own version is a candidate of, and not the other way round", async () => {
    const version = await packageVersion();
    const release = version.split("-")[0]!;
    expect(await missing(version === release ? `${release}-rc` : release)).toEqual(
      version === release ? expect.stringContaining(`${release}-rc`) : null,
    );
  });
});

async function addForeignMigration(db: TestDatabase, breaking: boolean): Promise<void> {
  await db.query(
    `insert into ampsync_private.migration (name, sha256, breaking, version)
     values ('migrations/9999_future.sql', 'unknown', $1, '99.0.0')`,
    [breaking],
  );
}

/** The same address with another user, who was given the same password. */
function withRole(url: string, role: string): string {
  return url.replace(/\/\/[^:@]+/, `//${role}`);
}
