import { describe, expect, test } from "vitest";

import { journaled } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { shadowOf } from "../../support/postgres/shadow.ts";
import { SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function loaded(options: string): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db);
  await db.query(`select ampsync.enqueue_sync('chain'${options})`);
  await stream.apply(0, 9);
  return stream;
}

async function dueIn(stream: SqlStream): Promise<number> {
  const [job] = await waitingJobs(db, `ampsync_stream:${(await shadowOf(db, stream))?.id}`);
  return job.due_in_s;
}

test("policy stop: the stream fails untouched, and its hint resyncs the table", async () => {
  const stream = await loaded("");
  await stream.endPass("failed", "SY102");
  const view = await stream.view();
  expect(view).toMatchObject({
    state: "failed",
    error_code: "SY102",
    reason: "it broke",
    block: "9",
    rows: "10",
  });
  expect(view.hint).toBe("select ampsync.resync('chain', 'blocks');");
  expect(await shadowOf(db, stream)).toBeNull();

  await db.query(view.hint);
  expect(await stream.view()).toMatchObject({ state: "resyncing", error_code: null });
});

test("policy resync: a resync begins at once, and the journal says why", async () => {
  const stream = await loaded(", on_deep_reorg => 'resync'");
  await stream.endPass("failed", "SY102");
  expect(await stream.view()).toMatchObject({
    state: "resyncing",
    error_code: null,
    block: "9",
    worker: null,
  });
  expect(await dueIn(stream)).toBeLessThanOrEqual(0);
  expect(await journaled(db, "deep_reorg_resync")).toMatchObject([
    { table_name: "blocks", details: { code: "SY102", message: "it broke" } },
  ]);
  await stream.endPass("failed", "SY102"); // The pass of an older epoch has nothing to say.
  expect(await journaled(db, "deep_reorg_resync")).toHaveLength(1);
});

test("other errors fail under either policy", async () => {
  const stream = await loaded(", on_deep_reorg => 'resync'");
  await stream.endPass("failed", "SY201");
  expect(await stream.view()).toMatchObject({ state: "failed", error_code: "SY201", hint: "select 1;" });
});

test.each(["stop", "resync"])(
  "under policy %s a new load that meets one is begun again, each time later",
  async (policy) => {
    const stream = await loaded(`, on_deep_reorg => '${policy}'`);
    await db.query("select ampsync.resync('chain')");
    for (const delay of [0, 60, 300, 900, 900]) {
      const shadow = await shadowOf(db, stream);
      await shadow!.acquire("worker-2");
      await shadow!.prepareTarget();
      await shadow!.apply(0, 4, { expected: null });
      await shadow!.endPass("failed", "SY102");
      const due = await dueIn(stream);
      expect(due).toBeGreaterThan(delay * 0.8 - 1);
      expect(due).toBeLessThanOrEqual(delay * 1.2);
      expect((await shadowOf(db, stream))?.id).not.toBe(shadow!.id);
    }
    expect(await stream.view()).toMatchObject({
      state: "resyncing",
      next_retry: expect.any(Date),
      block: "9",
    });
    expect(await journaled(db, "deep_reorg_resync")).toHaveLength(5);
  },
);

describe("the options of enqueue_sync", () => {
  async function policies() {
    const { rows } = await db.query(
      "select on_deep_reorg, value_policy, nul_policy from ampsync_private.dataset",
    );
    return rows[0];
  }

  test("have the careful defaults, and one not given keeps its value", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    expect(await policies()).toEqual({ on_deep_reorg: "stop", value_policy: "fail", nul_policy: "replace" });
    await db.query(
      "select ampsync.enqueue_sync('chain', on_deep_reorg => 'resync', value_policy => 'null', nul_policy => 'strip')",
    );
    await db.query("select ampsync.enqueue_sync('chain', value_policy => 'null')");
    expect(await policies()).toEqual({ on_deep_reorg: "resync", value_policy: "null", nul_policy: "strip" });
  });

  test.each([
    ["on_deep_reorg", "One of: stop, resync."],
    ["value_policy", "One of: fail, null, quarantine."],
    ["nul_policy", "One of: replace, strip, fail."],
  ])("%s => 'never' is refused with what there is, and nothing is stored", async (option, detail) => {
    const error = await refusal(db, `select ampsync.enqueue_sync('chain', ${option} => 'never')`);
    expect(error).toMatchObject({ code: "SY004", message: `${option} => 'never' is not a policy`, detail });
    expect((await db.query("select from ampsync_private.dataset")).rowCount).toBe(0);
    await db.query(error.hint!);
  });
});
