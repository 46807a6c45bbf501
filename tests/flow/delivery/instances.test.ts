import { randomInt } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Heard } from "../../support/client/heard.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { keepJournal } from "../../support/delivery/journal.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { dice } from "../../support/dice.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { waitFor } from "../../support/wait-for.ts";

// A client that has several instances of one shape, as rows move between them and to others.

const TEAMS = 6;

const db = sharedDatabase();
let rig: DeliveryRig;
let one: TestClient;
const heard = new Heard();

const ofTeam = (team: number) => ({ shape: "team", params: { team: String(team) } });
/** Sets of rows that live queries have shown. */
const shown: string[] = [];

beforeAll(async () => {
  await db.query(
    "create table notes (id integer primary key, team integer not null, body text, kind integer not null default 2)",
  );
  await db.query("create index on notes (team); create index on notes (kind)");
  await db.query(`insert into notes select n, n % ${TEAMS}, 'first' from generate_series(1, 60) n`);
  await db.query("create table others (id integer primary key)");
  await db.query("insert into others select generate_series(1, 7)");
  rig = await DeliveryRig.start(db, ["notes", "others"]);
  await db.query(
    `select ampsync.create_shape('team', 'public.notes', bind => '{"team": "param:team"}', public => true)`,
  );
  one = await TestClient.start(rig.gateway.url, {
    shapes: [ofTeam(1), ofTeam(2), ofTeam(3), { shape: "others" }],
    WebSocket: heard.WebSocket,
  });
  await one.client.ready();
  await keepJournal(one.client);
  await one.client.live(
    "select string_agg(distinct team::text, ',') as teams, count(*)::int as n from notes",
    [],
    (rows) => {
      shown.push(JSON.stringify(rows[0]));
    },
  );
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

test("rows that move between its instances are there all the time, each once", async () => {
  await oracle(db, one.client);
  shown.length = 0;
  for (const [from, to] of [
    [1, 2],
    [2, 3],
    [3, 1],
  ]) {
    await db.query("update notes set team = $2 where id in (select min(id) from notes where team = $1)", [
      from,
      to,
    ]);
  }
  await db.query(
    "update notes set team = case team when 1 then 2 when 2 then 1 else 3 end where team in (1, 2, 3)",
  );
  await oracle(db, one.client);
  expect(shown.filter((each) => each !== '{"teams":"1,2,3","n":30}')).toEqual([]);
});

const seed = randomInt(1_000_000);
test(`whatever becomes of rows, it has those of its instances and no others (seed ${seed})`, async () => {
  const throws = dice(seed);
  const id = () => throws(1, 80);
  for (let n = 0; n < 60; n++) {
    const team = throws(0, TEAMS - 1);
    const statements = [
      `update notes set team = ${team}, body = 'n${n}' where id = ${id()}`,
      `insert into notes values (${id()}, ${team}, 'new') on conflict (id) do update set team = excluded.team`,
      `delete from notes where id = ${id()}`,
      `update notes set id = id + 1000, team = ${team} where id = ${id()}`,
      `update notes set team = (team + 1) % ${TEAMS} where id between ${id()} and ${id()}`,
      `update notes set body = null where id = ${id()}`,
    ];
    const chosen = Array.from({ length: throws(1, 3) }, () => statements[throws(0, 5)]!);
    await db.query(["begin", ...chosen, throws(0, 9) === 0 ? "rollback" : "commit"].join(";"));
  }
  await oracle(db, one.client);
});

test("an instance that it gives up goes, and no row that has moved from it, or to it, at that moment", async () => {
  const { id, unsubscribe } = await one.client.subscribe(ofTeam(4));
  await one.until("the instance", ({ shapes }) =>
    shapes.some((each) => each.id === id && each.phase === "live"),
  );
  await db.query("insert into notes values (2001, 4, 'leaves'), (2002, 1, 'comes'), (2003, 4, 'stays')");
  await oracle(db, one.client);
  const moving = await db.client();
  await moving.query(
    "begin; update notes set team = case id when 2001 then 1 else 4 end where id in (2001, 2002)",
  );
  const gone = unsubscribe();
  await moving.query("commit");
  await gone;
  await oracle(db, one.client);
  const { rows } = await one.client.query("select id, team from notes where id > 2000 order by id");
  expect(rows).toEqual([{ id: 2001, team: 1 }]);
});

test("a second shape of the table is refused, and moves nothing of the first, nor does its end", async () => {
  heard.loads.length = 0;
  const second = await one.client.subscribe({ shape: "notes" });
  await expect(second.ready()).rejects.toMatchObject({ code: "SY412" });
  await db.query("update notes set body = 'beside' where team = 1");
  await oracle(db, one.client);
  expect(heard.loads).toEqual([]);
  await second.unsubscribe();
  await db.query("update notes set body = 'after' where team = 2");
  await oracle(db, one.client);
});

test("a shape that is defined otherwise is loaded as a whole, in one step, and leaves nothing of the former one", async () => {
  await db.query(
    "insert into notes select n, n % 4, case when n % 2 = 0 then 'kept' end from generate_series(3001, 3040) n",
  );
  await oracle(db, one.client);
  heard.loads.length = 0;
  shown.length = 0;
  await db.query(
    `select ampsync.create_shape('team', 'public.notes', bind => '{"team": "param:team"}', filter => 'body is not null',
                                 public => true)`,
  );
  await one.until("the load to have begun", () => heard.loads.length > 0);
  await one.client.ready();
  await oracle(db, one.client);
  expect(new Set(heard.loads)).toEqual(new Set(["public.notes: definition changed"]));
  const { rows } = await one.client.query("select count(*)::int as n from notes where body is null");
  expect(rows).toEqual([{ n: 0 }]);
  expect(new Set(shown).size).toBe(1);
});

const count = async (where: string) =>
  (await one.client.query(`select count(*)::int as n from notes where ${where}`)).rows[0]?.["n"];
const define = (bind: string) =>
  db.query("select ampsync.create_shape('team', 'public.notes', bind => $1, public => true)", [bind]);

test("a shape that binds another column is that in all its instances, and those that go leave nothing", async () => {
  await db.query("update notes set kind = id % 5");
  await oracle(db, one.client);
  heard.loads.length = 0;
  await define('{"kind": "param:team"}');
  await one.until("the load to have begun", () => heard.loads.length > 0);
  await one.until("all to be live", ({ shapes }) => shapes.every(({ phase }) => phase === "live"));
  await oracle(db, one.client);
  expect(await count("kind not in (1, 2, 3)")).toBe(0);
  expect(await count("team not in (1, 2, 3)")).toBeGreaterThan(0);

  // No rows are anybody's who does not have what it binds.
  shown.length = 0;
  await define('{"team": "claim:teams[]"}');
  await one.until("it is refused", ({ shapes }) => shapes.some(({ error }) => error?.code === "SY413"));
  await waitFor("its rows to be gone", async () => (await count("true")) === 0);
  await db.query("update notes set body = 'meanwhile'; insert into others values (8)");
  await oracle(db, one.client);
  expect(await count("true")).toBe(0);
  expect(shown).toEqual(['{"teams":null,"n":0}']);
  await define('{"team": "param:team"}');
  await one.until("all to be live", ({ shapes }) => shapes.every(({ phase }) => phase === "live"));
  await oracle(db, one.client);
  expect(await count("true")).toBeGreaterThan(0);
});

test("a shape that is dropped takes its rows from clients, and no others; made again, it is there again", async () => {
  await db.query("select ampsync.drop_shape('team')");
  await one.until("it is refused", ({ shapes }) => shapes.some(({ error }) => error?.code === "SY413"));
  await waitFor("its rows to be gone", async () => (await count("true")) === 0);
  await db.query("delete from others where id = 8");
  await oracle(db, one.client);
  expect(one.client.status.shapes.map(({ phase }) => phase).sort()).toEqual([
    "failed",
    "failed",
    "failed",
    "live",
  ]);
  expect((await one.client.query("select count(*)::int as n from others")).rows).toEqual([{ n: 7 }]);

  await define('{"team": "param:team"}');
  await one.until("all to be live", ({ shapes }) => shapes.every(({ phase }) => phase === "live"));
  await oracle(db, one.client);
  expect(await count("team not in (1, 2, 3)")).toBe(0);
  expect(await count("true")).toBeGreaterThan(0);
});
