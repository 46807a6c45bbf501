import { rm } from "node:fs/promises";

import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { waitFor } from "../support/wait-for.ts";

const BAD = {
  autovacuum: "off",
  track_counts: "off",
  max_wal_size: "1GB",
  wal_level: "minimal",
  max_wal_senders: "0",
  synchronous_standby_names: "*",
};

const folders = new Set<string>();
afterAll(() => Promise.all([...folders].map((folder) => rm(folder, { recursive: true, force: true }))));

/** Lends a connection to a server that runs for that long. */
async function onServer<T>(
  dataDir: string,
  work: (client: pg.Client) => Promise<T>,
  settings: Record<string, string> = {},
): Promise<T> {
  const server = await startPostgres({ dataDir, persistent: true, settings });
  folders.add(server.dataDir); // Another one, if the server's user cannot reach that folder.
  const client = new pg.Client({ connectionString: server.connectionString() });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
    await server.stop();
  }
}

async function findings(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query("select subject, fix from ampsync.doctor() where subject = any ($1)", [
    Object.keys(BAD),
  ]);
  return new Map(rows.map(({ subject, fix }) => [subject, fix]));
}

/** One statement after the other, as psql sends them. */
async function paste(client: pg.Client, statements: string): Promise<void> {
  for (const statement of statements.replace(/ -- .*/, "").split("; ")) {
    await client.query(statement);
  }
}

test("the fixes of server settings work as they are printed, some after the restart that they ask for", async () => {
  const folder = newDataDir();
  await onServer(folder, async (client) => {
    const { host, port, user, password } = client;
    const url = `postgresql://${user}:${encodeURIComponent(password ?? "")}@${host}:${port}/${client.database}`;
    await migrate(url, { log: createLog("error", () => {}) });
    for (const [name, value] of Object.entries(BAD)) {
      await client.query(`alter system set ${name} = '${value}'`);
    }
  });

  const look = async (client: pg.Client) => {
    const fixes = await findings(client);
    expect([...fixes.keys()].sort()).toEqual(Object.keys(BAD).sort());
    for (const fix of fixes.values()) {
      await paste(client, fix);
    }
    const atOnce = [...fixes.values()].filter((fix) => fix.includes("pg_reload_conf"));
    await waitFor("the settings to be loaded", async () => {
      const left = await findings(client);
      return left.size === fixes.size - atOnce.length;
    });
    return fixes;
  };
  // Servers of tests are started with a level of their own, which goes before what is set in SQL.
  const found = await onServer(folder, look, { wal_level: BAD.wal_level });

  expect(found.get("wal_level")).toContain("restart");
  expect(await onServer(folder, findings)).toEqual(new Map());
});
