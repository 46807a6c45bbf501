import { afterAll, beforeAll, expect, test } from "vitest";

import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

// What small transactions cost on the wire.

const TRANSACTIONS = 1000;

const db = sharedDatabase();
let rig: DeliveryRig;

beforeAll(async () => {
  await db.query("create table notes (id integer primary key, done boolean not null default false)");
  rig = await DeliveryRig.start(db, ["notes"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

const bytesSince = ({ received }: WireClient, from: number) =>
  received.slice(from).reduce((sum, text) => sum + Buffer.byteLength(text), 0);

/** A statement for each n, as that many transactions. */
const many = (statement: string) =>
  db.query(`do $$ begin for n in 1 .. ${TRANSACTIONS} loop ${statement}; commit; end loop; end $$`);

test("a thousand small transactions take a fifth of the bytes that a frame each would, or less", async () => {
  await using client = await rig.client(["notes"]);
  await client.ready();
  await rig.agrees(client, ["public.notes"]);
  const before = client.received.length;
  await db.query("insert into notes values (0)");
  await rig.agrees(client, ["public.notes"]);
  const alone = bytesSince(client, before);
  expect(alone).toBeGreaterThan(0);

  for (const statement of [
    "insert into notes values (n)",
    "update notes set done = not done where id = n",
    "update notes set done = not done where id = 0",
  ]) {
    client.cut();
    await client.until("it is away", () => client.closed !== null);
    await many(statement);
    const from = client.received.length;
    await client.connect();
    await rig.agrees(client, ["public.notes"]);
    expect(bytesSince(client, from)).toBeLessThan((TRANSACTIONS * alone) / 5);
  }
}, 60_000);
