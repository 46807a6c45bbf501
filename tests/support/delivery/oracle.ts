import { expect } from "vitest";

import { waitFor } from "../wait-for.ts";
import { faultsOf, readJournal } from "./journal.ts";

type Row = Readonly<Record<string, unknown>>;

/** Whatever answers SQL: a client, its database, a connection. */
export interface Reader {
  query(text: string, params?: unknown[]): Promise<{ readonly rows: readonly Row[] }>;
}

/** Claims that shapes of a client are bound by. */
export type Claims = Readonly<Record<string, string | readonly (string | number)[]>>;

export interface OracleOptions {
  readonly claims?: Claims;
  /** How long the client may take to come to the head of the log. */
  readonly deadlineMs?: number;
}

/** An instance that a client holds, with what the server knows of its shape. */
interface Held {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly condition: string;
  readonly low: string | null;
}

const NONE = "false";
const MOST_SHOWN = 5;
const MOST_TRIES = 20;

/** Waits until a client has everything, and expects it to be the server's, neither more nor less. */
export async function oracle(db: Reader, client: Reader, options: OracleOptions = {}): Promise<void> {
  expect(await differences(db, client, options)).toEqual([]);
}

/**
 * What differs, once a client is at the head of the log: rows and sum of each table, and steps of its journal, if it keeps
 * one, that leave a gap or overlap. The client's tables are asked, not its messages.
 */
export async function differences(
  db: Reader,
  client: Reader,
  { claims = {}, deadlineMs }: OracleOptions = {},
): Promise<readonly string[]> {
  for (let tries = 1; ; tries++) {
    const head = await quietHead(db);
    await untilAt(client, head, deadlineMs);
    const found = await compare(db, client, claims);
    const steps = await readJournal(client);
    // What happened meanwhile is no difference.
    if ((await headOf(db)) === head) return [...found, ...(steps === null ? [] : faultsOf(steps))];
    if (tries === MOST_TRIES) throw new Error("somebody goes on writing: nothing can be compared");
  }
}

async function headOf(db: Reader): Promise<string> {
  return String((await db.query("select ampsync.head()::text as head")).rows[0]!["head"]);
}

/** The head of the log when it has all that was committed. */
async function quietHead(db: Reader): Promise<string> {
  const captured = () =>
    db.query("call ampsync.wait_for_capture()").then(
      () => true,
      () => false,
    );
  await waitFor("capture to have all", captured, 60_000);
  return headOf(db);
}

async function untilAt(client: Reader, head: string, deadlineMs?: number): Promise<void> {
  let stands: Row | undefined;
  const isAt = async () => {
    const { rows } = await client.query(
      `select position::text, blocks::text, phase,
              (select string_agg(id || ' ' || phase, ', ') from ampsync.shape) as shapes from ampsync.state`,
    );
    stands = rows[0]!;
    const [position, blocks] = [stands["position"], stands["blocks"]].map((at) => BigInt(String(at)));
    return (
      position! >= BigInt(head) &&
      blocks! >= BigInt(head) &&
      !/loading|leaving/.test(`${stands["phase"]} ${stands["shapes"]}`)
    );
  };
  await waitFor(`the client to be at ${head}`, isAt, deadlineMs).catch((error: Error) => {
    throw new Error(`${error.message}\nthe client stands at ${JSON.stringify(stands)}`);
  });
}

async function compare(db: Reader, client: Reader, claims: Claims): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [table, held] of await heldOf(db, client, claims)) {
    const [there, here] = await Promise.all([sumOf(db, held, true), sumOf(client, held, false)]);
    if (there === here) continue;
    found.push(`${table}: the server has ${there}, the client ${here}`);
    const [theirs, ours] = await Promise.all([rowsOf(db, held, true), rowsOf(client, held, false)]);
    found.push(...without(theirs, ours).map((row) => `${table} lacks ${row}`));
    found.push(...without(ours, theirs).map((row) => `${table} has ${row}`));
  }
  return found;
}

/** By table, for a client has all instances of one shape of it in one table. */
async function heldOf(db: Reader, client: Reader, claims: Claims): Promise<ReadonlyMap<string, Held>> {
  const { rows: wishes } = await client.query(
    `select s.shape, s.params, t.table_name as table, t.columns, t.key
       from ampsync.synced t left join ampsync.shape s on s.table_name = t.table_name
      where not exists (select from ampsync.shape f where f.table_name = t.table_name and f.phase = 'failed')`,
  );
  const held = new Map<string, Held>();
  for (const wish of wishes) {
    const table = String(wish["table"]);
    const known = held.get(table);
    const { condition, low } = await shapeOf(db, wish, claims);
    held.set(table, {
      table,
      columns: wish["columns"] as string[],
      key: wish["key"] as string[],
      condition: known === undefined ? condition : `${known.condition} or ${condition}`,
      low,
    });
  }
  return held;
}

async function shapeOf(db: Reader, wish: Row, claims: Claims): Promise<Pick<Held, "condition" | "low">> {
  if (wish["shape"] === null) return { condition: NONE, low: null };
  const { rows } = await db.query(
    "select bind, filter, low::text from ampsync_private.shape where name = $1",
    [wish["shape"]],
  );
  const shape = rows[0];
  if (shape === undefined) return { condition: NONE, low: null };
  const params = wish["params"] as Readonly<Record<string, string>>;
  const terms = Object.entries(shape["bind"] as Record<string, string>).map(([column, from]) => {
    const [kind, name = ""] = from.split(/:(.*)/s);
    const value = kind === "param" ? params[name] : claims[name.replace(/\[\]$/, "")];
    if (value === undefined) throw new Error(`${from} of ${wish["shape"]} is not known to the oracle`);
    const texts = [value].flat().map((text) => `'${String(text).replaceAll("'", "''")}'`);
    return `${quote(column)}::text in (${texts.length === 0 ? "null" : texts.join(", ")})`;
  });
  const filter = shape["filter"] === null ? [] : [`(${shape["filter"]})`];
  const all = [...terms, ...filter];
  return {
    condition: all.length === 0 ? "true" : `(${all.join(" and ")})`,
    low: shape["low"] as string | null,
  };
}

/**
 * Rows below the window are nobody's: the client deletes them with the next frame. What no shape is of any more, the server
 * may not have either.
 */
function fromOf({ table, condition, low, columns }: Held, isServer: boolean): string {
  if (isServer && condition === NONE)
    return `from (select ${columns.map((c) => `null as ${quote(c)}`)}) e where false`;
  const window = low === null ? "true" : `_id >= '\\x${BigInt(low).toString(16).padStart(12, "0")}'`;
  return `from ${table} where ${window} and (${isServer ? condition : "true"})`;
}

async function sumOf(reader: Reader, held: Held, isServer: boolean): Promise<string> {
  const row = `row(${held.columns.map(quote).join(", ")})::text`;
  const { rows } = await reader.query(
    `select count(*) || ' rows, sum ' || coalesce(sum(('x' || left(md5(${row}), 15))::bit(60)::bigint), 0) as sum
     ${fromOf(held, isServer)}`,
  );
  return String(rows[0]!["sum"]);
}

async function rowsOf(reader: Reader, held: Held, isServer: boolean): Promise<readonly string[]> {
  const row = `row(${held.columns.map(quote).join(", ")})::text`;
  const { rows } = await reader.query(`select ${row} as row ${fromOf(held, isServer)} order by 1`);
  return rows.map((each) => String(each["row"]));
}

function without(some: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others);
  const more = some.filter((row) => !known.has(row));
  const shown = more.slice(0, MOST_SHOWN).map((row) => row.slice(0, 200));
  return more.length > MOST_SHOWN ? [...shown, `… ${more.length - MOST_SHOWN} more`] : shown;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
