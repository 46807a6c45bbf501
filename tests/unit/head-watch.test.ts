import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { createLog } from "../../src/log.ts";
import type { Follower, HeadAnswer, KnownHead } from "../../src/stream/dataset-head.ts";
import { HeadWatch } from "../../src/stream/head-watch.ts";

const NETWORK = "mainnet";
let asked: string[];
let answer: (reference: string) => Promise<HeadAnswer>;
let heads: HeadWatch;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  answer = async () => ({ block: 100n, network: NETWORK });
  heads = new HeadWatch(
    (reference) => {
      asked.push(reference);
      return answer(reference);
    },
    createLog("error", () => {}),
  );
});
afterEach(() => {
  vi.useRealTimers();
});

class Stream implements Follower {
  readonly address: string | null;
  readonly dataset = "_/chain@1.0.0";
  readonly blocksReference = "chain.blocks";
  readonly reference: string;
  readonly network: string | null;
  readonly checkpoint: bigint | null;
  readonly wasLive = false;
  head: KnownHead | null = null;
  told: string[] = [];
  below: bigint[] = [];
  readonly tableName: string;

  constructor(
    tableName: string,
    checkpoint: bigint | null,
    network: string | null = NETWORK,
    address: string | null = null,
  ) {
    this.address = address;
    this.tableName = tableName;
    this.reference = `chain.${tableName}`;
    this.network = network;
    this.checkpoint = checkpoint;
  }
  onHead = (head: KnownHead | null) => {
    this.head = head;
  };
  onBelow = async (head: bigint) => {
    this.below.push(head);
    return true;
  };
  onLive = async () => void this.told.push("live");
  onBehind = async () => void this.told.push("behind");
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe("the head is asked", () => {
  test("once for all streams of a dataset, of its table of blocks", async () => {
    const streams = ["logs", "blocks", "transactions"].map((table) => new Stream(table, 0n));
    const following = streams.map((stream) => heads.follow(stream));
    await pass(9_000);
    expect(asked).toEqual(["chain.blocks"]);
    expect(streams.map(({ head }) => head)).toEqual(streams.map(() => ({ block: 100n, network: NETWORK })));
    for (const each of following) each[Symbol.dispose]();
  });

  test("once per server, and each stream is told that of its own", async () => {
    const heights = new Map([
      [null, 100n],
      ["http://other:1602", 7n],
    ]);
    const askServer = async (_: string, __: AbortSignal, address: string | null): Promise<HeadAnswer> => ({
      block: heights.get(address)!,
      network: NETWORK,
    });
    const servers = new HeadWatch(
      askServer,
      createLog("error", () => {}),
    );
    const streams = [...heights.keys()].map((address) => new Stream("blocks", 0n, NETWORK, address));
    const following = streams.map((stream) => servers.follow(stream));
    await pass(1_000);
    expect(streams.map(({ head }) => head?.block)).toEqual([100n, 7n]);
    for (const each of following) each[Symbol.dispose]();
  });

  test("every 10 s while a stream is not live, every 60 s when all are", async () => {
    const [late, live] = [new Stream("blocks", 0n), new Stream("logs", 100n)];
    const following = [heads.follow(late), heads.follow(live)];
    for (const each of following) each.connected();
    await pass(61_000);
    expect(asked.length).toBeGreaterThanOrEqual(6);
    following[0]!.committed(100n);
    await pass(1_000);
    expect([late.told, live.told]).toEqual([["live"], ["live"]]);
    asked = [];
    await pass(59_000);
    expect(asked).toEqual([]);
    await pass(3_000);
    expect(asked).toEqual(["chain.blocks"]);
    for (const each of following) each[Symbol.dispose]();
    asked = [];
    await pass(600_000);
    expect(asked).toEqual([]);
  });

  test("at once after a reconnect, and the stream is live again by the answer", async () => {
    const stream = new Stream("blocks", 100n);
    using following = heads.follow(stream);
    following.connected();
    await pass(2_000);
    expect(stream.told).toEqual(["live"]);
    asked = [];
    following.reconnects();
    await pass(300);
    expect(asked).toEqual(["chain.blocks"]);
    following.connected();
    await pass(2_000);
    expect(stream.told).toEqual(["live", "live"]);
  });

  test("of the stream's own table where the dataset has none of blocks, and that head is a lower bound", async () => {
    answer = async (reference) => {
      if (reference === "chain.blocks") throw Object.assign(new Error("no such table"), { code: "SY103" });
      return { block: 90n, network: NETWORK };
    };
    const stream = new Stream("logs", 95n);
    using _following = heads.follow(stream);
    await pass(1_000);
    expect(asked).toEqual(["chain.blocks", "chain.logs"]);
    expect(stream.head).toEqual({ block: 95n, network: NETWORK });
    expect(stream.below).toEqual([]);
  });

  test("never of a table of blocks of another network", async () => {
    answer = async (reference) =>
      reference === "chain.blocks" ? { block: 5n, network: "base" } : { block: 90n, network: NETWORK };
    const stream = new Stream("logs", 80n);
    using _following = heads.follow(stream);
    await pass(1_000);
    expect(stream.head).toEqual({ block: 90n, network: NETWORK });
  });

  test("again as soon as a backfill has come as far as was known", async () => {
    const stream = new Stream("blocks", 0n);
    using following = heads.follow(stream);
    await pass(5_000);
    asked = [];
    answer = async () => ({ block: 5_000n, network: NETWORK });
    following.committed(100n);
    await pass(100);
    expect(asked).toEqual(["chain.blocks"]);
    await pass(1_000);
    expect(stream.told).toEqual([]);
  });
});

describe("what is known of the head", () => {
  test("is nothing while no network is known", async () => {
    const stream = new Stream("blocks", null, null);
    using following = heads.follow(stream);
    await pass(20_000);
    expect(asked).toEqual([]);
    following.received(NETWORK, 9n);
    await pass(1_000);
    expect(stream.head).toEqual({ block: 100n, network: NETWORK });
  });

  test("is what arrived since, for all streams of the dataset", async () => {
    const [blocks, logs] = [new Stream("blocks", 100n), new Stream("logs", 100n)];
    using following = heads.follow(blocks);
    using _other = heads.follow(logs);
    await pass(1_000);
    following.received(NETWORK, 101n);
    expect(logs.head?.block).toBe(101n);
  });

  test("is not lowered by an answer that is older than what arrived meanwhile", async () => {
    const stream = new Stream("blocks", 100n);
    using following = heads.follow(stream);
    await pass(5_000);
    const late = Promise.withResolvers<HeadAnswer>();
    answer = () => late.promise;
    await pass(60_000);
    following.received(NETWORK, 102n);
    late.resolve({ block: 100n, network: NETWORK });
    await pass(0);
    expect(stream.head?.block).toBe(102n);
  });

  test("is asked again where a stream reconnected while the answer was on its way", async () => {
    const stream = new Stream("blocks", 100n);
    using following = heads.follow(stream);
    await pass(5_000);
    const late = Promise.withResolvers<HeadAnswer>();
    answer = () => late.promise;
    await pass(60_000);
    asked = [];
    following.reconnects();
    late.resolve({ block: 100n, network: NETWORK });
    await pass(1_000);
    expect(asked).toEqual(["chain.blocks"]);
  });

  test("is not below a stream that went on while the answer was on its way", async () => {
    const stream = new Stream("blocks", 100n);
    using following = heads.follow(stream);
    await pass(5_000);
    following.received(NETWORK, 102n);
    const late = Promise.withResolvers<HeadAnswer>();
    answer = () => late.promise;
    await pass(60_000);
    following.committed(102n);
    late.resolve({ block: 101n, network: NETWORK });
    await pass(0);
    expect(stream.head?.block).toBe(101n);
    expect(stream.below).toEqual([]);
  });

  test("is forgotten 90 s after anybody heard of it", async () => {
    const stream = new Stream("blocks", 100n);
    using _following = heads.follow(stream);
    await pass(1_000);
    answer = () => Promise.reject(new Error("unreachable"));
    await pass(95_000);
    expect(stream.head).toBeNull();
  });

  test("can lie below what a stream holds, which is told, and the stream is not live", async () => {
    const stream = new Stream("blocks", 400n);
    using following = heads.follow(stream);
    following.connected();
    await pass(2_000);
    expect(stream.below).toEqual([100n]);
    expect(stream.head?.block).toBe(100n);
    expect(stream.told).toEqual([]);
  });
});

test("the database is told again where it says otherwise, such as after trouble that is over", async () => {
  const stream = new Stream("blocks", 100n);
  using following = heads.follow(stream);
  following.connected();
  await pass(2_000);
  following.stored("live");
  await pass(100);
  expect(stream.told).toEqual(["live"]);
  following.stored("backfill");
  await pass(100);
  expect(stream.told).toEqual(["live", "live"]);
});

test("the database is told again where it did not hear it", async () => {
  const stream = new Stream("blocks", 100n);
  using following = heads.follow(stream);
  following.connected();
  vi.spyOn(stream, "onLive").mockRejectedValueOnce(new Error("unreachable"));
  await pass(5_000);
  expect(stream.told).toEqual(["live"]);
});
