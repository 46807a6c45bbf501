import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { EVM_TABLES } from "../../support/chain/evm-tables.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ChainWatch } from "../../support/watch/chain-watch.ts";
import { KnownChain } from "../../support/watch/known-chain.ts";
import { Reader } from "../../support/watch/reader.ts";

/** What the tests of reorgs look through. Here nobody keeps the tables in step, so each must see what is wrong. */
let db: TestDatabase;
let source: GeneratedSource;

beforeAll(async () => {
  db = await createDatabase();
  await db.query("select ampsync.enqueue_sync('anvil', '{blocks}', 'chain')");
  await db.query(
    "select ampsync_worker.register_streams(d.dataset_id, '1.0.0', null, '{blocks}') from ampsync_private.dataset d",
  );
  await db.query(`
    create schema chain;
    create table chain.blocks (_block_num bigint, hash bytea);
    create table chain.logs (_block_num bigint, block_hash bytea);
    create table chain.transactions (_block_num bigint, block_hash bytea)`);
});
afterAll(() => db.drop());
beforeEach(() => {
  source = new GeneratedSource({ blocks: 10, logsPerBlock: 1, transactionsPerBlock: 1 });
});

const bytesOf = (hash: string) => Buffer.from(hash.slice(2), "hex");

/** Every table holds the canonical blocks up to this one, less those left out, and so says the checkpoint. */
async function hold(last: bigint, leftOut: readonly bigint[] = []): Promise<void> {
  const { chain } = source;
  const all = Array.from({ length: Number(last) + 1 }, (_, n) => chain.canonical(BigInt(n))!);
  const kept = all.filter(({ number }) => !leftOut.includes(number));
  await db.query("begin");
  for (const table of EVM_TABLES) {
    await db.query(`delete from chain.${table}`);
    await db.query(`insert into chain.${table} select * from unnest($1::bigint[], $2::bytea[])`, [
      kept.map(({ number }) => number),
      kept.map(({ hash }) => bytesOf(hash)),
    ]);
  }
  await db.query(
    "update ampsync_private.stream set origin = 0, checkpoint_block = $1, checkpoint_hash = $2",
    [last, bytesOf(chain.canonical(last)!.hash)],
  );
  await db.query("commit");
}

describe("whoever watches a chain", () => {
  /** Looks at what each step leaves. */
  async function seen(...steps: (() => Promise<void>)[]): Promise<readonly string[]> {
    await using watch = new ChainWatch(db, "chain", source, { blocks: 1 });
    for (const step of steps) {
      await step();
      watch.remember();
      await watch.look();
    }
    return watch.faults.map((fault) => fault.replaceAll(/ ?0x\w+/g, ""));
  }

  test("has nothing to say of one that grows, forks and gets shorter by a fork", async () => {
    const faults = await seen(
      () => hold(5n),
      () => hold(9n),
      async () => {
        source.reorg(4, 2);
        await hold(7n);
      },
      async () => {
        source.mine(9);
        await hold(16n);
      },
    );
    expect(faults).toEqual([]);
  });

  test("sees that blocks go that nothing replaced, although what is left is whole", async () => {
    expect(
      await seen(
        () => hold(9n),
        () => hold(7n),
      ),
    ).toEqual(["blocks at 7: 2 canonical blocks from 8 on are gone"]);
  });

  test("sees that a replacement ends below the fork", async () => {
    const faults = await seen(
      () => hold(9n),
      async () => {
        source.reorg(3, 5); // Blocks 7 to 9 are replaced.
        await hold(5n);
      },
    );
    expect(faults).toEqual(["blocks at 5: 1 canonical blocks from 6 on are gone"]);
  });

  test("sees a hole, and what else no look may show", async () => {
    expect(await seen(() => hold(9n, [4n]))).toEqual(["blocks at 9: lacked block 4: 1 rows"]);
    expect(await seen(() => hold(9n, [0n]))).toEqual(["blocks at 9: lacked block 0: 1 rows"]);
    expect(await seen(() => hold(9n, [9n]))).toEqual(["blocks at 9: the last block is 8"]);
    const orphaned = async () => {
      await hold(9n);
      source.reorg(1);
    };
    expect(await seen(orphaned)).toEqual(["blocks at 9: block 9 was never canonical"]);
  });
});

describe("a reader", () => {
  /** Reads until each step has shown in all tables. */
  async function read(...steps: (() => Promise<void>)[]): Promise<readonly string[]> {
    const known = new KnownChain();
    const rows = { blocks: 1, logs: 1, transactions: 1 };
    let reader: Reader | null = null;
    let sights = 0;
    for (const step of steps) {
      await step();
      known.remember(source.chain, rows);
      reader ??= await Reader.start(db, "chain");
      sights += EVM_TABLES.length;
      await waitFor("the reader to see it", async () => reader!.sights >= sights);
    }
    await reader!.stop();
    return reader!
      .faults(known, source.chain.head()!.hash)
      .filter((fault) => fault.startsWith("logs"))
      .map((fault) => fault.replaceAll(/ ?0x\w+/g, ""));
  }

  test("has nothing to say of a chain that grows, forks and gets shorter by a fork", async () => {
    const faults = await read(
      () => hold(5n),
      () => hold(9n),
      async () => {
        source.reorg(4, 2);
        await hold(7n);
      },
    );
    expect(faults).toEqual([]);
  });

  test("sees that blocks go that are canonical in the end, even where they come back", async () => {
    const faults = await read(
      () => hold(9n),
      () => hold(7n),
      () => hold(9n),
    );
    expect(faults).toEqual(["logs lost canonical block 8", "logs lost canonical block 9"]);
  });

  test("sees a hole", async () => {
    expect(await read(() => hold(9n, [4n]))).toEqual(["logs up to 9 lacked block 4: 1 rows"]);
  });
});
