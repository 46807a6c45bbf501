// Takes 20 s.
import { readFileSync } from "node:fs";

import type pg from "pg";
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";

/** What one statement of the tour came to. */
interface Outcome {
  readonly rows: readonly Record<string, unknown>[];
  readonly code: string | null;
  /** What the error or the rows say to do. */
  readonly hints: readonly string[];
}

/** The statements of a script, each with the comment that follows it in its line. */
function statementsOf(script: string): readonly string[] {
  return script
    .split("\n")
    .filter((line) => !line.startsWith("--"))
    .join("\n")
    .split(/(?<=;[^\n]*)\n/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

async function run(client: pg.Client, statement: string): Promise<Outcome> {
  try {
    const { rows } = await client.query<Record<string, unknown>>(statement);
    const hints = rows.flatMap((row) => [row["hint"], row["fix"]]);
    return { rows, code: null, hints: hints.filter((hint) => typeof hint === "string") };
  } catch (error) {
    const { code, hint = "" } = error as pg.DatabaseError; // Whatever else it is has no code, and fails below.
    return { rows: [], code: code ?? String(error), hints: [hint] };
  }
}

test("examples/psql-tour.sql runs as it is written, and every hint in it as well", async () => {
  const script = readFileSync(new URL("../../examples/psql-tour.sql", import.meta.url), "utf8");
  const source = new GeneratedSource({ blocks: 1000 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const client = await scenario.db.client();

  /** Where somebody at a keyboard looks again until it is so. */
  const waits: readonly (readonly [statement: RegExp, until: (outcome: Outcome) => boolean])[] = [
    [/-- again$/, ({ rows }) => rows.some(({ step }) => step === "query")],
    [
      /from ampsync\.indexes/,
      ({ rows }) => rows.length === 7 && rows.every(({ state }) => state === "valid"),
    ],
    [/from ampsync\.verify\('anvil'\);|-- no row/, ({ rows }) => rows.length === 0],
    [/where table_name = 'transactions'/, ({ rows }) => rows[0]?.["state"] === "failed"],
  ];
  /** The statements that are meant to fail, and how. */
  const failures: Record<string, string> = {};
  const outcomes = new Map<string, Outcome>();
  for (const statement of statementsOf(script)) {
    const [, until = () => true] = waits.find(([pattern]) => pattern.test(statement)) ?? [];
    let outcome: Outcome = { rows: [], code: null, hints: [] };
    await scenario.until(`${statement}\n${JSON.stringify(outcome)}`, async () => {
      source.mine(); // Time goes by.
      outcome = await run(client, statement);
      return until(outcome);
    });
    outcomes.set(statement, outcome);
    if (outcome.code !== null) failures[statement] = outcome.code;

    // A hint is a statement, or a sentence for a person. This server is shared: its settings stay.
    for (const hint of new Set(outcome.hints)) {
      if (!/^(select|alter table|drop|grant) /i.test(hint)) continue;
      await client.query("begin");
      const { code } = await run(client, hint);
      await client.query("rollback");
      expect([statement, hint, code]).toEqual([statement, hint, null]);
    }
    if (statement.includes("where table_name = 'transactions'")) {
      await client.query(outcome.hints[0]!);
      await scenario.until("the table to be back", async () => {
        const { rows } = await client
          .query("select from anvil.transactions limit 1")
          .catch(() => ({ rows: [] }));
        return rows.length === 1;
      });
    }
  }

  expect(failures).toEqual({
    "select * from ampsync.alter_sync('anvil', target_schema => 'eth');": "SY004",
    "select * from ampsync.alter_sync('anvil', value_policy => 'ignore');": "SY004",
    "select * from ampsync.enqueue_sync('Anvil');": "SY004",
    "select * from ampsync.enqueue_sync('anvil@1.0');": "SY004",
    "select * from ampsync.pause_sync('unknown');": "SY003",
    "select ampsync.repair('anvil', 'logs', 0, 50);": "SY004",
    "select * from ampsync.rollback_version('anvil');": "SY004",
    "select * from ampsync.enqueue_sync('anvil', tables => '{blocks}');": "SY003",
  });
  const [found] = [...outcomes].find(([statement]) =>
    /from ampsync\.verify\('anvil', 'logs'\);$/.test(statement),
  )![1].rows;
  expect(found).toMatchObject({ finding: "missing rows", first_block: "0", last_block: "999" });
  expect([...outcomes].find(([statement]) => statement.includes("as kept"))![1].rows).toEqual([
    { kept: true },
  ]);
});
