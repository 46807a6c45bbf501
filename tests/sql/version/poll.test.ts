import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaledDetails } from "../../support/postgres/journal.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
const HASH = "ab".repeat(32);
const OTHER_HASH = "cd".repeat(32);

let logged: string | null;

/** Enqueued and found, as version 1.0.0; resolves to the id of the dataset. */
async function follow(reference: string, options = ""): Promise<string> {
  await db.query(`select ampsync.enqueue_sync($1${options})`, [reference]);
  const { rows } = await db.query("select dataset_id from ampsync_private.dataset where label = $1", [
    reference.replace("@latest", ""),
  ]);
  const id: string = rows[0]!["dataset_id"];
  const found = await db.query(
    "select ampsync_worker.register_streams($1, '1.0.0', $2, '{blocks}') as event",
    [id, HASH],
  );
  logged = found.rows[0]!["event"];
  return id;
}

async function begun(id: string) {
  return (await db.query("select * from ampsync_worker.begin_poll($1)", [id])).rows;
}

/** What a poll says that began so long ago, of a worker whose interval is 5 s. */
async function note(id: string, version: string, hash: string | null = HASH, ago = "0 s", interval = "5 s") {
  const { rows } = await db.query(
    "select ampsync_worker.note_version($1, $2, $3, true, ampsync_private.now() - $4::interval, $5) as event",
    [id, version, hash, ago, interval],
  );
  return rows[0]!["event"];
}

async function defer(id: string, retryAfterS: number | null = null, interval = "5 s"): Promise<void> {
  const error = { code: "SY104", message: "the server is down", detail: "ECONNREFUSED", hint: "Start it." };
  await db.query("select ampsync_worker.defer_poll($1, $2, $3, $4)", [id, error, interval, retryAfterS]);
}

/** In how many seconds the one poll is due. */
async function dueIn(): Promise<number> {
  const jobs = await waitingJobs(db, "ampsync_poll:%");
  expect(jobs).toHaveLength(1);
  return jobs[0].due_in_s;
}

async function offered() {
  const { rows } = await db.query(
    `select offered_version as version, offered_hash as hash, offered_declined as declined, offered_error as error
       from ampsync_private.dataset`,
  );
  return rows[0]!;
}

const NOTHING = { version: null, hash: null, declined: false, error: null };

describe("which datasets are polled", () => {
  test.each(["chain", "chain@latest", "eth/chain@dev"])(
    "%s is, 5 s after it was found",
    async (reference) => {
      const id = await follow(reference);
      expect(await dueIn()).toBeCloseTo(5, 0);
      expect(await begun(id)).toMatchObject([{ name: "chain", failures: 0 }]);
      expect(logged).toBe("version_polling_initialized");
    },
  );

  test.each(["chain@1.0.0", `chain@${HASH}`])("%s is not", async (reference) => {
    const id = await follow(reference);
    expect(await waitingJobs(db, "ampsync_poll:%")).toEqual([]);
    expect(await begun(id)).toEqual([]);
    expect(await note(id, "1.1.0")).toBeNull();
    await defer(id);
    await supervise(db);
    expect(await waitingJobs(db, "ampsync_poll:%")).toEqual([]);
    expect(logged).toBe("version_polling_disabled");
  });

  test("one that was not found yet is not", async () => {
    await db.query("select ampsync.enqueue_sync('chain', poll_interval => '1 s')");
    await supervise(db);
    expect(await waitingJobs(db, "ampsync_poll:%")).toEqual([]);
  });

  test("a paused one is not, until it is resumed: then at once", async () => {
    const id = await follow("chain");
    await db.query("select ampsync.pause_sync('chain')");
    expect(await begun(id)).toEqual([]);
    await clearQueue(db);
    expect(await note(id, "1.1.0")).toBeNull();
    await supervise(db);
    expect(await waitingJobs(db, "ampsync_poll:%")).toEqual([]);

    await db.query("select ampsync.resume_sync('chain')");
    expect(await dueIn()).toBeLessThanOrEqual(0);
    expect(await begun(id)).toHaveLength(1);
  });

  test("a paused one is not, even if one of its tables has failed before", async () => {
    const id = await follow("chain");
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', $2, '{blocks,logs}')", [id, HASH]);
    await db.query("update ampsync_private.stream set state = 'failed' where table_name = 'logs'");
    await db.query("select ampsync.pause_sync('chain')");
    expect(await begun(id)).toEqual([]);
    await db.query("select ampsync_private.offer_version($1, '1.1.0', null)", [id]);
    expect((await db.query("select * from ampsync_worker.begin_reload($1)", [id])).rows).toEqual([]);
    await db.query("select ampsync.resume_sync('chain')");
    expect(await begun(id)).toHaveLength(1);
    expect((await db.query("select * from ampsync_worker.begin_reload($1)", [id])).rows).toHaveLength(1);
  });

  test("one whose streams failed is: a new version may be what they need", async () => {
    const id = await follow("chain");
    await db.query("update ampsync_private.stream set state = 'failed'");
    expect(await begun(id)).toHaveLength(1);
  });

  test("a dropped one is not", async () => {
    const id = await follow("chain");
    await db.query("select ampsync.drop_sync('chain')");
    expect(await waitingJobs(db, "ampsync_poll:%")).toEqual([]);
    expect(await begun(id)).toEqual([]);
    expect(await note(id, "1.1.0")).toBeNull();
  });
});

describe("what a poll finds", () => {
  let id: string;
  beforeEach(async () => {
    id = await follow("chain");
  });

  test.each<[string, string, string | null]>([
    ["the version that is followed", "1.0.0", HASH],
    ["the same version without its hash", "1.0.0", null],
  ])("version_unchanged: %s", async (_, version, hash) => {
    expect(await note(id, version, hash)).toBe("version_unchanged");
    expect(await offered()).toEqual(NOTHING);
    expect(await waitingJobs(db, "ampsync_reload:%")).toEqual([]);
  });

  test.each<[string, string, string | null]>([
    ["another version", "1.1.0", OTHER_HASH],
    ["an older one, to which the tag went back", "0.9.0", OTHER_HASH],
    ["another one with the same content", "1.1.0", HASH],
    ["another content of the same version", "1.0.0", OTHER_HASH],
    ["another version without a hash", "1.1.0", null],
  ])("new_version_detected: %s", async (_, version, hash) => {
    expect(await note(id, version, hash)).toBe("new_version_detected");
    expect(await offered()).toEqual({ ...NOTHING, version, hash });
    expect(await waitingJobs(db, "ampsync_reload:%")).toHaveLength(1);
    expect(await journaledDetails(db, "new_version_detected")).toEqual([
      { from: "1.0.0", from_hash: HASH, to: version, to_hash: hash },
    ]);
  });

  test("a version is detected once, and keeps what became of it", async () => {
    await note(id, "1.1.0", OTHER_HASH);
    await db.query(
      `update ampsync_private.dataset set offered_declined = true, offered_error = '{"message": "a column is gone"}'`,
    );
    await clearQueue(db);
    expect(await note(id, "1.1.0", OTHER_HASH)).toBe("version_unchanged");
    expect(await note(id, "1.1.0", null)).toBe("version_unchanged");
    const declined = { version: "1.1.0", hash: OTHER_HASH, declined: true };
    expect(await offered()).toEqual({ ...declined, error: { message: "a column is gone" } });
    expect(await waitingJobs(db, "ampsync_reload:%")).toEqual([]);
    expect(await journaledDetails(db, "new_version_detected")).toHaveLength(1);
  });

  test("only the newest change counts: it takes the place of one that was declined", async () => {
    await note(id, "1.1.0", OTHER_HASH);
    await db.query("update ampsync_private.dataset set offered_declined = true, offered_error = '{}'");
    expect(await note(id, "1.2.0", OTHER_HASH)).toBe("new_version_detected");
    expect(await offered()).toEqual({ ...NOTHING, version: "1.2.0", hash: OTHER_HASH });
    expect(await waitingJobs(db, "ampsync_reload:%")).toHaveLength(1);
  });

  test("a version that is taken back is forgotten", async () => {
    await note(id, "1.1.0", OTHER_HASH);
    expect(await note(id, "1.0.0")).toBe("version_unchanged");
    expect(await offered()).toEqual(NOTHING);
  });

  test("the routes of the server decide how its SQL names the dataset", async () => {
    await db.query(
      "select ampsync_worker.note_version($1, '1.0.0', null, false, ampsync_private.now(), '5 s')",
      [id],
    );
    const { rows } = await db.query(
      "select l.source_schema from ampsync.streams s, ampsync_worker.acquire_lease(s.stream_id, 'worker-1') l",
    );
    expect(rows).toEqual([{ source_schema: "chain" }]);
  });
});

describe("when the next poll is due", () => {
  test("one interval after the last one began", async () => {
    const id = await follow("chain");
    await note(id, "1.0.0", HASH, "2 s");
    expect(await dueIn()).toBeCloseTo(3, 0);
  });

  test("late ticks are skipped: a poll that took longer is followed after one interval", async () => {
    const id = await follow("chain");
    await note(id, "1.0.0", HASH, "12 s");
    expect(await dueIn()).toBeCloseTo(5, 0);
  });

  test("the dataset's own interval counts, otherwise that of the worker which polls", async () => {
    const id = await follow("chain", ", poll_interval => '20 s'");
    expect(await dueIn()).toBeCloseTo(20, 0);
    await note(id, "1.0.0", HASH, "0 s", "60 s");
    expect(await dueIn()).toBeCloseTo(20, 0);
    await db.query("update ampsync_private.dataset set poll_interval = null");
    await note(id, "1.0.0", HASH, "0 s", "60 s");
    expect(await dueIn()).toBeCloseTo(60, 0);
  });

  test("a shorter interval takes effect at once, a longer one after the poll that waits", async () => {
    await follow("chain", ", poll_interval => '30 s'");
    await db.query("select ampsync.alter_sync('chain', poll_interval => '1 s')");
    expect(await dueIn()).toBeCloseTo(1, 0);
    await db.query("select ampsync.alter_sync('chain', poll_interval => '1 h')");
    expect(await dueIn()).toBeCloseTo(1, 0);
  });

  test.each(["0.9 s", "1 h 1 s", "-5 s"])("an interval of %s is refused", async (interval) => {
    await follow("chain");
    for (const door of ["enqueue_sync", "alter_sync"]) {
      const error = await refusal(db, `select ampsync.${door}('chain', poll_interval => '${interval}')`);
      expect(error).toMatchObject({ code: "SY004", message: expect.stringContaining("poll_interval") });
      await db.query(error.hint!);
    }
  });

  test.each<[string, readonly number[]]>([
    ["1 s", [2, 4, 8, 16, 32, 60, 60]],
    ["5 s", [10, 20, 40, 60, 60]],
    ["45 s", [60, 60]],
    ["1 h", [3600, 3600]],
  ])("failures in a row, at an interval of %s: after %j s", async (interval, delays) => {
    const id = await follow("chain", `, poll_interval => '${interval}'`);
    for (const delay of delays) {
      await defer(id);
      expect(await dueIn()).toBeCloseTo(delay, 0);
    }
    expect(await begun(id)).toMatchObject([{ failures: delays.length }]);
    await note(id, "1.0.0");
    await defer(id);
    expect(await dueIn()).toBeCloseTo(delays[0]!, 0);
  });

  test.each([
    [120, 120],
    [86_400, 300],
    [-5, 10],
  ])("a server that asks for %d s is left alone for %d s", async (asked, waited) => {
    const id = await follow("chain");
    await defer(id, asked);
    expect(await dueIn()).toBeCloseTo(waited, 0);
  });
});

describe("a poll that failed", () => {
  test("is journaled with its reason the first and every fifth time, and forgotten with the next success", async () => {
    const id = await follow("chain");
    for (let attempt = 1; attempt <= 11; attempt++) await defer(id);
    const journaled = await journaledDetails(db, "version_poll_failed");
    expect(journaled.map(({ attempts, message }) => [attempts, message])).toEqual([
      [1, "the server is down"],
      [5, "the server is down"],
      [10, "the server is down"],
    ]);
    await note(id, "1.0.0");
    const { rows } = await db.query("select poll_error from ampsync_private.dataset");
    expect(rows).toEqual([{ poll_error: null }]);
  });
});

describe("the supervisor", () => {
  async function deletePoll(): Promise<void> {
    await db.query("delete from graphile_worker._private_jobs where key like 'ampsync\\_poll:%'");
  }

  test("creates a lost poll again", async () => {
    await follow("chain");
    await supervise(db);
    await deletePoll();
    expect(await supervise(db)).toBe(1);
    expect(await dueIn()).toBeLessThanOrEqual(0);
    expect(await supervise(db)).toBe(0);
  });

  test("leaves one alone that is due in an hour", async () => {
    const id = await follow("chain", ", poll_interval => '1 h'");
    await note(id, "1.0.0");
    await supervise(db);
    expect(await dueIn()).toBeCloseTo(3600, -1);
  });

  test("creates one again whose worker died while it asked", async () => {
    await follow("chain");
    await db.query(
      `update graphile_worker._private_jobs set locked_at = ampsync_private.now(), locked_by = 'worker-1'
        where key like 'ampsync\\_poll:%'`,
    );
    await supervise(db);
    expect(await dueIn()).toBeGreaterThan(4);
    await moveClock(db, "31 s");
    await supervise(db);
    expect(await dueIn()).toBeLessThanOrEqual(0);
  });
});
