// Takes 29 s.
import { afterAll, beforeAll, expect, test } from "vitest";

import { moveClock } from "../support/postgres/clock.ts";
import { journaledEvents } from "../support/postgres/journal.ts";
import { createLogicalDatabase } from "../support/postgres/logical-database.ts";
import type { TestDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createLogicalDatabase();
  await db.query("create table todos (id integer primary key generated always as identity, title text)");
});
afterAll(() => db.drop());

function startWorker(): Worker {
  const nowhere = "http://127.0.0.1:1";
  return new Worker({ databaseUrl: db.url, flightAddress: nowhere, adminAddress: nowhere });
}

const capture = async () => (await db.query("select * from ampsync.capture")).rows[0]!;

const untilState = (state: string) =>
  waitFor(`capture to be ${state}`, async () => {
    if ((await capture())["state"] === state) return true;
    await supervise();
    return false;
  });

/** As the supervisor does every 5 s. */
const supervise = () => db.query("select ampsync_worker.supervise(), ampsync_worker.supervise_capture()");

const write = (title: string) => db.query("insert into todos (title) values ($1)", [title]);

/** Titles in the log, in its order. */
async function logged(): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select c.data ->> 'title' as title
       from ampsync_private.change_tx t join ampsync_private.change c using (tx_id)
      where t.kind = 'rows' order by t.position, c.seq`,
  );
  return rows.map(({ title }) => title);
}

const untilLogged = (title: string) =>
  waitFor(`${title} to be in the log`, async () => (await logged()).includes(title));

/** The worker that captures, and another one. */
async function holderOf(workers: readonly Worker[]): Promise<readonly [Worker, Worker]> {
  const { rows } = await db.query(
    "select w.pid from ampsync_private.capture c join ampsync_private.worker w using (worker_id)",
  );
  const holder = workers.find(({ pid }) => pid === rows[0]?.["pid"])!;
  return [holder, workers.find((worker) => worker !== holder)!];
}

test("a worker captures a published table; frozen or killed, another one goes on, and capture says so", async () => {
  await using first = startWorker();
  await using second = startWorker();
  await db.query("select ampsync.publish('todos')");
  await untilState("ok");
  await write("first");
  await untilLogged("first");

  const [frozen, other] = await holderOf([first, second]);
  const { worker } = await capture();
  frozen.signal("SIGSTOP");
  await write("second");
  await supervise(); // Sends a beat, unless one is out.
  await moveClock(db, "6 seconds");
  await supervise();
  expect(await capture()).toMatchObject({ state: "behind", reason: expect.stringMatching(/^stalled/) });
  await db.query(
    "update ampsync_private.worker set heartbeat_at = heartbeat_at - interval '31 s' where worker_id = $1",
    [worker],
  );
  await supervise();
  await untilLogged("second");
  await untilState("ok");
  frozen.signal("SIGCONT");
  await write("third");
  await untilLogged("third");
  await frozen.kill();

  await using third = startWorker();
  await waitFor("a third worker", async () => {
    return (await db.query("select from ampsync.workers where state = 'alive'")).rowCount! > 1;
  });
  expect(await holderOf([other, third])).toEqual([other, third]);
  await other.kill();
  await write("fourth");
  await untilLogged("fourth");
  await untilState("ok");
  expect(await logged()).toEqual(["first", "second", "third", "fourth"]);

  const events = await journaledEvents(db);
  expect(events).toContain("capture_reader_ended");
  expect(events.filter((event) => event === "slot_created")).toHaveLength(1);
  const ofStates = events.filter((event) => /^capture_(started|stalled|resumed)$/.test(event));
  expect(ofStates.slice(0, 3)).toEqual(["capture_started", "capture_stalled", "capture_resumed"]);
});

test("a slot that is lost under a living worker is made anew by it, and what comes later is in the log", async () => {
  await using worker = startWorker();
  await untilState("ok");
  await db.query("drop publication ampsync");
  await write("lost");
  await waitFor("the gap", async () => {
    await supervise();
    return (await journaledEvents(db)).includes("capture_gap");
  });
  await write("after the gap");
  await untilLogged("after the gap");
  expect(await logged()).not.toContain("lost");
  await untilState("ok");
  const { rows } = await db.query("select state from ampsync_private.published");
  expect(rows).toEqual([{ state: "live" }]);
  expect(worker.hasEnded).toBe(false);
});
