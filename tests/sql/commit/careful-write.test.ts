import type { EventEmitter } from "node:events";

import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { CarefulTransaction } from "../../../src/commit/careful-write.ts";
import type { Refusals, Transaction } from "../../../src/commit/transaction.ts";
import { WriteTransaction } from "../../../src/commit/write.ts";
import { ServerWait } from "../../../src/db/server-wait.ts";
import type { StreamLease } from "../../../src/db/stream-calls.ts";
import { NO_FAULTS } from "../../../src/fault-points.ts";
import { isPoison } from "../../../src/model/poison.ts";
import { commitStatements } from "../../../src/stream/commit-statements.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { LOCKS_HERE } from "../../support/postgres/rivals.ts";
import { SqlStream, watermark } from "../../support/postgres/sql-stream.ts";
import { waitFor } from "../../support/wait-for.ts";

const FIELDS = ["_id", "_block_num_start", "_block_num_end", "_block_num", "block_hash", "note"];
const BAD_UTF8 = Buffer.from([0xff]);

let db: TestDatabase;
let pool: pg.Pool;
let stream: SqlStream;
let datasets = 0;

beforeAll(async () => {
  db = await createDatabase();
  pool = new pg.Pool({ connectionString: db.url });
});
beforeEach(async () => {
  stream = await SqlStream.prepare(db, { dataset: `chain_${datasets++}` });
});
afterAll(async () => {
  await pool.end();
  await db.drop();
});

/** One row of a block, as the encoder writes it. */
function row(block: number, note: Buffer | string | null, nth = 0): Buffer {
  const id = Buffer.alloc(16, nth + 1);
  id.writeUIntBE(block, 0, 6);
  return keyedRow([id], block, note);
}

/** The same with identity `transaction`. */
function transactionRow(index: number, block: number, note: Buffer | string | null): Buffer {
  const [txId, rowIndex] = [Buffer.alloc(8, 1), Buffer.alloc(4)];
  rowIndex.writeInt32BE(index);
  return keyedRow([txId, rowIndex], block, note);
}

function keyedRow(key: readonly Buffer[], block: number, note: Buffer | string | null): Buffer {
  const int8 = Buffer.alloc(8);
  int8.writeBigInt64BE(BigInt(block));
  const fields = [...key, int8, int8, int8, Buffer.from("hash"), note === null ? null : Buffer.from(note)];
  const count = Buffer.from([0, fields.length]);
  const parts = fields.flatMap((field) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field?.length ?? -1);
    return field === null ? [length] : [length, field];
  });
  return Buffer.concat([count, ...parts]);
}

function options(valuePolicy: StreamLease["valuePolicy"], columns: readonly string[] = FIELDS) {
  const [schema, table] = stream.target.split(".") as [string, string];
  const target = { schema, table, columns };
  const wait = new ServerWait();
  return { pool, target, valuePolicy, wait, faults: NO_FAULTS, signal: new AbortController().signal };
}

function statements() {
  return commitStatements({ streamId: BigInt(stream.id), epoch: BigInt(stream.epoch) }, () => null);
}

/** Writes blocks 0 to 9 in these chunks and commits. */
async function write(valuePolicy: StreamLease["valuePolicy"], chunks: readonly Buffer[], fields = FIELDS) {
  const transaction = await CarefulTransaction.open(options(valuePolicy, fields), statements().begin(null));
  const refusals: Refusals[] = [];
  try {
    for (const chunk of chunks) {
      const refused = await transaction.write(chunk);
      if (refused !== null) refusals.push(refused);
    }
    await transaction.commit(blocksZeroToNine);
  } finally {
    transaction.abort();
  }
  return refusals;
}

function blocksZeroToNine(): string {
  const { hash, prev_hash } = watermark(0, 9);
  return statements().end([
    {
      watermark: { start: 0n, end: 9n, hash: hash as `0x${string}`, prevHash: prev_hash as `0x${string}` },
      network: "mainnet",
      timestamp: null,
      ledger: { rows: 0, idXor: 0n },
      report: { rejected: [], nulled: [], nuls: [] },
    },
  ]);
}

async function notes(): Promise<(string | null)[]> {
  const { rows } = await db.query(`select note from ${stream.target} t order by t`); // The key is first.
  return rows.map((each) => each["note"]);
}

describe("quarantine", () => {
  test("finds each row that is refused, however many, and keeps the others", async () => {
    await db.query(`alter table ${stream.target} add check (note <> 'no')`);
    const [first, ...more] = await write("quarantine", [
      Buffer.concat([row(1, "a"), row(1, "no", 1), row(2, "b"), row(3, "no"), row(3, "c", 1)]),
      Buffer.concat([row(4, "no"), row(4, "no", 1)]),
      row(5, "d"),
    ]);
    expect(await notes()).toEqual(["a", "b", "c", "d"]);
    const at = ({ report }: Refusals) => report.rejected.map(({ block, row: nth }) => [block, nth]);
    expect(at(first!)).toEqual([
      [1n, 1],
      [3n, 0],
    ]);
    expect(more.map(at)).toEqual([
      [
        [4n, 0],
        [4n, 1],
      ],
    ]);
    const [rejected] = first!.report.rejected;
    expect(rejected).toMatchObject({ sqlstate: "23514", column: null });
    expect(JSON.parse(rejected!.values!)).toEqual({ block_hash: "\\x68617368", note: "no" });
    const tail = (nth: number) => BigInt.asIntN(64, BigInt(`0x${`0${nth + 1}`.repeat(8)}`));
    expect(first!.removed).toEqual({ rows: 2, idXor: tail(1) ^ tail(0) });
  });

  test("shows what PostgreSQL cannot hold at all in hexadecimal, with its column", async () => {
    const [refusals] = await write("quarantine", [row(1, BAD_UTF8)]);
    expect(refusals!.report.rejected).toMatchObject([
      { sqlstate: "22021", column: "note", values: '{"block_hash":"\\\\x68617368","note":"\\\\xff"}' },
    ]);
  });

  test("shows a long row by the lengths of its long values, and keeps the others", async () => {
    await db.query(`alter table ${stream.target} add check (length(note) < 10000000)`);
    const long = Buffer.alloc(20_000_000, "x"); // Its JSON in hexadecimal would have twice as many.
    const [refusals] = await write("quarantine", [
      Buffer.concat([row(1, "short"), row(2, long), row(3, BAD_UTF8), row(4, "last")]),
    ]);
    expect(refusals!.report.rejected).toMatchObject([
      { sqlstate: "23514", values: '{"block_hash":"\\\\x68617368","note":"20000000 bytes"}' },
      { sqlstate: "22021", values: '{"block_hash":"\\\\x68617368","note":"\\\\xff"}' },
    ]);
    expect(await notes()).toEqual(["short", "last"]);
  });

  test("tells refusals of several kinds apart, from the first row to the last, between rows of megabytes", async () => {
    await db.query(`alter table ${stream.target} add check (note <> 'no'), alter column note set not null`);
    const long = "x".repeat(3_000_000);
    const [refusals] = await write("quarantine", [
      Buffer.concat([row(1, BAD_UTF8), row(2, long), row(3, null), row(4, long), row(5, "no")]),
      row(6, "last"),
    ]);
    expect(refusals!.report.rejected.map(({ block, sqlstate }) => `${block} ${sqlstate}`)).toEqual([
      "1 22021",
      "3 23502",
      "5 23514",
    ]);
    expect(await notes()).toEqual([long, long, "last"]);
  });

  test("finds rows with _tx_id and _row_index, and keeps the places of the others", async () => {
    stream = await SqlStream.prepare(db, { dataset: `chain_${datasets++}`, identity: "transaction" });
    await db.query(`alter table ${stream.target} add check (note <> 'no')`);
    const chunk = [
      transactionRow(0, 1, "a"),
      transactionRow(1, 2, "no"),
      transactionRow(2, 2, BAD_UTF8),
      transactionRow(3, 3, "b"),
    ];
    const fields = ["_tx_id", "_row_index", ...FIELDS.slice(1)];
    const [refusals] = await write("quarantine", [Buffer.concat(chunk)], fields);
    expect(refusals).toMatchObject({
      report: {
        rejected: [
          { sqlstate: "23514", block: 2n, row: 0, values: expect.stringContaining('"note": "no"') },
          { sqlstate: "22021", block: 2n, row: 1, column: "note" },
        ],
      },
      removed: { rows: 2, idXor: 0n },
    });
    const { rows } = await db.query(`select _row_index, note from ${stream.target} order by 1`);
    expect(rows).toEqual([
      { _row_index: 0, note: "a" },
      { _row_index: 3, note: "b" },
    ]);
  });

  test("shows a row with a column of any name", async () => {
    await db.query(
      `alter table ${stream.target} rename note to r; alter table ${stream.target} add check (r <> 'no')`,
    );
    const fields = FIELDS.with(-1, "r");
    const [refusals] = await write("quarantine", [row(1, "no")], fields);
    expect(JSON.parse(refusals!.report.rejected[0]!.values!)).toEqual({ block_hash: "\\x68617368", r: "no" });
  });

  test("finds rows that are NULL where the user allows no NULL", async () => {
    await db.query(`alter table ${stream.target} alter column note set not null`);
    const [refusals] = await write("quarantine", [Buffer.concat([row(1, null), row(2, "b")])]);
    expect(refusals!.report.rejected).toMatchObject([{ sqlstate: "23502", column: "note", block: 1n }]);
    expect(await notes()).toEqual(["b"]);
  });
});

describe("null", () => {
  test("makes the value NULL whose column PostgreSQL names", async () => {
    const [refusals] = await write("null", [
      Buffer.concat([row(1, "a"), row(2, BAD_UTF8), row(3, BAD_UTF8)]),
    ]);
    expect(await notes()).toEqual(["a", null, null]);
    expect(refusals).toMatchObject({
      report: { rejected: [], nulled: [{ column: "note", count: 2, block: 2n, row: 0 }] },
      removed: { rows: 0, idXor: 0n },
    });
  });

  test("stops where NULL does not help, or no column is named", async () => {
    await db.query(`alter table ${stream.target} alter column note set not null`);
    await expect(write("null", [row(1, BAD_UTF8)])).rejects.toMatchObject({
      code: "SY203",
      detail: expect.stringMatching(/^PostgreSQL said 23502; column note; /),
    });
    await db.query(`alter table ${stream.target} add check (note <> 'no')`);
    await expect(write("null", [row(1, "no")])).rejects.toMatchObject({
      code: "SY203",
      detail: expect.stringMatching(/^PostgreSQL said 23514; Failing row/),
    });
    expect(await notes()).toEqual([]);
  });
});

test("fail names table, block, row, column and SQLSTATE, and leaves nothing", async () => {
  await expect(
    write("fail", [row(1, "a"), Buffer.concat([row(7, "b"), row(7, BAD_UTF8, 1)])]),
  ).rejects.toMatchObject({
    code: "SY203",
    message: expect.stringMatching(
      /^Table "chain_\d+"."blocks", block 7, row 1 of it: invalid byte sequence/,
    ),
    detail: "PostgreSQL said 22021; column note; no further detail",
  });
  expect(await notes()).toEqual([]);
});

test("a limit of PostgreSQL is a refusal, too", async () => {
  await db.query(`create index on ${stream.target} (note)`);
  const noise = Array.from({ length: 4000 }, (_, at) => Math.imul(at + 1, 2654435761).toString(36)).join("");
  const [refusals] = await write("quarantine", [Buffer.concat([row(1, noise), row(2, "short")])]);
  expect(refusals!.report.rejected).toMatchObject([{ sqlstate: "54000", block: 1n }]);
  expect(await notes()).toEqual(["short"]);
});

test("other errors end the transaction, and what the fast path meets is told apart from them", async () => {
  const twice = Buffer.concat([row(1, "a"), row(1, "b")]);
  const error = await write("quarantine", [twice]).catch((each: unknown) => each);
  expect(error).toMatchObject({ code: "23505" });
  expect(isPoison(error)).toBe(false);

  const fast = await WriteTransaction.open(options("quarantine"), statements().begin(null), null);
  const refused = (async () => {
    await fast.write(row(1, BAD_UTF8));
    await fast.commit(blocksZeroToNine);
  })().catch((each: unknown) => each);
  expect(isPoison(await refused)).toBe(true);
  fast.abort();
});

test("gives everything up where its table's schema was swapped between two chunks", async () => {
  const [schema] = stream.target.split(".");
  const transaction = await CarefulTransaction.open(options("quarantine"), statements().begin(null));
  await transaction.write(row(1, "a"));
  await db.query(
    `alter schema ${schema} rename to ${schema}_old; create schema ${schema};
     create table ${schema}.blocks (like ${schema}_old.blocks including all)`,
  );
  await transaction.write(row(2, "b"));
  await expect(transaction.commit(blocksZeroToNine)).rejects.toMatchObject({ code: "SY201" });
  transaction.abort();
  expect(await notes()).toEqual([]);
  expect((await db.query(`select from ${schema}_old.blocks`)).rowCount).toBe(0);
});

test("is given up while it waits for a lock", async () => {
  const client = await db.client();
  await client.query(`begin; lock table ${stream.target}`);
  const giveUp = new AbortController();
  const careful = { ...options("quarantine"), signal: giveUp.signal };
  const writing = CarefulTransaction.open(careful, statements().begin(null)).catch((error: unknown) => error);
  await waitFor("it to wait", async () => {
    const { rows } = await db.query(`select from ${LOCKS_HERE} where not granted`);
    return rows.length > 0;
  });
  giveUp.abort(new Error("given up"));
  expect(await writing).toBeInstanceOf(Error);
  expect(pool.totalCount).toBe(pool.idleCount); // Nobody holds a connection.
  await client.query("rollback");
  expect(await notes()).toEqual([]);
});

describe.each<[string, () => Promise<Transaction>]>([
  ["fast", () => WriteTransaction.open(options("fail"), statements().begin(null), null)],
  ["careful", () => CarefulTransaction.open(options("fail"), statements().begin(null))],
])("a %s transaction", (_, open) => {
  test("rolls back what was written since its last savepoint, and nothing else", async () => {
    const transaction = await open();
    await transaction.write(row(1, "a"));
    await transaction.savepoint();
    await transaction.write(row(2, "given up"));
    await transaction.rollbackToSavepoint();
    await transaction.rollbackToSavepoint(); // There is nothing to roll back.
    await transaction.write(Buffer.concat([row(2, "b"), row(3, "c")]));
    await transaction.savepoint();
    await transaction.write(row(4, "given up too"));
    await transaction.write(row(5, "given up too"));
    await transaction.rollbackToSavepoint();
    await transaction.write(row(4, "d"));
    await transaction.commit(blocksZeroToNine);
    expect(await notes()).toEqual(["a", "b", "c", "d"]);
    expect(pool.totalCount).toBe(pool.idleCount);
  });

  test("is rolled back whole when it is aborted after a savepoint", async () => {
    const transaction = await open();
    await transaction.write(row(1, "a"));
    await transaction.savepoint();
    await transaction.write(row(2, "b"));
    transaction.abort();
    await waitFor("its lock to be given back", async () => {
      const { rowCount } = await db.query(`select from ${LOCKS_HERE} where relation = $1::regclass`, [
        stream.target,
      ]);
      return rowCount === 0;
    });
    expect(await notes()).toEqual([]);
  });
});

test("rows are counted within their block as if what was rolled back had never been written", async () => {
  const transaction = await CarefulTransaction.open(options("quarantine"), statements().begin(null));
  await transaction.write(row(1, "a"));
  await transaction.savepoint();
  await transaction.write(Buffer.concat([row(1, "given up", 1), row(1, BAD_UTF8, 2)]));
  await transaction.rollbackToSavepoint();
  const refusals = await transaction.write(Buffer.concat([row(1, BAD_UTF8, 1), row(2, "b")]));
  expect(refusals?.report.rejected.map(({ block, row: nth }) => [block, nth])).toEqual([[1n, 1]]);
  await transaction.commit(blocksZeroToNine);
  expect(await notes()).toEqual(["a", "b"]);
});

describe("a server of another language", () => {
  /** PostgreSQL itself has no translations here: its words are exchanged as they arrive. */
  let plain: pg.Pool;
  beforeAll(() => {
    plain = pool;
    pool = new pg.Pool({ connectionString: db.url });
    pool.on("connect", (client) => {
      const { connection } = client as unknown as { connection: EventEmitter };
      connection.prependListener("errorMessage", (error: { message: string; where?: string }) => {
        error.message = "エラーです";
        if (error.where !== undefined) error.where = "テーブルxのCOPY、行 1、列 y";
      });
    });
  });
  afterAll(async () => {
    await pool.end();
    pool = plain;
  });

  test("has its bad value found by trial, and made NULL", async () => {
    const [refusals] = await write("null", [Buffer.concat([row(1, "a"), row(2, BAD_UTF8), row(3, "c")])]);
    expect(await notes()).toEqual(["a", null, "c"]);
    expect(refusals!.report.nulled).toMatchObject([
      { column: "note", count: 1, block: 2n, reason: "エラーです" },
    ]);
  });

  test("has a value found that a domain forbids, and no column blamed for a constraint of the table", async () => {
    await db.query(
      `create domain ${stream.target}_note as text check (value <> 'no');
       alter table ${stream.target} alter column note type ${stream.target}_note,
                                    add check (block_hash <> 'hush'::bytea)`,
    );
    const forbidden = row(2, "b");
    forbidden.write("hush", forbidden.indexOf("hash"));
    const [refusals] = await write("quarantine", [Buffer.concat([row(1, "no"), forbidden, row(3, "c")])]);
    expect(refusals!.report.rejected).toMatchObject([
      { sqlstate: "23514", column: "note", block: 1n },
      { sqlstate: "23514", column: null, block: 2n },
    ]);
    expect(await notes()).toEqual(["c"]);
  });

  test("has the column named by which a row is NULL where it must not be", async () => {
    await db.query(`alter table ${stream.target} alter column note set not null`);
    const [refusals] = await write("quarantine", [row(1, null)]);
    expect(refusals!.report.rejected).toMatchObject([{ sqlstate: "23502", column: "note" }]);
  });
});
