import type pg from "pg";

import { backendOf } from "./backend.ts";
import { Balancer } from "./balancer.ts";
import { Gateways } from "./gateways.ts";
import { type Folders, PageServer } from "./page-server.ts";

const GATEWAYS = 2;

export interface WebDemoOptions {
  readonly pool: pg.Pool;
  readonly folders: Folders;
  /** Runs a gateway; what a gateway of a demo is told is added to `env`. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file descriptor that takes the log of the gateways. */
  readonly log: number | "ignore";
  /** The schema of the dataset. */
  readonly schema: string;
  readonly psql: string;
  readonly reorg: (depth: number) => Promise<void>;
}

/** Two gateways behind a balancer, and the page; all on the loopback. */
export async function startWebDemo(stack: AsyncDisposableStack, options: WebDemoOptions): Promise<string> {
  const { pool, folders, command, env, log, schema, psql, reorg } = options;
  const page = stack.use(await PageServer.start(folders));
  const gateways = stack.use(
    await Gateways.start(GATEWAYS, {
      command,
      env: { ...env, AMPSYNC_AUTH: "none", AMPSYNC_ALLOWED_ORIGINS: page.origins.join(",") },
      log,
    }),
  );
  const balancer = stack.use(await Balancer.start(gateways.targets));
  const gatewayUrl = `http://127.0.0.1:${balancer.port}`;
  page.serve(backendOf({ pool, gateways, gatewayUrl, schema, reorg, psql }), gatewayUrl);
  return page.url;
}
