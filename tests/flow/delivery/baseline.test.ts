// Takes 12 s.
import { expect, test } from "vitest";

import { TestGateway } from "../../support/delivery/gateway.ts";
import { startLand } from "../../support/delivery/land.ts";
import { LivingClient } from "../../support/delivery/living.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

test("a baseline that is taken while clients are live brings them nothing, and nobody loads; what is written later comes", async () => {
  await using land = await startLand(await createDatabase());
  const { db } = land;
  await using gateway = await TestGateway.start(db.url, { deadlines: { tickMs: 50 } });
  await db.query("insert into todos select n, 'w' || n % 2, 'first' from generate_series(1, 100) n");
  await using all = await LivingClient.start(gateway.url, ["todos", "items"]);
  await using own = await LivingClient.start(gateway.url, ["my_todos"]);
  await using wire = await WireClient.start({ url: gateway.url, shapes: [{ id: "all", shape: "todos" }] });
  await wire.ready();
  for (const client of [all, own]) await client.agrees(db);
  const before = wire.messages.length;

  await db.query("select ampsync.publish('public.todos', baseline => true)");
  let baseline = 0n;
  await waitFor("the baseline", async () => {
    await land.wakeSupervisor();
    const { rows } = await db.query(
      "select position, changes::int from ampsync_private.change_tx where kind = 'baseline'",
    );
    baseline = BigInt(rows[0]?.["position"] ?? 0);
    return rows[0]?.["changes"] === 100;
  });
  // All of them have passed it, by whatever has told them so.
  for (const client of [all, own]) await client.agrees(db);
  await wire.until("it has passed the baseline", () => BigInt(wire.position) >= baseline);
  const told = wire.messages.slice(before).flatMap((message) => (message.t === "frame" ? message.ops : []));
  expect(told).toEqual([]);

  await db.query("update todos set title = 'later' where id <= 10; delete from todos where id = 100");
  for (const client of [all, own]) await client.agrees(db);
  await waitFor("the writes", () => wire.rows("public.todos").length === 99);
  expect(wire.rows("public.todos").filter(({ title }) => title === "later")).toHaveLength(10);
  expect([...all.loads, ...own.loads]).toEqual([]);
  expect(wire.messages.slice(before).filter(({ t }) => t === "shapes")).toEqual([]);
});
