import { beforeEach, expect, test } from "vitest";

import { GatewayClient } from "../../support/postgres/gateway-session.ts";
import { publishLive } from "../../support/postgres/live-table.ts";
import { epochOf } from "../../support/postgres/log-entries.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { ensureSnapshot, shapeId } from "../../support/snapshot-rig.ts";

// What ampsync.shapes counts.

const db = rolledBackDatabase();
const GATEWAY = crypto.randomUUID();
const TEAMS = '{"team": "claim:teams[]"}';

beforeEach(async () => {
  await epochOf(db);
  await db.query("select ampsync_private.ensure_capture()");
  await db.query("create table public.notes (id int primary key, team int not null)");
  await db.query("create index on public.notes (team)");
  await db.query("insert into public.notes select n, n % 2 from generate_series(1, 9000) n");
  await db.query("analyze public.notes");
  await publishLive(db, "public.notes");
  await db.query("select ampsync.create_shape('teams', 'public.notes', bind => $1)", [TEAMS]);
  await db.query("select ampsync.create_shape('all', 'public.notes', public => true)");
});

const counts = async () =>
  Object.fromEntries(
    (await db.query("select name, clients, instances, rows::int from ampsync.shapes")).rows.map(
      ({ name, clients, instances, rows }) => [name, [Number(clients), Number(instances), rows]],
    ),
  );

const clientOf = (names: readonly string[], teams: readonly number[] = []) =>
  new GatewayClient(
    db,
    names.map((shape) => ({ id: shape, shape, params: {}, definition: null })),
    { claims: { teams } },
  );

test("clients are those that are connected and have it, instances the different ones of theirs", async () => {
  expect(await counts()).toEqual({ teams: [0, 0, null], all: [0, 0, null] });
  const one = clientOf(["teams"], [0, 1]);
  const { generation } = await one.open(GATEWAY);
  await clientOf(["teams"], [1]).open(GATEWAY);
  await clientOf(["all"]).open(GATEWAY);
  expect(await counts()).toEqual({ teams: [2, 2, null], all: [1, 1, null] });
  // A second shape of a table is refused, and an empty list of teams is no instance.
  await clientOf(["teams", "all"], []).open(GATEWAY);
  expect(await counts()).toEqual({ teams: [3, 2, null], all: [1, 1, null] });
  await db.query("select ampsync_worker.close_session($1, $2, $3)", [GATEWAY, one.id, generation]);
  expect(await counts()).toEqual({ teams: [2, 1, null], all: [1, 1, null] });
});

test("rows are those that the newest snapshot of each instance read, by the definition of now", async () => {
  const client = clientOf(["teams"], [0, 1]);
  await client.open(GATEWAY);
  const shape = await shapeId(db, "teams");
  const made = async (key: string, rows: number) => {
    await ensureSnapshot(db, shape, key);
    const { rows: taken } = await db.query("select ampsync_worker.take_snapshot() as taken");
    const { snapshot, attempt } = taken[0]!["taken"];
    const { rows: points } = await db.query("select ampsync_worker.log_point() as point");
    await db.query("select ampsync_worker.place_snapshot($1, $2, $3)", [
      snapshot,
      attempt,
      points[0]!["point"],
    ]);
    await db.query("select ampsync_worker.store_chunk($1, $2, 0, 1, 4, 'abc', '\\x01')", [snapshot, attempt]);
    const result = { chunks: 1, rows: String(rows), bytes: "4", checksum: "abc", statistics: {} };
    await db.query("select ampsync_worker.finish_snapshot($1, $2, $3)", [snapshot, attempt, result]);
  };
  await made('["0"]', 4500);
  expect((await counts())["teams"]).toEqual([1, 2, 4500]);
  await made('["1"]', 4400);
  expect((await counts())["teams"]).toEqual([1, 2, 8900]);
  // Another one of that instance, which has changed.
  await db.query(
    "update ampsync_private.snapshot set position = -1, used_at = null, chunks = 9 where key = '[\"1\"]'",
  );
  await made('["1"]', 4499);
  expect((await counts())["teams"]).toEqual([1, 2, 8999]);
  await db.query("select ampsync.create_shape('teams', 'public.notes', bind => $1, filter => 'id > 5')", [
    TEAMS,
  ]);
  expect((await counts())["teams"]).toEqual([1, 2, null]);
  expect(await shapeId(db, "teams")).toBe(shape);
});
