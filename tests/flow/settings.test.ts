// Takes 18 s.
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { expectSourceRows } from "../support/chain/source-rows.ts";
import { streamsAt } from "../support/postgres/tables.ts";
import { PassDriver, registerStreams } from "../support/worker/pass-driver.ts";
import { Scenario } from "../support/worker/scenario.ts";

/** Settings of a role, by name. */
type Settings = ReadonlyMap<string, string>;

const ROLE = `settings_${process.pid}`;
/** What says that nothing may be written is obeyed; transaction_* are of one transaction, not of a role. */
const OBEYED = /^(default_transaction_read_only|transaction_(isolation|read_only|deferrable))$/;
/** Values of texts, which no catalogue lists. */
const TEXTS = {
  search_path: "nowhere, pg_catalog",
  DateStyle: "SQL, DMY",
  TimeZone: "Asia/Kathmandu",
  timezone_abbreviations: "India",
  "plpgsql.extra_errors": "all",
  "plpgsql.extra_warnings": "all",
} as const;

const source = new GeneratedSource({ blocks: 12 });
let scenario: Scenario;
let url: string;
let runs = 0;

beforeAll(async () => {
  scenario = await Scenario.start({ source, published: false });
  const made = new URL(scenario.db.url);
  await scenario.db.query(`create role ${ROLE} superuser login password '${made.password || "secret"}'`);
  made.username = ROLE;
  url = made.href;
});

afterAll(async () => {
  await scenario.db.query(
    `reassign owned by ${ROLE} to current_user; drop owned by ${ROLE}; drop role ${ROLE}`,
  );
  await scenario[Symbol.asyncDispose]();
});

/** Every setting that a user may change, with each other value: all first ones, all second ones, and so on. */
async function rounds(): Promise<readonly Settings[]> {
  await scenario.db.query("load 'plpgsql'");
  const { rows } = await scenario.db.query<{ name: string; values: string[] }>(
    `select s.name, case s.vartype when 'bool' then array[case s.reset_val when 'on' then 'off' else 'on' end]
                                   when 'enum' then s.enumvals
                                   else array[s.min_val, s.max_val] end as values
       from pg_settings s
      where s.context = 'user' and s.vartype <> 'string'
      order by s.name`,
  );
  expect(rows.length).toBeGreaterThan(100);
  const made: Map<string, string>[] = [new Map(Object.entries(TEXTS))];
  for (const { name, values } of rows.filter((row) => !OBEYED.test(row.name))) {
    let round = 0;
    for (const value of values) {
      if (await isTaken(name, value)) {
        const settings = made[round] ?? new Map<string, string>();
        made[round++] = settings.set(name, value);
      }
    }
  }
  return made;
}

/** Whether the server takes the value at all: some are beyond what its system can do. */
async function isTaken(name: string, value: string): Promise<boolean> {
  const { rows } = await scenario.db.query(`select reset_val = $2 as same from pg_settings where name = $1`, [
    name,
    value,
  ]);
  if (rows[0]!["same"]) return false;
  return await scenario.db.query(alter(name, value)).then(
    () => scenario.db.query(`alter role ${ROLE} reset all`).then(() => true),
    () => false,
  );
}

function alter(name: string, value: string): string {
  const list = name === "search_path" ? value : `'${value}'`;
  return `alter role ${ROLE} set ${name} = ${list}`;
}

async function reached(schema: string): Promise<void> {
  const head = source.chain.head()!;
  await scenario.until(
    `both tables of ${schema} at block ${head.number}`,
    async () => (await streamsAt(scenario.db, schema, head)) === 2,
    20_000,
  );
}

/** What a person does in psql, and a worker between, as a role with these settings. */
async function useAll(settings: Settings): Promise<void> {
  await scenario.db.query(`alter role ${ROLE} reset all`);
  for (const [name, value] of settings) await scenario.db.query(alter(name, value));
  const number = ++runs;
  const [dataset, schema] = [`anvil@0.0.${number}`, `chain_${number}`];
  scenario.server.publish(`0.0.${number}`, source);

  const psql = new pg.Client({ connectionString: url });
  await psql.connect();
  const all = async (text: string) => (await psql.query(text)).rows;
  let driver: PassDriver | null = null;
  try {
    await all(`select * from ampsync.enqueue_sync('${dataset}', '{blocks,logs}', '${schema}')`);
    driver = await PassDriver.start(`settings ${number}`, await registerStreams(psql, schema), {
      databaseUrl: url,
      flightAddress: scenario.server.flightAddress,
    });
    await reached(schema);
    source.mine(2);
    source.reorg(3);
    await reached(schema);
    await driver.stop();
    driver = null;

    const head = Number(source.chain.head()!.number);
    expect(await all(`select ampsync.cut('${dataset}')::int as cut`)).toEqual([{ cut: head }]);
    expect(
      await all(`begin isolation level read committed`).then(() =>
        all(`select ampsync.wait_for_block('${dataset}', ${head}) as there`),
      ),
    ).toEqual([{ there: true }]);
    await all("commit");
    expect(await all(`select * from ampsync.verify('${dataset}')`)).toEqual([]);
    expect(await all(`select state from ampsync.pause_sync('${dataset}')`)).toEqual([
      { state: "paused" },
      { state: "paused" },
    ]);
    await all(`select * from ampsync.resume_sync('${dataset}')`);
    await all(`select * from ampsync.repair('${dataset}', 'logs', 1, 2)`);
    await all(`select * from ampsync.cancel_repair('${dataset}', 'logs')`);
    await all(`select * from ampsync.resync('${dataset}', 'logs')`);
    await all(`select * from ampsync.cancel_resync('${dataset}', 'logs')`);
    const views = await all("select viewname from pg_catalog.pg_views where schemaname = 'ampsync'");
    for (const { viewname } of views) await all(`select * from ampsync.${viewname}`);
    expect(await all("select ampsync.version() is not null as known")).toEqual([{ known: true }]);
    await all("select ampsync_worker.supervise()");
    await all(`select * from ampsync.pause_sync('${dataset}')`);
  } finally {
    await driver?.stop();
    await psql.end();
  }
  await expectSourceRows(scenario.db, schema, source, ["blocks", "logs"]);
}

/** The one setting that breaks it, or a few that do so together. */
async function narrow(settings: Settings, error: unknown): Promise<never> {
  const entries = [...settings];
  if (entries.length > 1) {
    for (const half of [entries.slice(0, entries.length >> 1), entries.slice(entries.length >> 1)]) {
      const part = new Map(half);
      const failure = await useAll(part).then(
        () => null,
        (reason: unknown) => ({ reason }),
      );
      if (failure !== null) return await narrow(part, failure.reason);
    }
  }
  throw new Error(`with ${entries.map(([name, value]) => `${name} = ${value}`).join(", ")}: ${error}`, {
    cause: error,
  });
}

test("whatever a role's settings are, statements of people and workers do the same", async () => {
  for (const settings of await rounds()) {
    await useAll(settings).catch((error) => narrow(settings, error));
  }
});
