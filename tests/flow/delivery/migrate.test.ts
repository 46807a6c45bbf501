import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Client } from "../../../src/client/api.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { keepJournal } from "../../support/delivery/journal.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { Scenario } from "../../support/worker/scenario.ts";

let scenario: Scenario;
let gateway: TestGateway;

beforeAll(async () => {
  scenario = await Scenario.start();
  scenario.startWorker();
  await run(
    `create type public.mood as enum ('sad', 'ok');
     create table public.items (id bigint primary key, owner text not null default 'ann', feeling public.mood, body text);
     create index on public.items (owner);
     create table public.others (id bigint primary key, body text)`,
  );
  for (const table of ["items", "others"]) await run(`select ampsync.publish('public.${table}')`);
  await scenario.until("the tables to be live", async () => {
    const { rows } = await scenario.db.query("select from ampsync.publications where state = 'live'");
    return rows.length === 2;
  });
  await run(
    `insert into items select n, case when n % 2 = 0 then 'ann' else 'bob' end, 'ok', 'old' from generate_series(1, 20) n;
     insert into others select n, 'x' from generate_series(1, 5) n;
     select ampsync.create_shape('items', 'public.items', bind => '{"owner": "claim:owners[]"}');
     select ampsync.create_shape('others', 'public.others', public => true)`,
  );
  gateway = await TestGateway.start(scenario.db.url);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await scenario[Symbol.asyncDispose]();
});

async function run(statements: string): Promise<void> {
  await scenario.db.query(statements);
}

const OWNERS = { owners: ["ann", "bob"] };
const connect = (claims: object = OWNERS, more = {}) =>
  TestClient.start(gateway.url, {
    token: () => tokenOf(claims),
    shapes: [{ shape: "items" }, { shape: "others" }],
    ...more,
  });

const agrees = (client: Client, claims = OWNERS) => oracle(scenario.db, client, { claims });

/** How often the tables of a client were loaded: each load makes its rows anew, at another place. */
async function loads(client: Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ items: string; others: string }>(
    `select (select xmin::text from items where id = 2) as items, (select xmin::text from others where id = 2) as others`,
  );
  return rows[0]!;
}

async function defaultsOf(client: Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `select a.attname as name, coalesce(pg_get_expr(d.adbin, d.adrelid), 'none') as value
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = 'items'::regclass and a.attnum > 0 and not a.attisdropped`,
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

describe("clients follow", () => {
  test("columns that are added, with what older rows have in them, and load nothing for it", async () => {
    await using one = await connect();
    const { client } = one;
    await keepJournal(client);
    await client.ready();
    await agrees(client);
    const before = await loads(client);
    for (const statement of [
      "update items set body = 'before' where id = 4",
      "alter table items add column extra text default 'here', add column n integer",
      "update items set body = 'after' where id = 6",
      `insert into items values (100, 'ann', null, 'new', 'given', 7), (101, 'eve', 'sad', 'not theirs', 'x', 1)`,
      "alter table items alter extra set default 'later', add column again public.mood default 'sad'",
      "insert into items (id, body) values (102, 'latest')",
      "delete from items where id = 8",
    ]) {
      await run(statement);
      if (!statement.startsWith("alter")) await agrees(client); // Two changes at once are a load.
    }
    await agrees(client);
    const { rows } = await client.query(
      "select extra, n, again from items where id in (2, 100, 102) order by id",
    );
    expect(rows).toEqual([
      { extra: "here", n: null, again: "sad" },
      { extra: "given", n: 7, again: "sad" },
      { extra: "later", n: null, again: "sad" },
    ]);
    expect(await loads(client)).toEqual(before);
    expect(await defaultsOf(client)).toMatchObject({
      extra: "'later'::text",
      n: "none",
      again: "'sad'::text",
    });
    await expect(client.query("update items set extra = 'mine'")).rejects.toMatchObject({ code: "SY431" });
    await client.reload("public.items");
    await agrees(client);
    await expect(client.query("delete from items")).rejects.toMatchObject({ code: "SY431" });
  });
});

test("rows of before are never judged by a shape whose column was renamed; it fails, and is loaded as it is made again", async () => {
  await run("create table public.tasks (id integer primary key, done boolean not null default false)");
  await run("select ampsync.publish('public.tasks')");
  await scenario.until("the table to be live", async () => {
    const { rows } = await scenario.db.query(
      "select from ampsync_private.published where table_name = 'tasks' and state = 'live'",
    );
    return rows.length === 1;
  });
  await run(
    `insert into tasks values (1, false), (2, true);
     select ampsync.create_shape('open_tasks', 'public.tasks', public => true, filter => 'not done')`,
  );
  await using client = await WireClient.start({
    url: gateway.url,
    token: tokenOf({}),
    shapes: [{ id: "tasks", shape: "open_tasks" }],
  });
  await client.ready();
  client.cut();
  await run("insert into tasks values (3, false), (4, true)");
  await run("alter table tasks rename done to closed");
  await run("alter table tasks add column done boolean not null default true");
  await run("insert into tasks values (5, true, false), (6, false, false)");
  await run("call ampsync.wait_for_capture()");
  const before = client.messages.length;
  await client.connect();
  const answer = () => client.messages.slice(before).find((message) => message.t === "welcome");
  await client.until("an answer", () => answer() !== undefined);
  expect(answer()).toMatchObject({ shapes: [{ id: "tasks", mode: "failed", code: "SY413" }] });
  expect([...client.rows("public.tasks")].map(({ id }) => id)).toEqual(["1"]);
  await run(
    "select ampsync.create_shape('open_tasks', 'public.tasks', public => true, filter => 'not closed')",
  );
  await client.until("its rows of now", () => client.rows("public.tasks").length === 3);
  expect(
    client
      .rows("public.tasks")
      .map(({ id }) => id)
      .sort(),
  ).toEqual(["1", "3", "6"]);
});
