import { beforeEach, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaledEvents } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let id: string;

beforeEach(async () => {
  await db.query("select ampsync.enqueue_sync('eth/chain@1.2.0', tables => '{blocks}')");
  const { rows } = await db.query("select dataset_id from ampsync_private.dataset");
  id = rows[0]!["dataset_id"];
});

async function defer(state: string): Promise<string> {
  const error = { code: "SY103", message: "eth/chain is not published", hint: "Publish it." };
  const { rows } = await db.query("select ampsync_worker.defer_resolve($1, $2, $3) as event", [
    id,
    state,
    error,
  ]);
  return rows[0]!["event"];
}

async function status() {
  const { rows } = await db.query("select * from ampsync.status");
  return rows[0]!;
}

test("begin_resolve says what to look up, and nothing of a dataset that is gone", async () => {
  const lookUp = (which: string) => db.query("select * from ampsync_worker.begin_resolve($1)", [which]);
  expect((await lookUp(id)).rows).toEqual([
    {
      namespace: "eth",
      name: "chain",
      revision: "1.2.0",
      tables: ["blocks"],
      failures: 0,
      admin_addr: null,
    },
  ]);
  expect((await lookUp("4711")).rows).toEqual([]);
});

test("an unknown dataset waits, and status says for what, what to do and when it is retried", async () => {
  await defer("waiting");
  const row = await status();
  expect(row).toMatchObject({
    dataset: "eth/chain@1.2.0",
    version: null,
    state: "waiting",
    error_code: "SY103",
    waiting_on: "eth/chain is not published",
    hint: "Publish it. Retried automatically; at once by: select * from ampsync.resume_sync('eth/chain@1.2.0');",
  });
  expect(row["next_retry"]).toBeInstanceOf(Date);
});

test("an error without a hint has that it is retried", async () => {
  await db.query("select ampsync_worker.defer_resolve($1, 'waiting', $2)", [
    id,
    { code: "SY104", message: "no" },
  ]);
  expect((await status())["hint"]).toMatch(/^Retried automatically; at once by: select /);
});

test("it is retried after 2, 4, 8, 16, 30, 30 s, give or take a fifth, by one job", async () => {
  for (const delay of [2, 4, 8, 16, 30, 30]) {
    await defer("waiting");
    const jobs = await waitingJobs(db, "ampsync_resolve:%");
    expect(jobs).toHaveLength(1);
    expect(jobs[0].due_in_s).toBeGreaterThan(delay * 0.8 - 0.1);
    expect(jobs[0].due_in_s).toBeLessThan(delay * 1.2);
    await moveClock(db, "40 s");
  }
});

test.each([
  [120, 120],
  [86_400, 300],
  [Number.POSITIVE_INFINITY, 300],
])("a server that asks for %d s is left alone for %d s", async (asked, waited) => {
  const error = { code: "SY104", message: "HTTP 429" };
  await db.query("select ampsync_worker.defer_resolve($1, 'waiting', $2, $3)", [id, error, asked]);
  const [job] = await waitingJobs(db, "ampsync_resolve:%");
  expect(Math.round(Number(job.due_in_s))).toBe(waited);
});

test("a server that asks for less than the next wait is asked no sooner", async () => {
  await db.query("select ampsync_worker.defer_resolve($1, 'waiting', $2, $3)", [id, { code: "SY104" }, -5]);
  const [job] = await waitingJobs(db, "ampsync_resolve:%");
  expect(Number(job.due_in_s)).toBeGreaterThan(1.5);
});

test("the log is told of each try, the journal of the first two and of every fifth", async () => {
  const logged: string[] = [];
  for (let attempt = 1; attempt <= 11; attempt++) logged.push(await defer("waiting"));
  expect(logged.slice(0, 6)).toEqual([
    "dataset_not_found_waiting_for_publish",
    "waiting_for_dataset",
    "waiting_for_dataset",
    "waiting_for_dataset",
    "still_waiting_for_dataset",
    "waiting_for_dataset",
  ]);
  const { rows } = await db.query(
    "select event, details ->> 'attempts' as n from ampsync.events order by event_id",
  );
  expect(rows).toEqual([
    { event: "dataset_not_found_waiting_for_publish", n: "1" },
    { event: "waiting_for_dataset", n: "2" },
    { event: "still_waiting_for_dataset", n: "5" },
    { event: "still_waiting_for_dataset", n: "10" },
  ]);
});

test("resume_sync ends the wait at once, and counts from the beginning", async () => {
  for (let attempt = 1; attempt <= 4; attempt++) await defer("waiting");
  const { since } = await status();
  await db.query((await status())["hint"].replace(/^.*at once by: /, ""));
  expect(await status()).toMatchObject({ state: "waiting", since, error_code: null, next_retry: null });
  const [job] = await waitingJobs(db, "ampsync_resolve:%");
  expect(job.due_in_s).toBeLessThanOrEqual(0);
  expect(await defer("waiting")).toBe("dataset_not_found_waiting_for_publish");
});

test("a dataset that is found without a wanted table is no unpublished dataset", async () => {
  await db.query("select ampsync_worker.register_streams($1, '1.2.0', null, '{logs}')", [id]);
  expect(await journaledEvents(db)).toContain("waiting_for_dataset");
  expect(await journaledEvents(db)).not.toContain("dataset_not_found_waiting_for_publish");
});

test("it stays in its state since the first try", async () => {
  await defer("waiting");
  const { since } = await status();
  await moveClock(db, "1 min");
  await defer("waiting");
  expect((await status())["since"]).toEqual(since);
});

test("a failed dataset has no further try, and is failed since then", async () => {
  await defer("waiting");
  const { since } = await status();
  await moveClock(db, "1 min");
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await defer("failed");
  const row = await status();
  expect(row).toMatchObject({ state: "failed", next_retry: null });
  expect(row["since"].getTime()).toBeGreaterThan(since.getTime() + 59_000);
  expect(await waitingJobs(db, "ampsync_resolve:%")).toEqual([]);
  expect((await journaledEvents(db)).at(-1)).toBe("dataset_failed");
});
