import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { uninstall } from "../../src/install/uninstall.ts";
import { createLog } from "../../src/log.ts";
import { changeSetting } from "../support/postgres/change-setting.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import type { SqlStream } from "../support/postgres/sql-stream.ts";
import { startStandby, untilReplayed } from "../support/postgres/standby.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { loadedDataset } from "../support/postgres/upgrade.ts";
import { waitFor } from "../support/wait-for.ts";
import { ampsync } from "../support/worker/command.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

const log = createLog("error", () => {});
const clients: pg.Client[] = [];
let servers: { readonly primary: EmbeddedPostgres; readonly standby: EmbeddedPostgres };
let primary: pg.Client;
let standby: pg.Client;
let streams: SqlStream[];

async function connect(server: EmbeddedPostgres): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.connectionString(), application_name: "test" });
  client.on("error", () => {}); // It ends with its server, at the latest.
  await client.connect();
  clients.push(client);
  return client;
}

beforeAll(async () => {
  const first = await startPostgres({ dataDir: newDataDir(), persistent: false });
  await migrate(first.connectionString(), { log });
  primary = await connect(first);
  streams = await loadedDataset(primary, ["blocks", "logs"]);
  servers = { primary: first, standby: await startStandby(first) };
  standby = await connect(servers.standby);
});
afterAll(async () => {
  for (const client of clients) await client.end();
  await servers.standby.stop();
  await servers.primary.stop();
});

/** The rows of a query on the primary, and on the standby once it has replayed all. */
async function both(sql: string): Promise<readonly [unknown, unknown]> {
  await untilReplayed(primary, standby);
  return [(await primary.query(sql)).rows, (await standby.query(sql)).rows];
}

/** Both tables get the blocks up to this one, in two commits. */
async function commitTo(last: number): Promise<void> {
  for (const stream of streams) {
    const { block } = await stream.view();
    await stream.commit(Number(block) + 1, last - 1);
    await stream.commit(last, last);
  }
}

async function setFeedback(value: "on" | "off"): Promise<void> {
  await changeSetting(standby, "hot_standby_feedback", value);
}

describe("on a hot standby", () => {
  test("every view shows what it shows on the primary, of a worker that lives as well", async () => {
    await commitTo(11);
    // It holds a lock, which the standby does not know.
    const heartbeat = await connect(servers.primary);
    const leases = streams.map(({ id, epoch }) => ({ stream_id: id, epoch, head: "11", network: "mainnet" }));
    await heartbeat.query("select * from ampsync_worker.renew_leases('worker-1', $1)", [
      JSON.stringify(leases),
    ]);
    const { rows: shown } = await primary.query("select state, behind::int, reason from ampsync.streams");
    expect(shown).toEqual([
      { state: "live", behind: 0, reason: null },
      { state: "live", behind: 0, reason: null },
    ]);
    const { rows: views } = await primary.query(
      "select viewname from pg_views where schemaname = 'ampsync' order by 1",
    );
    expect(views.length).toBeGreaterThan(10);
    for (const { viewname } of views) {
      // What changes from one look to the next, and the size of files, in which the two may differ.
      const [here, there] = await both(
        `select to_jsonb(v) - '{age,elapsed,eta,bytes,value}'::text[] as row from ampsync.${viewname} v order by 1`,
      );
      expect(there, viewname).toEqual(here);
    }
  });

  test("ampsync.cut follows, and a join below it is whole", async () => {
    await commitTo(13);
    const [here, there] = await both(
      `select ampsync.cut('chain')::int as cut, count(*)::int as rows
         from chain.blocks b join chain.logs l using (_block_num) where b._block_num <= (select ampsync.cut('chain'))`,
    );
    expect(there).toEqual([{ cut: 13, rows: 14 }]);
    expect(here).toEqual(there);
  });

  test("ampsync.verify looks at the rows of the standby", async () => {
    await untilReplayed(primary, standby);
    expect((await standby.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
    await primary.query("create table kept as table chain.logs");
    await primary.query("delete from chain.logs where _block_num = 5");
    const [here, there] = await both("select * from ampsync.verify('chain')");
    expect(there).toMatchObject([{ table_name: "logs", finding: "missing block" }]);
    expect(there).toEqual(here);
    await primary.query("insert into chain.logs select * from kept where _block_num = 5");
  });

  test("ampsync.wait_for_block waits until the standby has the block, however many commits come meanwhile", async () => {
    await setFeedback("on");
    await untilReplayed(primary, standby);
    const waiting = standby.query("select ampsync.wait_for_block('chain', 19, '25 s') as seen");
    for (const last of [15, 17, 19]) await commitTo(last);
    await primary.query("select pg_switch_wal()");
    expect((await waiting).rows).toEqual([{ seen: true }]);
    expect((await standby.query("select ampsync.wait_for_block('chain', 99, '0 s') as seen")).rows).toEqual([
      { seen: false },
    ]);
  });

  test("without hot_standby_feedback wait_for_block says that it kept the standby from replaying, and doctor says it before", async () => {
    await setFeedback("off");
    const { rows } = await standby.query(
      "select * from ampsync.doctor() where subject = 'hot_standby_feedback'",
    );
    expect(rows).toMatchObject([{ severity: "warning" }]);
    const feedback = new RegExp(/^alter system set hot_standby_feedback = on; select pg_reload_conf\(\);$/);
    expect(rows[0].fix).toMatch(feedback);

    // A snapshot of the wait is older than what is removed.
    const waiting = standby
      .query("select ampsync.wait_for_block('chain', 40, '3 s')")
      .catch((error) => error);
    for (let last = 21; last <= 39; last += 2) await commitTo(last);
    for (const table of ["stream", "history"]) await primary.query(`vacuum ampsync_private.${table}`);
    await commitTo(41);
    await primary.query("select pg_switch_wal()");
    expect(await waiting).toMatchObject({
      code: "55000",
      message: "the standby stood still while wait_for_block waited for block 40 of chain",
      hint: expect.stringMatching(feedback),
    });
    await setFeedback("on");
    // It replays what it kept waiting, and looks once a second whether it may: a wait that began before would keep it too.
    await untilReplayed(primary, standby);
    expect((await standby.query("select ampsync.wait_for_block('chain', 40, '10 s') as seen")).rows).toEqual([
      { seen: true },
    ]);
  });

  test.each([
    "select ampsync.enqueue_sync('other')",
    "select ampsync.alter_sync('chain', retention_blocks => 256)",
    "select ampsync.pause_sync('chain')",
    "select ampsync.resume_sync('chain')",
    "select ampsync.resync('chain')",
    "select ampsync.repair('chain', 'logs', 2, 3)",
    "select ampsync.explain_sync('chain')",
    "select ampsync.drop_sync('chain')",
    "select ampsync.set_retention(event_age => '9 days')",
  ])("%s is refused as read-only, and changes nothing", async (statement) => {
    await expect(standby.query(statement)).rejects.toMatchObject({
      code: "25006",
      message: expect.stringMatching(/in a read-only transaction$/),
    });
  });

  test("the commands that look work, and those that change something name the reason and the way out", async () => {
    const settings = { DATABASE_URL: servers.standby.connectionString() };
    const status = await ampsync(["status"], settings);
    expect(status).toMatchObject({ exitCode: 0 });
    expect(status.stdout).toContain("chain.blocks");
    const refused = {
      exitCode: 1,
      stderr: expect.stringMatching(/the server is a standby[\s\S]*Set DATABASE_URL to the primary/),
    };
    expect(await ampsync(["migrate"], settings)).toMatchObject(refused);
    await expect(uninstall(settings.DATABASE_URL, { log, agree: async () => true })).rejects.toMatchObject({
      code: "SY902",
      message: "the server is a standby",
    });
  });

  test("a worker waits, and begins when the standby is made the primary", async () => {
    const nowhere = { flightAddress: "http://127.0.0.1:1", adminAddress: "http://127.0.0.1:1" };
    await using worker = new Worker(
      { databaseUrl: servers.standby.connectionString(), ...nowhere },
      COMMANDS["ampsync worker"],
    );
    await waitFor("it to wait", () => worker.hasSaid("worker_waiting"));
    expect(worker.hasSaid("the server is a standby")).toBe(true);
    expect(worker.hasEnded).toBe(false);
    await standby.query("select pg_promote()");
    await waitFor("it to go on", () => worker.hasSaid("worker_goes_on"));
    await waitFor("it to work", async () => {
      const { rows } = await standby.query("select from ampsync.workers where pid = $1", [worker.pid]);
      return rows.length === 1;
    });
    expect((await standby.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
  });
});
