// Takes 51 s.
import { readFileSync } from "node:fs";

import type pg from "pg";
import { afterEach, describe, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import {
  FUNCTION_RIGHTS,
  INSTALLER_TABLES,
  READERS,
  ROLES,
  type Role,
  VIEW_RIGHTS,
} from "../../src/install/rights.ts";
import { uninstall } from "../../src/install/uninstall.ts";
import type { UninstallPlan } from "../../src/install/uninstall-plan.ts";
import { missingForWorker } from "../../src/install/worker-guard.ts";
import { createLog } from "../../src/log.ts";
import { GATEWAY_CALLS } from "../../src/model/gateway-functions.ts";
import { moveClock } from "../support/postgres/clock.ts";
import { ownServer } from "../support/postgres/own-server.ts";
import type { TestDatabase } from "../support/postgres/postgres.ts";
import { shadowOf } from "../support/postgres/shadow.ts";
import { capturedTable, row, SqlCapture } from "../support/postgres/sql-capture.ts";
import { SqlStream, watermark } from "../support/postgres/sql-stream.ts";
import { advance, loadedDataset, markLive, newTable, startUpgrade } from "../support/postgres/upgrade.ts";

const log = createLog("error", () => {});
const NOTHING_LEFT = { missing: [], statements: [] };
const WORKING = "works, works_too";
/** A run on another version of PostgreSQL: what each door says where it is refused is the same on all. */
const IS_SHORT = process.env["AMPSYNC_TEST_SHORT"] !== undefined;

const server = ownServer();

/** What `installed` clones; its roles stay while it is there. */
const MADE = "made";
let isMade = false;

/** Tests grant roles to each other. */
afterEach(async () => {
  if (isMade) await server.run("delete from pg_auth_members; insert into pg_auth_members select * from made");
});

/** No role of ours is there: they are left when a database is dropped, and nothing hangs on them any more. */
async function withoutRoles(): Promise<void> {
  if (isMade) await server.run("drop table made");
  await server.run(`drop database if exists ${MADE}`);
  await server.run(`drop role if exists ${ROLES.join(", ")}, installer, ${WORKING}, operates, reads`);
  isMade = false;
}

/** A database of a role `installer`, which is no superuser. */
async function databaseOfInstaller(attributes = ""): Promise<TestDatabase> {
  await withoutRoles();
  await server.run(`create role installer login ${attributes}`);
  return await server.database("app", "installer");
}

function migrateAs(role: string, database = "app") {
  return migrate(server.url(database, role), { log });
}

/** Installed by a role that is no superuser, with login roles that own nothing. */
async function installed(): Promise<TestDatabase> {
  if (!isMade) {
    await freshlyInstalled();
    await server.run(`alter database app rename to ${MADE}`);
    await server.run("create table made as select * from pg_auth_members");
    isMade = true;
  }
  await server.run(`create database app owner installer template ${MADE} strategy file_copy`);
  // Rights on the database itself are not cloned.
  await server.run(`update pg_database set datacl = (select m.datacl from pg_database m where m.datname = '${MADE}')
    where datname = 'app'`);
  return server.existing("app");
}

/** The same, made for this test alone. */
async function freshlyInstalled(): Promise<TestDatabase> {
  const db = await databaseOfInstaller("createrole");
  await migrateAs("installer");
  await server.run(`create role works login in role ampsync_worker; create role works_too login in role ampsync_worker;
    create role operates login in role ampsync_operator; create role reads login in role ampsync_reader`);
  return db;
}

async function refusalOf(work: Promise<unknown>): Promise<pg.DatabaseError> {
  return await work.then(
    () => {
      throw new Error("was not refused");
    },
    (error: pg.DatabaseError) => error,
  );
}

describe("migrate, by a role that may not create roles", () => {
  test("prints statements that work as printed, and grants everything else the next time", async () => {
    await using db = await databaseOfInstaller();
    const first = await migrateAs("installer");
    expect(first.roles).toEqual({
      missing: ROLES,
      statements: [
        ...ROLES.map((role) => `create role ${role};`),
        expect.stringMatching(/^grant ampsync_worker to installer( with inherit true, set true)?;$/),
        "grant pg_signal_backend to installer;",
      ],
    });
    expect(await migrateAs("installer")).toEqual({
      applied: [],
      functionsReplaced: false,
      grants: 0,
      roles: first.roles,
      grantsToOthers: [],
    });
    const asInstaller = await connection("installer");
    await (await SqlStream.prepare(asInstaller)).commit(0, 9);

    for (const statement of first.roles!.statements) await db.query(statement);
    expect((await migrateAs("installer")).roles).toEqual(NOTHING_LEFT);
    await expectAllRights(db);
    await db.query("create role reads login in role ampsync_reader");
    expect(await server.as("reads", "app", "select from chain.blocks")).toHaveLength(10);

    await asInstaller.query("revoke select on chain.blocks from ampsync_reader");
    await migrateAs("installer");
    await expect(server.as("reads", "app", "select from chain.blocks")).rejects.toMatchObject({
      code: "42501",
    });
  });

  test("prints the right to make schemas where the database is somebody else's", async () => {
    await withoutRoles();
    await server.run("create role installer login");
    await using db = await server.database("app");
    await db.query("grant create on database app to installer");
    const { roles } = await migrateAs("installer");
    expect(roles!.statements).toContain("grant create on database app to ampsync_worker;");
    for (const statement of roles!.statements) await db.query(statement);
    expect((await migrateAs("installer")).roles).toEqual(NOTHING_LEFT);
    await expectAllRights(db);
  });

  test("by a role that may not make schemas says the right that it needs", async () => {
    await withoutRoles();
    await server.run("create role installer login");
    await using db = await server.database("app");
    const refusal = await refusalOf(migrateAs("installer"));
    expect(refusal).toMatchObject({
      code: "SY901",
      hint: "grant create on database app to installer;",
      cause: { code: "42501" },
    });
    await db.query(refusal.hint!);
    expect((await migrateAs("installer")).applied).not.toEqual([]);
  });

  test("is refused where the queue is another application's, whose role it is no member of, and nothing is changed", async () => {
    await using db = await databaseOfInstaller();
    await db.query("create schema graphile_worker");
    const refusal = await refusalOf(migrateAs("installer"));
    expect(refusal).toMatchObject({
      code: "SY901",
      message: "the queue graphile_worker belongs to another role",
      hint: expect.stringMatching(/^grant .*; -- .*: GRAPHILE_WORKER_SCHEMA=ampsync_queue$/),
    });
    const { rows } = await db.query("select to_regnamespace('ampsync_private') as made");
    expect(rows).toEqual([{ made: null }]);
    const options = { log, queueSchema: "ampsync_queue" };
    expect((await migrate(server.url("app", "installer"), options)).applied).not.toEqual([]);
  });

  test("is refused where it is not the owner's, and a worker without rights says which it needs", async () => {
    await using db = await installed();
    expect(await refusalOf(migrateAs("works"))).toMatchObject({
      code: "SY901",
      message: "the schema ampsync belongs to another role",
      cause: { code: "42501" },
    });
    await db.query("create role stranger login");
    const stranger = await connection("stranger");
    const missing = () => missingForWorker(stranger, { schema: "graphile_worker", known: 1000 });
    expect(await missing()).toContain("until somebody runs: grant ampsync_worker to stranger;");
    await db.query("grant ampsync_worker to stranger");
    expect(await missing()).toBeNull();
    await db.query("drop role stranger");
  });
});

test("migrate by a role that may create roles leaves only the right to end sessions of others", async () => {
  await using db = await databaseOfInstaller("createrole");
  const { roles } = await migrateAs("installer");
  expect(roles).toEqual({ missing: [], statements: ["grant pg_signal_backend to installer;"] });
  await expectAllRights(db);
  const { rows } = await db.query("select pg_has_role('installer', 'ampsync_worker', 'usage') as member");
  expect(rows).toEqual([{ member: true }]);
});

describe("migrate by a superuser", () => {
  test("leaves nothing, does nothing the second time, and what was taken back stays so", async () => {
    await withoutRoles();
    await using db = await server.database("app");
    expect((await migrateAs("postgres")).roles).toEqual(NOTHING_LEFT);
    await expectAllRights(db);
    const before = await rowVersions(db);
    expect(await migrateAs("postgres")).toMatchObject({ applied: [], functionsReplaced: false });
    expect(await rowVersions(db)).toEqual(before);

    await db.query("revoke create on database app from ampsync_operator, ampsync_worker");
    await migrateAs("postgres");
    const { rows } = await db.query(
      `select has_database_privilege('ampsync_operator', 'app', 'create') as operator,
              has_database_privilege('ampsync_worker', 'app', 'create') as worker`,
    );
    expect(rows).toEqual([{ operator: false, worker: true }]); // Without it workers cannot work.
  });

  test("in a second database of the server grants the same roles there, and nothing in the first", async () => {
    await withoutRoles();
    await using one = await server.database("one");
    await using two = await server.database("two");
    await migrateAs("postgres", "one");
    await server.run("create role reads login in role ampsync_reader");
    await expect(server.as("reads", "two", "select ampsync.version()")).rejects.toMatchObject({
      code: "3F000",
    });
    const before = await rowVersions(one);
    await migrateAs("postgres", "two");
    await expectAllRights(two);
    expect(await rowVersions(one)).toEqual(before);
    expect(await server.as("reads", "two", "select ampsync.version()")).toHaveLength(1);

    await uninstall(server.url("two"), { log, agree: async () => true });
    await expectAllRights(one);
  });
});

describe("rights on functions that run with those of their owner, of other roles,", () => {
  const calls = async (db: TestDatabase) =>
    (
      await db.query(
        `select format('%s: %s', coalesce(r.rolname, 'public'), string_agg(p.proname, ' ' order by p.proname)) as calls
           from pg_proc p cross join aclexplode(p.proacl) a left join pg_roles r on r.oid = a.grantee
          where p.pronamespace = 'ampsync'::regnamespace and a.grantee <> p.proowner
            and (r.rolname is null or r.rolname <> all ($1))
          group by r.rolname order by 1`,
        [ROLES],
      )
    ).rows.map((row) => row["calls"]);

  afterEach(async () => void (await server.run("drop role if exists boss, other")));

  test.each<[string, string, number]>([
    ["given by the owner", "grant execute on function ampsync.drop_sync, ampsync.verify to other", 2],
    ["given to everybody", "grant execute on function ampsync.drop_sync to public", 1],
    [
      "which they passed on",
      `grant execute on function ampsync.drop_sync to boss with grant option; grant usage on schema ampsync to boss;
       set local role boss; grant execute on function ampsync.drop_sync to other; reset role`,
      1,
    ],
    [
      "which one of ours passed on",
      `grant execute on function ampsync.drop_sync to ampsync_admin with grant option;
       set local role ampsync_admin; grant execute on function ampsync.drop_sync to other, boss; reset role`,
      1,
    ],
  ])("are printed, and what is printed takes them back: %s", async (_, given, count) => {
    await using db = await installed();
    await db.query("create role boss; create role other");
    await db.query(`begin; ${given}; commit`);
    expect(await calls(db)).not.toEqual([]);
    const { grantsToOthers } = await migrateAs("installer");
    expect(grantsToOthers).toHaveLength(count);

    const owner = await connection("installer");
    for (const statement of grantsToOthers) await owner.query(statement);
    expect(await calls(db)).toEqual([]);
    expect((await migrateAs("installer")).grantsToOthers).toEqual([]);
    await expectAllRights(db);
    await db.query("drop owned by boss, other");
  });
});

describe("workers with login roles of their own", () => {
  test("share targets that the owner's worker made, once the guide's statements gave them away", async () => {
    await using db = await installed();
    const owner = await connection("installer");
    const stream = await SqlStream.prepare(owner);
    await stream.commit(0, 9);
    await moveClock(db, "31 s");
    await owner.query("grant usage on schema chain to ampsync_worker");
    const worker = stream.through(await connection("works"));
    await worker.acquire("worker-2");
    const refused = await refusalOf(worker.commit(10, 19));
    expect(refused).toMatchObject({
      code: "SY201",
      message: "table chain.blocks belongs to installer, not to ampsync_worker, which writes it",
      hint: expect.stringMatching(
        /^grant usage, create on schema chain to ampsync_worker; alter table chain\.blocks owner to ampsync_worker; /,
      ),
    });
    for (const { statement } of await guideStatements(owner)) await owner.query(statement);
    await moveClock(db, "31 s");
    await worker.acquire("worker-2");
    await worker.commit(10, 19);
    await moveClock(db, "31 s");
    await stream.acquire("worker-3"); // That of the owner can still write them.
    await stream.commit(20, 29);
    expect(await stream.view()).toMatchObject({ block: "29" });
  });

  test("end a frozen writer of another one with pg_signal_backend, which they are told without it", async () => {
    await using db = await installed();
    const frozen = await connection("works");
    const stream = await SqlStream.prepare(frozen);
    await stream.commit(0, 9);
    await frozen.query("begin");
    await stream.beginApply();
    await moveClock(db, "31 s");
    await db.query("alter function ampsync_worker.acquire_lease(bigint, text) set lock_timeout = '50ms'");
    await db.query("alter function ampsync_private.close_fence(bigint) set lock_timeout = '50ms'");
    const next = stream.through(await connection("works_too"));
    const refused = await refusalOf(next.acquire("worker-2"));
    expect(refused).toMatchObject({
      code: "55P03",
      message: "chain.blocks is written by a session of role works, which role works_too may not end",
      hint: "grant pg_signal_backend to works_too;",
    });
    expect(await refusalOf(server.as("operates", "app", "select ampsync.pause_sync('chain')"))).toMatchObject(
      {
        code: "55P03",
        hint: "grant pg_signal_backend to installer;",
      },
    );
    expect(
      await server.as("reads", "app", "select fix from ampsync.doctor() where subject = 'role installer'"),
    ).toEqual([
      { fix: "grant pg_signal_backend to installer;" },
      { fix: "grant pg_signal_backend to installer;" },
    ]);
    await db.query(refused.hint!);
    await next.acquire("worker-2");
    await next.commit(10, 19);
    await expect(frozen.query("select 1")).rejects.toThrow();
  });

  test("capture for each other: partitions of the log belong to their role, and are read with the owner's rights", async () => {
    await using db = await installed();
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(await connection("works"));
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
    await pass.storeChanges([row(todos, "b")]);
    const next = await SqlCapture.take(await connection("works_too"));
    await db.query("select setval('ampsync_private.tx_id', 4999999)");
    await next.commit([{ lsn: 0x200, changes: [row(todos, "c")] }]);
    expect((await server.as("works", "app", "select ampsync_worker.remove_leftover()")).length).toBe(1);
    expect(
      await db.query(
        `select distinct c.relowner::regrole::text as owner from pg_partition_tree('ampsync_private.change') t
           join pg_class c on c.oid = t.relid`,
      ),
    ).toMatchObject({ rows: [{ owner: "ampsync_worker" }] });
    await db.query("revoke ampsync_worker from installer cascade");
    const read = await server.as(
      "installer",
      "app",
      "select count(*)::integer as n from ampsync.read_changes(0)",
    );
    expect(read).toEqual([{ n: 2 }]);
  });

  test("leave nothing behind that the owner's functions could not drop", async () => {
    await using db = await installed();
    await db.query("revoke ampsync_worker from installer cascade");
    await (await SqlStream.prepare(await connection("works"))).commit(0, 9);
    const drop = () =>
      server.as("operates", "app", "select state from ampsync.drop_sync('chain', drop_tables => true)");
    const refused = await refusalOf(drop());
    expect(refused).toMatchObject({
      code: "42501",
      message:
        "table chain.blocks cannot be dropped or replaced: it belongs to ampsync_worker, whose rights role installer does not have",
      hint: "grant ampsync_worker to installer;",
    });
    const doctor =
      "select severity, fix from ampsync.doctor() where subject = 'role installer' and severity = 'error'";
    expect(await server.as("reads", "app", doctor)).toEqual([{ severity: "error", fix: refused.hint }]);
    await db.query(refused.hint!);
    expect(await server.as("reads", "app", doctor)).toEqual([]);
    expect(await drop()).toEqual([{ state: "dropped" }]);
  });
});

describe.skipIf(IS_SHORT)("an owner without the rights of ampsync_worker, as whom the functions run", () => {
  const TO_GRANT = "grant ampsync_worker to installer;";
  const NOT_ITS =
    /^(table|schema) \S+ (cannot be dropped or replaced: it )?belongs to ampsync_worker, whose rights role installer does not have$/;

  /** Tables of a worker, which the owner may not touch. */
  async function foreign() {
    const db = await installed();
    await db.query("revoke ampsync_worker from installer cascade");
    await db.query("grant ampsync_reader to operates");
    const worker = await connection("works");
    await worker.query("begin");
    const streams = await loadedDataset(worker, ["blocks", "logs"]);
    await worker.query("commit");
    return { db, worker, streams };
  }

  async function expectCured(db: TestDatabase, statement: string): Promise<void> {
    const refused = await refusalOf(server.as("operates", "app", statement));
    expect(refused).toMatchObject({
      code: "42501",
      message: expect.stringMatching(NOT_ITS),
      detail: "Nothing was changed.",
      hint: TO_GRANT,
    });
    await db.query(refused.hint!);
    await server.as("operates", "app", statement);
  }

  test.each([
    ["verify", "select * from ampsync.verify('chain')"],
    ["repair, of a range", "select * from ampsync.repair('chain', 'blocks', 0, 5)"],
    ["repair, of what verify finds", "select * from ampsync.repair('chain')"],
    ["drop_sync, which keeps the tables", "select * from ampsync.drop_sync('chain')"],
  ])("is told so by %s, and what to grant", async (_, statement) => {
    const { db } = await foreign();
    await using _db = db;
    await expectCured(db, statement);
  });

  test("is told so by resync of a table that was dropped", async () => {
    const { db, worker } = await foreign();
    await using _db = db;
    await worker.query("drop table chain.logs");
    await expectCured(db, "select * from ampsync.resync('chain', 'logs')");
  });

  test("is told so by resync and cancel_resync of a table that is loaded again", async () => {
    const { db, streams } = await foreign();
    await using _db = db;
    await server.as("operates", "app", "select ampsync.resync('chain', 'blocks')");
    const shadow = (await shadowOf(db, streams[0]!))!.through(await connection("works"));
    await shadow.acquire("worker-1");
    await shadow.prepareTarget();
    await expectCured(db, "select * from ampsync.cancel_resync('chain')");
  });

  test("is told so by rollback_version", async () => {
    const { db, worker, streams } = await foreign();
    await using _db = db;
    const columns = [{ name: "block_hash", type: "bytea", not_null: true }];
    await startUpgrade(worker, [newTable("blocks", columns), newTable("logs", columns)]);
    for (const stream of streams) {
      const shadow = (await shadowOf(db, stream))!.through(worker);
      await shadow.acquire("worker-1");
      await shadow.prepareTarget(columns);
      await worker.query("begin");
      await shadow.beginApply();
      await shadow.commitApply([watermark(0, 9)], 0, { expected: null });
      await worker.query("commit");
      await markLive(worker, shadow);
    }
    expect(await advance(worker)).toBe("freeze");
    expect(await advance(worker)).toBe("swap");
    await expectCured(db, "select * from ampsync.rollback_version('chain')");
  });

  test("is told so by adopt, of the schema that it may not enter as well", async () => {
    const { db } = await foreign();
    await using _db = db;
    await db.query("create schema older; grant usage, create on schema older to operates");
    const adopt = () => server.as("operates", "app", "select * from ampsync.adopt('chain', 'older')");
    const closed = await refusalOf(adopt());
    expect(closed).toMatchObject({
      code: "42501",
      message: "schema older may not be read by role installer",
      hint: "grant usage on schema older to installer;",
    });
    await db.query(closed.hint!);
    expect(await refusalOf(adopt())).toMatchObject({
      code: "42501",
      message: expect.stringMatching(NOT_ITS),
      hint: TO_GRANT,
    });
  });

  test("is told by verify of the one table that it may not read, though its owner is trusted", async () => {
    const db = await installed();
    await using _db = db;
    const stream = await SqlStream.prepare(await connection("installer"));
    await stream.commit(0, 9);
    await db.query("alter table chain.blocks owner to postgres; revoke all on chain.blocks from installer");
    const verify = () => server.as("reads", "app", "select * from ampsync.verify('chain')");
    const refused = await refusalOf(verify());
    expect(refused).toMatchObject({
      code: "42501",
      message: "table chain.blocks may not be read by role installer",
      hint: "grant select on table chain.blocks to installer;",
    });
    await db.query(refused.hint!);
    expect(await verify()).toEqual([]);
  });
});

test("uninstall takes all grants away, and says how to drop the roles", async () => {
  await using db = await freshlyInstalled();
  await (await SqlStream.prepare(await connection("works"))).commit(0, 9);
  await db.query("select graphile_worker.add_job('send_mail')"); // So the queue stays.
  let plan: UninstallPlan | null = null;
  const done = await uninstall(server.url("app", "installer"), {
    log,
    async agree(shown) {
      plan = shown;
      return true;
    },
  });
  expect(done).toBe("done");
  expect(plan!.rolesLeft).toEqual([
    "reassign owned by ampsync_worker to installer; drop owned by ampsync_worker;",
    `drop role ${ROLES.join(", ")};`,
  ]);
  const { rows } = await db.query(
    `select pg_describe_object(d.classid, d.objid, 0) as what, d.deptype::text as kind
       from pg_shdepend d join pg_roles r on r.oid = d.refobjid and d.refclassid = 'pg_authid'::regclass
      where r.rolname = any ($1) and d.deptype in ('a', 'o', 'r')
        and d.dbid in (0, (select oid from pg_database where datname = current_database())) order by 1`,
    [ROLES],
  );
  expect(rows).toEqual([
    { what: "schema chain", kind: "o" },
    { what: "table chain.blocks", kind: "o" },
  ]);
  for (const statement of plan!.rolesLeft) await db.query(statement);
  expect((await db.query("select from chain.blocks")).rowCount).toBe(10);
});

/** Closed with the database that the test made. */
async function connection(role: string): Promise<pg.Client> {
  return await server.connect("app", role);
}

async function guideStatements(db: pg.Client): Promise<{ statement: string }[]> {
  const guide = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const block = guide
    .slice(guide.indexOf("From one owner to roles"))
    .split("```")[1]!
    .replace(/^sql\n/, "");
  const found: { statement: string }[] = [];
  for (const statement of block.split(";\n").filter((part) => part.trim() !== "")) {
    const { rows } = await db.query({ text: statement, rowMode: "array" });
    found.push(...rows.map(([text]: string[]) => ({ statement: text! })));
  }
  return found;
}

/** Fails unless each role has, of everything that is ours, the rights that were decided for it and no other. */
async function expectAllRights(db: TestDatabase): Promise<void> {
  const { rows: routines } = await db.query<{ schema: string; name: string; roles: string[] }>(
    `select p.pronamespace::regnamespace::text as schema, p.proname as name,
            array(select r.name from unnest($1::text[]) with ordinality r(name, n)
                   where has_schema_privilege(r.name, p.pronamespace, 'usage')
                     and has_function_privilege(r.name, p.oid, 'execute') order by n) as roles
       from pg_proc p
      where p.pronamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
      order by 1, 2`,
    [ROLES],
  );
  for (const { schema, name, roles } of routines) {
    const isGateways = schema === "ampsync_worker" && GATEWAY_CALLS.includes(name);
    const ofWorkers = isGateways ? ["ampsync_worker", "ampsync_gateway"] : ["ampsync_worker"];
    const decided = schema === "ampsync" ? FUNCTION_RIGHTS[name] : ofWorkers;
    expect({ schema, name, roles }).toEqual({
      schema,
      name,
      roles: ROLES.filter((role) => decided?.includes(role)),
    });
  }
  const { rows: relations } = await db.query<{
    relation: string;
    kind: string;
    rights: Record<string, string>;
  }>(
    `select c.oid::regclass::text as relation, c.relkind as kind,
            (select jsonb_object_agg(r.name, array_to_string(array(
                      select p.name from unnest('{select,insert,update,delete,truncate}'::text[]) p(name)
                       where has_table_privilege(r.name, c.oid, p.name)), ' '))
               from unnest($1::text[]) r(name)) as rights
       from pg_class c
      where c.relnamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
        and c.relkind in ('v', 'r', 'p')
      order by 1`,
    [ROLES],
  );
  for (const { relation, kind, rights } of relations) {
    const isRead = INSTALLER_TABLES.some((name) => relation === `ampsync_private.${name}`);
    const decided = (role: Role) => {
      if (kind === "v")
        return (VIEW_RIGHTS[relation.split(".")[1]!] ?? READERS).includes(role) ? "select" : "";
      if (role !== "ampsync_worker") return "";
      if (relation === "ampsync_private.change") return "select insert update delete truncate"; // It is theirs.
      return isRead ? "select" : "select insert update delete";
    };
    expect({ relation, rights }).toEqual({
      relation,
      rights: Object.fromEntries(ROLES.map((role) => [role, decided(role)])),
    });
  }
  const { rows: open } = await db.query(
    `select n.nspname::text as schema from pg_namespace n cross join unnest($1::text[]) r(name)
      where n.nspname ~ '^(ampsync|graphile)' and has_schema_privilege(r.name, n.oid, 'create')`,
    [ROLES],
  );
  expect(open).toEqual([{ schema: "ampsync_private" }]); // Of workers, for shadows.
}

/** Changes with every write to what holds grants. */
async function rowVersions(db: TestDatabase): Promise<unknown[]> {
  const { rows } = await db.query(
    `select 'class' as kind, count(*)::int as n, max(xmin::text::bigint) as newest from pg_class
     union all select 'proc', count(*)::int, max(xmin::text::bigint) from pg_proc
     union all select 'namespace', count(*)::int, max(xmin::text::bigint) from pg_namespace
     union all select 'policy', count(*)::int, max(xmin::text::bigint) from pg_policy`,
  );
  return rows;
}
