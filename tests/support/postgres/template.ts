import { randomBytes } from "node:crypto";

import pg from "pg";

import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { findPostgres } from "./find-postgres.ts";
import { testedMajor } from "./start-postgres.ts";

/** A database with the schema of ampsync in it, to be cloned. */
export interface Template {
  readonly adminUrl: string;
  readonly template: string;
}

export interface TemplateServer extends Template {
  stop(): Promise<void>;
}

/** Starts a server, or finds it, and migrates once into a template. */
export async function startTemplate(): Promise<TemplateServer> {
  const server = await findPostgres();
  const template = `ampsync_template_${randomBytes(4).toString("hex")}_test`;
  const admin = new pg.Client({ connectionString: server.adminUrl });
  await admin.connect();
  try {
    if (server.dataDir !== null) {
      const { rows } = await admin.query("show data_directory");
      if (rows[0].data_directory !== server.dataDir) {
        throw new Error(`expected our own server, found one on ${rows[0].data_directory}`);
      }
    }
    await checkMajor(admin);
    await admin.query(`create database ${template} encoding 'UTF8' template template0`);
  } finally {
    await admin.end();
  }
  const url = new URL(server.adminUrl);
  url.pathname = `/${template}`;
  await migrate(url.href, { log: createLog("warn", (line) => process.stderr.write(line)) });
  return {
    adminUrl: server.adminUrl,
    template,
    async stop() {
      const last = new pg.Client({ connectionString: server.adminUrl });
      await last.connect();
      await last.query(`drop database ${template} with (force)`);
      await last.end();
      await server.stop();
    },
  };
}

/** A run for one version must not pass on another one. */
async function checkMajor(admin: pg.Client): Promise<void> {
  const wanted = testedMajor();
  const { rows } = await admin.query("show server_version");
  if (wanted !== null && !rows[0].server_version.startsWith(`${wanted}.`)) {
    throw new Error(`PostgreSQL ${wanted} was asked for, and this is ${rows[0].server_version}`);
  }
}
