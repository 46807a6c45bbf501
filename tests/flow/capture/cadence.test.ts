// Takes 10 s.
import { afterAll, beforeAll, expect, test } from "vitest";

import { logged, publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const INTERVAL_MS = 200;
const WORKER = "slow looker";
const LOOK = "pg_logical_slot_peek";

const db = sharedDatabase();
let proxy: TcpProxy;
beforeAll(async () => {
  proxy = await TcpProxy.toPostgres(db.url);
  await db.query("create table todos (id integer primary key, title text)");
  await db.query("select ampsync.configure_capture(mode => 'poll', poll_interval => $1)", [
    `${INTERVAL_MS} ms`,
  ]);
  await publish(db, ["todos"]);
});
afterAll(() => proxy[Symbol.asyncDispose]());

function poll(): RunningPass {
  return startPass(db, { workerId: WORKER, replicationUrl: proxy.url(db.url) });
}

/** As a supervisor sees it while the worker lives. */
async function report() {
  await db.query("select ampsync_worker.renew_leases($1, '[]')", [WORKER]);
  await db.query("select ampsync_worker.supervise_capture()");
  return (await db.query("select state, reason from ampsync.capture")).rows[0]!;
}

test("looks come no more often than each interval less a fifth, whatever is written", async () => {
  let looks = 0;
  proxy.watch = (_, direction, bytes) => void (direction === "up" && bytes.includes(LOOK) && looks++);
  const began = performance.now();
  await using _pass = poll();
  for (let id = 0; looks < 10; id++) {
    await db.query("insert into todos values ($1, 'busy')", [id]);
    await untilCaptured(db);
  }
  const most = 1 + (performance.now() - began) / (0.8 * INTERVAL_MS);
  expect(looks).toBeLessThanOrEqual(most);
});

test("behind a look that took long the next one comes after four times as long; capture is behind meanwhile, and says why", async () => {
  const looks: { asked: number; answered: number }[] = [];
  let isSlow = true;
  proxy.watch = async (_, direction, bytes) => {
    if (direction !== "up" || !bytes.includes(LOOK)) return;
    const asked = performance.now();
    if (isSlow) await new Promise((resolve) => setTimeout(resolve, 400));
    looks.push({ asked, answered: performance.now() });
  };
  await using _pass = poll();
  await db.query("insert into todos values (1001, 'late')");
  await waitFor("capture to be behind", async () => {
    const { state, reason } = await report();
    return state === "behind" && /^a look at WAL takes \d+ ms, so the next one comes after/.test(reason);
  });
  await untilCaptured(db);
  expect((await logged(db)).at(-1)?.key).toBe('["1001"]');
  const early = looks.filter(({ asked }, n) => {
    const before = looks[n - 1];
    return before !== undefined && asked - before.answered < 3 * (before.answered - before.asked) - 5;
  });
  expect(early).toEqual([]);
  isSlow = false;
  await waitFor("capture to be as quick as ever", async () => (await report())["state"] === "ok");
});
