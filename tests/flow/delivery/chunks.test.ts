import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import { afterAll, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { type Row, WireClient } from "../../support/delivery/wire-client.ts";
import { Scenario } from "../../support/worker/scenario.ts";

/** Often, and yet leaving the machine to those whose work is watched. */
const WRITE_EACH_MS = 3;

const source = new GeneratedSource({ blocks: 1000, logsPerBlock: 3, transactionsPerBlock: 1 });
let scenario: Scenario;
let gateway: TestGateway;
const role = `gateway_${randomUUID().slice(0, 8)}`;

beforeAll(async () => {
  scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 200 });
  scenario.startWorker();
  const sync = await scenario.sync(["logs"]);
  await scenario.db.query("create table public.items (id integer primary key, body text)");
  await scenario.db.query("insert into items select n, repeat('x', 300) from generate_series(1, 6000) n");
  await scenario.db.query("analyze items");
  await scenario.db.query("select ampsync.publish('public.items')");
  await sync.reaches();
  await scenario.db.query("analyze chain.logs");
  await scenario.db.query("select ampsync.publish_dataset('anvil')");
  await scenario.until("both tables to be live", async () => {
    const { rows } = await scenario.db.query(
      `select from ampsync.publications p
        where p.state = 'live' and not exists (select from ampsync.streams s where s.state <> 'live')`,
    );
    return rows.length === 2;
  });
  await scenario.db.query("select ampsync.create_shape('items', 'public.items', public => true)");
  await scenario.db.query("select ampsync.create_shape('logs', 'chain.logs', public => true)");
  // With the least rights that a gateway needs.
  await scenario.db.query(`create role ${role} login password 'gateway' in role ampsync_gateway`);
  const url = new URL(scenario.db.url);
  url.username = role;
  url.password = "gateway";
  gateway = await TestGateway.start(url.href);
  const { rows } = await scenario.db.query(
    "select distinct usename from pg_stat_activity where application_name like 'ampsync gateway%' and datname = current_database()",
  );
  expect(rows).toEqual([{ usename: role }]);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await scenario.db.query(`drop role ${role}`);
  await scenario[Symbol.asyncDispose]();
});

async function agrees(client: WireClient, table: string): Promise<void> {
  await scenario.until("capture to have it", () =>
    scenario.db.query("call ampsync.wait_for_capture()").then(
      () => true,
      () => false,
    ),
  );
  const { rows } = await scenario.db.query("select ampsync.head()::text as head");
  const head = BigInt(rows[0]!["head"] as string);
  await client.until(
    `position ${head}`,
    () => BigInt(client.position) >= head && BigInt(client.blocks) >= head,
  );
  const pairs = client.tables
    .get(table)!
    .columns.map((name) => `'${name}', case when ${name} is not null then concat(${name}) end`);
  const found = await scenario.db.query(
    `select jsonb_build_object(${pairs.join(", ")}) as row from ${table}`,
  );
  const sorted = (each: readonly Row[]) =>
    each.map((row) => JSON.stringify(Object.entries(row).sort())).sort();
  expect(sorted(client.rows(table))).toEqual(sorted(found.rows.map(({ row }) => row as Row)));
}

const wishes = ["items", "logs"].map((shape) => ({ id: shape, shape }));

test("large shapes come in chunks of one scan, with what happened meanwhile, in one step", async () => {
  const writer = await scenario.db.client();
  let isOver = false;
  const writing = (async () => {
    for (let n = 0; !isOver; n++) {
      const id = 1 + ((n * 997) % 6100);
      await writer.query(
        [
          `insert into items values (${id}, 'new') on conflict (id) do update set body = 'again ${n}'`,
          `delete from items where id = ${id}`,
          `update items set id = id + 100000 where id = ${id}`,
        ][n % 3]!,
      );
      if (n % 20 === 0) await writer.query("call ampsync.wait_for_capture()").catch(() => {});
      if (n % 40 === 0) source.reorg(1 + (n % 9), 2);
      await pause(WRITE_EACH_MS);
    }
  })();
  try {
    await using first = await WireClient.start({ url: gateway.url, token: tokenOf({}), shapes: wishes });
    await first.ready();
    await using second = await WireClient.start({ url: gateway.url, token: tokenOf({}), shapes: wishes });
    await second.ready();
    isOver = true;
    await writing;
    for (const client of [first, second]) {
      const snapshots = client.messages.filter(({ t }) => t === "snapshot");
      expect(snapshots.length).toBeGreaterThan(0);
      // All that was asked for together came in one frame.
      const loads = client.frames.filter(({ live }) => live.length > 0);
      expect(loads.map(({ live }) => live.length)).toEqual([2]);
      for (const table of ["public.items", "chain.logs"]) await agrees(client, table);
    }
    const { rows } = await scenario.db.query("select count(*)::int as n from ampsync_private.snapshot");
    expect(rows[0]!["n"]).toBeLessThanOrEqual(2);
  } finally {
    isOver = true;
    await writing;
  }
});

test("a table that gets a column is followed by a statement, and not loaded", async () => {
  await scenario.db.query("delete from items where id > 3000");
  await using client = await WireClient.start({
    url: gateway.url,
    token: tokenOf({}),
    shapes: [{ id: "items", shape: "items" }],
  });
  await client.ready();
  const before = client.frames.length;
  await scenario.db.query("insert into items values (400000, 'before')");
  await scenario.db.query("alter table items add column extra text default 'here'");
  await scenario.db.query("insert into items values (400001, 'after', 'too')");
  await client.until("the column", () => client.tables.get("public.items")!.columns.includes("extra"));
  await client.until("the change", () =>
    client.frames.slice(before).some(({ followed }) => followed.length > 0),
  );
  await agrees(client, "public.items");
  const ops = client.frames.slice(before).flatMap(({ ops }) => ops.map(({ op }) => op));
  expect(ops.filter((op) => op === "load" || op === "migrate")).toEqual(["migrate"]);
});
