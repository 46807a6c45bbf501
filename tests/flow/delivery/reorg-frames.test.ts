// Takes 14 s.
import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { HASH_COLUMNS } from "../../support/chain/evm-tables.ts";
import { TestGateway } from "../../support/delivery/gateway.ts";
import { type Row, WireClient } from "../../support/delivery/wire-client.ts";
import { KnownChain } from "../../support/watch/known-chain.ts";
import { Scenario } from "../../support/worker/scenario.ts";

const ROWS = { blocks: 1, logs: 3 };
const TABLES = ["blocks", "logs"] as const;
const CLIENTS = 5;
const DEPTHS = [1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50];

/** What a client holds of a table, as a model of the chain judges it. */
function sightOf(client: WireClient, table: (typeof TABLES)[number]) {
  const byBlock = Map.groupBy(
    client.rows(`chain.${table}`),
    (row) => `${row["_block_num"]} ${row[HASH_COLUMNS[table]]}`,
  );
  const blocks = [...byBlock].map(([name, rows]) => {
    const [number = "", hash = ""] = name.split(" ");
    return { number, hash: hash.replace("\\x", "0x"), rows: rows.length };
  });
  return { table, blocks: blocks.sort((a, b) => Number(a.number) - Number(b.number)) };
}

function digestOf(rows: readonly Row[]): string {
  const texts = rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();
  return createHash("md5").update(texts.join("\n")).digest("hex");
}

test("reorgs of depth 1 to 50 are one step for every client, and each step is a state of the server", async () => {
  const source = new GeneratedSource({ blocks: 70, logsPerBlock: ROWS.logs, transactionsPerBlock: 1 });
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 20 });
  scenario.startWorker();
  const sync = await scenario.sync(["blocks", "logs"]);
  await sync.reaches();
  const { db } = scenario;
  await db.query("select ampsync.publish_dataset('anvil')");
  for (const table of TABLES) {
    await db.query("select ampsync.create_shape($1, $2, public => true)", [table, `chain.${table}`]);
  }
  // Whatever comes, comes since a commit was announced.
  await using gateway = await TestGateway.start(db.url, { pollMs: 600_000 });
  const known = new KnownChain();
  const remember = () => known.remember(source.chain, ROWS);
  remember();

  const faults: string[] = [];
  /** What each client held at a position, by position. */
  const seen = new Map<string, Set<string>>();
  await using clients = new AsyncDisposableStack();
  const all: WireClient[] = [];
  for (let n = 0; n < CLIENTS; n++) {
    const client = clients.use(
      new WireClient({ url: gateway.url, shapes: TABLES.map((shape) => ({ id: shape, shape })) }),
    );
    client.onFrame = ({ blocks: [, at] }) => {
      for (const table of TABLES) faults.push(...known.faultsOf(sightOf(client, table)));
      const digest = TABLES.map((table) => digestOf(client.rows(`chain.${table}`))).join(" ");
      seen.set(at, (seen.get(at) ?? new Set()).add(digest));
    };
    await client.connect();
    all.push(client);
  }
  for (const client of all) await client.ready();

  /** What the server holds, and at which position. */
  const server = new Map<string, string>();
  const reader = await db.client();
  async function look(): Promise<void> {
    await reader.query("begin isolation level repeatable read read only");
    const { rows: at } = await reader.query("select ampsync.head()::text as head");
    const digests: string[] = [];
    for (const table of TABLES) {
      const columns = all[0]!.tables.get(`chain.${table}`)!.columns;
      const pairs = columns.map((name) => `'${name}', ${name}::text`).join(", ");
      const { rows } = await reader.query(`select jsonb_build_object(${pairs}) as row from chain.${table}`);
      digests.push(digestOf(rows.map(({ row }) => row as Row)));
    }
    await reader.query("commit");
    server.set(at[0]!["head"] as string, digests.join(" "));
  }

  for (const depth of DEPTHS) {
    source.reorg(depth, depth + (depth % 3) - 1 || 1);
    remember();
    await sync.reaches();
    await look();
    const head = [...server.keys()].at(-1)!;
    for (const client of all)
      await client.until(`depth ${depth}`, () => BigInt(client.blocks) >= BigInt(head));
  }

  expect(faults).toEqual([]);
  const compared = [...seen].filter(([at]) => server.has(at));
  expect(compared.length).toBe(server.size);
  for (const [at, digests] of compared) expect([...digests], `at ${at}`).toEqual([server.get(at)]);
}, 60_000);
