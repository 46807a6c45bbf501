import { once } from "node:events";
import { chown, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startEmbeddedPostgres } from "../../../src/embedded/postgres.ts";
import { chooseServerUser } from "../../../src/embedded/server-user.ts";
import { newDataDir } from "../postgres/data-dir.ts";
import { connectDatabase, type TestDatabase } from "../postgres/database.ts";
import type { Issued } from "./authority.ts";

export interface ServerFiles extends Issued {
  /** The authorities whose client certificates count. */
  readonly clientCa: string;
}

/**
 * A PostgreSQL of its own that lets role `ampsync` in over the network with TLS and a client certificate of that name
 * alone, and role `certless` with TLS. Both own database `ampsync`, one by the other.
 */
export class TlsPostgres implements AsyncDisposable {
  /** As role `ampsync`, by the local socket, where nothing is asked. */
  readonly db: TestDatabase;
  readonly port: number;
  readonly #replace: (files: ServerFiles) => Promise<void>;

  private constructor(db: TestDatabase, port: number, replace: (files: ServerFiles) => Promise<void>) {
    this.db = db;
    this.port = port;
    this.#replace = replace;
  }

  static async start(files: ServerFiles): Promise<TlsPostgres> {
    const folder = await mkdtemp(join(await realpath(tmpdir()), "ampsync-tls-postgres-"));
    const user = await chooseServerUser();
    await chown(folder, user.uid, user.gid);
    async function write(name: string, text: string): Promise<string> {
      const path = join(folder, name);
      await writeFile(path, text, { mode: 0o600 });
      await chown(path, user.uid, user.gid);
      return path;
    }
    async function writeAll({ cert, key, clientCa }: ServerFiles) {
      return {
        ssl_cert_file: await write("server.crt", cert),
        ssl_key_file: await write("server.key", key),
        ssl_ca_file: await write("clients.crt", clientCa),
      };
    }
    const port = await freePort();
    const server = await startEmbeddedPostgres({
      dataDir: newDataDir(),
      persistent: false,
      settings: {
        ...(await writeAll(files)),
        ssl: "on",
        listen_addresses: "127.0.0.1",
        port: String(port),
        hba_file: await write(
          "pg_hba.conf",
          "local all all trust\n" +
            "hostssl all ampsync 127.0.0.1/32 trust clientcert=verify-full\n" +
            "hostssl all certless 127.0.0.1/32 trust\n",
        ),
      },
    });
    async function stop(): Promise<void> {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
    const admin = connectDatabase("postgres", `${server.connectionString()}?port=${port}`, async () => {});
    await admin.query("create role ampsync login; create role certless login in role ampsync");
    await admin.query("create database ampsync owner ampsync encoding 'UTF8' template template0");
    const url = `${server.connectionString("ampsync")}?port=${port}`.replace("//postgres@", "//ampsync@");
    const db = connectDatabase("ampsync", url, async () => {
      await admin.drop();
      await stop();
    });
    return new TlsPostgres(db, port, async (others) => {
      await writeAll(others);
      await admin.query("select pg_reload_conf()");
      await admin.query("select pg_terminate_backend(pid) from pg_stat_ssl where ssl");
    });
  }

  /** An address over the network; the parameters are those of libpq. */
  url(parameters: Readonly<Record<string, string>>, { user = "ampsync", host = "localhost" } = {}): string {
    return `postgresql://${user}@${host}:${this.port}/ampsync?${new URLSearchParams(parameters)}`;
  }

  /** From now on it has other certificates; who came over the network is cut off. */
  async replace(files: ServerFiles): Promise<void> {
    await this.#replace(files);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.drop();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  server.close();
  await once(server, "close");
  return port;
}
