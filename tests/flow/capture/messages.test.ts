import { randomUUID } from "node:crypto";

import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";

import { publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { events, loggedEntries } from "../../support/postgres/sql-capture.ts";

const db = sharedDatabase();
let pass: RunningPass;
let stranger: pg.Client;

beforeAll(async () => {
  await db.query("create table todos (id int primary key, title text)");
  await publish(db, ["todos"]);
  await db.query(`create role ${db.name}_stranger; grant insert on todos to ${db.name}_stranger`);
  stranger = await db.client();
  await stranger.query(`set role ${db.name}_stranger`);
  pass = startPass(db);
  await untilCaptured(db);
});
afterAll(async () => {
  await pass.stop();
  await db.query(`drop owned by ${db.name}_stranger; drop role ${db.name}_stranger`);
});

/** What a forged message could change. */
async function kept() {
  const { rows } = await db.query(
    `select (select jsonb_agg(p order by p.published_id) from ampsync_private.published p) as published,
            (select jsonb_agg(v) from ampsync_private.schema_version v) as versions,
            (select c.error from ampsync_private.capture c) as error`,
  );
  return rows[0];
}

test("messages that a role without rights writes into WAL forge nothing, and are told once a minute", async () => {
  const [client, tx] = [randomUUID(), randomUUID()];
  await db.query(
    `insert into ampsync_private.client_tx (client_id, seq, tx, received_at, xid, epoch, status)
     values ($1, 1, $2, now(), pg_current_xact_id(), gen_random_uuid(), 'applied')`,
    [client, tx],
  );
  await db.query(
    `insert into ampsync_private.schema_version (version, ordinal, migration, breaking, min_client, created_at)
     values ('1.0.0', 1, 'add_done', false, '0.0.0', now())`,
  );
  const { rows: migrations } = await db.query(
    `insert into ampsync.client_migration (id, migrationname, upqueries)
     values (gen_random_uuid(), 'add_done', '["alter table todos add column done boolean"]')
     returning encode(sha256(convert_to(upqueries::text, 'UTF8')), 'hex') as hash`,
  );
  const before = { entries: await loggedEntries(db), kept: await kept() };
  const forged: readonly (readonly [prefix: string, content: string])[] = [
    ["ampsync/client", JSON.stringify({ client, tx, source: "forged" })],
    [
      "ampsync/migration",
      JSON.stringify({
        version: "1.0.0",
        name: "add_done",
        direction: "up",
        hash: migrations[0]!["hash"],
      }),
    ],
    ["ampsync/schema", "guessed"],
    ["ampsync/mark", "x"],
    ["ampsync/beat", "x"],
    ["ampsync/client", "\u0001 no JSON"],
    ["ampsync/", ""],
  ];
  for (const isTransactional of [true, false]) {
    for (const [prefix, content] of forged) {
      await stranger.query("select pg_logical_emit_message($1, $2, $3)", [isTransactional, prefix, content]);
    }
  }
  await stranger.query("begin");
  for (const [prefix, content] of forged) {
    await stranger.query("select pg_logical_emit_message(true, $1, $2)", [prefix, content]);
  }
  await stranger.query("insert into public.todos values (1, 'a')");
  await stranger.query("commit");

  await untilCaptured(db);
  const { rows } = await db.query(
    "select changes, client_id, client_tx, source, schema_version from ampsync_private.change_tx where kind = 'rows'",
  );
  expect(rows).toEqual([
    { changes: 1, client_id: null, client_tx: null, source: null, schema_version: "0.0.0" },
  ]);
  expect((await loggedEntries(db)).slice(0, -1)).toEqual(before.entries);
  expect(await kept()).toEqual(before.kept);
  expect(await events(db, "message_refused")).toHaveLength(1);
});

test("the client of a gateway's own transaction is in the log with it", async () => {
  const [client, tx] = [randomUUID(), randomUUID()];
  const gateway = await db.client();
  await gateway.query("begin");
  await gateway.query("select pg_logical_emit_message(true, 'ampsync/client', $1)", [
    JSON.stringify({ client, tx, source: "app" }),
  ]);
  await gateway.query("insert into todos values (2, 'b')");
  await gateway.query(
    `insert into ampsync_private.client_tx (client_id, seq, tx, received_at, xid, epoch, status)
     values ($1, 1, $2, now(), pg_current_xact_id(), gen_random_uuid(), 'applied')`,
    [client, tx],
  );
  await gateway.query("commit");
  await untilCaptured(db);
  const { rows } = await db.query(
    "select changes, client_id, client_tx, source from ampsync_private.change_tx where client_id is not null",
  );
  expect(rows).toEqual([{ changes: 1, client_id: client, client_tx: tx, source: "app" }]);
});

test("waiting for capture returns once what was there before is in the log, and at once again", async () => {
  await db.query("insert into todos values (3, 'c')");
  await db.query("call ampsync.wait_for_capture()");
  const { rows } = await db.query(
    "select count(*)::integer as n from ampsync_private.change where key = '[\"3\"]'",
  );
  expect(rows).toEqual([{ n: 1 }]);
  await db.query("call ampsync.wait_for_capture()");
});
