import { afterEach, beforeEach, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { loadKeptSchema, OLDEST } from "../support/release/kept-schema.ts";

const log = createLog("error", () => {});

let db: TestDatabase;
let role: string;

beforeEach(async () => {
  db = await createDatabase({ empty: true });
  await loadKeptSchema(await db.client(), OLDEST);
  role = `dashboards_${db.name}`;
  await db.query(`create role ${role}`);
});

afterEach(async () => {
  await db.query(`drop owned by ${role} cascade; drop role ${role}`);
  await db.drop();
});

async function may(right: string): Promise<boolean> {
  const { rows } = await db.query(`select ${right} as may`);
  return rows[0]!["may"];
}

test("an upgrade keeps what roles were granted on views and functions that it makes again", async () => {
  await db.query(
    `grant usage on schema ampsync to ${role};
     grant select on ampsync.streams, ampsync.jobs to ${role};
     grant select (dataset, state) on ampsync.status to ${role};
     grant execute on function ampsync.verify to ${role} with grant option`,
  );
  await migrate(db.url, { log });
  expect({
    streams: await may(`has_table_privilege('${role}', 'ampsync.streams', 'select')`),
    jobs: await may(`has_table_privilege('${role}', 'ampsync.jobs', 'select')`),
    column: await may(`has_column_privilege('${role}', 'ampsync.status', 'state', 'select')`),
    verify: await may(
      `has_function_privilege('${role}', 'ampsync.verify(text,text)', 'execute with grant option')`,
    ),
    other: await may(`has_column_privilege('${role}', 'ampsync.status', 'hint', 'select')`),
    repair: await may(
      `has_function_privilege('${role}', 'ampsync.repair(text,text,bigint,bigint,boolean)', 'execute')`,
    ),
  }).toEqual({ streams: true, jobs: true, column: true, verify: true, other: false, repair: false });
});

test("an upgrade that would drop a view of somebody else names it, and changes nothing", async () => {
  await db.query("create view public.lag as select dataset, lag from ampsync.streams");
  await expect(migrate(db.url, { log })).rejects.toMatchObject({
    code: "SY901",
    detail: expect.stringContaining("lag"),
    hint: expect.stringContaining("drop it, run ampsync migrate, and make it again"),
  });
  await db.query("drop view public.lag");
  expect((await migrate(db.url, { log })).applied).toContain("migrations/0002_verify_repair.sql");
});
