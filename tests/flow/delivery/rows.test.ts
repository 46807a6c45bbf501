// Takes 11 s.
import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { Wish } from "../../../src/wire/from-client.ts";
import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { type Row, WireClient, type WireClientOptions } from "../../support/delivery/wire-client.ts";
import { Scenario } from "../../support/worker/scenario.ts";

let scenario: Scenario;
let gateway: TestGateway;

beforeAll(async () => {
  scenario = await Scenario.start();
  scenario.startWorker();
  await run(`create table public.todos (
      id bigint primary key, owner_id text not null, title text, done boolean not null default false,
      price numeric, tags text[], doc jsonb, raw bytea, at timestamptz, twice integer generated always as (2) stored);
    create index on public.todos (owner_id);
    create table public.members (team_id integer, name text, primary key (team_id, name))`);
  for (const table of ["public.todos", "public.members"]) await run(`select ampsync.publish('${table}')`);
  await scenario.until("the tables to be live", async () => {
    const { rows } = await scenario.db.query("select state from ampsync.publications");
    return rows.length === 2 && rows.every((row) => row["state"] === "live");
  });
  await run(`select ampsync.create_shape('my_todos', 'public.todos', bind => '{"owner_id": "claim:sub"}', filter => 'not done');
    select ampsync.create_shape('teams', 'public.members', bind => '{"team_id": "claim:teams[]"}')`);
  gateway = await TestGateway.start(scenario.db.url);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await scenario[Symbol.asyncDispose]();
});

async function run(statements: string): Promise<void> {
  await scenario.db.query(statements);
}

/** What the server holds, as clients hold it. */
async function serverRows(client: WireClient, table: string, where: string): Promise<Row[]> {
  const pairs = client.tables
    .get(table)!
    .columns.map((name) => `'${name}', case when ${name} is not null then concat(${name}) end`);
  const { rows } = await scenario.db.query(
    `select jsonb_build_object(${pairs.join(", ")}) as row from ${table} where ${where}`,
  );
  return rows.map(({ row }) => row as Row);
}

const sorted = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();

/** Waits until a client has all that was committed before, and compares. */
async function agrees(client: WireClient, table: string, where: string): Promise<void> {
  await scenario.until("capture to have it", () =>
    run("call ampsync.wait_for_capture()").then(
      () => true,
      () => false,
    ),
  );
  const { rows } = await scenario.db.query("select ampsync.head()::text as head");
  const head = BigInt(rows[0]!["head"] as string);
  await client.until(`position ${head}`, () => BigInt(client.position) >= head);
  expect(sorted(client.rows(table))).toEqual(sorted(await serverRows(client, table, where)));
}

const wish = (shape: string) => ({ id: shape, shape });
const connect = (options: Partial<WireClientOptions>) => WireClient.start({ url: gateway.url, ...options });

test("two users have each their own rows, whatever happens to them", async () => {
  await run(`truncate todos;
    insert into todos values (1, 'ann', 'one'), (2, 'bob', 'two'); insert into todos (id, owner_id, done) values (3, 'ann', true)`);
  await using ann = await connect({ token: tokenOf({ sub: "ann" }), shapes: [wish("my_todos")] });
  await using bob = await connect({ token: tokenOf({ sub: "bob" }), shapes: [wish("my_todos")] });
  await ann.ready();
  await bob.ready();
  const both = async () => {
    await agrees(ann, "public.todos", "owner_id = 'ann' and not done");
    await agrees(bob, "public.todos", "owner_id = 'bob' and not done");
  };
  await both();
  for (const statement of [
    `insert into todos values (9007199254740993, 'ann', E'tab\\t "quote" \\\\ line\\nend', false, 123456789012345678901234.500,
       array['a', null, '"'], '{"a": 1.10}', '\\x00ff', '2026-01-01 00:00:00.123456+02')`,
    "update todos set done = false where id = 3",
    "update todos set owner_id = 'bob' where id = 1",
    "update todos set id = 100 where id = 1",
    "begin; update todos set id = 7 where id = 2; update todos set id = 2 where id = 100; commit",
    "delete from todos where owner_id = 'bob'",
    "begin; truncate todos; insert into todos select n, case when n % 2 = 0 then 'ann' else 'bob' end from generate_series(1, 40) n; commit",
    "update todos set done = true where id < 10",
    "update todos set title = repeat('long ', 10000), price = -0.10 where id in (20, 21)",
    "update todos set tags = '{x}' where id in (20, 21)",
    "truncate todos",
  ]) {
    await run(statement);
    await both();
  }
  for (const client of [ann, bob]) {
    const other = client === ann ? "bob" : "ann";
    expect(client.received.join("\n")).not.toContain(`\\"owner_id\\": \\"${other}\\"`);
  }
});

test("a client that was away goes on where it was, also on another gateway", async () => {
  await run("truncate todos; insert into todos select n, 'eve' from generate_series(1, 5) n");
  const options = { token: tokenOf({ sub: "eve" }), shapes: [wish("my_todos")] };
  await using eve = await connect(options);
  await eve.ready();
  await agrees(eve, "public.todos", "owner_id = 'eve'");
  eve.cut();
  await run(
    "update todos set title = 'changed' where id = 1; delete from todos where id = 2; insert into todos values (6, 'eve')",
  );
  await using other = await TestGateway.start(scenario.db.url);
  eve.url = other.url;
  const before = eve.messages.length;
  await eve.connect();
  await agrees(eve, "public.todos", "owner_id = 'eve'");
  const ops = eve.messages.slice(before).flatMap((message) => (message.t === "frame" ? message.ops : []));
  expect(ops.map(({ op }) => op)).not.toContain("load");
  expect(ops.length).toBeGreaterThan(0);
});

test("a client that is further than the log, since the database was set back, is loaded and goes on", async () => {
  await using client = await connect({
    token: tokenOf({ sub: "back", teams: [3] }),
    shapes: [wish("my_todos"), wish("teams")],
  });
  await client.ready();
  for (const isKnown of [true, false]) {
    client.cut();
    client.position = client.blocks = "1000000000000";
    client.epoch = client.life = randomUUID();
    if (!isKnown) client.live.clear();
    await client.connect();
    await client.until("a position of this log", () => BigInt(client.position) < 1_000_000_000_000n);
    await client.ready();
    await run(`insert into todos values (${isKnown ? 901 : 902}, 'back', 'after')`);
    await agrees(client, "public.todos", "owner_id = 'back'");
  }
  expect(client.messages.filter(({ t }) => t === "error")).toEqual([]);
  await run("delete from todos where owner_id = 'back'");
});

test("a new token changes the instances; what is not subscribed any more goes", async () => {
  await run(
    "truncate members; insert into members select t, 'm' || n from generate_series(1, 4) t, generate_series(1, 3) n",
  );
  await using client = await connect({
    token: tokenOf({ sub: "u", teams: [1, 2] }),
    shapes: [wish("teams")],
  });
  await client.ready();
  await agrees(client, "public.members", "team_id in (1, 2)");
  await run(
    "update members set team_id = 2, name = 'moved' where team_id = 1 and name = 'm1'; update members set name = 'x' where team_id = 2 and name = 'm2'",
  );
  await agrees(client, "public.members", "team_id in (1, 2)");
  client.send({ t: "auth", token: tokenOf({ sub: "u", teams: [2, 3, 4] }) });
  await client.until("the other teams", () =>
    client.rows("public.members").some((row) => row["team_id"] === "4"),
  );
  await agrees(client, "public.members", "team_id in (2, 3, 4)");
  client.send({ t: "unsubscribe", ids: ["teams"] });
  await client.until("nothing is left", () => client.rows("public.members").length === 0);
  client.send({ t: "subscribe", shapes: [{ ...wish("teams"), params: {}, definition: null }] });
  await client.until("it is there again", () => client.live.has("teams"));
  await agrees(client, "public.members", "team_id in (2, 3, 4)");
});

test("clients that come while others write have every row once, as it is", async () => {
  await run(
    "truncate todos; insert into todos select n, 'w' || n % 3, 'start' from generate_series(1, 300) n",
  );
  let isOver = false;
  const writers = [0, 1, 2, 3].map(async (seed) => {
    const writer = await scenario.db.client();
    for (let n = seed; !isOver; n += 4) {
      const id = 1 + ((n * 37) % 320);
      const owner = `w${n % 3}`;
      // So that the machine can follow, however busy it is.
      if (n % 80 < 4) await writer.query("call ampsync.wait_for_capture()").catch(() => {});
      await writer.query(
        [
          `insert into todos values (${id}, '${owner}', 'n${n}') on conflict (id) do update set title = excluded.title, done = false`,
          `update todos set owner_id = '${owner}', title = 'u${n}' where id = ${id}`,
          `delete from todos where id = ${id}`,
          `update todos set done = not done where id between ${id} and ${id + 3}`,
          `begin; savepoint s; update todos set title = 's${n}' where id = ${id}; release s; commit`,
        ][n % 5]!,
      );
    }
  });
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    isOver = true;
    await Promise.all(writers);
  });
  const clients: WireClient[] = [];
  for (let n = 0; n < 12; n++) {
    const owner = `w${n % 3}`;
    const client = stack.use(await connect({ token: tokenOf({ sub: owner }), shapes: [wish("my_todos")] }));
    await client.ready();
    clients.push(client);
  }
  isOver = true;
  await Promise.all(writers);
  for (const [n, client] of clients.entries())
    await agrees(client, "public.todos", `owner_id = 'w${n % 3}' and not done`);
}, 60_000);

test("a filter that fails at a row ends its shape alone, and says at which one until it is mended", async () => {
  await run("truncate todos; truncate members");
  await run(
    `select ampsync.create_shape('poison', 'public.todos', bind => '{"owner_id": "claim:sub"}', filter => '10 / length(title) > 1')`,
  );
  await using broken = await connect({ token: tokenOf({ sub: "p" }), shapes: [wish("poison")] });
  await using well = await connect({
    token: tokenOf({ sub: "p", teams: [1] }),
    shapes: [wish("my_todos"), wish("teams")],
  });
  await broken.ready();
  await well.ready();
  const holder = await scenario.db.client();
  await holder.query("begin");
  await holder.query("select from ampsync_private.shape where name = 'poison' for update");
  await run("insert into todos values (1, 'p', 'fine'); insert into todos values (2, 'p', '')");
  await agrees(well, "public.todos", "owner_id = 'p'"); // Somebody changes the shape at this moment.
  await holder.query("rollback");
  const failed = () =>
    broken.messages
      .flatMap((message) => (message.t === "shapes" ? message.shapes : []))
      .find(({ mode }) => mode === "failed");
  await broken.until("the shape failed", () => failed() !== undefined);
  expect(failed()).toMatchObject({ id: "poison", code: "SY414" });
  await agrees(well, "public.todos", "owner_id = 'p'");
  await run("delete from todos where id = 2; select ampsync.retry_shape('poison')");
  const at = broken.messages.length;
  await broken.until("it is live again", () =>
    broken.messages.slice(at).some((m) => m.t === "frame" && m.live.length > 0),
  );
  await agrees(broken, "public.todos", "owner_id = 'p'");
  await run("select ampsync.drop_shape('poison')");
});

test("a subscription that is asked for again with other values, or as another shape, leaves no rows of the former ones", async () => {
  await run(`truncate todos, members; insert into members values (1, 'a'), (2, 'b'), (3, 'c');
    insert into todos values (1, 'ann', 'one'), (2, 'bob', 'two')`);
  await run(`create index on public.members (team_id);
    select ampsync.create_shape('team', 'public.members', bind => '{"team_id": "param:team"}', public => true)`);
  const team = (id: string, n: string) => ({ id, shape: "team", params: { team: n } });
  await using client = await connect({ shapes: [team("a", "1"), team("b", "2")] });
  await client.ready();
  const names = () =>
    client
      .rows("public.members")
      .map((row) => row["name"])
      .sort()
      .join();
  const again = (wish: Omit<Wish, "definition">) => {
    client.live.delete(wish.id);
    client.send({ t: "subscribe", shapes: [{ ...wish, definition: null }] });
  };
  again(team("a", "3"));
  await client.until("the other team", () => client.live.has("a") && names() === "b,c");
  again(team("a", "2")); // What the other one has.
  await client.until("one team", () => client.live.has("a") && names() === "b");
  client.send({ t: "unsubscribe", ids: ["b"] });
  await client.until("it is gone", () => !client.live.has("b"));
  expect(names()).toBe("b");
  again({ id: "a", shape: "my_todos", params: {} });
  await client.until("another table", () => client.live.has("a") && names() === "");
  client.send({ t: "unsubscribe", ids: ["a"] });
  again(team("a", "1"));
  await client.until("the first team", () => client.live.has("a") && names() === "a");
  expect(client.rows("public.todos")).toEqual([]);
  await run("select ampsync.drop_shape('team')");
}, 60_000);
