// Takes 26 s.
import { setTimeout as pause } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import type { Op } from "../../../src/wire/ops.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { Scenario } from "../../support/worker/scenario.ts";

/** Often, and yet leaving the machine to those whose work is watched. */
const WRITE_EACH_MS = 5;

const source = new GeneratedSource({ blocks: 60, logsPerBlock: 2, transactionsPerBlock: 1 });
let scenario: Scenario;
let gateway: TestGateway;

const query = (text: string, values: readonly unknown[] = []) => scenario.db.query(text, [...values]);

beforeAll(async () => {
  scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 20 });
  scenario.startWorker();
  const sync = await scenario.sync(["blocks", "logs"]);
  await query(`
    create type mood as enum ('good', 'bad');
    create table todos (
      secret text default 'nobody''s', title text, team int, loud text generated always as (upper(title)) stored,
      weight numeric, feeling mood default 'bad', at timestamptz default now(), id bigint primary key);
    create index on todos (team);
    insert into todos (id, team, title, weight) select n, n % 3, 'todo ' || n, n / 7.0 from generate_series(1, 300) n;
    create table large (id int primary key, body text);
    insert into large select n, repeat('x', 700) from generate_series(1, 2500) n;
    analyze large`);
  for (const table of ["todos", "large"]) await query("select ampsync.publish($1)", [table]);
  await sync.reaches();
  await query("select ampsync.publish_dataset('anvil')");
  await scenario.until("the tables to be live", async () => {
    const { rows } = await query("select from ampsync.publications where state = 'live'");
    return rows.length === 4;
  });
  await query(`
    select ampsync.create_shape('blocks', 'chain.blocks', keep_blocks => 20, public => true);
    select ampsync.create_shape('logs', 'chain.logs', public => true);
    select ampsync.create_shape('large', 'large', public => true);
    select ampsync.create_shape('todos', 'todos', bind => '{"team": "param:team"}', public => true,
                                columns => '{title,team,loud,weight,feeling,at,id}')`);
  gateway = await TestGateway.start(scenario.db.url, { checkedLoads: 0 });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await scenario[Symbol.asyncDispose]();
});

const team = (n: number) => ({ shape: "todos", params: { team: String(n) } });
const ALL = [{ shape: "blocks" }, { shape: "logs" }, { shape: "large" }, team(0), team(2)];

/** What nobody but a broken disk does. */
async function damage({ client }: TestClient, statement: string): Promise<void> {
  await client.pg.transaction(async (tx) => {
    await tx.exec(`set local ampsync.applying = on; ${statement}`);
  });
}

const loads = ({ client }: TestClient) => client.debug().history.filter(({ what }) => what === "loading");

describe("a client's tables are found to hold what the server's do", () => {
  test("with columns of their own, two instances, a window, and other settings of the session", async () => {
    await using one = await TestClient.start(gateway.url, { shapes: ALL });
    await one.client.ready();
    await one.client.query("set timezone = 'Asia/Tokyo'");
    await one.client.query("set datestyle = 'German'");
    await one.client.query("set bytea_output = 'escape'");
    const found = await one.client.verify();

    expect(found.map(({ table, ok, rows }) => [table, ok, rows]).sort()).toEqual([
      ["chain.blocks", true, "21"],
      ["chain.logs", true, "120"],
      ["public.large", true, "2500"],
      ["public.todos", true, "200"],
    ]);
  });

  test("while others write, reorgs come and windows move on, at whatever position it is", async () => {
    await using one = await TestClient.start(gateway.url, {
      shapes: ALL.filter(({ shape }) => shape !== "large"),
    });
    await one.client.ready();
    const writer = await scenario.db.client();
    let isOver = false;
    const writing = (async () => {
      for (let n = 0; !isOver; n++) {
        const id = 1 + ((n * 37) % 300);
        await writer.query(
          [
            `update todos set weight = weight + 1, team = (team + 1) % 3 where id = ${id}`,
            `begin; delete from todos where id = ${id}; insert into todos (id, team) values (${id}, ${n % 3}); commit`,
            `insert into todos (id, team, title) values (${1000 + n}, ${n % 3}, 'new')`,
          ][n % 3]!,
        );
        if (n % 50 === 0) source.reorg(1 + (n % 3), 3 + (n % 3));
        await pause(WRITE_EACH_MS);
      }
    })();
    const answers = [];
    try {
      for (let n = 0; n < 4; n++) {
        answers.push(...(await one.client.verify(["public.todos", "chain.blocks", "chain.logs"])));
      }
    } finally {
      isOver = true;
      await writing;
    }

    expect(answers.filter(({ ok }) => ok === false)).toEqual([]);
    // The one that changes all the time has an answer too.
    expect(answers.filter(({ ok }) => ok)).toHaveLength(12);
    expect((await one.client.verify()).map(({ ok }) => ok)).toEqual([true, true, true]);
    await oracle(scenario.db, one.client);
  });

  test("once a client without a connection has one again; a table that it does not have is not compared", async () => {
    const away = class extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[] | WebSocketInit) {
        super(isHere ? address : "ws://127.0.0.1:9", protocols);
      }
    };
    let isHere = false;
    await using one = await TestClient.start(gateway.url, { shapes: [team(1)], WebSocket: away });
    const found = one.client.verify(["public.todos", "public.large"]);
    isHere = true;
    one.client.wake();
    await one.client.ready();

    expect(await found).toMatchObject([
      { table: "public.todos" },
      { table: "public.large", ok: null, rows: null, why: expect.stringContaining("no shape") },
    ]);
    expect(await one.client.verify()).toMatchObject([{ table: "public.todos", ok: true }]);
  });

  test("after a load, without being asked, where the gateway chooses to", async () => {
    await using checking = await TestGateway.start(scenario.db.url, { checkedLoads: 1 });
    await using client = await WireClient.start({
      url: checking.url,
      token: tokenOf({}),
      shapes: [{ id: "logs", shape: "logs" }],
    });
    const checks = () => client.frames.flatMap(({ ops }) => ops).filter((op: Op) => op.op === "check");
    await client.until("a check", () => checks().length > 0);

    expect(checks()).toMatchObject([{ table: "chain.logs", rows: String(client.rows("chain.logs").length) }]);
  });
});

describe("a client's table that does not hold what the server's does", () => {
  test("is loaded anew once; a second time within a day it stays, and says so until it is loaded by hand", async () => {
    await using one = await TestClient.start(gateway.url, { shapes: [team(0), { shape: "logs" }] });
    await one.client.ready();
    const { clientId } = (
      await one.client.query<{ clientId: string }>('select client_id as "clientId" from ampsync.state')
    ).rows[0]!;
    await damage(one, "update todos set title = 'flipped' where id = (select min(id) from todos)");
    const [first] = await one.client.verify(["public.todos"]);
    expect(first).toMatchObject({ ok: false, rows: first!.serverRows, why: null });
    expect(first!.sum).not.toBe(first!.serverSum);
    await one.until("the load", ({ phase }) => phase === "live" && loads(one).length === 2);
    expect((await one.client.verify()).map(({ ok }) => ok)).toEqual([true, true]);
    expect(one.client.status.error).toBeNull();

    await damage(one, "delete from todos where id = (select min(id) from todos)");
    for (let n = 0; n < 2; n++) {
      const [again] = await one.client.verify(["public.todos"]);
      expect(again).toMatchObject({ ok: false });
      expect(BigInt(again!.rows!)).toBe(BigInt(again!.serverRows!) - 1n);
      await one.until("the error", ({ error }) => error?.code === "SY418");
      expect(one.client.status).toMatchObject({
        phase: "live",
        error: { message: expect.stringContaining(again!.sum!) },
      });
    }
    await query("update todos set title = 'it follows' where id = 300");
    await scenario.until("what comes after it", async () => {
      const { rows } = await one.client.query("select from todos where title = 'it follows'");
      return rows.length === 1;
    });
    expect(loads(one)).toHaveLength(2);

    await one.client.reload("public.todos");
    await one.until(
      "the load by hand",
      ({ phase, error }) => phase === "live" && error === null && loads(one).length === 3,
    );
    await oracle(scenario.db, one.client);
    await scenario.until("the events", async () => {
      const { rows } = await query(
        `select from ampsync.events where event = 'client_diverged' and details ->> 'client' = $1
            and details ->> 'table' = 'public.todos' and details ->> 'server_sum' <> details ->> 'sum'`,
        [clientId],
      );
      return rows.length >= 2;
    });
  });

  test("of a dataset is loaded anew, within its window", async () => {
    await using one = await TestClient.start(gateway.url, { shapes: [{ shape: "blocks" }] });
    await one.client.ready();
    await damage(one, "delete from chain.blocks where _id = (select max(_id) from chain.blocks)");
    expect(await one.client.verify()).toMatchObject([{ ok: false, rows: "20", serverRows: "21" }]);
    await one.until("the load", ({ phase }) => phase === "live" && loads(one).length === 2);

    expect(await one.client.verify()).toMatchObject([{ ok: true, rows: "21" }]);
  });
});

describe("a load is what its snapshot is", () => {
  /** Answers of chunks, changed by `change`, which is told how many there were before. */
  const changed = (change: (body: Uint8Array, before: number) => Promise<Uint8Array>) => {
    let before = 0;
    const fetcher = async (input: string | URL | Request, init?: RequestInit) => {
      const answer = await fetch(input, init);
      const body = await change(new Uint8Array(await answer.arrayBuffer()), before++);
      return new Response(new Blob([Uint8Array.from(body)]), { status: answer.status });
    };
    return { fetcher: fetcher as typeof fetch, count: () => before };
  };

  test("a chunk with a flipped byte is fetched again, and no other", async () => {
    const { fetcher, count } = changed(async (body, before) => {
      if (before === 0) body[body.length >> 1]! ^= 1;
      return body;
    });
    await using one = await TestClient.start(gateway.url, { shapes: [{ shape: "large" }], fetch: fetcher });
    await one.client.ready();

    await oracle(scenario.db, one.client);
    const { rows } = await query(
      `select chunks from ampsync_private.snapshot s join ampsync_private.shape h using (shape_id)
        where h.name = 'large' and s.state = 'ready' limit 1`,
    );
    expect(count()).toBe((rows[0]!["chunks"] as number) + 1);
    expect(loads(one)).toHaveLength(1);
  });

  test("a stage that has lost rows is not loaded: the snapshot is fetched anew", async () => {
    let one: TestClient | null = null;
    let lost = 0;
    const { fetcher } = changed(async (body) => {
      if (one === null || lost > 0) return body;
      const { pg } = one.client;
      const { rows } = await pg.query<{ name: string; has: boolean }>(
        "select table_name as name, true as has from information_schema.tables where table_schema = 'ampsync_stage'",
      );
      if (rows[0] === undefined) return body;
      const taken = await pg.query(
        `delete from ampsync_stage."${rows[0].name}" where ctid = (select min(ctid) from ampsync_stage."${rows[0].name}")`,
      );
      lost += taken.affectedRows ?? 0;
      return body;
    });
    one = await TestClient.start(gateway.url, { shapes: [], fetch: fetcher });
    await using disposal = new AsyncDisposableStack();
    disposal.use(one);
    await (await one.client.subscribe({ shape: "large" })).ready();

    expect(lost).toBe(1);
    await oracle(scenario.db, one.client);
    expect(one.client.debug().history.some(({ what }) => what.includes("in the stage"))).toBe(true);
  });
});
