import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { STATE_2026 } from "../support/postgres/rust-ampsync.ts";
import { waitFor } from "../support/wait-for.ts";
import { Scenario } from "../support/worker/scenario.ts";

test("tables take the place of those of the Rust ampsync while workers write: readers see all rows, and nothing is lost", async () => {
  await using scenario = await Scenario.start();
  const { db } = scenario;
  await db.query(`${STATE_2026}; create table public.logs (_tx_id bigint, _row_index integer, log_index bigint,
    primary key (_tx_id, _row_index)); insert into public.logs select 1, n, n from generate_series(1, 20) n;
    create view public.seen as select count(*)::int as n from public.logs`);
  scenario.startWorker();
  const source = new GeneratedSource({ blocks: 30, logsPerBlock: 2 });
  const sync = await scenario.follow(source, ["blocks", "logs"]);
  await sync.catchesUp();
  await waitFor("both to be live", async () => {
    const { rows } = await db.query("select bool_and(state = 'live') as live from ampsync.streams");
    return rows[0]!["live"];
  });

  const reader = await db.client();
  const seen: number[] = [];
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      seen.push((await reader.query("select n from public.seen")).rows[0].n);
    }
  })();
  reading.catch(() => {}); // Awaited below, where its failure is that of the test.
  const mining = setInterval(() => source.mine(1), 20);
  try {
    await waitFor("tables that are free for 300 ms", async () => {
      await db.query("select ampsync.adopt($1)", [sync.label]).catch((error: Error & { code?: string }) => {
        // A call that found a table in use has ended its writer all the same: that one has to be live again.
        if (error.code !== "55P03" && error.code !== "SY004") throw error;
      });
      const { rows } = await db.query(
        "select array_agg(target order by target) as targets from ampsync.streams",
      );
      return rows[0]!["targets"].join() === "public.blocks,public.logs";
    });
  } finally {
    clearInterval(mining);
  }
  source.mine(1);
  await waitFor("the head", async () => {
    const { rows } = await db.query("select count(*)::int as n from ampsync.streams where block = $1", [
      source.chain.head()!.number,
    ]);
    return rows[0]!["n"] === 2;
  });
  isOver = true;
  await reading;
  expect(seen.every((n) => n === 20 || n >= 60)).toBe(true);
  expect(seen.findIndex((n) => n >= 60)).toBeGreaterThan(0);
  expect(seen.slice(seen.findIndex((n) => n >= 60)).includes(20)).toBe(false);
  const { rows } = await db.query(
    `select (select count(*)::int from public.logs) as logs, (select count(*)::int from chain_1.logs) as old,
            (select count(*)::int from ampsync.verify($1)) as faults`,
    [sync.label],
  );
  expect(rows).toEqual([{ logs: 2 * (Number(source.chain.head()!.number) + 1), old: 20, faults: 0 }]);
});
