import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { EVENTS, enqueueHttp } from "../support/postgres/http-source.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { waitingJobs } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let first: pg.Client;
let second: pg.Client;
let secondPid: number;
let sources = 0;
let dataset: string;

beforeEach(async () => {
  sources++;
  dataset = `events_${sources}`;
  first = await db.client();
  second = await db.client();
  secondPid = await backendOf(second);
});

/** What the second connection gets for its work, which waits for the first one's transaction. */
async function rival<T>(
  work: (client: pg.Client) => Promise<T>,
  end: "commit" | "rollback" = "commit",
): Promise<T> {
  const late = work(second);
  late.catch(() => {}); // Expected later.
  await untilBlocked(db, secondPid);
  await first.query(end);
  return await late;
}

async function stored() {
  const { rows } = await db.query(
    "select d.definition, s.stream_id from ampsync_private.dataset d join ampsync_private.stream s using (dataset_id) where d.name = $1",
    [dataset],
  );
  return rows;
}

describe("two calls for one new source at once", () => {
  test.each(["commit", "rollback"] as const)(
    "make one source and one job where the first ends with %s",
    async (end) => {
      await first.query("begin");
      await enqueueHttp(first, { dataset });
      expect(await rival((client) => enqueueHttp(client, { dataset }), end)).toMatchObject({
        dataset,
        state: "waiting",
      });
      const rows = await stored();
      expect(rows).toHaveLength(1);
      expect(await waitingJobs(db, `ampsync_stream:${rows[0]!["stream_id"]}`)).toHaveLength(1);
    },
  );

  test("do not lose a key of either", async () => {
    await first.query("begin");
    await enqueueHttp(first, { dataset, source: { ...EVENTS, timeout: 20 } });
    await rival((client) => enqueueHttp(client, { dataset, source: { ...EVENTS, total: "/total" } }));
    expect(await stored()).toMatchObject([{ definition: { timeout: 20, total: "/total" } }]);
  });

  test("of which one makes it an Amp dataset leave it what it was first", async () => {
    await first.query("begin");
    await enqueueHttp(first, { dataset });
    await expect(
      rival((client) => client.query("select ampsync.enqueue_sync($1)", [`${dataset}@1.0.0`])),
    ).rejects.toMatchObject({ code: "SY003", message: `${dataset} is synced as an HTTP source` });
  });
});

test("two changes of one source at once do not lose a key of either", async () => {
  await enqueueHttp(db, { dataset });
  await first.query("begin");
  await enqueueHttp(first, { dataset, source: { timeout: 20 } });
  await rival((client) => enqueueHttp(client, { dataset, source: { total: "/total" } }));
  expect(await stored()).toMatchObject([{ definition: { ...EVENTS, timeout: 20, total: "/total" } }]);
});

test("two sources for one table at once: one has it, and the other is refused", async () => {
  await first.query("begin");
  await enqueueHttp(first, { dataset, more: `target => 'public.shared_${sources}'` });
  await expect(
    rival((client) =>
      enqueueHttp(client, { dataset: `${dataset}_more`, more: `target => 'public.shared_${sources}'` }),
    ),
  ).rejects.toMatchObject({
    code: "SY003",
    message: expect.stringContaining(`is already fed by ${dataset}`),
  });
});

test("two sources that declare one bucket at once: the numbers of the first hold", async () => {
  const limited = (requests: number) => ({
    ...EVENTS,
    rate_limit: { requests, per: "1 s", bucket: dataset },
  });
  await first.query("begin");
  await enqueueHttp(first, { dataset, source: limited(5) });
  await expect(
    rival((client) => enqueueHttp(client, { dataset: `${dataset}_more`, source: limited(6) })),
  ).rejects.toMatchObject({
    code: "SY004",
    message: expect.stringContaining(`for bucket ${dataset} than ${dataset}`),
  });
});

test("a lease that is taken while a change is not committed yet goes by that change", async () => {
  await enqueueHttp(db, { dataset });
  const [{ stream_id: id }] = (await stored()) as [{ stream_id: string }];
  await db.query(`create table public.${dataset} (id text primary key)`);
  await db.query(
    "update ampsync_private.stream set target = $2::regclass, columns = '[]', has_block_num = false where stream_id = $1",
    [id, `public.${dataset}`],
  );
  await first.query("begin");
  await enqueueHttp(first, { dataset, source: { timeout: 20 } });
  const lease = await rival((client) =>
    client.query("select epoch from ampsync_worker.acquire_lease($1, 'worker-1')", [id]),
  );
  expect(lease.rows).toHaveLength(1);
  const { rows } = await db.query(
    "select l.acquired_at > d.changed_at as is_later from ampsync_private.lease l join ampsync_private.stream s using (stream_id) join ampsync_private.dataset d using (dataset_id) where stream_id = $1",
    [id],
  );
  expect(rows).toEqual([{ is_later: true }]);
});
