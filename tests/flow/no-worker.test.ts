import { afterAll, beforeAll, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { logged, startPass, untilCaptured } from "../support/capture/rig.ts";
import { changeSetting } from "../support/postgres/change-setting.ts";
import { journaledDetails } from "../support/postgres/journal.ts";
import { OwnServer } from "../support/postgres/own-server.ts";
import type { TestDatabase } from "../support/postgres/postgres.ts";
import { tendPublication } from "../support/postgres/tended.ts";

const MIB = 1024 * 1024;
const LIMIT = 32 * MIB;

let server: OwnServer;
let db: TestDatabase;
beforeAll(async () => {
  server = await OwnServer.start({
    wal_level: "logical",
    synchronous_commit: "on",
    min_wal_size: "32MB",
    max_wal_size: "32MB",
  });
  db = await server.database("captured");
  await migrate(db.url, { log: createLog("warn", () => {}) });
  await db.query("create table todos (id integer primary key, title text)");
  await db.query("insert into todos values (1, 'before')");
  await db.query("select ampsync.publish('todos')");
  await tendPublication(db); // The last that a worker did.
});
afterAll(() => server[Symbol.asyncDispose]());

async function seen(): Promise<unknown> {
  const { rows: capture } = await db.query("select state, reason, hint from ampsync.capture");
  const { rows: doctor } = await db.query(
    "select finding from ampsync.doctor() where subject in ('capture', 'max_slot_wal_keep_size') order by 1",
  );
  return { ...capture[0], doctor: doctor.map(({ finding }) => finding) };
}

async function writeWal(mib: number): Promise<void> {
  for (let n = 0; n < mib; n++) {
    await db.query("select pg_logical_emit_message(false, 'filler', repeat(md5($1), 32768))", [String(n)]);
  }
}

/** Of the whole server. */
async function bytesOfWal(): Promise<number> {
  return Number((await db.query("select sum(size) as bytes from pg_ls_waldir()")).rows[0]!["bytes"]);
}

test("where no worker runs at all the server's own limit keeps WAL small; views say why, and the next worker goes on behind a gap", async () => {
  const start = "Start a worker (npx ampsync worker), then: select * from ampsync.jobs;";
  expect(await seen()).toEqual({
    state: "starting",
    reason: "no worker is alive: changes stay in WAL, of which the server has no limit",
    hint: start,
    doctor: [
      "it is -1: while no worker runs, the slot of change capture may fill the disk",
      "no worker is alive: changes of 1 tables stay in WAL",
    ],
  });
  await changeSetting(db, "max_slot_wal_keep_size", `${LIMIT / MIB}MB`);
  await db.query("update todos set title = 'in WAL' where id = 1");
  expect(await seen()).toMatchObject({
    reason: "no worker is alive: changes stay in WAL",
    doctor: ["no worker is alive: changes of 1 tables stay in WAL"],
  });

  for (let n = 0; n < 4; n++) {
    await writeWal(20);
    await db.query("checkpoint");
  }
  expect(await bytesOfWal()).toBeLessThan(LIMIT + 3 * 16 * MIB);
  expect(await seen()).toEqual({
    state: "starting",
    reason: "no worker is alive, and the server has given up the slot: the next one begins behind a gap",
    hint: start,
    doctor: [
      "no worker is alive: changes of 1 tables are not kept",
      "the server had invalidated the slot: a worker makes it anew, and whoever follows captured tables loads them anew",
    ],
  });

  expect(await tendPublication(db)).toContain("gap_opened");
  expect(await journaledDetails(db, "capture_gap")).toMatchObject([
    { code: "slot_lost", tables: ["public.todos"] },
  ]);
  await using _pass = startPass(db);
  await db.query("insert into todos values (2, 'behind the gap')");
  await untilCaptured(db);
  expect((await logged(db)).map(({ data }) => data!["title"])).toEqual(["behind the gap"]);
});
