import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { AmpsyncError } from "../errors.ts";

/** How many of the newest blocks a window holds. */
const KEPT_BLOCKS = 100;
const LOOK_EVERY_MS = 100;
const LIVE_WITHIN_MS = 90_000;

/** What is typed into psql to be seen in the page; each works again and again. */
export const STATEMENTS = [
  ["add a todo", "insert into todos (title) values ('Written in psql at ' || to_char(now(), 'HH24:MI:SS'));"],
  ["change a todo", "update todos set done = not done where id = (select min(id) from todos);"],
  ["remove a todo", "delete from todos where id = (select max(id) from todos);"],
] as const;

/** What a demo shows: the newest blocks of a dataset and their logs, and a table of its own. Returns when all of it is live. */
export async function setScene(pool: pg.Pool, schema: string, signal: AbortSignal): Promise<void> {
  await until(pool, signal, "the dataset", "select state from ampsync.streams");
  await pool.query(
    "create table public.todos (id bigint generated always as identity primary key," +
      " title text not null, done boolean not null default false)",
  );
  await pool.query(`insert into public.todos (title, done) values
    ('Open this page in a second window', false), ('Make a reorg', false), ('Change a todo in psql', false),
    ('Kill a gateway', false), ('Start the demo', true)`);
  await pool.query("select ampsync.publish_dataset('anvil')");
  await pool.query("select ampsync.publish('public.todos')");
  await until(pool, signal, "what is published", "select state from ampsync.publications");
  for (const table of ["blocks", "logs"]) {
    await pool.query("select ampsync.create_shape($1, $2, keep_blocks => $3, public => true)", [
      `recent_${table}`,
      `${schema}.${table}`,
      KEPT_BLOCKS,
    ]);
  }
  await pool.query("select ampsync.create_shape('todos', 'public.todos', public => true)");
}

async function until(pool: pg.Pool, signal: AbortSignal, what: string, sql: string): Promise<void> {
  const deadline = performance.now() + LIVE_WITHIN_MS;
  while (true) {
    const { rows } = await pool.query<{ state: string }>(sql);
    if (rows.length > 0 && rows.every(({ state }) => state === "live")) return;
    if (performance.now() > deadline) {
      throw new AmpsyncError("SY902", `${what} is not live after ${LIVE_WITHIN_MS / 1000} s`, {
        hint: `${sql};`,
      });
    }
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}
