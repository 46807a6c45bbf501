import { beforeEach, describe, expect, test } from "vitest";

import { journaled, journaledDetails } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream } from "../../support/postgres/shadow.ts";
import { COLUMNS, registerDataset, type SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";
import { adopt, offer, type VersionTable } from "../../support/postgres/versions.ts";

const db = rolledBackDatabase();

const BLOCKS: VersionTable = { table: "blocks" };

let dataset: string;
let stream: SqlStream;

/** Dataset `chain`, which follows the latest version, with blocks 0 to 9 of version 1.0.0 in its one table. */
beforeEach(async () => {
  stream = await loadedStream(db);
  dataset = (await db.query("select dataset_id from ampsync_private.dataset")).rows[0]!["dataset_id"];
});

async function status() {
  return (await db.query("select * from ampsync.status where dataset = 'chain'")).rows[0]!;
}

async function reloadJobs() {
  return await waitingJobs(db, `ampsync_reload:${dataset}`);
}

describe("an offer", () => {
  test("of a new version queues its reload, at once, and is told once", async () => {
    expect(await offer(db, "1.1.0", { hash: "ab" })).toBe(true);
    expect(await offer(db, "1.1.0", { hash: "ab" })).toBe(false);
    expect(await status()).toMatchObject({ version: "1.0.0", new_version: "1.1.0", state: "backfill" });
    expect((await reloadJobs())[0]!.due_in_s).toBeLessThan(0.5);
    expect(await journaledDetails(db, "new_version_detected")).toEqual([
      { from: "1.0.0", from_hash: null, to: "1.1.0", to_hash: "ab" },
    ]);
  });

  test("of the version that is followed is none, and takes an older offer back", async () => {
    expect(await offer(db, "1.0.0")).toBe(false);
    await offer(db, "1.1.0");
    expect(await offer(db, "1.0.0")).toBe(false);
    expect(await status()).toMatchObject({ version: "1.0.0", new_version: null });
    expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("stale");
  });

  test("of the version that is followed, by another server, gives up an upgrade that its old one had offered", async () => {
    await db.query("select ampsync.alter_sync('chain', on_new_version => 'resync')");
    await offer(db, "1.1.0");
    expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("beside");
    await db.query("select ampsync.set_source('chain', 'http://amp:1602')");
    expect(await offer(db, "1.0.0")).toBe(false);
    expect((await db.query("select from ampsync.upgrades")).rowCount).toBe(0);
    expect(await status()).toMatchObject({ version: "1.0.0", new_version: null });
    expect(await journaled(db, "upgrade_superseded")).toHaveLength(1);
    expect(await offer(db, "1.0.0")).toBe(false);
  });

  test("of a version that is built beside, by another server as well, leaves that upgrade alone", async () => {
    await db.query("select ampsync.alter_sync('chain', on_new_version => 'resync')");
    await offer(db, "1.1.0");
    await adopt(db, "1.1.0", [BLOCKS]);
    await db.query("select ampsync.set_source('chain', 'http://amp:1602')");
    expect(await offer(db, "1.1.0")).toBe(true);
    expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("stale");
    expect((await db.query("select new_version from ampsync.upgrades")).rows).toEqual([
      { new_version: "1.1.0" },
    ]);
  });

  test("of another manifest under the same name is one; where a hash is unknown the name counts", async () => {
    await db.query("update ampsync_private.dataset set resolved_hash = 'ab'");
    expect(await offer(db, "1.0.0")).toBe(false);
    expect(await offer(db, "1.0.0", { hash: "ab" })).toBe(false);
    expect(await offer(db, "1.0.0", { hash: "cd" })).toBe(true);
    expect(await adopt(db, "1.0.0", [BLOCKS], { hash: "cd" })).toBe("adopted");
    expect(await offer(db, "1.0.0", { hash: "cd" })).toBe(false);
  });

  test("that a newer one replaces is not taken over, and what was in its way is forgotten", async () => {
    await offer(db, "2.0.0");
    expect(await adopt(db, "2.0.0", [{ ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe("refused");
    expect(await offer(db, "2.0.1")).toBe(true);
    expect(await status()).toMatchObject({ new_version: "2.0.1", error_code: null });
    expect((await reloadJobs())[0]!.due_in_s).toBeLessThan(0.5);
    expect(await adopt(db, "2.0.0", [BLOCKS])).toBe("stale");
    expect(await adopt(db, "2.0.1", [BLOCKS])).toBe("adopted");
  });

  test("that ends an older one lets the writers go on that rest for it", async () => {
    await offer(db, "1.1.0");
    await db.query(
      "update ampsync_private.dataset set quiesce_until = ampsync_private.now() + interval '60 s'",
    );
    await stream.endPass("yielded");
    expect(await stream.acquire()).toBeUndefined();
    await offer(db, "1.0.0");
    expect((await waitingJobs(db, `ampsync_stream:${stream.id}`))[0]!.due_in_s).toBeLessThan(0.5);
    expect(await stream.acquire()).toMatchObject({ source_schema: "_/chain@1.0.0" });
  });

  test("is none for a fixed revision, which never reloads, nor for a dataset without streams", async () => {
    const id = await registerDataset(db, "chain@1.0.0", ["logs"]);
    await db.query("select ampsync.enqueue_sync('empty')");
    const { rows } = await db.query("select dataset_id from ampsync_private.dataset where name = 'empty'");
    for (const other of [id, rows[0]!["dataset_id"]]) {
      const answer = await db.query("select ampsync_private.offer_version($1, '1.1.0', null) as is_new", [
        other,
      ]);
      expect(answer.rows).toEqual([{ is_new: false }]);
    }
    expect(await waitingJobs(db, "ampsync_reload:%")).toEqual([]);
  });
});

test("a reload is told the version, how the server names it, and which tables must fit it", async () => {
  await db.query(
    "select ampsync.enqueue_sync('chain', exclude_columns => '{\"logs\": [\"data\"]}', tables => '{blocks,logs}')",
  );
  await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [dataset]);
  await offer(db, "1.1.0", { hash: "ab" });
  const { rows } = await db.query("select * from ampsync_worker.begin_reload($1)", [dataset]);
  expect(rows).toEqual([
    {
      dataset: "chain",
      namespace: "_",
      name: "chain",
      version: "1.1.0",
      manifest_hash: "ab",
      source_schema: "_/chain@1.1.0",
      tables: { blocks: [] }, // The other one has no target yet.
      flight_addr: null,
      admin_addr: null,
    },
  ]);
  expect(await journaledDetails(db, "version_change_detected")).toEqual([
    { from: "1.0.0", to: "1.1.0", manifest_hash: "ab" },
  ]);
});

test.each([
  ["is paused", "select ampsync.pause_sync('chain')"],
  ["declined the version", "update ampsync_private.dataset set offered_declined = true"],
  ["was dropped", "select ampsync.drop_sync('chain')"],
])("a dataset that %s reloads nothing", async (_, change) => {
  await offer(db, "1.1.0");
  await db.query(change);
  const { rows } = await db.query("select * from ampsync_worker.begin_reload($1)", [dataset]);
  expect(rows).toEqual([]);
  expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("stale");
});

test("the offer of a paused dataset is looked at once it is resumed", async () => {
  await offer(db, "1.1.0");
  await db.query("select ampsync.pause_sync('chain')");
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await db.query("select ampsync.resume_sync('chain')");
  expect(await reloadJobs()).toHaveLength(1);
  expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("adopted");
});

describe("max_retries_exceeded: a server that does not answer about a new version", () => {
  async function fails(version = "1.1.0"): Promise<void> {
    const error = { code: "SY104", message: "the server is away", detail: null, hint: null };
    await db.query("select ampsync_worker.defer_reload($1, $2, null, $3, 3)", [dataset, version, error]);
  }

  test("is asked again after 1, 2, 4 s; then the reload has failed, and goes on after 5, 10 s", async () => {
    await offer(db, "1.1.0");
    for (const [attempt, delay] of [1, 2, 4, 5, 10].entries()) {
      await fails();
      const [job] = await reloadJobs();
      expect(job!.due_in_s).toBeGreaterThan(delay * 0.8 - 0.1);
      expect(job!.due_in_s).toBeLessThan(delay * 1.2);
      expect(await journaled(db, "version_reload_failed")).toHaveLength(attempt < 3 ? 0 : 1);
    }
    expect(await status()).toMatchObject({
      state: "backfill",
      version: "1.0.0",
      waiting_on: "the server is away",
    });
    expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("adopted");
  });

  test("a newer version begins with 1 s again", async () => {
    await offer(db, "1.1.0");
    for (let attempt = 1; attempt <= 4; attempt++) await fails();
    await offer(db, "1.2.0");
    await fails("1.2.0");
    expect((await reloadJobs())[0]!.due_in_s).toBeLessThan(1.3);
    expect(await journaled(db, "version_reload_failed")).toHaveLength(1); // That of 1.1.0.
  });

  test("its failure is nothing to another offer, nor to a dataset that is gone", async () => {
    await offer(db, "1.2.0");
    await fails();
    expect((await status())["error_code"]).toBeNull();
    await db.query("select ampsync.drop_sync('chain')");
    await fails();
    expect(await waitingJobs(db, "ampsync_reload:%")).toEqual([]);
  });
});

test("the supervisor queues a reload that was lost, for no declined offer", async () => {
  await offer(db, "1.1.0");
  const lose = "select graphile_worker.remove_job($1)";
  await db.query(lose, [`ampsync_reload:${dataset}`]);
  await db.query("select ampsync_worker.supervise()");
  expect(await reloadJobs()).toHaveLength(1);
  await db.query(lose, [`ampsync_reload:${dataset}`]);
  await db.query("update ampsync_private.dataset set offered_declined = true");
  await db.query("select ampsync_worker.supervise()");
  expect(await reloadJobs()).toEqual([]);
});
