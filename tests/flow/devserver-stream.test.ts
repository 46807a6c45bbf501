import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { Rows } from "../../src/devserver/arrow/split-rows.ts";
import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { ZERO_HASH } from "../../src/protocol/block-range.ts";
import { DevServerClient, rowsOf, type WireRange } from "../support/chain/devserver-client.ts";
import { waitFor } from "../support/wait-for.ts";

const LOGS = 'SELECT * FROM "_/anvil@0.0.0"."logs" SETTINGS stream = true';
const BLOCKS = 'SELECT * FROM "_/anvil@0.0.0"."blocks" SETTINGS stream = true';

let source: GeneratedSource;
let server: DevServer;
let client: DevServerClient;

beforeEach(async () => {
  source = new GeneratedSource({ blocks: 30, logsPerBlock: 5 });
  server = await startDevServer({ source, maxBlocksPerMicrobatch: 10 });
  client = new DevServerClient(server);
});

afterEach(async () => {
  client.close();
  await server.stop();
});

function resume(number: bigint, hash: string, network = "devnet"): Record<string, string> {
  return { "amp-resume": JSON.stringify({ [network]: { number: Number(number), hash } }) };
}

const span = (range: WireRange) => [range.numbers.start, range.numbers.end];

describe("a stream from the beginning", () => {
  test("covers the chain with linked microbatches, then waits for the next block", async () => {
    const stream = await client.open(LOGS);
    const first = await stream.microbatch();
    const second = await stream.microbatch();
    const third = await stream.microbatch();

    expect([first, second, third].map(({ range }) => span(range))).toEqual([
      [0, 9],
      [10, 19],
      [20, 29],
    ]);
    expect(first.range.prev_hash).toBe(ZERO_HASH);
    expect(second.range.prev_hash).toBe(first.range.hash);
    expect(third.range.hash).toBe(source.chain.head()!.hash);
    expect(third.range.timestamp).toBe(source.chain.head()!.timestamp);
    expect(third.range.network).toBe("devnet");
    const numbers = rowsOf([...first.batches, ...second.batches, ...third.batches]).map(([number]) => number);
    expect(numbers).toEqual(Array.from({ length: 150 }, (_, row) => BigInt(Math.floor(row / 5))));

    source.mine();
    const next = await stream.microbatch();
    expect(span(next.range)).toEqual([30, 30]);
    expect(next.range.prev_hash).toBe(third.range.hash);
    stream.cancel();
  });

  test("of some blocks covers all, and brings the rows of those", async () => {
    const stream = await client.open(LOGS.replace(" SETTINGS", " WHERE _block_num >= 12 SETTINGS"));
    const first = await stream.microbatch();
    const second = await stream.microbatch();
    expect([first, second].map(({ range }) => span(range))).toEqual([
      [0, 9],
      [10, 19],
    ]);
    expect(rowsOf(first.batches)).toEqual([]);
    expect(new Set(rowsOf(second.batches).map(([number]) => Number(number)))).toEqual(
      new Set([12, 13, 14, 15, 16, 17, 18, 19]),
    );
    stream.cancel();
  });

  test("sends the schema of the FlightInfo first, and everything in aligned messages below 2 MiB", async () => {
    const big = new GeneratedSource({ blocks: 3, logsPerBlock: 10_000 });
    server.publish("0.0.1", big);
    const sql = LOGS.replace("@0.0.0", "@0.0.1");
    const info = await client.info(sql);
    const stream = client.redeem(info.tickets[0]!);
    const schema = (await stream.nextMessage())!;
    expect(Buffer.from(info.schema.subarray(8)).equals(schema.header)).toBe(true);

    stream.schema = schema.header;
    const { batches } = await stream.microbatch();
    expect(batches.length).toBeGreaterThan(1);
    expect(batches.reduce((sum, { rows }) => sum + rows, 0)).toBe(30_000);
    for (const { data } of batches) {
      expect(data.header.length % 8).toBe(0);
      expect(data.body.length % 64).toBe(0);
      expect(data.body.length).toBeLessThanOrEqual(2 * 1024 * 1024);
    }
    stream.cancel();
  });

  test("of a chain without blocks says so and ends", async () => {
    server.publish("0.0.1", new GeneratedSource({ blocks: 0 }));
    const all = await client.all(LOGS.replace("@0.0.0", "@0.0.1"));
    expect(all).toHaveLength(1);
    expect(all[0]).toMatchObject({ ranges: [], complete: true, rows: 0 });
  });

  test("of a table without rows still advances by watermarks", async () => {
    server.publish("0.0.1", new GeneratedSource({ blocks: 10, logsPerBlock: 0 }));
    const stream = await client.open(LOGS.replace("@0.0.0", "@0.0.1"));
    expect(await stream.microbatch()).toMatchObject({
      batches: [],
      range: { numbers: { start: 0, end: 9 } },
    });
    stream.cancel();
  });
});

describe("resuming", () => {
  test("from a canonical block goes on with the next one", async () => {
    const { number, hash } = source.chain.canonical(14n)!;
    const stream = await client.open(LOGS, resume(number, hash));
    const { range } = await stream.microbatch();
    expect(span(range)).toEqual([15, 24]);
    expect(range.prev_hash).toBe(hash);
    stream.cancel();
  });

  test("from an orphan rewinds to the first block that differs", async () => {
    const { number, hash } = source.chain.canonical(28n)!;
    source.reorg(5, 6); // Replaces 25 to 29.
    const stream = await client.open(LOGS, resume(number, hash));
    const { range } = await stream.microbatch();
    expect(span(range)).toEqual([25, 30]);
    expect(range.prev_hash).toBe(source.chain.canonical(24n)!.hash);
    stream.cancel();
  });

  test("from an orphan of an older reorg finds the lowest fork", async () => {
    const { number, hash } = source.chain.canonical(29n)!;
    source.reorg(3, 4);
    source.reorg(9, 12); // 22 and up.
    source.reorg(2, 2);
    const stream = await client.open(LOGS, resume(number, hash));
    expect(span((await stream.microbatch()).range)[0]).toBe(22);
    stream.cancel();
  });

  test("where orphans are lost rewinds to the cursor's own block only", async () => {
    const { number, hash } = source.chain.canonical(28n)!;
    source.reorg(5, 6);
    server.misbehaviour.lostOrphans = true;
    const stream = await client.open(LOGS, resume(number, hash));
    const { range } = await stream.microbatch();
    expect(span(range)).toEqual([28, 30]);
    expect(range.prev_hash).toBe(source.chain.canonical(27n)!.hash);
    stream.cancel();
  });

  test("without the stream's network is refused", async () => {
    const stream = await client.open(LOGS, resume(3n, ZERO_HASH, "mainnet"));
    const error = await stream.error();
    expect(error.code).toBe(status.INTERNAL);
    expect(error.details).toContain("expected cursor for network 'devnet'");
  });

  test.each(["", "{", "[]", '{"devnet":{"number":"1","hash":"0x"}}'])(
    "with the unreadable header %j replays from the start",
    async (header) => {
      const stream = await client.open(LOGS, { "amp-resume": header });
      expect(span((await stream.microbatch()).range)[0]).toBe(0);
      stream.cancel();
    },
  );
});

describe("a reorg while a stream is open", () => {
  test("shows as a range that starts at the first replaced block", async () => {
    const stream = await client.open(BLOCKS, resume(29n, source.chain.head()!.hash));
    source.mine();
    const before = await stream.microbatch();
    source.reorg(3, 4);
    const after = await stream.microbatch();
    expect(span(after.range)).toEqual([28, 31]);
    expect(after.range.prev_hash).toBe(source.chain.canonical(27n)!.hash);
    expect(after.range.prev_hash).not.toBe(before.range.hash);
    stream.cancel();
  });

  test("that leaves a shorter chain waits until the cursor's fork is replaced", async () => {
    const stream = await client.open(BLOCKS, resume(29n, source.chain.head()!.hash));
    source.reorg(3, 0);
    source.mine();
    expect(span((await stream.microbatch()).range)).toEqual([27, 27]);
    stream.cancel();
  });

  test("does not change the microbatch that is being sent", async () => {
    const big = new GeneratedSource({ blocks: 1, logsPerBlock: 60_000 });
    const copy = new GeneratedSource({ blocks: 1, logsPerBlock: 60_000 });
    server.publish("0.0.1", big);
    const stream = await client.open(LOGS.replace("@0.0.0", "@0.0.1"));
    const first = (await stream.next())!;
    big.reorg(1, 1);
    const { range, batches } = await stream.microbatch();
    expect(range.hash).toBe(copy.chain.head()!.hash);
    const rows = [first, ...batches].reduce((sum, batch) => sum + batch.rows, 0);
    expect(rows).toBe(60_000);
    const last = rowsOf([batches.at(-1)!]).at(-1)!;
    expect(`0x${last[1]}`).toBe(copy.chain.head()!.hash);
    stream.cancel();
  });
});

describe("generated rows", () => {
  test("do not depend on microbatch borders, nor on the columns asked for", async () => {
    server.misbehaviour.endAtHead = true;
    const inTens = rowsOf(await client.all(LOGS));
    server.misbehaviour.blocksPerMicrobatch = 7;
    expect(rowsOf(await client.all(LOGS))).toEqual(inTens);

    const some = LOGS.replace("*", '"data", "topic2", "_block_num"');
    expect(rowsOf(await client.all(some))).toEqual(inTens.map((row) => [row[12], row[10], row[0]]));
  });

  test("are the same below a reorg and others above it", async () => {
    server.misbehaviour.endAtHead = true;
    for (const sql of [LOGS, BLOCKS, LOGS.replace("logs", "transactions")]) {
      const before = rowsOf(await client.all(sql));
      source.reorg(10);
      const after = rowsOf(await client.all(sql));
      expect(after).toHaveLength(before.length);
      const different = after.map(
        (row, at) => JSON.stringify(row, text) !== JSON.stringify(before[at], text),
      );
      expect(different).toEqual(after.map((row) => Number(row[0]) >= 20));
    }
  });

  const text = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);
});

describe("misbehaviour", () => {
  test("each changes what is sent, and only that", async () => {
    Object.assign(server.misbehaviour, {
      endAtHead: true,
      keepAlives: 2,
      noPrevHash: true,
      noTimestamp: true,
    });
    server.misbehaviour.blocksPerMicrobatch = 100;
    const all = await client.all(LOGS);
    expect(all.map(({ rows, complete }) => [rows, complete])).toEqual([
      [0, false],
      [0, false],
      [150, false],
      [0, true],
    ]);
    for (const { ranges } of all) {
      expect(ranges[0]).toMatchObject({ numbers: { start: 0, end: 29 }, prev_hash: null });
      expect(ranges[0]).not.toHaveProperty("timestamp");
    }
  });

  test("a late schema comes with the first microbatch", async () => {
    server.misbehaviour.lateSchema = true;
    const stream = await client.open(LOGS, resume(29n, source.chain.head()!.hash));
    await waitFor("the stream to be open", () => server.openStreams === 1);
    source.mine();
    expect(span((await stream.microbatch()).range)).toEqual([30, 30]);
    stream.cancel();
  });

  test("a dropped resume header replays everything", async () => {
    server.misbehaviour.dropResumeHeader = true;
    const stream = await client.open(LOGS, resume(29n, source.chain.head()!.hash));
    expect(span((await stream.microbatch()).range)).toEqual([0, 9]);
    stream.cancel();
  });
});

describe("the end of a call", () => {
  test("a broken connection is UNAVAILABLE, and the same ticket works again", async () => {
    const info = await client.info(LOGS, resume(29n, source.chain.head()!.hash));
    const stream = client.redeem(info.tickets[0]!);
    await waitFor("the stream to be open", () => server.openStreams === 1);
    server.disconnectAll();
    expect((await stream.error()).code).toBe(status.UNAVAILABLE);

    const again = client.redeem(info.tickets[0]!);
    source.mine();
    expect(span((await again.microbatch()).range)).toEqual([30, 30]);
    again.cancel();
  });

  test("a cancelled stream is forgotten", async () => {
    const stream = await client.open(LOGS);
    await stream.microbatch();
    stream.cancel();
    await waitFor("the stream to close", () => server.openStreams === 0);
  });

  test("a client that stops reading stops the server from making rows", async () => {
    const counting = new CountingSource({ blocks: 1000, logsPerBlock: 1000 });
    server.publish("0.0.1", counting);
    const stream = await client.open(LOGS.replace("@0.0.0", "@0.0.1"));
    await stream.next(); // Until the first read, the client library itself takes in everything.
    for (let i = 0; i < 50; i++) {
      await client.info(LOGS); // Round trips on the same connection: the server had every chance to go on.
    }
    // The client library fetches 16 messages ahead, the server holds two; there are 200 in all.
    expect(counting.encoded).toBeLessThanOrEqual(20);
    stream.cancel();
    await waitFor("the stream to close", () => server.openStreams === 0);
  });
});

class CountingSource extends GeneratedSource {
  encoded = 0;

  override rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    const rows = super.rows(table, columns, start, end);
    return {
      count: rows.count,
      encode: (from, to) => {
        this.encoded += 1;
        return rows.encode(from, to);
      },
    };
  }
}
