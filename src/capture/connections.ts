import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { Caller } from "../db/caller.ts";
import { createPool } from "../db/pool.ts";
import { type OnRepeat, retryingStatements, type TimeLimits } from "../db/retry.ts";
import { socketOf } from "../db/socket.ts";
import type { Log } from "../log.ts";
import type { Clean } from "../model/foreign-text.ts";
import type { CaptureConnections } from "./capture-pass.ts";
import { CAPTURE_NAME } from "./replication.ts";

/** The server's limit for a call that stores; those of a pass take milliseconds. */
const STORE_TIMEOUT = "60s";

const END_MS = 1_000;

/** Two connections of one pass: what it tells beside its calls waits for none of them, nor do they for it. */
export function captureConnections(
  url: string,
  timeLimits: TimeLimits,
  log: Log,
  onRepeat: OnRepeat,
  clean: Clean,
  onRefused: (error: unknown) => void,
): CaptureConnections {
  const options = { url, max: 1, queryTimeoutMs: 0, name: CAPTURE_NAME };
  const own = createPool({ ...options, settings: { statement_timeout: STORE_TIMEOUT } }, log);
  const aside = createPool({ ...options, settings: { synchronous_commit: "off" } }, log);
  const clients = new Set<pg.PoolClient>();
  for (const pool of [own, aside]) {
    pool.on("connect", (client) => void clients.add(client));
    pool.on("remove", (client) => void clients.delete(client));
  }
  return {
    caller: new Caller(retryingStatements(own, timeLimits, log, onRepeat, onRefused), clean),
    aside: new Caller(retryingStatements(aside, timeLimits, log, onRepeat), clean),
    async [Symbol.asyncDispose]() {
      const ended = Promise.all([own.end(), aside.end()]);
      // One whose peer is silent keeps no worker that stops.
      await Promise.race([ended, pause(END_MS, undefined, { ref: false })]);
      for (const client of clients) socketOf(client).destroy();
    },
  };
}
