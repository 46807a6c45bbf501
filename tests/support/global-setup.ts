import { randomBytes } from "node:crypto";

import pg from "pg";
import type { TestProject } from "vitest/node";

import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { findPostgres } from "./postgres/find-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: { readonly adminUrl: string; readonly template: string };
  }
}

interface Shared {
  readonly adminUrl: string;
  readonly template: string;
  stop(): Promise<void>;
}

/** Each project of a run loads this module again; they have nothing else in common. */
declare global {
  var ampsyncTests: { readonly shared: Promise<Shared>; users: number } | undefined;
}

/** Start one server for all test files of all projects, and migrate once into the template that each file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  globalThis.ampsyncTests ??= { shared: start(), users: 0 };
  const own = globalThis.ampsyncTests;
  own.users++;
  const { adminUrl, template, stop } = await own.shared;
  project.provide("postgres", { adminUrl, template });
  return async () => {
    own.users--;
    if (own.users === 0) {
      globalThis.ampsyncTests = undefined;
      await stop();
    }
  };
}

async function start(): Promise<Shared> {
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
