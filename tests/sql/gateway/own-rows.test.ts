import { randomUUID } from "node:crypto";

import { beforeEach, describe, expect, test } from "vitest";

import { epochOf, logRows, publishedRows, shapeOf } from "../../support/postgres/log-entries.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

// What the author of a transaction needs of its rows, and which of its transactions it has with a load.

const db = rolledBackDatabase();
const client = randomUUID();
let todos: number;
let shape: number;
let epoch: string;
let seq = 0;

beforeEach(async () => {
  epoch = await epochOf(db);
  todos = await publishedRows(db, "todos");
  shape = await shapeOf(db, "todos", todos);
});

interface Logged {
  readonly operation: string;
  readonly key?: string;
  readonly data?: object | null;
  readonly old?: object | null;
  readonly unchanged?: readonly string[];
}

async function inLedger(
  tx: string,
  sent: unknown,
  more: { status?: string; xid?: string; epoch?: string } = {},
) {
  seq += 1;
  await db.query(
    `insert into ampsync_private.client_tx (client_id, seq, tx, received_at, xid, epoch, status, sent)
     values ($1, $2, $3, ampsync_private.now(), coalesce($4::xid8, pg_current_xact_id()), $5, $6, $7)`,
    [
      ...[client, seq, tx, more.xid ?? null, more.epoch ?? epoch, more.status ?? "applied"],
      sent === null ? null : JSON.stringify(sent),
    ],
  );
  return seq;
}

/** What own_rows says of a transaction that was sent so, and that the log has so. */
async function own(sent: unknown, logged: readonly Logged[]): Promise<Record<string, object>> {
  const tx = randomUUID();
  await inLedger(tx, sent);
  const position = await logRows(db, todos, { changes: 0, client, tx });
  await db.query(
    "delete from ampsync_private.change where tx_id = (select tx_id from ampsync_private.change_tx where position = $1)",
    [position],
  );
  for (const [n, { operation, key = '["1"]', data = null, old = null, unchanged }] of logged.entries()) {
    await db.query(
      `insert into ampsync_private.change (tx_id, seq, published_id, operation, key, data, old_data, metadata)
       select t.tx_id, $2, $3, $4, $5, $6, $7, $8 from ampsync_private.change_tx t where t.position = $1`,
      [
        position,
        n,
        todos,
        operation,
        operation === "truncate" ? null : key,
        data,
        old,
        unchanged === undefined ? null : { unchanged },
      ],
    );
  }
  const { rows } = await db.query("select * from ampsync_worker.own_rows($1, $2)", [[shape], [position]]);
  expect(rows.every((row) => String(row["position"]) === String(position) && row["shape_id"] === shape)).toBe(
    true,
  );
  return Object.fromEntries(rows.map((row) => [row["key"], JSON.parse(row["set"])]));
}

const change = (op: string, patch: object | null, id = "1") => ({
  table: "public.todos",
  op,
  key: { id },
  patch,
});
const inserted = { operation: "insert", data: { id: "1", title: "a", version: "1", at: null } };

describe("of a row that was sent once", () => {
  test("an insert has what is not as it was sent, nulls too", async () => {
    const sent = { changes: [change("insert", { title: "a", at: "now" })] };
    expect(await own(sent, [inserted])).toEqual({ '["1"]': { version: "1", at: null } });
  });

  test("an update has what was sent and became another value, what a trigger changed, and nothing that stayed", async () => {
    const logged = {
      operation: "update",
      old: { id: "1", title: "a", done: "f", version: "1", note: "n", team: "x" },
      data: { id: "1", title: "b", done: "f", version: "2", note: "n", team: "x" },
    };
    const sent = [change("update", { title: "b", done: "t" })];
    expect(await own(sent, [logged]), "the trigger kept done").toEqual({
      '["1"]': { done: "f", version: "2" },
    });
    expect(await own([change("update", { title: "b" })], [logged])).toEqual({ '["1"]': { version: "2" } });
    expect(await own([change("update", { title: "b", version: "2" })], [logged])).toEqual({ '["1"]': {} });
  });

  test("without its old row has whatever is not as it was sent", async () => {
    const logged = { operation: "update", data: { id: "1", title: "b", note: "n" } };
    expect(await own([change("update", { title: "b" })], [logged])).toEqual({
      '["1"]': { id: "1", note: "n" },
    });
  });

  test("counts what a trigger changed of it afterwards", async () => {
    const again = { operation: "update", old: inserted.data, data: { ...inserted.data, version: "2" } };
    expect(await own([change("insert", { title: "a", at: null })], [inserted, again])).toEqual({
      '["1"]': { version: "2" },
    });
    const more = { operation: "update", old: { id: "1", a: "1", b: "1" }, data: { id: "1", a: "2", b: "1" } };
    const last = { operation: "update", old: { id: "1", a: "2", b: "1" }, data: { id: "1", a: "2", b: "2" } };
    expect(await own([change("update", { a: "2" })], [more, last])).toEqual({ '["1"]': { b: "2" } });
  });
});

describe("a row comes to its author as to everybody", () => {
  test.each<[string, unknown, readonly Logged[]]>([
    ["that was sent twice", [change("insert", { title: "x" }), change("update", { title: "a" })], [inserted]],
    ["whose delete was sent", [change("delete", null)], [{ operation: "delete", old: inserted.data }]],
    ["that was not sent", [change("insert", {}, "2")], [inserted]],
    ["of another table than was sent", [{ ...change("insert", {}), table: "public.other" }], [inserted]],
    [
      "whose insert became an update",
      [change("insert", { title: "a" })],
      [{ ...inserted, operation: "update" }],
    ],
    [
      "that a trigger deleted",
      [change("insert", {})],
      [inserted, { operation: "delete", old: inserted.data }],
    ],
    [
      "that was deleted and made again",
      [change("update", {})],
      [{ operation: "delete", old: inserted.data }, inserted],
    ],
    [
      "of which the log lacks what was sent",
      [change("update", { body: "long" })],
      [{ operation: "update", data: { id: "1" }, unchanged: ["body"] }],
    ],
    ["whose transaction the ledger has forgotten", null, [inserted]],
  ])("%s", async (_, sent, logged) => {
    expect(await own(sent, logged)).toEqual({});
  });

  test("outside of the columns of the shape nothing is told", async () => {
    await db.query("update ampsync_private.shape set columns = '{id,title}' where shape_id = $1", [shape]);
    expect(await own([change("insert", { title: "b" })], [inserted])).toEqual({ '["1"]': { title: "a" } });
  });
});

describe("a load settles", () => {
  const settled = async (awaiting: readonly string[], upto: string, visible: string, lastSeq = seq) => {
    const loads = [{ client, awaiting, last_seq: String(lastSeq), visible: [visible] }];
    const { rows } = await db.query("select ampsync_worker.settled_by_loads($1, $2) as settled", [
      JSON.stringify(loads),
      upto,
    ]);
    return rows[0]!["settled"][client] ?? [];
  };
  const NOTHING = "1:1:";
  const ALL = "1000000000:1000000000:";

  test("what has an entry at or below its end, whatever its rows hold", async () => {
    const [first, second] = [randomUUID(), randomUUID()];
    const before = await inLedger(first, []);
    await inLedger(second, []);
    const low = await logRows(db, todos, { client, tx: first });
    const high = await logRows(db, todos, { client, tx: second });
    expect(await settled([first, second], low, ALL)).toEqual([first]);
    expect(await settled([first, second], high, NOTHING)).toEqual([first, second]);
    expect(await settled([], high, NOTHING)).toEqual([]);
    expect(await settled([], high, NOTHING, before), "sent since it connected").toEqual([second]);
  });

  test("what has none, where all of its rows hold it, and nothing that was rejected", async () => {
    const [swallowed, rejected] = [randomUUID(), randomUUID()];
    await inLedger(swallowed, []);
    await inLedger(rejected, [], { status: "rejected" });
    expect(await settled([swallowed, rejected], "1000", ALL)).toEqual([swallowed]);
    expect(await settled([swallowed, rejected], "1000", NOTHING)).toEqual([]);
  });

  test("what another cluster left, whose transactions nothing is known of", async () => {
    const former = randomUUID();
    await db.query(
      `insert into ampsync_private.log_epoch
              (epoch, started_at, system_identifier, timeline, database_oid, server_started_at, forked_at, reason)
       select gen_random_uuid(), n.started_at, n.system_identifier + 1, n.timeline, n.database_oid, n.server_started_at,
              ampsync.head(), 'restored'
         from ampsync_private.log_epoch n order by n.number desc limit 1`,
    );
    await inLedger(former, [], { xid: "999999999" });
    expect(await settled([former], "1000", NOTHING)).toEqual([former]);
  });

  test("and of another client's nothing", async () => {
    const tx = randomUUID();
    await inLedger(tx, []);
    const loads = [{ client: randomUUID(), awaiting: [tx], last_seq: "0", visible: [ALL] }];
    const { rows } = await db.query("select ampsync_worker.settled_by_loads($1, 1000) as settled", [
      JSON.stringify(loads),
    ]);
    expect(rows[0]!["settled"]).toEqual({});
  });
});
