import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import type { SqlStream } from "../support/postgres/sql-stream.ts";
import { startStandby, untilReplayed } from "../support/postgres/standby.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { loadedDataset } from "../support/postgres/upgrade.ts";

const log = createLog("error", () => {});
const servers: EmbeddedPostgres[] = [];
const clients: pg.Client[] = [];
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
  servers.unshift(first);
  await migrate(first.connectionString(), { log });
  primary = await connect(first);
  streams = await loadedDataset(primary, ["blocks", "logs"]);
  const second = await startStandby(first);
  servers.unshift(second); // Ends first.
  standby = await connect(second);
});
afterAll(async () => {
  for (const client of clients) await client.end();
  for (const server of servers) await server.stop();
});

async function both(sql: string): Promise<readonly [unknown, unknown]> {
  await untilReplayed(primary, standby);
  return [(await primary.query(sql)).rows, (await standby.query(sql)).rows];
}

describe("on a hot standby", () => {
  test("every view shows what it shows on the primary", async () => {
    const { rows: views } = await primary.query(
      "select viewname from pg_views where schemaname = 'ampsync' order by 1",
    );
    await streams[0]!.commit(10, 11);
    // A worker that lives: its heartbeat session holds a lock, which the standby does not have.
    const heartbeat = await connect(servers.at(-1)!);
    await heartbeat.query(`select ampsync_private.hold_worker_lock('worker-1')`);
    for (const { viewname } of views) {
      const clock = ["lag", "at", "eta", "blocks_per_s", "rows_per_s"];
      const [here, there] = await both(
        `select to_jsonb(v) - '{${clock}}'::text[] as row from ampsync.${viewname} v order by 1`,
      );
      expect(there, viewname).toEqual(here);
    }
  });

  test("ampsync.cut follows, and wait_for_block waits for it", async () => {
    const [here, there] = await both("select ampsync.cut('chain')::int as cut");
    expect(there).toEqual(here);
    const waiting = standby.query("select ampsync.wait_for_block('chain', 13, '25 s') as seen");
    for (const stream of streams) {
      const { block } = await stream.view();
      await stream.commit(Number(block) + 1, 13);
    }
    await primary.query("select pg_switch_wal()");
    expect((await waiting).rows).toEqual([{ seen: true }]);
  });
});
