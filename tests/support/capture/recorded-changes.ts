import { readFileSync } from "node:fs";

import { type Message, PgOutputDecoder } from "../../../src/capture/pgoutput.ts";

export const RECORDED_VERSIONS = ["15", "16", "17", "18"] as const;

/** The tables whose changes are recorded, and a few more. */
export const TABLES = [
  "create type mood as enum ('sad', 'ok')",
  "create table todos (id int primary key, title text not null, done bool, feeling mood, big text)",
  "alter table todos replica identity full",
  "alter table todos alter column big set storage external",
  "create table keyed (a int, b text, note text, big text, primary key (b, a))",
  "alter table keyed alter column big set storage external",
  "create table parted (id int primary key, v text) partition by range (id)",
  "create table parted_low partition of parted for values from (0) to (100)",
  "create table parted_high partition of parted for values from (100) to (200)",
  "alter table parted replica identity full",
  "alter table parted_low replica identity full",
  "alter table parted_high replica identity full",
  "create table computed (id int primary key, a int, twice int generated always as (a * 2) stored)",
  "create table unpublished (id int primary key)",
];

/** Each a transaction. */
export const CHANGES = [
  `insert into todos values (1, E'first\\n"quoted" \\\\ ünï€𝄞', true, 'ok', repeat('x', 3000))`,
  "insert into todos values (2, '', null, null, null); update todos set title = 'second' where id = 2",
  "update todos set done = false where id = 1", // Its long text does not change.
  "update todos set id = 10 where id = 1",
  "delete from todos where id = 2",
  "insert into keyed values (1, 'k', 'n', repeat('y', 3000))",
  "update keyed set note = 'm'",
  "update keyed set a = 2",
  "update keyed set a = 3, big = 'short'",
  "delete from keyed",
  "insert into parted values (1, 'low'), (101, 'high')",
  "update parted set v = 'changed' where id = 101",
  "update parted set id = 102 where id = 1",
  "create table parted_new partition of parted for values from (200) to (300); insert into parted values (201, 'new')",
  "delete from parted where id = 201",
  "insert into computed values (1, 21); update computed set a = 4; delete from computed",
  "alter table todos add column more int default 7; update todos set more = 8",
  "truncate todos, keyed restart identity",
  "truncate parted cascade",
  "insert into unpublished values (1)",
  `select pg_logical_emit_message(true, 'ampsync/client', '{"tx": 1}'); insert into todos values (3, 'with a message')`,
  "select pg_logical_emit_message(true, 'foreign', '\\x00ff'::bytea)",
  "select pg_logical_emit_message(true, 'ampsync/mark', '')",
  "select pg_logical_emit_message(false, 'ampsync/beat', '1')",
];

interface Recorded {
  /** Name → oid. */
  readonly tables: Readonly<Record<string, string>>;
  readonly bytes: readonly Buffer[];
}

export function recorded(version: string): Recorded {
  const text = readFileSync(new URL(`recorded/${version}.json`, import.meta.url), "utf8");
  const { tables, messages } = JSON.parse(text) as { tables: Recorded["tables"]; messages: string[] };
  return { tables, bytes: messages.map((message) => Buffer.from(message, "base64")) };
}

export function decodeAll(bytes: readonly Buffer[]): readonly Message[] {
  const decoder = new PgOutputDecoder();
  return bytes.map((message) => decoder.decode(message));
}
