import { afterAll, beforeAll, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { OwnServer } from "../support/postgres/own-server.ts";
import { tendPublication } from "../support/postgres/tended.ts";

const log = createLog("warn", () => {});

let server: OwnServer;
beforeAll(async () => {
  server = await OwnServer.start({ wal_level: "logical", max_replication_slots: "1" });
  await server.run("create role installer login; create role app login");
  await server.run("create database owned owner installer encoding 'UTF8' template template0");
  await migrate(server.url("owned", "installer"), { log });
  await server.run("create schema shop authorization app", "owned");
  await server.as("app", "owned", "create table shop.orders (id integer primary key)");
});
afterAll(() => server[Symbol.asyncDispose]());

const publish = async (): Promise<{ code: string; hint: string } | null> => {
  const outcome = await server
    .as("installer", "owned", "select ampsync.publish('shop.orders')")
    .catch((error) => error);
  return outcome instanceof Error ? (outcome as unknown as { code: string; hint: string }) : null;
};

const unpublish = () => server.as("installer", "owned", "select ampsync.unpublish('shop.orders')");

test("a role that is no superuser publishes as a member of the owner, once it has run each hint", async () => {
  await server.run("grant usage on schema shop to installer", "owned");
  const hints: string[] = [];
  for (let refusal = await publish(); refusal !== null; refusal = await publish()) {
    expect(refusal.code).toBe("SY403");
    hints.push(refusal.hint);
    expect(hints.length).toBeLessThan(5);
    await server.run(refusal.hint, "owned");
  }
  expect(hints).toEqual(["alter role installer replication;", "grant app to installer;"]);
  await unpublish();

  await server.run(
    `alter table shop.orders enable row level security; alter table shop.orders force row level security`,
    "owned",
  );
  expect(await publish()).toMatchObject({ code: "SY403", hint: "alter role installer bypassrls;" });
  await server.run("alter table shop.orders no force row level security", "owned");

  await server.run("alter role installer noreplication; create role rds_replication", "owned");
  expect(await publish()).toMatchObject({ code: "SY403", hint: "grant rds_replication to installer;" });
  await server.run("grant rds_replication to installer");
  expect(await publish()).toBeNull();

  // What is refused all the same is shown in the words of the server.
  const installer = await server.connect("owned", "installer");
  await expect(tendPublication(installer)).rejects.toMatchObject({ code: "42501" });
  await server.as(
    "installer",
    "owned",
    `select ampsync_worker.note_publication('{"code": "42501", "message": "in its own words"}')`,
  );
  await server.as("installer", "owned", "select ampsync_worker.supervise_capture()");
  expect(
    await server.as("installer", "owned", "select state, reason, error_code from ampsync.capture"),
  ).toEqual([{ state: "failed", reason: "in its own words", error_code: "SY403" }]);
  await unpublish();
  await server.run("drop role rds_replication; alter role installer replication");

  await server.run("select pg_create_physical_replication_slot('taken')");
  expect(await publish()).toMatchObject({
    code: "SY403",
    hint: expect.stringMatching(/^alter system set max_replication_slots = 6;/),
  });
  await server.run("select pg_drop_replication_slot('taken')");
  expect(await publish()).toBeNull();
});

test("a server whose WAL cannot be decoded says the setting", async () => {
  await using plain = await OwnServer.start({ wal_level: "replica" });
  await using db = await plain.database("plain");
  await migrate(db.url, { log });
  await db.query("create table todos (id integer primary key)");
  await expect(db.query("select ampsync.publish('todos')")).rejects.toMatchObject({
    code: "SY403",
    hint: expect.stringMatching(/^alter system set wal_level = 'logical';/),
  });
});
