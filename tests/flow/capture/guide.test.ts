import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { waitFor } from "../../support/wait-for.ts";
import { Scenario } from "../../support/worker/scenario.ts";

const ROOT = new URL("../../../", import.meta.url);

let scenario: Scenario;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-tail-"));
  scenario = await Scenario.start();
  scenario.startWorker();
});
afterAll(async () => {
  await scenario[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Follows the log as in examples/tail/tail.mjs. */
function tail(): { readonly lines: readonly Record<string, unknown>[]; readonly process: ChildProcess } {
  const program = fileURLToPath(new URL("examples/tail/tail.mjs", ROOT));
  const child = spawn(process.execPath, [program, join(folder, "cursor.json")], {
    env: { PATH: process.env["PATH"], DATABASE_URL: scenario.db.url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => lines.push(JSON.parse(line)));
  return { lines, process: child };
}

async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  child.kill(signal);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

test("the statements of docs/capture.md run as they are written, and examples/tail follows what they do", async () => {
  const { db } = scenario;
  const guide = await readFile(new URL("docs/capture.md", ROOT), "utf8");
  const blocks = [...guide.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, block]) => block!);
  expect(blocks.length).toBeGreaterThan(9);
  const client = await db.client();
  const first = tail();
  const results = new Map<string, readonly Record<string, unknown>[]>();
  for (const statement of blocks
    .flatMap((block) => block.split(/;(?: -- .*)?\n/))
    .filter((text) => text.trim() !== "")) {
    let rows: readonly Record<string, unknown>[] = [];
    await scenario.until(statement, async () => {
      ({ rows } = await client.query(statement));
      return !statement.includes("state, reason from ampsync.publications") || rows[0]?.["state"] === "live";
    });
    results.set(statement, rows);
  }
  const of = (part: string) =>
    [...results].filter(([statement]) => statement.includes(part)).map(([, rows]) => rows);
  expect(of("change_history order")[0]!.map((row) => row["operation"])).toEqual([
    "update",
    "delete",
    "insert",
  ]);
  expect(of("ampsync.head()) as t")[0]).toEqual([
    { id: 1, title: "write it down" },
    { id: 3, title: "follow the log" },
  ]);
  expect(of("restore_row")[0]).toMatchObject([{ operation: "insert", data: { id: "2" } }]);
  expect(of("restore_table").map((rows) => rows.map(({ operation }) => operation))).toEqual([
    ["delete", "update"],
    ["delete", "update"],
  ]);
  const [erased] = of(`row_history('public.todos', '{"id": 2}')`);
  expect(erased!.length).toBeGreaterThan(1);
  for (const row of erased!) expect(row).toMatchObject({ old_data: null, data: null });
  expect(of("count(*) > 0 as stays")).toEqual([[{ stays: true }]]);

  const { rows: log } = await db.query("select position, operation from ampsync.read_changes(after => 0)");
  const printed = (lines: readonly Record<string, unknown>[]) =>
    lines.map(({ position, operation }) => ({ position, operation }));
  await waitFor("the whole log to be printed", () => first.lines.length >= log.length);
  await end(first.process, "SIGTERM");
  expect(printed(first.lines)).toEqual(log);
  const second = tail();
  await db.query("create table public.more (id integer primary key)");
  await db.query("select ampsync.publish('public.more')");
  await waitFor("it to go on from its cursor", () => second.lines.length > 0);
  await end(second.process, "SIGKILL");
  expect(BigInt(second.lines[0]!["position"] as string)).toBeGreaterThan(BigInt(log.at(-1)!["position"]));
});

test("examples/tail/tail.sql shows each change once", async () => {
  const client = await scenario.db.client();
  const script = await readFile(new URL("examples/tail/tail.sql", ROOT), "utf8");
  const [prepare, follow] = script.replace(" \\watch 1", "").split(/\n\n/);
  await client.query(prepare!);
  const { rows: log } = await client.query("select position from ampsync.read_changes(after => 0)");
  expect((await client.query(follow!)).rows.map(({ position }) => ({ position }))).toEqual(log);
  expect((await client.query(follow!)).rows).toEqual([]);
});
