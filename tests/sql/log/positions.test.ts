import { describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlCapture } from "../../support/postgres/sql-capture.ts";
import { registerDataset } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function value(query: string, parameters: readonly unknown[] = []): Promise<unknown> {
  const { rows } = await db.query(`select (${query})::text as value`, [...parameters]);
  return rows[0]!["value"];
}

const epochs = async () => (await db.query("select * from ampsync_private.log_epoch order by number")).rows;

const entry = (kind = "schema") =>
  value(`ampsync_private.log_entry('${kind}', '{}', '{"reason": "a test"}')`) as Promise<string>;

describe("the head", () => {
  test("of an empty log is 0, and of one that was shortened its floor", async () => {
    expect(await value("ampsync.head()")).toBe("0");
    await db.query("select ampsync_private.ensure_capture()");
    await db.query("update ampsync_private.capture set log_floor = 7");
    expect(await value("ampsync.head()")).toBe("7");
  });

  test("is the newest entry, never a position that was only taken", async () => {
    const position = await entry();
    await value("ampsync_private.take_position()");
    expect(await value("ampsync.head()")).toBe(position);
  });
});

describe("an entry", () => {
  test("has the version of the schema, where it stands, and what it is about", async () => {
    await value(
      `ampsync_private.log_entry('floor', '{3,4}', '{"reason": "a test"}', '0/16B3740', '731', '2026-01-02 03:04Z')`,
    );
    const { rows } = await db.query(
      "select kind, lsn, xid, committed_at, schema_version, details from ampsync_private.change_tx",
    );
    expect(rows).toEqual([
      {
        kind: "floor",
        lsn: "0/16B3740",
        xid: "731",
        committed_at: new Date("2026-01-02T03:04Z"),
        schema_version: "0.0.0",
        details: { reason: "a test", tables: [3, 4] },
      },
    ]);
  });

  test("waits for the disk though commits do not by default, and a stronger setting stays", async () => {
    await db.query("set local synchronous_commit = off");
    await entry();
    expect(await value("current_setting('synchronous_commit')")).toBe("local");
    await db.query("set local synchronous_commit = remote_apply");
    await entry();
    expect(await value("current_setting('synchronous_commit')")).toBe("remote_apply");
  });
});

describe("an epoch", () => {
  test("begins with the first entry, and is the same for all that follow", async () => {
    await entry();
    await entry();
    expect(await epochs()).toMatchObject([{ forked_at: "0", reason: "the log began" }]);
    expect(await value("ampsync_private.check_epoch()")).toBe((await epochs())[0]!["epoch"]);
    expect((await db.query("select from ampsync.events where event = 'log_forked'")).rowCount).toBe(0);
  });

  test.each([
    ["another cluster", "system_identifier = system_identifier + 1", "this is another cluster"],
    ["another timeline", "timeline = timeline + 1", "this server was promoted or restored"],
    ["another database", "database_oid = 1", "this is another database"],
    ["another start", "server_started_at = server_started_at - interval '1 s'", "the server was started"],
  ])("begins where the newest one is of %s, at the head", async (_, change, reason) => {
    const position = await entry();
    await db.query(`update ampsync_private.log_epoch set ${change}`);
    await entry();
    await entry();
    const found = await epochs();
    expect(found).toHaveLength(2);
    expect(found[1]).toMatchObject({ forked_at: position, reason });
    const { rows } = await db.query("select details from ampsync.events where event = 'log_forked'");
    expect(rows).toEqual([{ details: { epoch: found[1]!["epoch"], forked_at: Number(position), reason } }]);
  });

  test("begins with a pass of capture too, before it stores anything", async () => {
    await SqlCapture.take(db);
    const before = await epochs();
    await db.query("update ampsync_private.log_epoch set timeline = timeline + 1");
    await SqlCapture.take(db);
    expect(await epochs()).toHaveLength(before.length + 1);
  });

  test("begins with the supervisor too, where something is published", async () => {
    await registerDataset(db, "chain", ["blocks"]);
    await db.query("select ampsync_worker.activate_targets()");
    expect(await epochs()).toEqual([]);
    await db.query("select ampsync.publish_dataset('chain')");
    await db.query("select ampsync_worker.activate_targets()");
    await db.query("update ampsync_private.log_epoch set timeline = timeline + 1");
    await db.query("select ampsync_worker.activate_targets()");
    expect(await epochs()).toHaveLength(2);
  });
});
