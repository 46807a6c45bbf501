import { afterAll, beforeAll, expect, test } from "vitest";

import { tokenOf } from "../../support/delivery/gateway.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

// What stands in the lines of a gateway's log, at the most talkative level, while rows of clients fail in all kinds of ways.

const SECRET = "a-row-of-somebody";

const db = sharedDatabase();
let rig: DeliveryRig;

beforeAll(async () => {
  await db.query("create table notes (id integer primary key, owner text not null, body text)");
  await db.query("create index on notes (owner)");
  await db.query(`insert into notes select n, '${SECRET}', '${SECRET} ' || n from generate_series(1, 50) n`);
  rig = await DeliveryRig.start(db, ["notes"]);
  await db.query(
    `select ampsync.create_shape('mine', 'notes', bind => '{"owner": "claim:sub"}'),
            ampsync.create_shape('numbers', 'notes', filter => 'body::integer > 0 or id < 1000', public => true),
            ampsync.create_shape('poison', 'notes', filter => '10 / (id - 7) >= -10', public => true)`,
  );
});
afterAll(() => rig[Symbol.asyncDispose]());

test("no row is in any line of a gateway's log, whatever fails at it", async () => {
  const token = tokenOf({ sub: SECRET });
  await using well = await rig.client(["mine"], { token });
  await well.ready();
  await using numbers = await rig.client(["numbers"], { token: tokenOf({}) });
  await using poison = await rig.client(["poison"], { token: tokenOf({}) });
  for (const client of [numbers, poison]) {
    await client.until("its shape to have failed", () =>
      client.messages.some(
        (each) =>
          (each.t === "failed" && each.code === "SY414") ||
          (each.t === "shapes" && each.shapes.some(({ code }) => code === "SY414")),
      ),
    );
    expect(client.received.join()).not.toContain(SECRET);
  }
  await db.query("delete from notes where id = 7; select ampsync.retry_shape('poison')");
  await poison.ready();
  await db.query("insert into notes values (7, $1, $1)", [SECRET]); // Fails in the log, not in the table.
  well.sendText(JSON.stringify({ t: "ack", position: SECRET, blocks: "0" }));
  await well.until("its end", () => well.closed !== null);
  await using other = await rig.client(["mine"], { token });
  await other.ready();
  await rig.agrees(other, ["public.notes"]);
  expect(rig.gateway.lines.length).toBeGreaterThan(0);
  expect(rig.gateway.lines.filter((line) => line.includes(SECRET))).toEqual([]);
}, 60_000);
