import { readFileSync } from "node:fs";

import type pg from "pg";
import { afterEach, describe, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { FUNCTION_RIGHTS, INSTALLER_TABLES, ROLES } from "../../src/install/rights.ts";
import { uninstall } from "../../src/install/uninstall.ts";
import type { UninstallPlan } from "../../src/install/uninstall-plan.ts";
import { missingForWorker } from "../../src/install/worker-guard.ts";
import { createLog } from "../../src/log.ts";
import { moveClock } from "../support/postgres/clock.ts";
import { ownServer } from "../support/postgres/own-server.ts";
import type { TestDatabase } from "../support/postgres/postgres.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";

const log = createLog("error", () => {});
const NOTHING_LEFT = { missing: [], statements: [] };
const WORKING = "works, works_too";

const server = ownServer();

/** Roles are left when a database is dropped, and nothing hangs on them any more. */
afterEach(async () => {
  await server.run(`drop role if exists ${ROLES.join(", ")}, installer, ${WORKING}, operates, reads`);
});

/** A database of a role `installer`, which is no superuser. */
async function databaseOfInstaller(attributes = ""): Promise<TestDatabase> {
  await server.run(`create role installer login ${attributes}`);
  return await server.database("app", "installer");
}

function migrateAs(role: string, database = "app") {
  return migrate(server.url(database, role), { log });
}

/** Installed by a role that is no superuser, with login roles that own nothing. */
async function installed(): Promise<TestDatabase> {
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
      roles: first.roles,
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
    await server.run("create role installer login");
    await using db = await server.database("app");
    await db.query("grant create on database app to installer");
    const { roles } = await migrateAs("installer");
    expect(roles!.statements).toContain("grant create on database app to ampsync_worker;");
    for (const statement of roles!.statements) await db.query(statement);
    expect((await migrateAs("installer")).roles).toEqual(NOTHING_LEFT);
    await expectAllRights(db);
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
        "table chain.blocks cannot be dropped: it belongs to ampsync_worker, whose rights role installer does not have",
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

test("uninstall takes all grants away, and says how to drop the roles", async () => {
  await using db = await installed();
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
    const decided = schema === "ampsync" ? FUNCTION_RIGHTS[name] : ["ampsync_worker"];
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
    const decided = (role: string) => {
      if (kind === "v") return "select";
      if (role !== "ampsync_worker") return "";
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
