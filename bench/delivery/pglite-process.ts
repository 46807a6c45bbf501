import { readFile } from "node:fs/promises";

import { PGlite } from "@electric-sql/pglite";

import { createClient } from "../../src/client/client.ts";
import { tokenOf } from "../../tests/support/delivery/gateway.ts";
import { answer } from "./answer.ts";

// A client, or PGlite alone with the same rows, in a process whose memory is nobody else's.

export type PgliteOrder =
  | { readonly order: "client"; readonly url: string; readonly shape: string; readonly store: string }
  /** COPY of this file, so many rows at a time, into a table of that form. */
  | {
      readonly order: "bare";
      readonly file: string;
      readonly ddl: readonly string[];
      readonly table: string;
      readonly rows: number;
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

answer<PgliteOrder>(async (order) => (order.order === "client" ? await client(order) : await bare(order)));
