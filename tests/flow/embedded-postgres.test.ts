// Takes 42 s.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { findPostmaster } from "../../src/embedded/postmaster.ts";
import { waitFor } from "../support/wait-for.ts";

const MODULE = new URL("../../src/embedded/postgres.ts", import.meta.url).href;

/** Holds a stopped cluster, for tests that are not about how one is made. */
let template: string;
let folder: string;
let started: EmbeddedPostgres[];
let children: ChildProcess[];

beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), "ampsync-template-"));
  await chmod(template, 0o755);
  await (await startEmbeddedPostgres({ dataDir: join(template, "data"), persistent: true })).stop();
});
afterAll(() => rm(template, { recursive: true, force: true }));

beforeEach(async () => {
  // Its parent must be open to the server's user, like a project's folder.
  folder = await mkdtemp(join(tmpdir(), "ampsync-embedded-"));
  await mkdir(join(folder, "open"), { mode: 0o755 });
  await chmod(folder, 0o755);
  started = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
  }
  await Promise.all(started.map((server) => server.stop()));
  // The keeper of a killed process stops its server, which writes to its folder until it ends.
  for (const dataDir of [join(folder, "data"), join(folder, "open", "data")]) {
    await waitFor("the servers to end", async () => (await findPostmaster(dataDir)) === null);
  }
  await rm(folder, { recursive: true, force: true });
});

async function start(dataDir: string, persistent: boolean): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, persistent });
  started.push(server);
  return server;
}

/** A data folder with a cluster that was stopped. */
async function stoppedCluster(parent = folder): Promise<string> {
  const dataDir = join(parent, "data");
  await promisify(execFile)("cp", ["-a", join(template, "data"), dataDir]); // It keeps the owner.
  return dataDir;
}

/** Start a server in another process; resolves with its connection string. */
async function startElsewhere(dataDir: string, persistent: boolean): Promise<[ChildProcess, string]> {
  const options = JSON.stringify({ dataDir, persistent });
  const code = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(MODULE)});
    const server = await startEmbeddedPostgres(${options});
    console.log(server.connectionString());
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [line] = await once(createInterface(child.stdout), "line");
  return [child, String(line)];
}

async function ask(url: string, query: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(query);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

test("a persistent server keeps its data, and never runs as root", async () => {
  const dataDir = await stoppedCluster();
  const first = await start(dataDir, true);
  await ask(first.connectionString(), "create table kept as select 42 as answer");
  expect(await ask(first.connectionString(), "show server_encoding")).toBe("UTF8");
  expect(await ask(first.connectionString(), "show data_directory")).toBe(dataDir);
  const { uid, mode } = await stat(dataDir);
  expect(uid).not.toBe(0);
  expect(mode & 0o777).toBe(0o700);
  if (userInfo().uid !== 0) {
    expect(uid).toBe(userInfo().uid);
  }
  await first.stop();

  const second = await start(dataDir, true);
  expect(second.attached).toBe(false);
  expect(await ask(second.connectionString(), "select answer from kept")).toBe(42);
});

test("a persistent server asks for its password", async () => {
  const server = await start(await stoppedCluster(), true);
  const url = new URL(server.connectionString());
  expect((await stat(join(server.dataDir, "ampsync.password"))).mode & 0o777).toBe(0o600);
  url.password = "wrong";
  await expect(ask(url.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
});

test("a throw-away server has no TCP port, and leaves nothing behind", async () => {
  const server = await start(await stoppedCluster(join(folder, "open")), false);
  const url = server.connectionString();
  expect(await ask(url, "show listen_addresses")).toBe("");
  expect(await ask(url, "show fsync")).toBe("off");
  const sockets = String(await ask(url, "show unix_socket_directories"));
  await server.stop();
  await expect(access(sockets)).rejects.toMatchObject({ code: "ENOENT" });
  await waitFor("an empty data folder", async () => isGoneOrEmpty(server.dataDir));
});

test("a second start on the same folder joins the server that another process keeps", async () => {
  const dataDir = await stoppedCluster();
  const [, url] = await startElsewhere(dataDir, true);
  const second = await start(dataDir, true);
  expect(second.attached).toBe(true);
  expect(second.connectionString()).toBe(url);
  await second.stop();
  expect(await ask(url, "select 1")).toBe(1);
});

test("two starts at once on a new folder end up at one server", async () => {
  const dataDir = join(folder, "data");
  const both = await Promise.all([start(dataDir, true), start(dataDir, true)]);
  expect(new Set(both.map((server) => server.connectionString())).size).toBe(1);
  expect(both.filter((server) => server.attached)).toHaveLength(1);
});

test("after its process was killed, a server stops and the next start works", async () => {
  const dataDir = await stoppedCluster();
  const [child, url] = await startElsewhere(dataDir, true);
  await ask(url, "create table kept as select 42 as answer");
  await kill(child);
  const next = await start(dataDir, true);
  expect(next.attached).toBe(false);
  expect(await ask(next.connectionString(), "select answer from kept")).toBe(42);
});

test("a server whose process and keeper were both killed is stopped by the next start", async () => {
  const dataDir = await stoppedCluster();
  const [child] = await startElsewhere(dataDir, true);
  process.kill(Number(await readFile(join(dataDir, "ampsync.keeper"), "utf8")), "SIGKILL");
  await kill(child);
  const orphan = await pidOf(dataDir);
  const next = await start(dataDir, true);
  expect(next.attached).toBe(false);
  expect(await pidOf(dataDir)).not.toBe(orphan);
});

test("a throw-away server dies with its killed process", async () => {
  const dataDir = await stoppedCluster(join(folder, "open"));
  const [child] = await startElsewhere(dataDir, false);
  const pid = await pidOf(dataDir);
  await kill(child);
  await waitFor("the server to end", () => !isAlive(pid));
  await waitFor("an empty data folder", async () => isGoneOrEmpty(dataDir));
});

test("a stale lock file that names a process of somebody else is ignored", async () => {
  const dataDir = await stoppedCluster();
  const lock = [process.pid, dataDir, 0, 5432, "", "127.0.0.1", "", "ready"].join("\n");
  await writeFile(join(dataDir, "postmaster.pid"), lock);
  const server = await start(dataDir, true);
  expect(await ask(server.connectionString(), "select 1")).toBe(1);
});

test("a start that fails shows the end of the server's log", async () => {
  const starting = startEmbeddedPostgres({
    dataDir: await stoppedCluster(join(folder, "open")),
    persistent: false,
    settings: { max_connections: "many" },
  });
  await expect(starting).rejects.toMatchObject({
    code: "SY902",
    detail: expect.stringContaining("max_connections"),
  });
});

async function pidOf(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, "postmaster.pid"), "utf8")).split("\n")[0]);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The server's user may empty its folder, but not remove it from a folder of root. */
async function isGoneOrEmpty(path: string): Promise<boolean> {
  return access(join(path, "PG_VERSION")).then(
    () => false,
    () => true,
  );
}
