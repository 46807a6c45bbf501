import { describe, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { FUNCTION_RIGHTS, ROLES } from "../../src/install/rights.ts";
import { createLog } from "../../src/log.ts";
import { OwnServer } from "../support/postgres/own-server.ts";
import type { TestDatabase } from "../support/postgres/postgres.ts";

const log = createLog("error", () => {});
const NOTHING_LEFT = { missing: [], statements: [] };

/** A server with a role `installer` that is no superuser, and a database of that role. */
async function serverOf(attributes: string): Promise<OwnServer> {
  const server = await OwnServer.start();
  await server.run(`create role installer login ${attributes}`);
  return server;
}

function migrateAs(server: OwnServer, database: string, role = "installer") {
  return migrate(server.url(database, role), { log });
}

describe("migrate, by a role that may not create roles", () => {
  test("prints statements that work as printed, and grants everything else the next time", async () => {
    await using server = await serverOf("");
    await using db = await server.database("app", "installer");
    const first = await migrateAs(server, "app");
    expect(first.roles!.missing).toEqual([...ROLES]);
    expect(first.roles!.statements).toEqual([
      ...ROLES.map((role) => `create role ${role};`),
      "grant ampsync_worker to installer with inherit true, set true;",
      "grant pg_signal_backend to installer;",
    ]);
    expect(await migrateAs(server, "app")).toEqual({
      applied: [],
      functionsReplaced: false,
      roles: first.roles,
    });

    for (const statement of first.roles!.statements) await db.query(statement);
    expect((await migrateAs(server, "app")).roles).toEqual(NOTHING_LEFT);
    expect(await rightsIn(db)).toEqual(RIGHTS);
  });

  test("prints the right to make schemas where the database is somebody else's", async () => {
    await using server = await serverOf("");
    await using db = await server.database("app");
    await db.query("grant create on database app to installer");
    const { roles } = await migrateAs(server, "app");
    expect(roles!.statements).toContain("grant create on database app to ampsync_worker;");
    for (const statement of roles!.statements) await db.query(statement);
    expect((await migrateAs(server, "app")).roles).toEqual(NOTHING_LEFT);
    expect(await rightsIn(db)).toEqual(RIGHTS);
  });
});

test("migrate by a role that may create roles leaves only the right to end sessions of others", async () => {
  await using server = await serverOf("createrole");
  await using db = await server.database("app", "installer");
  const { roles } = await migrateAs(server, "app");
  expect(roles).toEqual({ missing: [], statements: ["grant pg_signal_backend to installer;"] });
  expect(await rightsIn(db)).toEqual(RIGHTS);
  const { rows } = await db.query("select pg_has_role('installer', 'ampsync_worker', 'usage') as member");
  expect(rows).toEqual([{ member: true }]);
});

describe("migrate by a superuser", () => {
  test("leaves nothing, and does nothing the second time", async () => {
    await using server = await OwnServer.start();
    await using db = await server.database("app");
    expect((await migrateAs(server, "app", "postgres")).roles).toEqual(NOTHING_LEFT);
    const before = await rowVersions(db);
    expect(await migrateAs(server, "app", "postgres")).toMatchObject({
      applied: [],
      functionsReplaced: false,
    });
    expect(await rowVersions(db)).toEqual(before);
    expect(await rightsIn(db)).toEqual(RIGHTS);
  });

  test("in a second database of the server grants the same roles there, and nothing in the first", async () => {
    await using server = await OwnServer.start();
    await using one = await server.database("one");
    await using two = await server.database("two");
    await migrateAs(server, "one", "postgres");
    await server.run("create role reads login in role ampsync_reader");
    await expect(server.as("reads", "two", "select ampsync.version()")).rejects.toMatchObject({
      code: "3F000",
    });
    const before = await rowVersions(one);
    await migrateAs(server, "two", "postgres");
    expect(await rightsIn(two)).toEqual(RIGHTS);
    expect(await rowVersions(one)).toEqual(before);
    expect(await server.as("reads", "two", "select ampsync.version()")).toHaveLength(1);
  });

  test("grants to operators the right to make schemas once, so that it can be taken back", async () => {
    await using server = await OwnServer.start();
    await using db = await server.database("app");
    await migrateAs(server, "app", "postgres");
    await db.query("revoke create on database app from ampsync_operator");
    await migrateAs(server, "app", "postgres");
    const { rows } = await db.query(
      "select has_database_privilege('ampsync_operator', 'app', 'create') as operator, has_database_privilege('ampsync_worker', 'app', 'create') as worker",
    );
    expect(rows).toEqual([{ operator: false, worker: true }]);
  });
});

/** Every routine of ours that each role may call, but the ones of views, which everybody may. */
async function rightsIn(db: TestDatabase): Promise<Record<string, string[]>> {
  const { rows } = await db.query<{ routine: string; roles: string[] }>(
    `select p.pronamespace::regnamespace || '.' || p.proname as routine,
            array(select r.name from unnest($1::text[]) r(name)
                   where has_function_privilege(r.name, p.oid, 'execute')
                     and has_schema_privilege(r.name, p.pronamespace, 'usage') order by 1) as roles
       from pg_proc p
      where p.pronamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
      order by 1`,
    [ROLES],
  );
  const ours = rows.filter(({ routine }) => routine.startsWith("ampsync."));
  for (const { routine, roles } of rows) {
    if (!routine.startsWith("ampsync."))
      expect({ routine, roles }).toEqual({ routine, roles: ["ampsync_worker"] });
  }
  return Object.fromEntries(ours.map(({ routine, roles }) => [routine, roles]));
}

const RIGHTS = Object.fromEntries(
  Object.entries(FUNCTION_RIGHTS).map(([name, roles]) => [`ampsync.${name}`, [...roles].sort()]),
);

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
