import { readFileSync } from "node:fs";
import { join } from "node:path";

import { tableFromIPC } from "apache-arrow";
import { afterEach, describe, expect, test } from "vitest";

import { Anvil, anvilBinary } from "../../src/devserver/anvil.ts";
import { schemaMessage } from "../../src/devserver/arrow/ipc.ts";
import { runDevServer } from "../../src/devserver/cli.ts";
import { EMITTER_SELECTORS } from "../../src/devserver/contract/emitter.ts";
import { EVM_SCHEMAS } from "../../src/devserver/evm/schemas.ts";
import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import type { Source } from "../../src/devserver/source.ts";
import { RecordedSource } from "../../src/devserver/sources/recorded.ts";
import { RpcSource } from "../../src/devserver/sources/rpc/source.ts";
import { DevServerClient, rowsOf } from "../support/chain/devserver-client.ts";
import { waitFor } from "../support/wait-for.ts";

/** `topic0` of `Transfer(address,address,uint256)`. */
const TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(source: Source): Promise<{ server: DevServer; client: DevServerClient }> {
  const server = await startDevServer({ source });
  const client = new DevServerClient(server);
  closers.push(
    () => server.stop(),
    () => client.close(),
  );
  return { server, client };
}

const select = (table: string) => `SELECT * FROM "_/anvil@0.0.0"."${table}" SETTINGS stream = true`;

const dataFolder = process.env["AMPSYNC_TEST_DATA"];

describe.skipIf(dataFolder === undefined)("recorded data (AMPSYNC_TEST_DATA names its folder)", () => {
  const folder = join(dataFolder ?? "", "evm");
  const recorded = (set: string, table: string) =>
    tableFromIPC(readFileSync(join(folder, `${set}.${table}.arrows`)));

  test.each(["mainnet_15000000", "base_33411770", "base_1962302-1962305"])(
    "%s comes out cell by cell as it was recorded, one block at a time",
    async (set) => {
      const { server, client } = await serve(new RecordedSource(folder, set));
      Object.assign(server.misbehaviour, { endAtHead: true, blocksPerMicrobatch: 1 });
      for (const table of ["blocks", "logs", "transactions"]) {
        const batches = await client.all(select(table));
        const original = recorded(set, table);
        expect(rowsOf(batches)).toEqual(rowsOf([{ table: original }]));
        expect(batches.filter(({ complete }) => complete)).toHaveLength(recorded(set, "blocks").numRows);
      }
    },
  );

  test("ranges carry the network, hashes and times of the recording", async () => {
    const { server, client } = await serve(new RecordedSource(folder, "base_1962302-1962305"));
    server.misbehaviour.endAtHead = true;
    const { blocks } = JSON.parse(readFileSync(join(folder, "ranges.json"), "utf8"));
    const expected = blocks["base_1962302-1962305"];
    const watermark = (await client.all(select("logs"))).at(-1)!;
    expect(watermark.ranges).toEqual([
      {
        numbers: { start: 1962302, end: 1962305 },
        network: "base",
        hash: expected[3].hash,
        prev_hash: expected[0].parent_hash,
        timestamp: expected[3].timestamp,
      },
    ]);
  });

  test.each(["blocks", "logs", "transactions"] as const)("our schema of %s is the recorded one", (table) => {
    const theirs = schemaMessage(recorded("mainnet_15000000", table).schema);
    expect(Buffer.from(schemaMessage(EVM_SCHEMAS[table])).equals(theirs)).toBe(true);
  });
});

describe.skipIf(anvilBinary() === null)("an EVM node (its package exists for Linux on x64 only)", () => {
  async function serveAnvil() {
    const anvil = await Anvil.start();
    closers.push(() => anvil.stop());
    const emitter = await anvil.deployEmitter();
    const source = await RpcSource.start({ url: anvil.url, pollMs: 10 });
    return { anvil, emitter, source, ...(await serve(source)) };
  }

  test("one call of the emitter becomes the logs that the node reports", async () => {
    const { anvil, emitter, source, server, client } = await serveAnvil();
    const hash = await anvil.ping(emitter, 71n, 5n);
    await anvil.receipt(hash);
    await source.refresh();
    server.misbehaviour.endAtHead = true;
    const rows = rowsOf(await client.all(select("logs")));
    const logs = (await anvil.rpc.call("eth_getLogs", { fromBlock: "0x0" })) as {
      address: string;
      topics: string[];
      data: string;
    }[];

    expect(rows.map((row) => [row[7], ...row.slice(8, 12), row[12]])).toEqual(
      logs.map(({ address, topics, data }) => [
        address.slice(2),
        ...[0, 1, 2, 3].map((at) => topics[at]?.slice(2) ?? null),
        data.slice(2),
      ]),
    );
    expect(rows.map((row) => row[8] === null)).toEqual([true, false, false, false, false, false]);
    expect(`0x${rows.at(-1)![8]}`).toBe(TRANSFER_TOPIC);
    expect(new Set(rows.map((row) => `0x${row[4]}`))).toEqual(new Set([hash]));
  });

  test("transactions of every type have the columns of that type", async () => {
    const { anvil, emitter, source, server, client } = await serveAnvil();
    const storageKeys = [`0x${"1".padStart(64, "0")}`];
    const transactions = [
      () => anvil.send({ to: emitter, value: "0x0", gasPrice: "0x77359400", gas: "0x5208" }),
      () => anvil.send({ to: emitter, data: EMITTER_SELECTORS.fail, gas: "0x30d40" }),
      () => anvil.ping(emitter, 1n, 2n ** 65n),
      async () => anvil.send({ to: await anvil.account(), accessList: [{ address: emitter, storageKeys }] }),
    ];
    for (const send of transactions) await anvil.receipt(await send());
    await source.refresh();
    server.misbehaviour.endAtHead = true;
    const batches = await client.all(select("transactions"));
    const names = batches[0]!.table.schema.names.map(String);
    const rows = rowsOf(batches).map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]])));

    expect(rows.map(({ type, status, to }) => [type, status, to === null])).toEqual([
      [2, true, true],
      [0, false, false],
      [2, false, false],
      [2, true, false],
      [2, true, false],
    ]);
    const [deploy, legacy, , ping, withList] = rows;
    expect(deploy).toMatchObject({ gas_price: null, access_list: [], chain_id: 31337n });
    expect(legacy).toMatchObject({ access_list: null, max_priority_fee_per_gas: null });
    expect(legacy!["gas_price"]).toEqual(legacy!["max_fee_per_gas"]);
    expect(ping).toMatchObject({ value: `${2n ** 65n}` });
    expect(withList!["access_list"]).toEqual([
      { address: emitter.slice(2), storage_keys: storageKeys.map((key) => key.slice(2)) },
    ]);
  });

  test("blocks carry the hashes of the node", async () => {
    const { anvil, source, server, client } = await serveAnvil();
    await anvil.mine(120);
    await source.refresh();
    server.misbehaviour.endAtHead = true;
    const rows = rowsOf(await client.all(select("blocks")));
    expect(rows).toHaveLength(Number(await anvil.blockNumber()) + 1);
    const { hash } = (await anvil.rpc.call("eth_getBlockByNumber", "0x4d", false)) as { hash: string };
    expect(`0x${rows[77]![3]}`).toBe(hash);
    expect(rows[78]![4]).toBe(rows[77]![3]);
  });

  test("a reorg of the node rewinds an open stream to the first replaced block", async () => {
    const { anvil, emitter, source, client } = await serveAnvil();
    for (let id = 0n; id < 5n; id++) await anvil.receipt(await anvil.ping(emitter, id));
    await source.refresh();
    const stream = await client.open(select("logs"));
    const before = await stream.microbatch();
    expect(before.range.numbers).toEqual({ start: 0, end: 6 });

    await anvil.reorg(3);
    const after = await stream.microbatch();
    expect(after.range.numbers.start).toBe(4);
    expect(after.range.prev_hash).toBe(source.chain.canonical(3n)!.hash);
    expect(after.range.prev_hash).not.toBe(before.range.hash);
    stream.cancel();
  });
});

describe("the command line", () => {
  test("serves a generated chain that grows, until it is stopped", async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    const argv = [
      "generated",
      "--blocks",
      "3",
      "--block-time",
      "5",
      "--flight-port",
      "0",
      "--admin-port",
      "0",
      "--json",
    ];
    const done = runDevServer(argv, { stdout: (line) => lines.push(line), signal: stop.signal });
    await waitFor("the addresses", () => lines.length === 1);
    const { adminAddress, flightAddress, dataset } = JSON.parse(lines[0]!);
    expect(dataset).toEqual({ namespace: "_", name: "anvil", version: "0.0.0" });
    expect((await fetch(`${adminAddress}/healthz`)).status).toBe(200);

    const client = new DevServerClient({ flightAddress } as DevServer); // It reads nothing else.
    const stream = await client.open(select("blocks"));
    await stream.microbatch();
    expect((await stream.microbatch()).range.numbers.start).toBeGreaterThan(2);
    client.close();
    stop.abort();
    await done;
    await expect(fetch(`${adminAddress}/healthz`)).rejects.toThrow();
  });

  test("explains itself, and what is wrong with its arguments", async () => {
    const lines: string[] = [];
    const io = { stdout: (line: string) => lines.push(line), signal: new AbortController().signal };
    await runDevServer(["--help"], io);
    expect(lines[0]).toContain("Usage: ampsync devserver");
    await expect(runDevServer(["evm"], io)).rejects.toMatchObject({ code: "SY004" });
    await expect(runDevServer(["generated", "--blocks", "-1"], io)).rejects.toThrow();
    await expect(runDevServer(["moon"], io)).rejects.toMatchObject({ code: "SY004" });
    await expect(runDevServer(["generated", "--dataset", "x"], io)).rejects.toMatchObject({ code: "SY004" });
  });
});
