// Takes 13 s.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

// Small instances, which a gateway reads itself: many of them, and while capture stands still.

const USERS = 100;

const db = sharedDatabase();
let pass: RunningPass;
let gateway: TestGateway;

beforeAll(async () => {
  await db.query("create table notes (id integer primary key, owner text not null, body text)");
  await db.query("create index on notes (owner)");
  await db.query(`insert into notes select n, 'u' || n % ${USERS}, 'first' from generate_series(1, 6000) n`);
  await db.query("analyze notes");
  await publish(db, ["notes"]);
  pass = startPass(db);
  await untilCaptured(db);
  await db.query(`select ampsync.create_shape('mine', 'notes', bind => '{"owner": "claim:sub"}')`);
  gateway = await TestGateway.start(db.url);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await pass.stop();
});

const clientOf = (user: number) =>
  WireClient.start({
    url: gateway.url,
    token: tokenOf({ sub: `u${user}` }),
    shapes: [{ id: "mine", shape: "mine" }],
  });

describe("clients with an instance each", () => {
  test("are all served, by no job", async () => {
    await using stack = new AsyncDisposableStack();
    const clients = await Promise.all(
      Array.from({ length: USERS }, async (_, user) => stack.use(await clientOf(user))),
    );
    for (const client of clients) await client.ready();
    expect(clients.map((client) => client.rows("public.notes").length)).toEqual(
      Array.from({ length: USERS }, () => 6000 / USERS),
    );
    expect((await db.query("select from ampsync_private.snapshot")).rowCount).toBe(0);
  });

  test("wait while capture stands still, say so, and keep nobody else from being let in", async () => {
    await using witness = await clientOf(0);
    await witness.ready();
    await pass.stop();
    await db.query("update notes set body = 'second' where id = 1");
    await using stack = new AsyncDisposableStack();
    const waiting = await Promise.all(
      Array.from({ length: 12 }, async (_, user) => stack.use(await clientOf(user + 1))),
    );
    for (const client of waiting) {
      await client.until("it is let in", () => client.messages.some(({ t }) => t === "welcome"));
    }
    await using late = await clientOf(20);
    await late.until("it is let in", () => late.messages.some(({ t }) => t === "welcome"));
    expect(waiting.some(({ live }) => live.has("mine"))).toBe(false);
    await waiting[0]!.until("it says so", () =>
      waiting[0]!.messages.some((m) => m.t === "failed" && m.code === "SY405"),
    );
    pass = startPass(db);
    for (const client of [...waiting, late]) await client.ready();
    await witness.until("the change", () =>
      witness.rows("public.notes").every(({ id, body }) => id !== "1" || body === "second"),
    );
  });
});
