import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import type { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";

const POLL_MS = 5;

/** Rows and checkpoint of one snapshot, from the first block that was not seen whole before. */
const LOOK = `
  select (select c.watermark_block_num from ampsync.checkpoints c) as tip,
         (select coalesce(json_agg(json_build_array(b.n, b.hash, b.rows) order by b.n), '[]')
            from (select t._block_num as n, encode(t.block_hash, 'hex') as hash, count(*) as rows
                    from chaos.logs t
                   where t._id >= ampsync_private.block_prefix($1) and t._id < '\\xffffffffffff'
                   group by 1, 2) b) as blocks`;

/** Looks at chaos.logs again and again while others write it; blocks only ever follow, there is no reorg. */
export class ChaosReader {
  /** Sights with a hole, part of a block, another block's hash, or rows that the checkpoint does not cover. */
  torn = 0;
  sights = 0;
  readonly #client: pg.Client;
  readonly #source: GeneratedSource;
  readonly #rowsPerBlock: number;
  #isStopped = false;

  constructor(client: pg.Client, source: GeneratedSource, rowsPerBlock: number) {
    this.#client = client;
    this.#source = source;
    this.#rowsPerBlock = rowsPerBlock;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async watch(): Promise<void> {
    let next = 0;
    while (!this.#isStopped) {
      if (next > 0 || (await this.#tableExists())) {
        const { rows } = await this.#client.query<{ tip: string | null; blocks: [number, string, number][] }>(
          LOOK,
          [next],
        );
        const { tip, blocks } = rows[0]!;
        if (blocks.length > 0) {
          this.sights++;
          const isWhole = blocks.every(
            ([number, hash, count], i) =>
              number === next + i &&
              count === this.#rowsPerBlock &&
              this.#source.chain.canonical(BigInt(number))?.hash === `0x${hash}`,
          );
          next += blocks.length;
          if (!isWhole || Number(tip) !== next - 1) this.torn++;
        }
      }
      await pause(POLL_MS);
    }
  }

  /** Counts rows of canonical blocks that are missing, and rows that are there more than once, in the whole table. */
  async count(): Promise<{ readonly lost: number; readonly doubled: number }> {
    const { rows } = await this.#client.query<{ hash: string; all: number; different: number }>(
      `select '0x' || encode(t.block_hash, 'hex') as hash, count(*)::int as all,
              count(distinct t.log_index)::int as different
         from chaos.logs t group by t._block_num, t.block_hash`,
    );
    const held = new Map(rows.map((row) => [row.hash, row.different]));
    let lost = 0;
    const { chain } = this.#source;
    for (
      let block = chain.canonical(chain.start);
      block !== null;
      block = chain.canonical(block.number + 1n)
    ) {
      lost += this.#rowsPerBlock - (held.get(block.hash) ?? 0);
      held.delete(block.hash);
    }
    const foreign = [...held.values()].reduce((sum, count) => sum + count, 0);
    return { lost, doubled: rows.reduce((sum, row) => sum + row.all - row.different, foreign) };
  }

  async #tableExists(): Promise<boolean> {
    const { rows } = await this.#client.query("select to_regclass('chaos.logs') is not null as exists");
    return rows[0].exists;
  }
}
