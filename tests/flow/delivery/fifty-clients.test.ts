import { queryObjects } from "node:v8";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Session } from "../../../src/gateway/session.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { waitFor } from "../../support/wait-for.ts";

const CLIENTS = 50;

const db = sharedDatabase();
let rig: DeliveryRig;

beforeAll(async () => {
  await db.query("create table notes (id integer primary key, team integer not null, body text)");
  await db.query("create index on notes (team)");
  await db.query(`insert into notes select n, n % ${CLIENTS}, 'first' from generate_series(1, 1000) n`);
  await db.query("create table news (id integer primary key)");
  rig = await DeliveryRig.start(db, ["notes", "news"], { deadlines: { heartbeatMs: 200 } });
  await db.query(
    `select ampsync.create_shape('team', 'notes', bind => '{"team": "param:team"}', public => true)`,
  );
});
afterAll(() => rig[Symbol.asyncDispose]());

const memberOf = (team: number) =>
  rig.client([], {
    shapes: [
      { id: "team", shape: "team", params: { team: String(team) } },
      { id: "news", shape: "news" },
    ],
  });

async function sessions(): Promise<number> {
  return (await db.query("select from ampsync_private.session")).rowCount ?? 0;
}

/** A change for each of them, and one for all. */
async function follow(clients: readonly (readonly [number, WireClient])[], id: number): Promise<void> {
  await db.query("update notes set body = $1", [`at ${id}`]);
  await db.query("insert into news values ($1)", [id]);
  for (const [team, client] of clients) {
    await client.until(`what came with ${id}`, () =>
      client.rows("public.notes").every(({ body }) => body === `at ${id}`),
    );
    await client.until(`news ${id}`, () =>
      client.rows("public.news").some((row) => row["id"] === String(id)),
    );
    expect(client.rows("public.notes").map((row) => Number(row["team"]))).toEqual(
      Array.from({ length: 1000 / CLIENTS }, () => team),
    );
  }
}

test("fifty clients have a session each; a fault of some disturbs no other, and of those that left nothing stays", async () => {
  await using stack = new AsyncDisposableStack();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, team) => [team, stack.use(await memberOf(team))] as const),
  );
  for (const [, client] of clients) await client.ready();
  await follow(clients, 1);
  expect(await sessions()).toBe(CLIENTS);

  const [[, broken], [, cut], [, silent], [, twice], ...others] = clients as [
    (typeof clients)[0],
    (typeof clients)[0],
    (typeof clients)[0],
    (typeof clients)[0],
    ...typeof clients,
  ];
  broken.sendText("{ this is no message");
  cut.cut();
  silent.answers = false;
  await using copy = await rig.client([], { client: twice.client });
  await broken.until("its end", () => broken.closed !== null);
  await twice.until("its end", () => twice.closed !== null);
  expect([broken.closed, twice.closed]).toEqual([{ code: 4400 }, { code: 4409 }]);
  await follow(others, 2);
  expect(others.filter(([, { closed }]) => closed !== null)).toEqual([]);
  // Where those stood that left is known, and they are no sessions any more.
  await waitFor("their sessions to be over", async () => (await sessions()) === CLIENTS - 2);
  const { rows } = await db.query(
    "select from ampsync.clients c where c.client_id = any ($1) and c.position is not null",
    [[broken.client, cut.client]],
  );
  expect(rows).toHaveLength(2);

  copy.cut();
  for (const [, client] of clients) client.cut();
  await waitFor("all sessions to be over", async () => (await sessions()) === 0);
  // Timers of the last ones may hold these for a while; each look goes through all memory.
  await waitFor("their memory to be free", () => queryObjects(Session, { format: "count" }) < CLIENTS / 5);
}, 60_000);
