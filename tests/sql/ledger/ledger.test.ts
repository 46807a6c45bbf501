// Takes 13 s.
import { describe, expect, test } from "vitest";

import { findings, LinkedChain } from "../../support/chain/linked-chain.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function ledger(stream: SqlStream): Promise<string[]> {
  const { rows } = await db.query(
    `select l.first_block, l.last_block, l.row_count from ampsync_private.ledger l
      where l.stream_id = $1 order by l.last_block`,
    [stream.id],
  );
  return rows.map((row) => `${row["first_block"]}-${row["last_block"]}: ${row["row_count"]}`);
}

/** Commits whose ledger says that each block has two rows, where it has one. */
async function commits(stream: SqlStream, ranges: readonly [number, number][]): Promise<void> {
  for (const [start, end] of ranges) {
    await stream.beginApply();
    const told = {
      rows: `${2 * (end - start + 1)}`,
      id_xor: `${start % 2 === 0 ? "-9223372036854775808" : 7}`,
    };
    await stream.insert(start, end);
    await stream.commitApply([{ ...watermark(start, end), ...told }], 0);
  }
}

const ones = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i): [number, number] => [from + i, from + i]);

describe("the ledger of a stream", () => {
  test("has an entry for each microbatch, as the writer counted it", async () => {
    const stream = await SqlStream.prepare(db);
    await commits(stream, [
      [0, 9],
      [10, 10],
      [11, 20],
    ]);
    expect(await ledger(stream)).toEqual(["0-9: 20", "10-10: 2", "11-20: 20"]);
  });

  test("is measured where the writer did not count", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    expect(await ledger(stream)).toEqual(["0-9: 10"]);
    expect(await findings(db)).toEqual([]);
  });

  test("keeps the entries of the history apart, because a reorg may split them there", async () => {
    const stream = await SqlStream.prepare(db);
    await commits(stream, ones(0, 199));
    const kept = await stream.history();
    expect((await ledger(stream)).slice(-kept.length)).toEqual(kept.map((range) => `${range}: 2`));
  });

  test("keeps microbatches as they are that cross a thousand", async () => {
    const stream = await SqlStream.prepare(db);
    const even = Array.from({ length: 40 }, (_, i): [number, number] => [i * 300, i * 300 + 299]);
    await commits(stream, even);
    expect((await ledger(stream)).slice(0, 4)).toEqual([
      "0-899: 1800",
      "900-1199: 600",
      "1200-1799: 1200",
      "1800-2099: 600",
    ]);
  });

  test("is split by a reorg where it was loaded in one microbatch, and measured there", async () => {
    const chain = await LinkedChain.prepare(db);
    await chain.load(0, 19, { step: 10 });
    await chain.reorg(15, 16, "b", "a");
    expect(await ledger(chain.logs)).toEqual(["0-9: 30", "10-14: 15", "15-16: 6"]);
    expect(await findings(db)).toEqual([]);
  });
});

test("2,500 commits of one block leave a ledger of few rows that says the same", async () => {
  await using own = await createDatabase();
  const stream = await SqlStream.prepare(own);
  await own.query(
    `do $$
     begin
       for n in 0 .. 2499 loop
         if n % 500 = 0 then -- A heartbeat: a lease lasts 30 s.
           perform ampsync_worker.renew_leases('worker-1', '[{"stream_id": "${stream.id}", "epoch": "${stream.epoch}"}]');
         end if;
         call ampsync_worker.begin_apply(${stream.id}, ${stream.epoch});
         insert into ${stream.target} (_id, _block_num_start, _block_num_end, _block_num, block_hash)
         values (ampsync_private.block_prefix(n), n, n, n, '');
         call ampsync_worker.commit_apply(${stream.id}, ${stream.epoch}, nullif(n - 1, -1), 'mainnet', jsonb_build_array(jsonb_build_object(
           'start', n, 'end', n, 'hash', '0x' || lpad(to_hex(n + 1), 64, '0'), 'prev_hash', '0x' || lpad(to_hex(n), 64, '0'),
           'rows', '2', 'id_xor', (n * 7919)::text)), 2);
         commit;
       end loop;
     end $$`,
  );
  const { rows } = await own.query(
    `select count(*)::int as entries, sum(l.row_count)::int as rows, bit_xor(l.id_xor) = (
              select bit_xor(n::bigint * 7919) from generate_series(0, 2499) n) as is_xor_kept,
            bool_and(l.first_block = l.before + 1 or l.before is null) as is_unbroken
       from (select *, lag(last_block) over (order by last_block) as before from ampsync_private.ledger) l`,
  );
  expect(rows).toEqual([{ entries: expect.any(Number), rows: 5_000, is_xor_kept: true, is_unbroken: true }]);
  expect(rows[0]!["entries"]).toBeLessThan(200);
  const { rows: first } = await own.query(
    "select first_block, last_block from ampsync_private.ledger order by last_block limit 2",
  );
  expect(first.map(Object.values)).toEqual([
    ["0", "999"],
    ["1000", "1999"],
  ]);
});
