import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import { PGlite } from "@electric-sql/pglite";

import { createClient } from "../../src/client/client.ts";
import { tokenOf } from "../../tests/support/delivery/gateway.ts";
import { answer } from "./answer.ts";

// A client, or PGlite alone with the same rows or steps, in a process whose memory is nobody else's.

export type PgliteOrder =
  | { readonly order: "client"; readonly url: string; readonly shape: string; readonly store: string }
  /** COPY of this file, so many rows at a time, into a table of that form. */
  | {
      readonly order: "bare";
      readonly file: string;
      readonly ddl: readonly string[];
      readonly table: string;
      readonly rows: number;
    }
  /** So many transactions of one row, each followed by the query that shows it. */
  | {
      readonly order: "alone";
      readonly ddl: readonly string[];
      readonly commits: number;
      readonly query: string;
    };

const MIB = 2 ** 20;

function memory() {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / MIB);
}

async function client({ url, shape, store }: PgliteOrder & { order: "client" }): Promise<object> {
  const opening = performance.now();
  const made = await createClient({ url, store, token: () => tokenOf({}), shapes: [{ shape }] });
  const start = performance.now();
  await made.ready();
  const seconds = (performance.now() - start) / 1000;
  return { openedMs: start - opening, seconds, rssMib: memory() };
}

async function bare({ file, ddl, table, rows }: PgliteOrder & { order: "bare" }): Promise<object> {
  const pg = await PGlite.create();
  for (const statement of ddl) await pg.exec(statement);
  const lines = (await readFile(file, "utf8")).split("\n").slice(0, -1);
  const blobs: Blob[] = [];
  for (let from = 0; from < lines.length; from += rows) {
    blobs.push(new Blob([`${lines.slice(from, from + rows).join("\n")}\n`]));
  }
  lines.length = 0;
  const start = performance.now();
  for (const blob of blobs) await pg.query(`copy ${table} from '/dev/blob'`, [], { blob });
  const seconds = (performance.now() - start) / 1000;
  blobs.length = 0;
  return { seconds, rssMib: memory() };
}

async function alone({ ddl, commits, query }: PgliteOrder & { order: "alone" }): Promise<object> {
  const pg = await PGlite.create();
  for (const statement of ddl) await pg.exec(statement);
  const late: number[] = [];
  for (let n = 0; n < commits; n++) {
    await pause(1);
    const start = performance.now();
    await pg.transaction((tx) => tx.query("insert into items values ($1, 'a')", [n]));
    await pg.query(query);
    late.push(performance.now() - start);
  }
  return { late };
}

const ORDERS = { client, bare, alone } as const;

answer<PgliteOrder>(async (order) => await ORDERS[order.order](order as never));
