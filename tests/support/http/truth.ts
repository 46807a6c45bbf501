import type pg from "pg";

import type { Connection } from "../postgres/sql-stream.ts";
import type { FleetMember } from "./source-fleet.ts";

export interface Difference {
  /** Records of the API that are not in the table, and rows that are not records of the API, or come twice. */
  readonly lost: number;
  readonly doubled: number;
}

/** How the table of a source differs from these texts of records. */
export async function differenceOf(
  db: Connection,
  { name }: FleetMember,
  texts: readonly string[],
): Promise<Difference> {
  const { rows } = await db.query(
    `with truth as (select t::jsonb as data from unnest($1::text[]) t),
          stored as (select t.data from public.${name} t)
     select (select count(*)::int from (select data from truth except all select data from stored) l) as lost,
            (select count(*)::int from (select data from stored except all select data from truth) d) as doubled`,
    [texts],
  );
  return rows[0];
}

interface PartRow {
  readonly since: string | null;
  readonly until: string | null;
  readonly position: { readonly token?: string; readonly offset?: number } | null;
  readonly done: boolean;
  /** Rows between its bounds. */
  readonly rows: number;
}

/** Everything at one moment. */
interface Sight {
  readonly records: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly row_total: number;
  readonly rows: number;
  /** The greatest number of a record in the order of arrival, from 1. */
  readonly last: number;
  readonly parts: readonly PartRow[];
}

const LOOK = `
  select s.records::int, s.duplicates::int, s.row_total::int,
         (select count(*)::int from ampsync_private.reject r where r.stream_id = s.stream_id) as rejected,
         (select count(*)::int from public.TARGET) as rows,
         (select coalesce(max((t.data ->> 'sequence')::int), 0) from public.TARGET t) as last,
         (select coalesce(json_agg(json_build_object(
                   'since', p.since::text, 'until', p.until::text, 'position', p.position, 'done', p.done,
                   'rows', (select count(*) from public.TARGET t
                             where p.until is null
                                or t.TIME >= to_timestamp(p.since / 1000000) and t.TIME < to_timestamp(p.until / 1000000)))), '[]')
            from ampsync_private.part p where p.stream_id = s.stream_id) as parts
    from ampsync_private.stream s
   where s.stream_id = $1`;

/** The column of the time by which a source is cut into windows; any other one where it is not. */
const TIMES: Readonly<Record<string, string>> = { windows: "updated_at" };

/** Looks at sources of a first run: in every snapshot the rows are those of the pages before the positions. */
export class PositionLooks {
  /** How many snapshots differed from the one before. */
  sights = 0;
  readonly #client: pg.Client;
  readonly #members: readonly FleetMember[];
  readonly #seen = new Map<string, string>();
  /** When the records of each API changed last, in milliseconds. None comes while it is looked at. */
  readonly #times = new Map<string, readonly number[]>();

  constructor(client: pg.Client, members: Iterable<FleetMember>) {
    this.#client = client;
    this.#members = [...members];
  }

  /** What is wrong in a new snapshot of each source. */
  async look(): Promise<readonly string[]> {
    const faults: string[] = [];
    for (const member of this.#members) {
      const sight = await this.#sightOf(member);
      const text = JSON.stringify(sight);
      if (sight === null || this.#seen.get(member.name) === text) continue;
      this.#seen.set(member.name, text);
      this.sights++;
      faults.push(
        ...faultsIn(sight, this.#timesOf(member)).map((fault) => `${member.name} ${fault}: ${text}`),
      );
    }
    return faults;
  }

  #timesOf({ name, server }: FleetMember): readonly number[] {
    const times =
      this.#times.get(name) ?? server.records().map((text) => Date.parse(JSON.parse(text).updated_at));
    this.#times.set(name, times);
    return times;
  }

  async #sightOf({ name, streamId }: FleetMember): Promise<Sight | null> {
    if (!this.#seen.has(name)) {
      const { rows } = await this.#client.query("select to_regclass($1) is not null as exists", [
        `public.${name}`,
      ]);
      if (!rows[0].exists) return null;
    }
    const { rows } = await this.#client.query<Sight>(textOf(name), [streamId]);
    return rows[0]!;
  }
}

function textOf(name: string): string {
  return LOOK.replaceAll("TARGET", name).replaceAll("TIME", TIMES[name] ?? "ingested_at");
}

function faultsIn(sight: Sight, times: readonly number[]): readonly string[] {
  const { records, duplicates, rejected, row_total, rows, last, parts } = sight;
  const faults: string[] = [];
  if (records !== row_total + duplicates + rejected) faults.push("has counts that do not add up");
  if (row_total !== rows) faults.push("counts other rows than it has");
  const isCut = parts.some(({ until }) => until !== null);
  for (const part of parts) {
    const all = () => (isCut ? times.filter((time) => isWithin(time, part)).length : times.length);
    const expected = part.done ? all() : placeOf(part.position);
    if (part.rows !== expected) faults.push(`has ${part.rows} rows where its position says ${expected}`);
    if (!isCut && last !== rows) faults.push("lacks a record before its last one");
  }
  const within = parts.reduce((sum, part) => sum + part.rows, 0);
  if (within !== rows) faults.push(`has ${rows - within} rows of no part`);
  return faults;
}

/** Bounds are microseconds, here of whole days. */
function isWithin(ms: number, { since, until }: PartRow): boolean {
  return ms >= Number(BigInt(since!) / 1000n) && ms < Number(BigInt(until!) / 1000n);
}

/** How many records lie before a position. */
function placeOf(position: PartRow["position"]): number {
  if (position === null) return 0;
  if (position.token === undefined) return position.offset!;
  const [body = ""] = position.token.split(".");
  return JSON.parse(Buffer.from(body, "base64url").toString())[0];
}
