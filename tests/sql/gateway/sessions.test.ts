import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { GatewayClient } from "../../support/postgres/gateway-session.ts";
import { epochOf, logRows, publishedRows } from "../../support/postgres/log-entries.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { events } from "../../support/postgres/sql-capture.ts";

// What gateways say of their sessions, and which of them end.

const db = rolledBackDatabase();

const gateway = crypto.randomUUID();
beforeEach(async () => {
  await epochOf(db);
  await db.query("select ampsync_worker.beat_gateway($1, $2)", [
    gateway,
    { address: "ws://one", version: "1.0.0", tenants: null, clients: 1, capacity: 5000 },
  ]);
});

interface Said {
  readonly generation?: string;
  readonly [field: string]: unknown;
}

async function report(client: GatewayClient, said: Said = {}, of: string = gateway) {
  const { rows } = await db.query("select ampsync_worker.report_sessions($1, $2) as ended", [
    of,
    JSON.stringify([{ client: client.id, generation: "1", iat: 4_000_000_000, ...said }]),
  ]);
  return rows[0]!["ended"] as { client: string; why: string }[];
}

async function opened(): Promise<GatewayClient> {
  const client = new GatewayClient(db, []);
  await client.open(gateway);
  return client;
}

async function seen(client: GatewayClient) {
  const { rows } = await db.query("select * from ampsync.clients where client_id = $1", [client.id]);
  return rows[0]!;
}

describe("a gateway that reports its sessions", () => {
  test("tells where a client stands, and what it sent", async () => {
    const client = await opened();
    expect(
      await report(client, { position: "0", blocks: "0", phase: "live", bytes: "5000", sent: "0" }),
    ).toEqual([]);
    expect(await seen(client)).toMatchObject({ position: "0", blocks: "0", phase: "live", connected: true });
    const { rows } = await db.query("select gateway, bytes, sent, phase from ampsync.sessions");
    expect(rows).toEqual([{ gateway: "ws://one", bytes: "5000", sent: "0", phase: "live" }]);
    await report(client, { phase: "loading" });
    expect(await seen(client)).toMatchObject({ position: "0", phase: "loading" });
  });

  test("writes nothing of one that has not moved since, and sees all the same that it is to be closed", async () => {
    const client = await opened();
    await report(client, { position: "5", blocks: "5", phase: "live" });
    const holder = await db.client();
    await holder.query("begin");
    await holder.query("select from ampsync_private.client where client_id = $1 for update", [client.id]);
    expect(await report(client, { same: true })).toEqual([]); // Nor does it want the row.
    await holder.query("rollback");
    expect(await seen(client)).toMatchObject({ position: "5", blocks: "5", phase: "live" });
    await client.open(crypto.randomUUID());
    expect(await report(client, { same: true })).toEqual([{ client: client.id, why: "replaced" }]);
  });

  test("writes no row that did not change", async () => {
    const client = await opened();
    const said = { position: "0", blocks: "0", bytes: "5000" };
    await report(client, said);
    await report(client, said); // Its rate falls to 0.
    const versions = async () =>
      (
        await db.query(
          "select c.ctid as client, s.ctid as session from ampsync_private.client c join ampsync_private.session s using (client_id)",
        )
      ).rows;
    const before = await versions();
    await report(client, said);
    expect(await versions()).toEqual(before);
    await moveClock(db, "61 s");
    await report(client, said);
    expect(await versions()).not.toEqual(before);
  });

  test("shows how long ago the first entry came that a client has not, and none once it has all", async () => {
    const client = await opened();
    const table = await publishedRows(db, "todos");
    const first = await logRows(db, table);
    await moveClock(db, "7 s");
    const second = await logRows(db, table);
    await moveClock(db, "5 s");
    const lag = async (position: string) => {
      await report(client, { position, blocks: second });
      const { rows } = await db.query(
        "select extract(epoch from lag) as s from ampsync.clients where client_id = $1",
        [client.id],
      );
      return Math.floor(Number(rows[0]!["s"]));
    };
    expect([await lag("0"), await lag(first), await lag(second)]).toEqual([12, 5, 0]);
  });

  test("hears which were opened elsewhere, and changes nothing of those", async () => {
    const client = await opened();
    await client.open();
    expect(await report(client, { position: "7" })).toEqual([{ client: client.id, why: "replaced" }]);
    expect(await seen(client)).toMatchObject({ position: null });
  });

  test("hears which are of a revoked subject, by the time of their tokens", async () => {
    const client = await opened();
    expect((await db.query("select ampsync.revoke_subject('user-1') as n")).rows).toEqual([{ n: "1" }]);
    expect(await report(client, { iat: 1_000_000_000 })).toEqual([{ client: client.id, why: "revoked" }]);
    expect(await report(client, { iat: null })).toEqual([{ client: client.id, why: "revoked" }]);
    expect(await report(client)).toEqual([]);
  });

  test("hears which are to load anew, or to connect anew", async () => {
    const [reset, ended] = [await opened(), await opened()];
    await db.query("select ampsync.reset_client($1, reason => 'a test')", [reset.id]);
    await db.query("select ampsync.disconnect_client($1)", [ended.id]);
    expect(await report(reset, { phase: "live", position: "5" })).toEqual([
      { client: reset.id, why: "reset" },
    ]);
    expect(await report(ended)).toEqual([{ client: ended.id, why: "ended" }]);
    expect(await seen(reset)).toMatchObject({ phase: "reset", position: null, connected: false });
    expect(await events(db, "client_reset")).toEqual([{ client: reset.id, reason: "a test" }]);
  });

  test("that the supervisor took for dead hears that its sessions are gone", async () => {
    const client = await opened();
    await moveClock(db, "29 s");
    await db.query("select ampsync_worker.supervise_delivery()");
    expect(await report(client)).toEqual([]);
    await moveClock(db, "2 s");
    await db.query("select ampsync_worker.supervise_delivery()");
    expect((await db.query("select from ampsync.gateways")).rowCount).toBe(0);
    expect(await report(client)).toEqual([{ client: client.id, why: "ended" }]);
  });

  test("says of some that they are over, whose rows go, but not those of later ones", async () => {
    const [over, replaced] = [await opened(), await opened()];
    await replaced.open(gateway);
    expect(await report(over, { over: true, position: "3" })).toEqual([]);
    expect(await report(replaced, { over: true })).toEqual([{ client: replaced.id, why: "replaced" }]);
    expect(await seen(over)).toMatchObject({ connected: false, position: "3" });
    expect(await seen(replaced)).toMatchObject({ connected: true });
  });

  test("and says nothing of one for minutes, loses it: its answer was lost", async () => {
    const [lost, kept] = [await opened(), await opened()];
    for (let minute = 0; minute < 4; minute++) {
      await moveClock(db, "61 s");
      await db.query("select ampsync_worker.beat_gateway($1, '{}')", [gateway]);
      await report(kept);
      await db.query("select ampsync_worker.supervise_delivery()");
    }
    expect(await seen(lost)).toMatchObject({ connected: false });
    expect(await seen(kept)).toMatchObject({ connected: true });
  });

  test("or stops, leaves none behind", async () => {
    await opened();
    await db.query("select ampsync_worker.end_gateway($1)", [gateway]);
    expect((await db.query("select from ampsync.sessions")).rowCount).toBe(0);
    expect((await db.query("select from ampsync.gateways")).rowCount).toBe(0);
  });

  test("closes a session, and where it stood is noted", async () => {
    const client = await opened();
    await client.open(gateway);
    const close = (generation: string) =>
      db.query("select ampsync_worker.close_session($1, $2, $3, $4)", [
        ...[gateway, client.id, generation, { position: "3", blocks: "4" }],
      ]);
    await close("1"); // One that is over already.
    expect(await seen(client)).toMatchObject({ connected: true, position: null });
    await close("2");
    expect(await seen(client)).toMatchObject({ connected: false, position: "3", blocks: "4" });
  });
});

describe("what a client reports of itself", () => {
  test("is shown, cut and without control characters, and decides nothing", async () => {
    const client = await opened();
    const hostile = `\u001b[31m${"x".repeat(10_000)}`;
    await report(client, {
      report: {
        pending: 3,
        phase: "live",
        error: { code: "SY417", table: "public.todos", message: hostile, extra: { deep: hostile } },
        store: { kind: "opfs", bytes: "12", status: "ok", secret: "row" },
      },
    });
    const { rows } = await db.query("select pending, error, store, phase from ampsync_private.client");
    expect(rows[0]).toMatchObject({
      pending: 3,
      phase: "loading",
      store: { kind: "opfs", bytes: "12", status: "ok" },
    });
    expect(Object.keys(rows[0]!["error"]).sort()).toEqual(["code", "message", "table"]);
    expect(rows[0]!["error"].message).toMatch(/^ \[31mx+$/);
    expect(rows[0]!["error"].message).toHaveLength(500);
    await report(client, { report: { pending: 0, error: null } });
    expect((await db.query("select pending, error from ampsync_private.client")).rows).toEqual([
      { pending: 0, error: null },
    ]);
  });

  test.each([
    [{ pending: "many", error: "all", store: [1] }],
    [{ pending: 1e300, error: { code: { deep: 1 } }, store: null, checks: "none" }],
    [{ pending: -1, error: [], checks: [1, null, "x"] }],
    ["text"],
    [[1, 2]],
  ])("fails nothing, whatever it is: %j", async (said) => {
    const client = await opened();
    expect(await report(client, { position: "1", report: said })).toEqual([]);
    expect(await seen(client)).toMatchObject({ position: "1", pending: 0 });
  });

  test("makes an event of a table that differs", async () => {
    const client = await opened();
    const same = { table: "public.todos", rows: "1", sum: "5", server_rows: "1", server_sum: "5" };
    await report(client, { report: { checks: [same, { ...same, sum: "6", more: "x" }] } });
    expect(await events(db, "client_diverged")).toEqual([{ client: client.id, ...same, sum: "6" }]);
  });
});

describe("a phase", () => {
  test.each([
    ["new", "live"],
    ["reset", "live"],
    ["live", "new"],
    ["loading", "new"],
    ["loading", "gone"],
  ])("does not go from %s to %s", async (from, to) => {
    expect(await refusal(db, `select ampsync_private.next_phase('${from}', '${to}')`)).toMatchObject({
      code: "SY419",
      message: `a client does not come from phase ${from} to ${to}`,
    });
  });

  test("is live only by its gateway's word, and never out of a reset", async () => {
    const client = await opened();
    await db.query("update ampsync_private.client set phase = 'reset'");
    expect(await report(client, { phase: "live" })).toEqual([{ client: client.id, why: "reset" }]);
    expect(await seen(client)).toMatchObject({ phase: "reset" });
  });
});

describe("an unknown client", () => {
  test.each(["reset_client", "disconnect_client"])(
    "is said to be so by %s, with a hint that works",
    async (door) => {
      const refused = await refusal(db, `select ampsync.${door}('${crypto.randomUUID()}')`);
      expect(refused).toMatchObject({ code: "SY004" });
      await db.query(refused.hint!);
    },
  );
});

describe("definitions that changed long ago", () => {
  test("are forgotten once there are many", async () => {
    const add = (n: number, age: string) =>
      db.query(
        `insert into ampsync_private.definition_change (what, at)
         select 'a test', ampsync_private.now() - $2::interval from generate_series(1, $1)`,
        [n, age],
      );
    const left = async () =>
      Number((await db.query("select count(*) as n from ampsync_private.definition_change")).rows[0]!["n"]);
    await add(999, "2 days");
    await add(5, "1 hour");
    const before = await left();
    await db.query("select ampsync_worker.supervise_delivery()");
    expect(await left()).toBe(before);
    await add(1, "2 days");
    await db.query("select ampsync_worker.supervise_delivery()");
    expect(await left()).toBe(before - 999);
  });
});
