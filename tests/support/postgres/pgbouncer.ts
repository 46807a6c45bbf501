import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chooseServerUser, spawnAs } from "../../../src/embedded/server-user.ts";
import { waitFor } from "../wait-for.ts";

/** Whether PgBouncer is installed here. */
export const hasPgBouncer = (() => {
  try {
    execFileSync("pgbouncer", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

export interface PgBouncer extends AsyncDisposable {
  readonly url: string;
}

/** A PgBouncer of its own in front of a database. */
export async function startPgBouncer(
  databaseUrl: string,
  poolMode: "session" | "transaction",
): Promise<PgBouncer> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const folder = await mkdtemp(join(await realpath(tmpdir()), "ampsync-pgbouncer-"));
  const user = await chooseServerUser();
  const listenPort = await freePort();
  const server = [
    `host=${decodeURIComponent(hostname)} port=${port || 5432} user=${decodeURIComponent(username)}`,
    ...(password === "" ? [] : [`password=${decodeURIComponent(password)}`]),
  ].join(" ");
  const file = join(folder, "pgbouncer.ini");
  await writeFile(
    file,
    `[databases]\n* = ${server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${listenPort}\n` +
      `unix_socket_dir =\nauth_type = any\npool_mode = ${poolMode}\ndefault_pool_size = 40\n`,
  );
  await chown(folder, user.uid, user.gid);
  const child = spawn("pgbouncer", [file], { ...spawnAs(user), stdio: "ignore" });
  const ended = once(child, "exit");
  await waitFor("PgBouncer to listen", () => isListening(listenPort), 10_000);
  return {
    url: `postgresql://${username}@127.0.0.1:${listenPort}${pathname}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  server.close();
  await once(server, "close");
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
