import { execFile } from "node:child_process";
import { chown, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import pg from "pg";

import type { EmbeddedPostgres } from "../../../src/embedded/postgres.ts";
import { waitFor } from "../wait-for.ts";
import { newDataDir } from "./data-dir.ts";
import type { Connection } from "./sql-stream.ts";
import { startPostgres } from "./start-postgres.ts";

/** What belongs to the server that runs on the folder, and not to its data. */
const OF_THE_SERVER = ["postmaster.pid", "postmaster.opts", "ampsync.keeper", "server.log"];

/**
 * A hot standby of a temporary server: a copy of its folder, made while it runs, that streams what comes after. As
 * pg_basebackup does it leaves the slots out.
 */
export async function startStandby(primary: EmbeddedPostgres): Promise<EmbeddedPostgres> {
  const dataDir = newDataDir();
  const { host, port, user } = new pg.Client({ connectionString: primary.connectionString() });
  const admin = new pg.Client({ connectionString: primary.connectionString() });
  await admin.connect();
  try {
    await admin.query("select pg_backup_start('standby', fast => true)");
    await promisify(execFile)("cp", ["-a", primary.dataDir, dataDir]); // With their owner, who is not always ours.
    const { rows } = await admin.query("select labelfile from pg_backup_stop(wait_for_archive => false)");
    for (const name of OF_THE_SERVER) await rm(join(dataDir, name), { force: true });
    const slots = join(dataDir, "pg_replslot");
    for (const name of await readdir(slots)) await rm(join(slots, name), { recursive: true });
    const { uid, gid } = await stat(dataDir);
    for (const [name, text] of [
      ["backup_label", rows[0].labelfile],
      ["standby.signal", ""],
      // In a file, so that it can be changed while it runs.
      ["postgresql.auto.conf", `primary_conninfo = 'host=${host} port=${port} user=${user}'\n`],
    ]) {
      await writeFile(join(dataDir, name), text);
      await chown(join(dataDir, name), uid, gid);
    }
  } finally {
    await admin.end();
  }
  return await startPostgres({
    dataDir,
    persistent: false,
    settings: {
      max_standby_streaming_delay: "60s",
    },
  });
}

/** Waits until a standby shows all that its primary has committed. */
export async function untilReplayed(primary: Connection, standby: Connection): Promise<void> {
  // Commits that wait for no disk are in the buffer of the log until now: a switch of its file writes it.
  await primary.query("select pg_switch_wal()");
  const { rows } = await primary.query("select pg_current_wal_lsn() as lsn");
  await waitFor("the standby", async () => {
    const replayed = await standby.query("select pg_last_wal_replay_lsn() >= $1::pg_lsn as all", [
      rows[0].lsn,
    ]);
    return replayed.rows[0].all;
  });
}

/** It receives nothing from now on, as if the network between both had gone. */
export async function cutOff(standby: Connection): Promise<void> {
  await standby.query("alter system set primary_conninfo = ''");
  await standby.query("select pg_reload_conf()");
  await waitFor("its receiver to end", async () => {
    return (await standby.query("select from pg_stat_wal_receiver")).rowCount === 0;
  });
}

/** It is a server of its own from now on. */
export async function promote(standby: Connection): Promise<void> {
  await standby.query("select pg_promote()");
  await waitFor("the promotion", async () => {
    return !(await standby.query("select pg_is_in_recovery() as is_standby")).rows[0].is_standby;
  });
}
