import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";

import { Pools } from "../../../src/gateway/pools.ts";
import { createLog } from "../../../src/log.ts";
import { liveDataset } from "../../support/delivery/live-dataset.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { GatewayClient } from "../../support/postgres/gateway-session.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

// Gateways that hang in the middle of a call, whatever that is: loads of a dataset wait for none of them, not even for so long.

const NO_WAIT = "250ms";

const db = sharedDatabase();
let stream: SqlStream;
let rig: DeliveryRig;

beforeAll(async () => {
  stream = await liveDataset(db);
  await db.query("create table todos (id integer primary key, body text)");
  await db.query("select ampsync.create_shape('blocks', 'chain.blocks', keep_blocks => 5, public => true)");
  rig = await DeliveryRig.start(db, ["todos"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

/** Each in a transaction of its own, which does not end. */
async function hang(): Promise<pg.Client[]> {
  const gateway = crypto.randomUUID();
  const { rows } = await db.query(
    "select s.shape_id as shape, e.epoch, ampsync.head() as head from ampsync_private.shape s, ampsync_private.log_epoch e where s.name = 'blocks' order by e.number desc limit 1",
  );
  const { shape, epoch, head } = rows[0]!;
  const hello = [{ id: "s", shape: "blocks", params: {}, definition: null }];
  const calls: ((client: pg.Client) => Promise<unknown>)[] = [
    (client) => client.query("select ampsync_worker.read_log($1, $2, $1)", [head, epoch]),
    async (client) => {
      const { rows: forms } = await client.query("select ampsync_worker.shape_definitions() as all");
      const form = forms[0]!.all.shapes.find((each: { shape_id: number }) => each.shape_id === shape);
      await client.query(`select count(*) from ampsync_worker.shape_rows($1, null) as r(${form.row_type})`, [
        shape,
      ]);
    },
    (client) => client.query("select ampsync_worker.raise_low()"),
    (client) =>
      client.query("select ampsync_worker.beat_gateway($1, $2)", [gateway, { address: "ws://here" }]),
    (client) => new GatewayClient(client, hello).open(),
    (client) => client.query("select ampsync_worker.ensure_snapshot(null, $1, '{[]}', 0)", [shape]),
    (client) =>
      client.query("select ampsync_worker.check_sums($1)", [JSON.stringify([{ shape, keys: ["[]"] }])]),
  ];
  return await Promise.all(
    calls.map(async (call) => {
      const client = await db.client();
      await client.query("begin");
      await call(client);
      return client;
    }),
  );
}

test("loads, reorgs and backfill of a dataset wait for no gateway that hangs, and clients of others follow", async () => {
  await using client = await rig.client(["blocks"]);
  await client.ready();
  await stream.commit(10, 11);
  const hanging = await hang();
  const worker = await db.client();
  await worker.query(`set lock_timeout = '${NO_WAIT}'`);
  const load = stream.through(worker);
  for (let block = 12; block < 20; block++) await load.commit(block, block);
  await worker.query("begin");
  await load.replace(18, 20, { fork: "b", parentFork: "a" });
  await worker.query("commit");
  await worker.query("update ampsync_private.stream set state = 'backfill'");
  await load.commit(21, 60, { fork: "b" });
  await worker.query("update ampsync_private.stream set state = 'live'");
  await load.commit(61, 62, { fork: "b" });
  await client.until("the newest block", () =>
    client.rows("chain.blocks").some((row) => row["_block_num"] === "62"),
  );
  for (const each of hanging) await each.query("rollback");
  await load.commit(63, 63, { fork: "b" });
  await client.until("the next one", () =>
    client.rows("chain.blocks").some((row) => row["_block_num"] === "63"),
  );
}, 60_000);

test("a gateway that falls silent in a transaction holds it for a minute at most", async () => {
  const pools = new Pools(
    db.url,
    1,
    createLog("error", () => {}),
  );
  try {
    for (const pool of Object.values(pools.byName)) {
      const { rows } = await pool.query("show idle_in_transaction_session_timeout");
      expect(rows).toEqual([{ idle_in_transaction_session_timeout: "1min" }]);
    }
  } finally {
    await pools.end();
  }
});
