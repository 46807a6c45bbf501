import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { CopyIn } from "../../../src/commit/copy-in.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const MIB = 1024 * 1024;
/** More than the buffers of all sockets between here and PostgreSQL hold. */
const LARGE_BYTES = 32 * MIB;
const COPY = "copy letters from stdin (format binary)";

let db: TestDatabase;
let proxy: TcpProxy;
let client: pg.Client;

beforeAll(async () => {
  db = await createDatabase();
});
beforeEach(async () => {
  await db.query("create table letters (letter bytea not null check (length(letter) > 1))");
  proxy = await TcpProxy.toPostgres(db.url);
  client = new pg.Client({ connectionString: proxy.url(db.url) });
  client.on("error", () => {}); // Some tests break the connection.
  await client.connect();
});
afterEach(async () => {
  proxy.resume();
  await client.end();
  await proxy[Symbol.asyncDispose]();
  await db.query("drop table letters");
});
afterAll(async () => {
  await db.drop();
});

/** One row, which fills these bytes with its letter. */
function writeRow(bytes: Buffer, letter: string): void {
  bytes.writeInt16BE(1);
  bytes.writeInt32BE(bytes.length - 6, 2);
  bytes.fill(letter, 6);
}

function rowOf(letter: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  writeRow(bytes, letter);
  return bytes;
}

/** Whether it has resolved by the time that PostgreSQL has answered somebody else a few times. */
async function isResolved(promise: Promise<void>): Promise<boolean> {
  let isSo = false;
  promise.then(() => {
    isSo = true;
  });
  for (let i = 0; i < 20; i++) await db.query("select 1");
  return isSo;
}

/** The first letter of each row, and whether the row has no other. */
async function letters(): Promise<{ letter: string; isWhole: boolean }[]> {
  const { rows } = await db.query(
    `select convert_from(substr(letter, 1, 1), 'UTF8') as letter,
            letter = decode(repeat(encode(substr(letter, 1, 1), 'hex'), length(letter)), 'hex') as "isWhole"
       from letters order by ctid`,
  );
  return rows as { letter: string; isWhole: boolean }[];
}

describe("memory of rows", () => {
  test("may be overwritten as soon as they are written, however slow the network", async () => {
    proxy.watch = async (_, direction) => {
      if (direction === "up") await db.query("select 1");
    };
    const memory = Buffer.alloc(3 * MIB);
    const copy = client.query(new CopyIn(COPY));
    await copy.begin();
    for (const letter of "abcdef") {
      writeRow(memory, letter);
      await copy.write(memory);
      memory.fill(0xff);
    }
    await copy.end();
    await copy.finished;
    expect(await letters()).toEqual([..."abcdef"].map((letter) => ({ letter, isWhole: true })));
  });

  test("is not free before the socket has passed all of them on", async () => {
    const copy = client.query(new CopyIn(COPY));
    await copy.begin();
    proxy.stalled.add("up");
    const writing = copy.write(rowOf("a", LARGE_BYTES));
    expect(await isResolved(writing)).toBe(false);
    proxy.resume();
    await writing;
    await copy.end();
    await copy.finished;
    expect(await letters()).toEqual([{ letter: "a", isWhole: true }]);
  });

  test("never becomes free where the connection breaks before that, and none of the rows stays", async () => {
    const copy = client.query(new CopyIn(COPY));
    await copy.begin();
    proxy.stalled.add("up");
    const writing = copy.write(rowOf("a", LARGE_BYTES));
    proxy.cutAll();
    await expect(copy.finished).rejects.toThrow(/terminated|ECONNRESET|EPIPE/);
    expect(await isResolved(writing)).toBe(false);
    expect(await letters()).toEqual([]);
  });
});

describe("a row that PostgreSQL refuses", () => {
  test("ends the COPY with its error while further rows are on their way, and reaches no later query", async () => {
    const copy = client.query(new CopyIn(COPY));
    await copy.begin();
    await copy.write(rowOf("a", 7));
    const rest = copy.write(rowOf("b", LARGE_BYTES)).then(() => copy.end());
    await expect(copy.finished).rejects.toMatchObject({ code: "23514" });
    const next = client.query(new CopyIn(COPY));
    await next.begin();
    await next.write(rowOf("c", 100));
    await next.end();
    await next.finished;
    expect(await letters()).toEqual([{ letter: "c", isWhole: true }]);
    expect(await isResolved(rest)).toBe(false);
  });
});

test("what follows the COPY fails with it", async () => {
  const copy = client.query(new CopyIn(`${COPY}; do $$ begin raise division_by_zero; end $$`));
  await copy.begin();
  await copy.write(rowOf("a", 100));
  await copy.end();
  await expect(copy.finished).rejects.toMatchObject({ code: "22012" });
  expect(await letters()).toEqual([]);
});

test("a COPY that cannot begin rejects, and asks for nothing", async () => {
  const copy = client.query(new CopyIn("copy nothing from stdin"));
  await expect(copy.begin()).rejects.toMatchObject({ code: "42P01" });
  await expect(copy.finished).rejects.toMatchObject({ code: "42P01" });
  expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
});
