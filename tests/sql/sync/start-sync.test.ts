import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function start(dataset: string, tables: string[] | null = null, retention: number | null = null) {
  return (
    await db.query("select is_new, target_schema, hint from ampsync_worker.start_sync($1, $2, $3)", [
      dataset,
      tables,
      retention,
    ])
  ).rows[0];
}

async function stored() {
  const { rows } = await db.query(
    "select label, tables, target_schema, retention_blocks from ampsync_private.dataset order by label",
  );
  return rows;
}

describe("a process that starts with a dataset of its own", () => {
  test("enqueues it into schema public, with its settings as defaults", async () => {
    expect(await start("edge/eth@dev", ["blocks"], 256)).toEqual({
      is_new: true,
      target_schema: "public",
      hint: null,
    });
    const options = { target_schema: "public", retention_blocks: 256 };
    expect(await stored()).toEqual([{ label: "edge/eth@dev", tables: ["blocks"], ...options }]);
  });

  test("changes nothing at its next start, with and without its settings", async () => {
    await start("eth", ["blocks"], 256);
    const before = await stored();
    const again = { is_new: false, target_schema: "public", hint: null };
    expect(await start("eth", ["blocks"], 256)).toEqual(again);
    expect(await start("_/eth@latest")).toEqual(again);
    expect(await stored()).toEqual(before);
  });

  test("keeps what a dataset has that was enqueued or altered in SQL, and says how to change it", async () => {
    await db.query("select ampsync.enqueue_sync('eth', target_schema => 'chain', retention_blocks => 512)");
    const kept = { is_new: false, target_schema: "chain" };
    const hint = "select ampsync.alter_sync('eth', retention_blocks => 128);";
    expect(await start("eth", null, 128)).toEqual({ ...kept, hint });
    await db.query(hint);
    expect(await start("eth", null, 128)).toEqual({ ...kept, hint: null });
  });

  test("adds tables, and is refused to leave out one that is synced", async () => {
    await start("eth", ["blocks"]);
    await start("eth", ["blocks", "logs"]);
    expect(await stored()).toMatchObject([{ tables: ["blocks", "logs"] }]);
    await registerDataset(db, "eth", ["blocks", "logs"]);
    expect(await refusal(db, () => start("eth", ["logs"]))).toMatchObject({
      code: "SY004",
      message: expect.stringContaining("blocks"),
    });
  });

  test("leaves a dataset paused that somebody has paused", async () => {
    await start("eth", ["blocks"]);
    await registerDataset(db, "eth", ["blocks"]);
    await db.query("select ampsync.pause_sync('eth')");
    await start("eth", ["blocks"]);
    expect((await db.query("select state from ampsync.status")).rows).toEqual([{ state: "paused" }]);
    expect((await db.query("select state from ampsync.streams")).rows).toEqual([{ state: "paused" }]);
  });

  test("is refused a reference that is none", async () => {
    expect(await refusal(db, () => start("No Dataset"))).toMatchObject({ code: "SY004" });
  });
});
