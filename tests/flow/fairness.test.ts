// Takes 36 s.
import { test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { BadValueSource } from "../support/chain/bad-value-source.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { SHORT_TURNS, TEN_SLOTS } from "../support/worker/worker-process.ts";

const DATASETS = 10;
const STREAMS = DATASETS * EVM_TABLES.length;
const SLOTS = 10;

test(`${STREAMS} tables on ${SLOTS} slots all progress; a slow, a failing and a backing-off table stop no other`, async () => {
  const source = new BadValueSource(5n, { blocks: 60, logsPerBlock: 2 });
  await using scenario = await Scenario.start({ source });
  for (let major = 1; major <= DATASETS; major++) {
    scenario.server.publish(`${major}.0.0`);
    await scenario.sync(EVM_TABLES, { dataset: `anvil@${major}.0.0`, schema: `chain_${major}` });
  }
  // One more table fails for good, …
  scenario.server.publish("11.0.0");
  await scenario.sync(["notes"], { dataset: "anvil@11.0.0", schema: "chain_11", nul_policy: "fail" });
  // … one backs off, because its target belongs to somebody else for now, …
  await scenario.db.query("create schema chain_1");
  await scenario.db.query(
    `create function public.refuse() returns event_trigger language plpgsql as $$
     begin
       if exists (select from pg_event_trigger_ddl_commands() c where c.object_identity = 'chain_1.blocks') then
         raise exception using errcode = '53000', message = 'not now';
       end if;
     end $$;
     create event trigger refuse on ddl_command_end when tag in ('CREATE TABLE') execute function public.refuse()`,
  );
  scenario.startFaultyWorker({ ...SHORT_TURNS, env: TEN_SLOTS });
  // … and one is slow: its rows wait for somebody's lock.
  await scenario.until("a table to hold up", async () => {
    const { rows } = await scenario.db.query("select to_regclass('chain_2.logs') is not null as made");
    return rows[0]!["made"];
  });
  const blocker = await scenario.db.client();
  await blocker.query("begin; lock table chain_2.logs in share mode");
  source.mine(10);

  async function behind(): Promise<readonly string[]> {
    const { rows } = await scenario.db.query(
      "select target from ampsync.streams where block is distinct from 69",
    );
    return rows.map((row) => row["target"]).sort();
  }
  const stuck = ["chain_1.blocks", "chain_11.notes"];
  await scenario.until(
    "all other tables",
    async () => (await behind()).every((target) => stuck.includes(target) || target === "chain_2.logs"),
    60_000,
  );
  await scenario.until("the failing and the backing-off table to say so", async () => {
    const { rows } = await scenario.db.query(
      "select concat_ws(' ', target, state, error_code) as said from ampsync.streams where target = any($1) order by 1",
      [stuck],
    );
    const said = rows.map((row) => row["said"]).join(", ");
    return said === "chain_1.blocks retrying 53000, chain_11.notes failed SY203";
  });

  await blocker.query("rollback");
  await scenario.db.query("drop event trigger refuse");
  await scenario.until("all but the failed table", async () => {
    await scenario.hurry(); // What backs off retries now.
    return (await behind()).join() === "chain_11.notes";
  });
});

test("a slot that a live stream holds is given up for a new dataset and for the supervisor", async () => {
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 1 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker({ args: ["--jobs", "1"] });
  const sync = await scenario.sync(["logs"]);
  await sync.reaches();
  async function supervision(): Promise<number> {
    const { rows } = await scenario.db.query(
      "select job_id::int as id from ampsync.jobs where task = 'ampsync_supervise' and state <> 'running'",
    );
    return rows[0]?.["id"] ?? 0;
  }
  const before = await supervision();
  scenario.server.publish("2.0.0");
  const second = await scenario.sync(["logs"], { dataset: "anvil@2.0.0", schema: "second" });
  await scenario.until("the new dataset to be looked up", async () => (await second.stream()) !== null);
  await scenario.until("a run of the supervisor", async () => (await supervision()) > before);
});

test("a stream that is paused and resumed between two heartbeats takes one slot", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 20 }) });
  scenario.startWorker();
  const sync = await scenario.sync(["logs"]);
  await sync.reaches();
  for (let i = 0; i < 3; i++) {
    await scenario.db.query("select ampsync.pause_sync('anvil')");
    await scenario.db.query("select ampsync.resume_sync('anvil')");
    await scenario.until("the next pass", async () => (await sync.stream())?.isLeased === true);
  }
  await scenario.until("the older passes to end", async () => {
    const { rowCount } = await scenario.db.query(
      "select from ampsync.jobs where task = 'ampsync_stream' and state = 'running'",
    );
    return rowCount === 1;
  });
});
