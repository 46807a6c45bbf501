import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { GatewayClient } from "../../support/postgres/gateway-session.ts";
import { publishLive } from "../../support/postgres/live-table.ts";
import { epochOf, logRows } from "../../support/postgres/log-entries.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { waitingJobs } from "../../support/postgres/sql-stream.ts";
import { ensureSnapshot, shapeId } from "../../support/snapshot-rig.ts";

// Snapshots by the calls of their jobs: who makes which, who may load them, and what becomes of those that cannot be.

const db = rolledBackDatabase();

/** More than a frame may bring. */
const LARGE = { changes: 17, body: 1_000_000 };

let shape: number;
let published: number;
beforeEach(async () => {
  await epochOf(db);
  await db.query("select ampsync_private.ensure_capture()");
  await db.query(
    "create table if not exists ampsync_private.change_test partition of ampsync_private.change default",
  );
  await db.query("create table public.todos (id int primary key, owner_id text not null)");
  await db.query("create index on public.todos (owner_id)");
  await db.query("insert into public.todos select n, 'user-1' from generate_series(1, 3000) n");
  await db.query("insert into public.todos values (0, 'user-2')");
  await db.query("analyze public.todos");
  published = await publishLive(db, "public.todos");
  await db.query(`select ampsync.create_shape('mine', 'public.todos', bind => '{"owner_id": "claim:sub"}')`);
  shape = await shapeId(db, "mine");
});

interface Taken {
  readonly snapshot: string;
  readonly attempt: number;
  readonly key: string;
}

const take = async (): Promise<Taken | null> =>
  (await db.query("select ampsync_worker.take_snapshot() as taken")).rows[0]!["taken"];

const store = ({ snapshot, attempt }: Taken, n = 0) =>
  db.query("select ampsync_worker.store_chunk($1, $2, $3, 1, 4, 'abc', '\\x01')", [snapshot, attempt, n]);

/** As a job does it, with chunks that say nothing. */
async function finish(taken: Taken, chunks = 1): Promise<void> {
  const { rows } = await db.query("select ampsync_worker.log_point() as point");
  await db.query("select ampsync_worker.place_snapshot($1, $2, $3)", [
    ...[taken.snapshot, taken.attempt, rows[0]!["point"]],
  ]);
  for (let n = 0; n < chunks; n++) await store(taken, n);
  await db.query("select ampsync_worker.finish_snapshot($1, $2, $3)", [
    ...[taken.snapshot, taken.attempt, { chunks, rows: "1", bytes: "4", checksum: "abc", statistics: {} }],
  ]);
}

const progress = async () =>
  (await db.query("select ampsync_worker.load_progress($1) as progress", [[shape]])).rows[0]!["progress"];

const KEY = '["user-1"]';

async function ready(): Promise<Taken> {
  await ensureSnapshot(db, shape, KEY);
  const taken = (await take())!;
  await finish(taken);
  return taken;
}

async function chunk({ snapshot }: Taken, sub = "user-1", n = 0, iat = 4_000_000_000) {
  const { rows } = await db.query("select status, body from ampsync_worker.snapshot_chunk($1, $2, $3)", [
    ...[snapshot, n, { sub, iat, claims: { sub } }],
  ]);
  return rows[0]!["status"] as number;
}

describe("asking for an instance", () => {
  test("that is small is answered so, and makes no job", async () => {
    expect(await ensureSnapshot(db, shape, '["user-2"]')).toEqual({ key: '["user-2"]', small: true });
    expect(await waitingJobs(db, "ampsync_snapshot%")).toEqual([]);
  });

  test("queues one snapshot with one job, whoever asks again", async () => {
    const first = await ensureSnapshot(db, shape, KEY);
    expect(first).toMatchObject({ small: false, state: "queued" });
    expect(await ensureSnapshot(db, shape, KEY)).toMatchObject({ snapshot: first.snapshot });
    expect(await waitingJobs(db, "ampsync_snapshot%")).toHaveLength(1);
    const taken = (await take())!;
    expect(taken).toMatchObject({ snapshot: first.snapshot, key: KEY, attempt: 1 });
    expect(await ensureSnapshot(db, shape, KEY)).toMatchObject({ state: "building" });
    await store(taken, 5);
    expect(await progress()).toEqual([{ shape_id: shape, key: KEY, done: "1", of: "3000" }]);
    expect((await db.query("select rows::int, expected::int from ampsync.hydrations")).rows).toEqual([
      { rows: null, expected: 3000 },
    ]);
    await db.query("delete from ampsync_private.snapshot_chunk");
    await finish(taken, 2);
    const made = await ensureSnapshot(db, shape, KEY);
    expect(await progress()).toEqual([]);
    expect(made).toMatchObject({ state: "ready", snapshot: first.snapshot, rows: "1" });
    expect(made.chunks.map(({ n }) => n)).toEqual([0, 1]);
    const { rows } = await db.query("select shape, state, chunks, key from ampsync.hydrations");
    expect(rows).toEqual([{ shape: "mine", state: "ready", chunks: 2, key: KEY }]);
  });

  test.each<[string, string]>([
    ["its chunks are gone, as after a crash", "delete from ampsync_private.snapshot_chunk"],
    [
      "its table has a new floor",
      "select ampsync_private.raise_floor(published_id, 'a test') from ampsync_private.published",
    ],
    [
      "it is of another life of the database",
      "update ampsync_private.snapshot set stamp = 1, position = position",
    ],
    [
      "the shape is another one",
      `select ampsync.create_shape('mine', 'public.todos', bind => '{"owner_id": "claim:sub"}', filter => 'id > 0')`,
    ],
  ])("makes another one where %s", async (_, statement) => {
    await logRows(db, published);
    const { snapshot } = await ready();
    await db.query(statement);
    const next = await ensureSnapshot(db, shape, KEY);
    expect(next).toMatchObject({ state: "queued" });
    expect(next.snapshot).not.toBe(snapshot);
  });

  test("makes another one where too much of its table has changed since", async () => {
    const { snapshot } = await ready();
    await db.query("create table public.others (id int primary key)");
    const other = await publishLive(db, "public.others");
    await logRows(db, other, LARGE);
    expect((await ensureSnapshot(db, shape, KEY)).snapshot).toBe(snapshot);
    await logRows(db, published, LARGE);
    expect((await ensureSnapshot(db, shape, KEY)).snapshot).not.toBe(snapshot);
  });

  test("that failed shows the error, and is tried again 10 s later", async () => {
    await ensureSnapshot(db, shape, KEY);
    const taken = (await take())!;
    await store(taken);
    await db.query("select ampsync_worker.fail_snapshot($1, $2, $3)", [
      ...[taken.snapshot, taken.attempt, { code: "SY414", message: "no" }],
    ]);
    expect(await ensureSnapshot(db, shape, KEY)).toMatchObject({ state: "failed", error: { code: "SY414" } });
    expect((await db.query("select from ampsync_private.snapshot_chunk")).rowCount).toBe(0);
    await moveClock(db, "11 s");
    expect(await ensureSnapshot(db, shape, KEY)).toMatchObject({ state: "queued" });
  });
});

describe("jobs", () => {
  /** Snapshots that wait, of instances named by letters, for clients of tenants. */
  async function wait(...of: readonly [key: string, tenant: string | null, client: string][]): Promise<void> {
    for (const [key, tenant, client] of of) {
      await db.query(
        `insert into ampsync_private.snapshot (snapshot_id, shape_id, key, definition, client_id, tenant, created_at)
         values (gen_random_uuid(), $1, $2, 'd', $3, $4, ampsync_private.now())`,
        [shape, key, client, tenant],
      );
    }
  }

  test("make two at once, and a third when one is done", async () => {
    const client = crypto.randomUUID();
    await wait(['["a"]', null, client], ['["b"]', null, client], ['["c"]', null, client]);
    const first = (await take())!;
    expect(await take()).not.toBeNull();
    expect(await take()).toBeNull();
    await finish(first);
    expect((await take())?.key).toBe('["c"]');
    expect(await take()).toBeNull();
  });

  test("serve tenants in turn, and clients of one tenant", async () => {
    const [x, y, z] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    await wait(['["a1"]', "acme", x], ['["a2"]', "acme", x], ['["a3"]', "acme", x]);
    await wait(['["b1"]', "acme", y], ['["c1"]', "other", z], ['["c2"]', "other", z]);
    const order: string[] = [];
    for (let taken = await take(); taken !== null; taken = await take()) {
      order.push((JSON.parse(taken.key) as [string])[0]);
      await finish(taken);
    }
    expect(order).toEqual(["a1", "c1", "b1", "c2", "a2", "a3"]);
  });

  test("that lost a snapshot to another one can say nothing of it any more", async () => {
    await wait(['["a"]', null, crypto.randomUUID()]);
    const lost = (await take())!;
    await store(lost);
    await moveClock(db, "16 min");
    await db.query("select ampsync_worker.supervise_delivery()");
    expect((await db.query("select from ampsync_private.snapshot_chunk")).rowCount).toBe(0);
    const next = (await take())!;
    expect(next).toMatchObject({ snapshot: lost.snapshot, attempt: 2 });
    for (const work of [() => store(lost), () => finish(lost)]) {
      expect(await refusal(db, async () => void (await work()))).toMatchObject({ code: "SY001" });
    }
    await finish(next);
  });

  test("that have to stop leave what they have taken to others", async () => {
    await wait(['["a"]', null, crypto.randomUUID()]);
    const taken = (await take())!;
    await db.query("select ampsync_worker.fail_snapshot($1, $2, null)", [taken.snapshot, taken.attempt]);
    expect(await waitingJobs(db, "ampsync_snapshot%")).toHaveLength(1);
    expect(await take()).toMatchObject({ snapshot: taken.snapshot, attempt: 2 });
  });

  test("that got lost are queued again by the supervisor", async () => {
    await wait(['["a"]', null, crypto.randomUUID()]);
    expect(await waitingJobs(db, "ampsync_snapshot%")).toEqual([]);
    await db.query("select ampsync_worker.supervise_delivery()");
    expect(await waitingJobs(db, "ampsync_snapshot%")).toHaveLength(1);
    await db.query("select ampsync_worker.supervise_delivery()");
    expect(await waitingJobs(db, "ampsync_snapshot%")).toHaveLength(1);
  });
});

describe("a chunk", () => {
  test("is for whoever has the claims of its instance", async () => {
    const taken = await ready();
    expect(await chunk(taken)).toBe(200);
    expect(await chunk(taken, "user-2")).toBe(403);
    expect(await chunk(taken, "user-1", 1)).toBe(404);
    expect(await chunk({ ...taken, snapshot: crypto.randomUUID() })).toBe(404);
    await db.query("select ampsync.revoke_subject('user-1')");
    expect(await chunk(taken, "user-1", 0, 1_000_000_000)).toBe(401);
  });

  test("that is gone spoils its snapshot", async () => {
    const taken = await ready();
    await db.query("delete from ampsync_private.snapshot_chunk");
    expect(await chunk(taken)).toBe(410);
    expect((await db.query("select state from ampsync.hydrations")).rows).toEqual([{ state: "failed" }]);
  });

  test("of a shape that is defined otherwise now is gone", async () => {
    const taken = await ready();
    await db.query(
      `select ampsync.create_shape('mine', 'public.todos', bind => '{"owner_id": "claim:sub"}', filter => 'id > 0')`,
    );
    expect(await chunk(taken)).toBe(410);
  });

  test("keeps its snapshot for 10 minutes more", async () => {
    const taken = await ready();
    await moveClock(db, "9 min");
    expect(await chunk(taken)).toBe(200);
    await moveClock(db, "9 min");
    await db.query("select ampsync_worker.supervise_delivery()");
    expect(await chunk(taken)).toBe(200);
    await moveClock(db, "11 min");
    await db.query("select ampsync_worker.supervise_delivery()");
    expect(await chunk(taken)).toBe(404);
    expect((await db.query("select from ampsync_private.snapshot_chunk")).rowCount).toBe(0);
  });
});

test("what was used longest ago makes room", async () => {
  const older = await ready();
  await moveClock(db, "2 min");
  await ensureSnapshot(db, shape, KEY);
  await db.query("select ampsync.create_shape('all', 'public.todos', public => true)");
  await ensureSnapshot(db, await shapeId(db, "all"), "[]");
  await finish((await take())!);
  await moveClock(db, "2 min");
  expect(await chunk(older)).toBe(200);
  await db.query("select ampsync_private.shed_snapshots(1)");
  expect((await db.query("select shape from ampsync.hydrations")).rows).toEqual([{ shape: "mine" }]);
});

test("clients that load an instance are counted with it", async () => {
  const client = new GatewayClient(db, [{ id: "s1", shape: "mine", params: {}, definition: null }]);
  await client.open();
  await ready();
  expect((await db.query("select clients from ampsync.hydrations")).rows).toEqual([{ clients: "1" }]);
});
