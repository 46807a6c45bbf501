import { expect, test } from "vitest";

import { journaled } from "../../support/postgres/journal.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { shadowOf } from "../../support/postgres/shadow.ts";
import { waitingJobs } from "../../support/postgres/sql-stream.ts";
import { datasetId, loadedDataset, newTable, upgrades } from "../../support/postgres/upgrade.ts";

const db = rolledBackDatabase();

/** As the list of versions tells it. */
async function offer(version: string): Promise<void> {
  await db.query("select ampsync_private.offer_version($1, $2, null)", [await datasetId(db), version]);
}

/** What the reload job does with what it found; resolves to the outcome. */
async function reload(version: string, tables: readonly object[]): Promise<string> {
  const { rows } = await db.query("select ampsync_worker.adopt_version($1, $2, null, $3) as outcome", [
    await datasetId(db),
    version,
    JSON.stringify(tables),
  ]);
  return rows[0]!["outcome"];
}

/** The version that a reload job looks at; null if it has nothing to do. */
async function reloads(): Promise<string | null> {
  const { rows } = await db.query("select version from ampsync_worker.begin_reload($1)", [
    await datasetId(db),
  ]);
  return rows[0]?.["version"] ?? null;
}

test("resync without a table takes the version that is offered, and says which one", async () => {
  const streams = await loadedDataset(db, ["blocks", "logs"]);
  await offer("2.0.0");
  await clearQueue(db);
  const { rows } = await db.query("select table_name, state, hint from ampsync.resync('chain')");
  const hint = "select * from ampsync.upgrades; -- version 2.0.0 is built beside 1.0.0";
  expect(rows).toEqual([
    { table_name: "blocks", state: "live", hint },
    { table_name: "logs", state: "live", hint },
  ]);
  expect(await upgrades(db)).toMatchObject([
    {
      table_name: null,
      state: "requested",
      new_version: "2.0.0",
      reason: "waits for the tables of the new version",
    },
  ]);
  expect(await waitingJobs(db, "ampsync_reload:%")).toHaveLength(1);
  expect(await reloads()).toBe("2.0.0");

  expect(await reload("2.0.0", [newTable("blocks"), newTable("logs")])).toBe("beside");
  expect(await upgrades(db)).toMatchObject([{ state: "loading" }, { state: "loading" }]);
  expect(await streams[0]!.view()).toMatchObject({ state: "live" });
  expect(await reloads()).toBeNull(); // Nothing is left to look up.
  await clearQueue(db);
  await supervise(db);
  expect(await waitingJobs(db, "ampsync_reload:%")).toEqual([]);
});

test("on_new_version resync takes each version that is offered", async () => {
  await loadedDataset(db, ["blocks"]);
  await db.query("select ampsync.alter_sync('chain', on_new_version => 'resync')");
  await offer("2.0.0");
  expect(await reload("2.0.0", [newTable("blocks")])).toBe("beside");
  await offer("3.0.0");
  expect(await reloads()).toBe("3.0.0");
  expect(await reload("3.0.0", [newTable("blocks")])).toBe("beside");
  expect(await upgrades(db)).toMatchObject([{ new_version: "3.0.0" }]);
  expect(await journaled(db, "upgrade_superseded")).toHaveLength(1);
});

test("a version that is withdrawn while it is built is given up", async () => {
  await loadedDataset(db, ["blocks"]);
  await db.query("select ampsync.alter_sync('chain', on_new_version => 'resync')");
  await offer("2.0.0");
  await reload("2.0.0", [newTable("blocks")]);
  await offer("1.0.0");
  expect(await reloads()).toBeNull();
  expect(await upgrades(db)).toEqual([]);
});

test("a cancelled upgrade is not begun again until there is another version, or somebody asks", async () => {
  await loadedDataset(db, ["blocks"]);
  await db.query("select ampsync.alter_sync('chain', on_new_version => 'resync')");
  await offer("2.0.0");
  await reload("2.0.0", [newTable("blocks")]);
  await db.query("select ampsync.cancel_resync('chain')");
  await offer("2.0.0");
  expect(await reloads()).toBeNull();
  const { rows } = await db.query("select state, waiting_on, hint from ampsync.status");
  expect(rows).toEqual([
    {
      state: "live",
      waiting_on: "the upgrade to version 2.0.0 was cancelled",
      hint: "select ampsync.resync('chain');",
    },
  ]);
  await db.query("select ampsync.resync('chain')");
  expect(await reloads()).toBe("2.0.0");
  await db.query("select ampsync.cancel_resync('chain')");
  await offer("3.0.0");
  expect(await reloads()).toBe("3.0.0");
});

test("resync of a table stays with the version of the table", async () => {
  const [blocks] = await loadedDataset(db, ["blocks", "logs"]);
  await offer("2.0.0");
  await db.query("select ampsync.resync('chain', 'blocks')");
  expect(await upgrades(db)).toEqual([]);
  const shadow = (await shadowOf(db, blocks!))!;
  const { rows } = await db.query("select version from ampsync_private.stream where stream_id = $1", [
    shadow.id,
  ]);
  expect(rows).toEqual([{ version: "1.0.0" }]);
});

test("an upgrade can leave blocks below a block out", async () => {
  const [blocks] = await loadedDataset(db, ["blocks"]);
  await offer("2.0.0");
  await db.query("select ampsync.resync('chain', from_block => 5)");
  await reload("2.0.0", [newTable("blocks")]);
  expect(await (await shadowOf(db, blocks!))!.acquire("worker-2")).toMatchObject({ from_block: "5" });
});

test("a resync while an upgrade is requested, or under way, changes nothing", async () => {
  const [blocks] = await loadedDataset(db, ["blocks"]);
  await offer("2.0.0");
  await db.query("select ampsync.resync('chain')");
  await db.query("select ampsync.resync('chain', 'blocks')");
  expect(await shadowOf(db, blocks!)).toBeNull();
  await reload("2.0.0", [newTable("blocks")]);
  const before = (await shadowOf(db, blocks!))!.id;
  await db.query("select ampsync.resync('chain')");
  await db.query("select ampsync.resync('chain', 'blocks')");
  expect((await shadowOf(db, blocks!))!.id).toBe(before);
});
