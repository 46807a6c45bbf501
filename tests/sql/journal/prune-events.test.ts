import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

/** A dataset of two tables and a journal without the events of its making. */
async function streams(): Promise<readonly [string, string]> {
  await registerDataset(db, "chain", ["blocks", "logs"]);
  const { rows } = await db.query("select stream_id from ampsync.streams order by table_name");
  await db.query("delete from ampsync_private.event");
  return [rows[0]!["stream_id"], rows[1]!["stream_id"]];
}

/** `count` events of one stream, or of none. */
async function happened(name: string, stream: string | null, count = 1): Promise<void> {
  await db.query(
    `insert into ampsync_private.event (at, event, stream_id, details)
     select ampsync_private.now(), $1, $2, '{}' from generate_series(1, $3)`,
    [name, stream, count],
  );
}

async function pruned(limit = 1000): Promise<number> {
  const { rows } = await db.query("select ampsync_worker.prune_events($1) as pruned", [limit]);
  return rows[0]!["pruned"];
}

/** The events that are left, oldest first, with their number where there are several. */
async function left(): Promise<string> {
  const { rows } = await db.query(
    `select event || case when count(*) > 1 then '*' || count(*) else '' end as name
       from ampsync_private.event group by event order by min(event_id)`,
  );
  return rows.map((row) => row["name"]).join(" ");
}

const keep = (options: string) => db.query(`select * from ampsync.set_retention(${options})`);

describe("events go by age", () => {
  test("after 30 days, but never the last one of a stream", async () => {
    const [blocks, logs] = await streams();
    await happened("a", blocks);
    await happened("b", logs);
    await happened("c", null);
    await happened("d", blocks);
    await moveClock(db, "29 days 23 hours");
    expect(await pruned()).toBe(0);
    await moveClock(db, "2 hours");
    expect(await pruned()).toBe(2);
    expect(await left()).toBe("b d");
    await happened("e", logs);
    expect(await pruned()).toBe(1);
    expect(await left()).toBe("d e");
  });

  test("after the age that was set", async () => {
    await happened("a", null);
    await keep("event_age => interval '2 days'");
    await moveClock(db, "47 hours");
    await happened("b", null);
    await moveClock(db, "2 hours");
    await pruned();
    expect(await left()).toBe("b");
  });

  test("in batches, the oldest first, until all are gone", async () => {
    await happened("a", null, 5);
    await happened("b", null, 5);
    await moveClock(db, "31 days");
    expect(await pruned(3)).toBe(3);
    expect(await left()).toBe("a*2 b*5");
    expect([await pruned(6), await pruned(6), await pruned(6)]).toEqual([6, 1, 0]);
  });

  test("also those of a stream that is gone, all but its last", async () => {
    const [blocks] = await streams();
    await happened("a", blocks);
    await happened("b", blocks);
    await db.query("delete from ampsync_private.stream");
    await moveClock(db, "31 days");
    await pruned();
    expect(await left()).toBe("b");
  });
});

describe("events go by number", () => {
  test("beyond the newest of them, but never the last one of a stream", async () => {
    const [blocks, logs] = await streams();
    await keep("event_rows => 10000");
    await happened("a", logs);
    await happened("b", blocks);
    await happened("c", null, 9_998);
    await happened("d", blocks);
    expect(await pruned()).toBe(0); // The one that is too many is the last of its stream.
    await happened("e", null, 3);
    expect(await pruned()).toBe(3);
    expect(await left()).toBe("a c*9996 d e*3");
    expect(await pruned()).toBe(0);
  });
});

describe("set_retention", () => {
  test("shows 30 days and a million where nothing was set, and keeps what is left out", async () => {
    expect((await keep("")).rows).toMatchObject([{ event_age: { days: 30 }, event_rows: "1000000" }]);
    await keep("event_rows => 20000");
    await keep("event_age => interval '90 days'");
    expect((await keep("")).rows).toMatchObject([{ event_age: { days: 90 }, event_rows: "20000" }]);
  });

  test.each(["event_rows => 9999", "event_age => interval '23 hours'", "event_age => interval '-1 day'"])(
    "refuses %s, with a hint that works",
    async (options) => {
      const error = await refusal(db, `select ampsync.set_retention(${options})`);
      expect(error.code).toBe("SY004");
      await db.query(error.hint!);
    },
  );
});

test("pruning an empty journal does nothing", async () => {
  await db.query("delete from ampsync_private.event");
  expect(await pruned()).toBe(0);
});

test("a run that finds nothing reads the journal by its indexes", async () => {
  await happened("a", null, 2_000);
  await db.query("analyze ampsync_private.event");
  const { rows: before } = await db.query(
    "select pg_stat_get_xact_numscans('ampsync_private.event'::regclass) as n",
  );
  await pruned();
  const { rows: after } = await db.query(
    "select pg_stat_get_xact_numscans('ampsync_private.event'::regclass) as n",
  );
  expect(after).toEqual(before);
});
