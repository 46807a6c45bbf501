import { expect, test } from "vitest";

import { logged, publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

/** A pass that does nothing more than ask where to begin, until it is woken. */
async function beginPass(db: TestDatabase): Promise<{ pass: RunningPass; wake: () => void }> {
  const begun = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<void>();
  const pass = startPass(db, {
    workerId: "woken late",
    at: (point) => {
      if (point !== "capture_begun") return;
      begun.resolve();
      return woken.promise;
    },
  });
  await begun.promise;
  return { pass, wake: woken.resolve };
}

async function publishedTable(): Promise<TestDatabase> {
  const db = await createDatabase();
  await db.query("create table todos (id integer primary key, code integer not null, v text)");
  await publish(db, ["todos"]);
  return db;
}

/** What another pass brings into the log. */
async function meanwhile(db: TestDatabase, statements: string): Promise<void> {
  await using _other = startPass(db, { workerId: "another one" });
  await db.query(statements);
  await untilCaptured(db);
}

const KEY_OF_CODE = "alter table todos drop constraint todos_pkey; alter table todos add primary key (code)";

test.each([
  ["another key", KEY_OF_CODE, { key: '["20"]', data: { id: "2", code: "20", v: "b" } }],
  [
    "another name of the key",
    "alter table todos rename column id to number",
    { key: '["2"]', data: { number: "2", code: "20", v: "b" } },
  ],
  [
    "a key of two columns",
    "alter table todos drop constraint todos_pkey; alter table todos add primary key (code, id)",
    { key: '["2","20"]', data: { id: "2", code: "20", v: "b" } },
  ],
])("a pass that wakes up late knows what became of a table meanwhile: %s", async (_, change, expected) => {
  await using db = await publishedTable();
  const { pass, wake } = await beginPass(db);
  await using late = pass;
  await meanwhile(db, `${change}; insert into todos values (1, 10, 'a')`);
  wake();
  await waitFor("it to read", () => late.lines.some((line) => line.includes("capture_taken")));
  await db.query("insert into todos values (2, 20, 'b')");
  await untilCaptured(db);
  expect((await logged(db)).at(-1)).toMatchObject({ operation: "insert", ...expected });
});

test("a pass that wakes up late leaves reading to one of the mode that was set meanwhile", async () => {
  await using db = await publishedTable();
  const { pass, wake } = await beginPass(db);
  await using late = pass;
  await db.query("select ampsync.configure_capture(mode => 'poll')");
  wake();
  await late.ended;
  const { rows } = await db.query(
    `select c.worker_id, c.error, exists (select from graphile_worker.jobs j where j.key = 'ampsync_capture') as is_queued
       from ampsync_private.capture c`,
  );
  expect(rows).toEqual([{ worker_id: null, error: null, is_queued: true }]);
});
