import { describe, expect, test } from "vitest";

import { clearQueue } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const FLIGHT = "https://amp.example:1602";
const ADMIN = "https://amp.example:1610";

async function setSource(options = "") {
  const { rows } = await db.query(`select * from ampsync.set_source('chain'${options})`);
  return rows[0];
}

/** What the jobs of the dataset are told. */
async function told(call: string) {
  const { rows } = await db.query(
    `select (ampsync_worker.${call}(d.dataset_id)).* from ampsync_private.dataset d`,
  );
  return rows[0];
}

async function heads(): Promise<number> {
  const { rows } = await db.query("select count(*)::int as n from ampsync_private.head");
  return rows[0]!["n"];
}

async function beat(stream: SqlStream): Promise<string> {
  const lease = { stream_id: stream.id, epoch: stream.epoch, head: "100", network: "mainnet" };
  const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-1', $1)", [
    JSON.stringify([lease]),
  ]);
  return rows[0]!["verdict"];
}

describe("addresses", () => {
  test("are kept where they are left out, shown by a call without them, and taken back by ''", async () => {
    await registerDataset(db, "chain", ["blocks"]);
    const none = { dataset: "chain", flight_addr: null, admin_addr: null };
    expect(await setSource()).toEqual(none);
    await setSource(`, flight_addr => '${FLIGHT}'`);
    const both = { dataset: "chain", flight_addr: FLIGHT, admin_addr: ADMIN };
    expect(await setSource(`, admin_addr => '${ADMIN}'`)).toEqual(both);
    expect(await setSource()).toEqual(both);
    expect(await setSource(", '', 'off'")).toEqual({ ...none, admin_addr: "off" });
    expect(await setSource(", admin_addr => ''")).toEqual(none);
  });

  test("are handed to every job of the dataset that asks a server", async () => {
    const stream = await SqlStream.register(db);
    await setSource(`, '${FLIGHT}', '${ADMIN}'`);
    expect(await stream.acquire()).toMatchObject({ flight_addr: FLIGHT });
    expect(await told("begin_resolve")).toMatchObject({ admin_addr: ADMIN });
    expect(await told("begin_poll")).toMatchObject({ admin_addr: ADMIN });
    await db.query("update ampsync_private.dataset set offered_version = '2.0.0'");
    expect(await told("begin_reload")).toMatchObject({ flight_addr: FLIGHT, admin_addr: ADMIN });
    await db.query("select * from ampsync.explain_sync('chain')");
    const { rows } = await db.query(
      "select (ampsync_worker.begin_explain(a.answer_id)).* from ampsync_private.answer a",
    );
    expect(rows).toMatchObject([{ flight_addr: FLIGHT, admin_addr: ADMIN }]);
  });

  test.each([
    "http://localhost:1602",
    "https://amp.example",
    "http://10.0.0.7:1602/",
    "http://[::1]:1602",
    "HTTPS://Amp_1:1602/gateway/v1",
  ])("like %s are accepted", async (address) => {
    await registerDataset(db, "chain", ["blocks"]);
    expect(await setSource(`, '${address}', '${address}'`)).toMatchObject({ flight_addr: address });
  });

  test.each([
    "amp.example:1602",
    "grpc://amp.example:1602",
    "http://",
    "http://user:hunter2@amp.example:1602",
    "http://hunter2@amp.example:1602",
    "http://amp.example:1602?key=hunter2",
    "http://amp.example:1602/#hunter2",
    "http://amp.example:1602/token/hunter2",
    `http://amp.example:1602/hunter2${"a".repeat(20)}`,
    "http://amp.example:0",
    "http://amp.example:65536",
    "http://amp.example:1602\nhunter2",
    " http://amp.example:1602",
    "http://amp.example\\@hunter2",
    "off",
  ])("like %j are refused, not repeated, and the hint works", async (address) => {
    await registerDataset(db, "chain", ["blocks"]);
    const set = () => db.query("select ampsync.set_source('chain', flight_addr => $1)", [address]);
    const error = await refusal(db, set);
    expect(error).toMatchObject({ code: "SY004" });
    expect(`${error.message} ${error.detail} ${error.hint}`).not.toContain("hunter2");
    await db.query(error.hint!);
    expect(await setSource()).toMatchObject({ flight_addr: FLIGHT });
  });

  test("of a dataset that is not synced are refused", async () => {
    expect(await refusal(db, "select ampsync.set_source('chain')")).toMatchObject({ code: "SY003" });
  });
});

test("set_source is granted apart from enqueue_sync", async () => {
  await db.query("create role aims");
  const { rows } = await db.query(
    `select has_function_privilege('aims', p.oid, 'execute') as allowed
       from pg_proc p where p.oid = 'ampsync.set_source'::regproc`,
  );
  expect(rows).toEqual([{ allowed: false }]);
});

describe("another flight_addr", () => {
  test("ends the pass at once: it commits nothing more, and the next one is queued with the new address", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await clearQueue(db);
    await setSource(`, '${FLIGHT}'`);
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
    expect(await beat(stream)).toBe("lost");
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
    expect(await stream.acquire("worker-2")).toMatchObject({ flight_addr: FLIGHT, history: [{ end: "9" }] });
    await stream.apply(10, 19);
    expect(await stream.view()).toMatchObject({ block: "19" });
    const { rows } = await db.query("select details from ampsync.events where event = 'source_changed'");
    const from = { flight_addr: null, admin_addr: null };
    expect(rows).toEqual([{ details: { from, to: { ...from, flight_addr: FLIGHT } } }]);
  });

  test("forgets the head of the old server, and the last heartbeat of the old pass does not bring it back", async () => {
    const stream = await SqlStream.prepare(db);
    await beat(stream);
    expect(await heads()).toBe(1);
    await setSource(`, '${FLIGHT}'`);
    await beat(stream);
    expect(await heads()).toBe(0);
  });

  test("ends the passes of a resync as well", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await db.query("select ampsync.resync('chain')");
    await clearQueue(db);
    await setSource(`, '${FLIGHT}'`);
    const { rows } = await db.query(
      "select s.shadow_of is not null as is_shadow from ampsync_private.stream s join graphile_worker.jobs j on j.key = 'ampsync_stream:' || s.stream_id",
    );
    expect(rows).toEqual([{ is_shadow: true }]);
  });

  test.each(["pause", "failure"])("starts nothing after a %s", async (what) => {
    const stream = await SqlStream.prepare(db);
    await (what === "pause" ? db.query("select ampsync.pause_sync('chain')") : stream.endPass("failed"));
    await clearQueue(db);
    await setSource(`, '${FLIGHT}'`);
    expect(await waitingJobs(db, "ampsync_stream:%")).toEqual([]);
  });

  test("is not set twice: the same call again leaves the pass alone", async () => {
    const stream = await SqlStream.prepare(db);
    await setSource(`, '${FLIGHT}'`);
    await stream.acquire("worker-2");
    await clearQueue(db);
    await setSource(`, '${FLIGHT}'`);
    expect(await waitingJobs(db, "ampsync_%:%")).toEqual([]);
    await stream.apply(0, 9);
  });
});

describe("another admin_addr", () => {
  test("leaves the passes alone, and looks for versions at once", async () => {
    const stream = await SqlStream.prepare(db);
    await clearQueue(db);
    await setSource(`, admin_addr => '${ADMIN}'`);
    expect(await waitingJobs(db, "ampsync_stream:%")).toEqual([]);
    expect(await waitingJobs(db, "ampsync_poll:%")).toHaveLength(1);
    await stream.apply(0, 9);
  });

  test("has a dataset that waits looked up at once", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    await db.query(
      `select ampsync_worker.defer_resolve(d.dataset_id, 'waiting', '{"code": "SY104", "message": "gone"}')
         from ampsync_private.dataset d`,
    );
    await clearQueue(db);
    await setSource(`, admin_addr => '${ADMIN}'`);
    expect(await waitingJobs(db, "ampsync_resolve:%")).toHaveLength(1);
    const { rows } = await db.query("select error_code, next_retry from ampsync.status");
    expect(rows).toEqual([{ error_code: null, next_retry: null }]);
  });

  test.each([
    [false, null],
    [true, "2.0.0"],
  ])(
    "gives up a version that the old server offered, unless it was declined (%s)",
    async (declined, left) => {
      const id = await registerDataset(db, "chain", ["blocks"]);
      await db.query(
        "update ampsync_private.dataset set offered_version = '2.0.0', offered_declined = $1 where dataset_id = $2",
        [declined, id],
      );
      await setSource(`, admin_addr => '${ADMIN}'`);
      const { rows } = await db.query("select offered_version from ampsync_private.dataset");
      expect(rows).toEqual([{ offered_version: left }]);
      const adopted = await db.query(
        "select ampsync_worker.adopt_version($1, '2.0.0', null, '[]') as outcome",
        [id],
      );
      expect(adopted.rows).toEqual([{ outcome: "stale" }]);
    },
  );

  test("has explain_sync ask again, and ignores what the old server answers still", async () => {
    const stream = await SqlStream.register(db);
    await db.query("select * from ampsync.explain_sync('chain')");
    const { rows } = await db.query("select answer_id from ampsync_private.answer");
    await setSource(`, admin_addr => '${ADMIN}'`);
    await db.query("select ampsync_worker.note_answer($1, '9.0.0', null, true, '[]', 1, null)", [
      rows[0]!["answer_id"],
    ]);
    const explained = await db.query("select step from ampsync.explain_sync('chain')");
    expect(explained.rows.map(({ step }) => step)).toContain("ask");
    expect(stream.epoch).toBe("0");
  });
});
