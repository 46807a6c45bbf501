import { beforeAll, describe, expect, test } from "vitest";

import { Follower } from "../../support/capture/follower.ts";
import { FORM_CASES, type FormCase, inTable, type Outcome } from "../../support/capture/form-cases.ts";
import { HandPass } from "../../support/capture/hand-pass.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { testedMajor } from "../../support/postgres/start-postgres.ts";

/** When the log is read: as soon as anything happens, while nobody writes, or once everything has happened. */
type Reading = "early" | "idle" | "late";

/** The last is the hardest, for the catalogue is ahead of the log; all of them where versions are compared. */
const READINGS: readonly Reading[] = testedMajor() === null ? ["late"] : ["early", "idle", "late"];

const HAPPENS: Readonly<Record<Reading, (all: readonly Tried[]) => Promise<void>>> = {
  async early(all) {
    await write(all, beforehand);
    await readAll(all);
    await change(all);
    await readAll(all);
    await write(all, afterwards);
    await readAll(all);
  },
  async idle(all) {
    await change(all);
    await readAll(all);
  },
  async late(all) {
    await write(all, beforehand);
    await change(all);
    await write(all, afterwards);
    await pass.drain();
    await followAll(all);
    await readAll(all);
  },
};

const TABLE = "create table {t} (id int primary key, v text, w int)";
const ROWS = "insert into {t} values (1, 'start', 1), (2, 'start', 2)";

const db = sharedDatabase();
const clients = sharedDatabase();

let pass: HandPass;
let follower: Follower;

/** Why a follower could not go on. */
const stopped = new Map<number, string>();
/** What became of each table, by its name. */
const results = new Map<string, Result>();

interface Result {
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
  readonly isBetween: boolean | null;
  readonly rows: unknown;
  readonly expected: unknown;
}

interface Tried extends FormCase {
  readonly schema: string;
  id: number;
  /** Of the log, once it is live. */
  position: string;
}

beforeAll(async () => {
  const { rows } = await db.query("select current_setting('server_version_num')::integer / 10000 as major");
  pass = await HandPass.begin(db);
  follower = new Follower(db, clients);
  const cases = FORM_CASES.filter(({ from = 15 }) => rows[0]!["major"] >= from);
  const of = new Map<Reading, Tried[]>();
  for (const reading of READINGS) of.set(reading, await publish(cases, reading));
  const all = [...of.values()].flat();
  await pass.settle();
  await begin(all);
  await followAll(all);
  for (const [reading, tried] of of) {
    await HAPPENS[reading](tried);
    await judge(tried);
  }
});

async function publish(cases: readonly FormCase[], schema: string): Promise<Tried[]> {
  await db.query(`create schema ${schema}`);
  const made: Tried[] = [];
  for (const tried of cases) {
    const { create = TABLE, rows = ROWS, name } = tried;
    await db.query(inTable(create, schema, name));
    await db.query(inTable(rows, schema, name));
    made.push({ ...tried, schema, id: await pass.publish(`${schema}.${name}`), position: "0" });
  }
  return made;
}

async function begin(all: readonly Tried[]): Promise<void> {
  const { rows } = await db.query("select ampsync_private.log_head() as position");
  for (const tried of all) tried.position = rows[0]!["position"];
}

async function write(all: readonly Tried[], what: (tried: Tried) => string | null): Promise<void> {
  for (const tried of all) {
    const statement = what(tried);
    if (statement !== null) await db.query(inTable(statement, tried.schema, tried.name));
  }
}

function beforehand({ before = "insert into {t} values (10, 'before', 1)" }: FormCase): string {
  return before;
}

function afterwards({ after }: FormCase): string | null {
  return after === undefined ? "insert into {t} (id, v) values (20, 'after')" : after;
}

async function change(all: readonly Tried[]): Promise<void> {
  for (const { ddl, schema, name } of all) {
    for (const statement of ddl) {
      if (statement === "look") await pass.look();
      else if (statement === "drain") await pass.drain();
      else await db.query(inTable(statement, schema, name));
    }
  }
}

async function readAll(all: readonly Tried[]): Promise<void> {
  await pass.settle();
  await followAll(all);
}

async function followAll(all: readonly Tried[]): Promise<void> {
  for (const { id } of all) {
    if ((await stateOf(id)) === "live")
      await follower.follow(id).catch((error) => stopped.set(id, String(error)));
  }
}

async function stateOf(id: number): Promise<string> {
  const { rows } = await db.query("select state from ampsync_private.published where published_id = $1", [
    id,
  ]);
  return rows[0]!["state"];
}

async function judge(all: readonly Tried[]): Promise<void> {
  for (const tried of all) {
    const state = await stateOf(tried.id);
    const { rows: entries } = await db.query(
      `select t.kind, t.position::integer, t.details ->> 'reason' as reason, t.details ->> 'renamed' as renamed
         from ampsync_private.change_tx t
        where t.position > $2 and t.details -> 'tables' @> to_jsonb($1::integer) order by t.position`,
      [tried.id, tried.position],
    );
    const { rows: written } = await db.query(
      `select max(t.position) filter (where c.data ->> 'v' = 'before')::integer as before,
              min(t.position) filter (where c.data ->> 'v' = 'after')::integer as after
         from ampsync_private.change c join ampsync_private.change_tx t using (tx_id)
        where c.published_id = $1`,
      [tried.id],
    );
    const { before, after } = written[0]!;
    const first = entries[0]?.["position"];
    const isLive = state === "live";
    results.set(`${tried.schema} ${tried.name}`, {
      outcome: state === "ended" || state === "failed" ? state : outcomeOf(entries),
      reasons: entries.map(({ kind, reason }) => `${kind}: ${reason}`),
      isBetween:
        before === null || after === null || first === undefined ? null : before < first && first < after,
      rows: isLive ? (stopped.get(tried.id) ?? (await follower.rows(tried.id))) : null,
      expected: isLive ? await follower.expected(tried.id) : null,
    });
  }
}

function outcomeOf(entries: readonly Record<string, string | null>[]): Outcome {
  if (entries.some(({ kind }) => kind === "floor")) return "floor";
  if (entries.some(({ reason }) => reason === "Columns were added.")) return "added";
  if (entries.some(({ reason }) => reason?.match(/Not-null|NULL/))) return "found";
  if (entries.some(({ renamed }) => renamed !== null)) return "renamed";
  return "nothing";
}

describe.each(READINGS)("read %s", (schema) => {
  test.each(FORM_CASES)("$name: $outcome", ({ name, outcome, exact = false }) => {
    const result = results.get(`${schema} ${name}`);
    if (result === undefined) return; // Of a newer version.
    expect(result.rows).toEqual(result.expected);
    expect(result, result.reasons.join("\n")).toMatchObject({
      outcome,
      ...(exact && result.isBetween !== null && { isBetween: true }),
    });
  });
});
