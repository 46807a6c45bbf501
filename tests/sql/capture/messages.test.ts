import { createHash, randomUUID } from "node:crypto";

import { beforeEach, describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import {
  capturedTable,
  events,
  loggedEntries,
  loggedRows,
  row,
  SqlCapture,
} from "../../support/postgres/sql-capture.ts";

const db = rolledBackDatabase();

let todos: string;
let pass: SqlCapture;
beforeEach(async () => {
  todos = await capturedTable(db, "todos");
  pass = await SqlCapture.take(db);
});

const CLIENT = randomUUID();

/** A transaction of the ledger that was sent by the transaction with this id. */
async function ledgerRow(xid: string): Promise<string> {
  const tx = randomUUID();
  await db.query(
    `insert into ampsync_private.client_tx (client_id, seq, tx, received_at, xid, epoch, status)
     select $1, coalesce(max(l.seq), 0) + 1, $2, now(), $3::text::xid8, gen_random_uuid(), 'applied'
       from ampsync_private.client_tx l`,
    [CLIENT, tx, xid],
  );
  return tx;
}

const client = (tx: string, source = "app") => ({
  prefix: "ampsync/client",
  content: JSON.stringify({ client: CLIENT, tx, source }),
});

describe("the message ampsync/client", () => {
  test("names the client of a transaction that the ledger has, also of one without rows", async () => {
    const [first, second] = [await ledgerRow("3"), await ledgerRow("4")];
    await pass.commit([
      { lsn: 0x100, xid: "3", changes: [row(todos, "a")], messages: [client(first)] },
      { lsn: 0x200, xid: "4", messages: [client(second)] },
      { lsn: 0x300, xid: "5", changes: [row(todos, "b")] },
    ]);
    const { rows } = await db.query(
      "select lsn::text, changes, client_id, client_tx, source, tx_id is null as bare from ampsync_private.change_tx order by position",
    );
    expect(rows).toEqual([
      { lsn: "0/100", changes: 1, client_id: CLIENT, client_tx: first, source: "app", bare: false },
      { lsn: "0/200", changes: 0, client_id: CLIENT, client_tx: second, source: "app", bare: true },
      { lsn: "0/300", changes: 1, client_id: null, client_tx: null, source: null, bare: false },
    ]);
    expect(await events(db, "message_refused")).toEqual([]);
  });

  test("of a transaction that the ledger does not have names nobody, and is told once a minute", async () => {
    const tx = await ledgerRow("3");
    const forged = [
      client(randomUUID()),
      { prefix: "ampsync/client", content: JSON.stringify({ client: randomUUID(), tx }) },
      { prefix: "ampsync/client", content: JSON.stringify({ client: CLIENT, tx: "x' or true --" }) },
      { prefix: "ampsync/client", content: "not JSON" },
      { prefix: "ampsync/client", content: "" },
      { prefix: "ampsync/client", content: '"\\ud800"' },
      { prefix: "ampsync/client", content: "[".repeat(20_000) },
    ];
    let at = 0x100;
    for (const message of forged) {
      at += 0x10;
      await pass.commit([{ lsn: at, xid: "3", messages: [message] }]);
    }
    await pass.commit([{ lsn: 0x300, xid: "4", changes: [row(todos, "a")], messages: [client(tx)] }]);
    expect(await loggedEntries(db)).toEqual(["rows 0/300 1"]);
    expect(await events(db, "message_refused")).toEqual([{ prefix: "ampsync/client", transaction: "3" }]);
  });

  test("is compared once its transaction is visible; while it is not, the call is to be repeated", async () => {
    const session = await db.client();
    await session.query("begin");
    const { rows } = await session.query("select pg_current_xact_id()::text as xid");
    const xid = `${BigInt(rows[0]["xid"]) % 4_294_967_296n}`;
    const early = () => pass.commit([{ lsn: 0x100, xid, messages: [client(randomUUID())] }]);
    expect(await refusal(db, early)).toMatchObject({ code: "40001" });
    await session.query("rollback");
    await pass.commit([{ lsn: 0x100, xid, messages: [client(randomUUID())] }]);
    expect(await loggedEntries(db)).toEqual([]);
  });
});

describe("messages of anybody", () => {
  test("with other prefixes, or of looks that are not under way, change nothing", async () => {
    const before = (await db.query("select * from ampsync_private.published")).rows;
    await pass.commit([
      {
        lsn: 0x100,
        messages: [
          { prefix: "ampsync/schema", content: "guessed" },
          { prefix: "ampsync/beat", content: "" },
          { prefix: "ampsync/mark", content: "" },
          { prefix: "ampsync/unheard", content: "{}" },
          { prefix: "other", content: "{}" },
        ],
      },
    ]);
    expect(await loggedEntries(db)).toEqual([]);
    expect((await db.query("select * from ampsync_private.published")).rows).toEqual(before);
    expect(await events(db, "message_refused")).toMatchObject([{ prefix: "ampsync/schema" }]);
  });
});

describe("the message ampsync/migration", () => {
  const QUERIES = ["alter table todos add column done boolean"];

  /** A migration that the transaction 3 of WAL ran. */
  async function migration(version: string, ordinal: number, name = "add_done") {
    await db.query(
      `insert into ampsync_private.schema_version (version, ordinal, migration, breaking, min_client, created_at, xid)
       values ($1, $2, $3, false, '0.0.0', now(), '3')`,
      [version, ordinal, name],
    );
    await db.query(
      `insert into ampsync.client_migration (id, migrationname, upqueries, downqueries)
       values (gen_random_uuid(), $1, $2, '["drop"]') on conflict do nothing`,
      [name, JSON.stringify(QUERIES)],
    );
  }

  const message = (
    version: string,
    queries: readonly string[] = QUERIES,
    direction = "up",
    name = "add_done",
  ) => ({
    prefix: "ampsync/migration",
    content: JSON.stringify({
      version,
      name,
      direction,
      hash: createHash("sha256").update(asPostgres(queries)).digest("hex"),
    }),
  });
  const asPostgres = (queries: readonly string[]) => JSON.stringify(queries).replaceAll('","', '", "');

  test("stands in the log where it stands in WAL: what came before has the former version", async () => {
    await migration("1.0.0", 1);
    await pass.commit([
      { lsn: 0x100, changes: [row(todos, "a")] },
      { lsn: 0x200, messages: [message("1.0.0")], changes: [row(todos, "b")] },
      { lsn: 0x300, changes: [row(todos, "c")] },
    ]);
    const { rows } = await db.query(
      "select kind, lsn::text, schema_version, details ->> 'migration' as migration from ampsync_private.change_tx order by position",
    );
    expect(rows).toEqual([
      { kind: "rows", lsn: "0/100", schema_version: "0.0.0", migration: null },
      { kind: "schema", lsn: "0/200", schema_version: "1.0.0", migration: "add_done" },
      { kind: "rows", lsn: "0/200", schema_version: "1.0.0", migration: null },
      { kind: "rows", lsn: "0/300", schema_version: "1.0.0", migration: null },
    ]);
  });

  test("is believed once, and where version, name, direction and hash are those of a migration", async () => {
    await migration("1.0.0", 1);
    await pass.commit([
      { lsn: 0x100, messages: [message("2.0.0")] },
      { lsn: 0x110, messages: [message("1.0.0", ["drop table todos"])] },
      { lsn: 0x120, messages: [message("1.0.0", QUERIES, "down")] },
      { lsn: 0x130, messages: [message("1.0.0", QUERIES, "up", "other")] },
      { lsn: 0x140, messages: [message("1.0.0")] },
    ]);
    await pass.commit([{ lsn: 0x150, messages: [message("1.0.0")] }]);
    expect(await loggedEntries(db)).toEqual(["schema 0/140 0"]);

    await migration("1.0.1", 2);
    await pass.commit([{ lsn: 0x160, messages: [message("1.0.1", ["drop"], "down")] }]);
    expect(await loggedEntries(db)).toEqual(["schema 0/140 0", "schema 0/160 0"]);
    expect(await loggedRows(db)).toEqual([]);
  });

  test("is believed of the transaction alone that wrote the version, whatever another one guesses", async () => {
    await migration("1.0.0", 1);
    await pass.commit([
      { lsn: 0x100, xid: "4", messages: [message("1.0.0")], changes: [row(todos, "a")] },
      { lsn: 0x110, xid: "3", messages: [message("1.0.0")] },
    ]);
    expect(await loggedEntries(db)).toEqual(["rows 0/100 1", "schema 0/110 0"]);
    expect(await events(db, "message_refused")).toEqual([{ prefix: "ampsync/migration", transaction: "4" }]);
  });
});
