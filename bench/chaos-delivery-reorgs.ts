// npm run chaos -- delivery-reorgs 50 --json: reorgs of depth 1 to so many under five clients whose live queries look at
// every state. Exits 1 if a state was none that the chain was ever in, or a client differs from the server in the end.
import type { Rows } from "../src/client/live.ts";
import { GeneratedSource } from "../src/devserver/sources/generated/source.ts";
import { HASH_COLUMNS } from "../tests/support/chain/evm-tables.ts";
import { TestClient } from "../tests/support/client/test-client.ts";
import { TestGateway } from "../tests/support/delivery/gateway.ts";
import { keepJournal } from "../tests/support/delivery/journal.ts";
import { startLand } from "../tests/support/delivery/land.ts";
import { differences } from "../tests/support/delivery/oracle.ts";
import { KnownChain } from "../tests/support/watch/known-chain.ts";
import { runChaosOf } from "./chaos-delivery.ts";

const CLIENTS = 5;
const ROWS = { blocks: 1, logs: 3 };
const TABLES = ["blocks", "logs"] as const;

export async function chaosOfReorgs(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-reorgs", args, 50, async (db, { count, onDone }) => {
    const source = new GeneratedSource({
      blocks: count + 20,
      logsPerBlock: ROWS.logs,
      transactionsPerBlock: 1,
    });
    await using scenario = await startLand(db, { source });
    await using gateway = await TestGateway.start(db.url);
    const known = new KnownChain();
    known.remember(source.chain, ROWS);
    const found: string[] = [];
    let states = 0;
    await using stack = new AsyncDisposableStack();
    const all: TestClient[] = [];
    for (let n = 0; n < CLIENTS; n++) {
      const client = stack.use(
        await TestClient.start(gateway.url, { shapes: TABLES.map((shape) => ({ shape })) }),
      );
      await keepJournal(client.client);
      await client.client.ready();
      for (const table of TABLES) await client.client.live(query(table), [], (rows) => judge(table, rows));
      all.push(client);
    }
    function judge(table: (typeof TABLES)[number], rows: Rows): void {
      states++;
      const blocks = rows.map((row) => ({
        number: String(row["number"]),
        hash: String(row["hash"]).replace("\\x", "0x"),
        rows: Number(row["rows"]),
      }));
      found.push(...known.faultsOf({ table, blocks }));
    }
    for (let depth = 1; depth <= count; depth++) {
      source.reorg(depth, depth + 1 - (depth % 3));
      known.remember(source.chain, ROWS);
      await scenario.until("the server to have the chain", async () => {
        const { rows } = await db.query("select ampsync.cut('anvil')::text as cut");
        return rows[0]?.["cut"] === String(source.chain.head()?.number);
      });
      onDone(depth - 1);
    }
    for (const [n, { client }] of all.entries()) {
      found.push(...(await differences(db, client)).map((each) => `client ${n}: ${each}`));
    }
    return { clients: CLIENTS, states, differences: found };
  });
}

function query(table: (typeof TABLES)[number]): string {
  return `select _block_num::text as number, ${HASH_COLUMNS[table]}::text as hash, count(*)::int as rows
            from chain.${table} group by 1, 2 order by min(_block_num)`;
}
