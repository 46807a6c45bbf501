import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { look } from "../../support/capture/look.ts";
import { CutLine } from "../../support/client/cut-line.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { keepJournal } from "../../support/delivery/journal.ts";
import { liveDataset } from "../../support/delivery/live-dataset.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";
import { waitFor } from "../../support/wait-for.ts";

// Tables that get another name, or another schema, under clients that have them: one that is connected, and one that is not.

const SHAPES = ["todos", "others", "teams", "blocks"].map((shape) =>
  shape === "teams" ? { shape, params: { team: "1" } } : { shape },
);

const db = sharedDatabase();
let stream: SqlStream;
let rig: DeliveryRig;
let one: TestClient;
let away: TestClient;
const line = new CutLine();

beforeAll(async () => {
  stream = await liveDataset(db);
  await db.query(`
    create schema archive;
    create table todos (id integer primary key, body text);
    create table others (id integer primary key, body text);
    create table notes (id integer primary key, team integer not null, body text);
    create index on notes (team);
    insert into todos select n, 'todo' from generate_series(1, 20) n;
    insert into others select n, 'other' from generate_series(1, 5) n;
    insert into notes select n, n % 3, 'note' from generate_series(1, 30) n`);
  await db.query("select ampsync.create_shape('blocks', 'chain.blocks', public => true)");
  rig = await DeliveryRig.start(db, ["todos", "others", "notes"]);
  await db.query(
    `select ampsync.create_shape('teams', 'notes', bind => '{"team": "param:team"}', public => true)`,
  );
  one = await TestClient.start(rig.gateway.url, { shapes: SHAPES });
  away = await TestClient.start(rig.gateway.url, { shapes: SHAPES, WebSocket: line.WebSocket });
  for (const { client } of [one, away]) {
    await client.ready();
    await keepJournal(client);
  }
});
afterAll(async () => {
  await away[Symbol.asyncDispose]();
  await one[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function nextPass(): Promise<void> {
  await stream.endPass("yielded");
  await stream.acquire();
  await stream.prepareTarget();
}

/** Both have the table by its new name, and of the former one nothing is left. */
async function follow(move: string, former: string, table: string, shape: string): Promise<void> {
  line.cut();
  await away.until("it is away", ({ connected }) => !connected);
  await db.query(move);
  if (shape === "blocks") await nextPass();
  await look(db);
  await agree(one, former, table, shape);
  line.mend();
  away.client.wake();
  await agree(away, former, table, shape);
}

async function agree(member: TestClient, former: string, table: string, shape: string): Promise<void> {
  await member.until(`${table} is there`, ({ connected, shapes }) =>
    shapes.some((each) => connected && each.shape === shape && each.table === table && each.phase === "live"),
  );
  await oracle(db, member.client);
  expect((await member.client.query(`select from ${table} limit 1`)).rows).toHaveLength(1);
  expect((await member.client.query(`select from ${former} limit 1`)).rows).toEqual([]);
}

const CUT = "select ampsync.cut('chain')::text as cut";

test("a dataset that was loaded has its cut, though no block has come since", async () => {
  const { rows } = await db.query(CUT);
  expect(rows).toEqual([{ cut: expect.stringMatching(/^\d+$/) }]);
  expect((await one.client.query(CUT)).rows).toEqual(rows);
});

describe("a table that clients have, and that is", () => {
  test("renamed is theirs by its new name, and its old one holds nothing any more", async () => {
    const shown: number[] = [];
    const stop = await one.client.live("select count(*)::int as n from public.todos", [], ([row]) => {
      shown.push(Number(row?.["n"]));
    });
    await follow("alter table todos rename to tasks", "public.todos", "public.tasks", "todos");
    expect(shown).toEqual([20, 0]);
    stop();
    await db.query("insert into tasks values (21, 'behind'); delete from tasks where id < 5");
    for (const { client } of [one, away]) await oracle(db, client);
  });

  test("moved to another schema as well", async () => {
    await follow("alter table tasks set schema archive", "public.tasks", "archive.tasks", "todos");
  });

  test("in a schema that is renamed, as well", async () => {
    await follow("alter schema archive rename to attic", "archive.tasks", "attic.tasks", "todos");
  });

  test("renamed, where they have an instance of it, as well", async () => {
    await follow("alter table notes rename to memos", "public.notes", "public.memos", "teams");
  });

  test("one of a dataset, which is renamed, as well", async () => {
    const move = "alter table chain.blocks rename to headers";
    await follow(move, "chain.blocks", "chain.headers", "blocks");
    const { rows } = await db.query(CUT);
    for (const { client } of [one, away]) expect((await client.query(CUT)).rows).toEqual(rows);
  });
});

test("a shape that is made again, of another table, is that table in clients, and the former one is empty", async () => {
  await follow(
    "select ampsync.create_shape('todos', 'public.memos', public => true), ampsync.drop_shape('teams')",
    "attic.tasks",
    "public.memos",
    "todos",
  );
  for (const { client } of [one, away]) {
    const { rows } = await client.query("select count(*)::int as n from public.memos");
    expect(rows).toEqual([{ n: 30 }]);
  }
});

test("a table that is dropped is what it was in clients, until its shape is dropped too", async () => {
  const rows = async (member: TestClient) =>
    (await member.client.query("select count(*)::int as n from others")).rows[0]?.["n"];
  await db.query("drop table others");
  await look(db);
  await one.until("it has failed", ({ shapes }) => shapes.some(({ error }) => error?.code === "SY401"));
  expect(await rows(one)).toBe(5);
  line.cut();
  await away.until("it is away", ({ connected }) => !connected);
  await db.query("select ampsync.drop_shape('others')");
  line.mend();
  away.client.wake();
  for (const member of [one, away]) {
    await waitFor("its rows to be gone", async () => (await rows(member)) === 0);
    await oracle(db, member.client);
    expect(member.client.status.shapes.find(({ shape }) => shape === "others")).toMatchObject({
      phase: "failed",
      error: { code: "SY413" },
    });
  }
});
