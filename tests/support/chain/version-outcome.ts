import type { Block } from "../../../src/devserver/source.ts";
import type { Identity } from "../../../src/encoder/plan.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { type FreshVersions, type LoadedTable, loadedTable } from "../worker/fresh-versions.ts";
import { keptFaults } from "./kept-objects.ts";
import type { Named, PublishedVersions } from "./published-versions.ts";

const SCHEMA = "chain";
const DECIMAL = /^numeric\((\d+),0\)$/;

/** How a dataset stands that follows versions. */
export interface Standing {
  readonly identity: Identity;
  readonly version: string | null;
  readonly hash: string | null;
  readonly offered: string | null;
  readonly offeredHash: string | null;
  readonly declined: boolean;
  readonly code: string | null;
  readonly moving: boolean;
  readonly streams: readonly {
    readonly table: string;
    readonly state: string;
    readonly block: string | null;
    readonly isAtHead: boolean;
  }[];
}

export async function standing(db: TestDatabase, head: Block): Promise<Standing> {
  const { rows } = await db.query(
    `select d.identity, d.resolved_version as version, d.resolved_hash as hash,
            d.offered_version as offered, d.offered_hash as "offeredHash",
            d.offered_declined as declined, d.offered_error ->> 'code' as code,
            exists (select from ampsync_private.upgrade)
              or exists (select from ampsync_private.stream s where s.shadow_of is not null and s.state not in ('former', 'orphaned'))
              as moving,
            coalesce((select json_agg(json_build_object(
                        'table', s.table_name, 'state', s.state, 'block', s.checkpoint_block,
                        'isAtHead', (s.checkpoint_block, s.checkpoint_hash) is not distinct from ($1, $2)))
                        from ampsync_private.stream s where s.shadow_of is null), '[]') as streams
       from ampsync_private.dataset d`,
    [head.number, Buffer.from(head.hash.slice(2), "hex")],
  );
  return rows[0] as unknown as Standing;
}

/** What has not come to rest yet; null if everything has. */
export function unsettled(is: Standing, newest: Named, tables: readonly string[]): string | null {
  const follows = is.version === newest.version && is.hash === newest.hash;
  if (!follows && (is.offered !== newest.version || is.offeredHash !== newest.hash)) {
    return `version ${newest.version} is neither followed nor offered`;
  }
  if (follows && is.offered !== null) return `version ${is.offered} is offered and followed`;
  if (!follows && !is.declined && is.code !== "SY201")
    return `version ${newest.version} is neither taken nor refused`;
  if (is.moving) return "a resync or an upgrade is under way";
  for (const table of tables) {
    const stream = is.streams.find((each) => each.table === table);
    if (stream?.state !== "live" || !stream.isAtHead) {
      return `${table} is ${stream === undefined ? "not there" : `${stream.state} at block ${stream.block}`}`;
    }
  }
  return null;
}

/** Compares a dataset at rest with what fresh loads of its versions hold; resolves to what is wrong. */
export async function outcomeFaults(
  db: TestDatabase,
  fresh: FreshVersions,
  versions: PublishedVersions,
  newest: Named,
  head: Block,
): Promise<readonly string[]> {
  const faults: string[] = [];
  const is = await standing(db, head);
  const { rows: history } = await db.query(
    `select v.table_name as "table", v.version, v.first_block::int as first,
            coalesce(v.last_block, $1)::int as last
       from ampsync.version_history v where v.first_block <= $1 order by 1, 3`,
    [head.number],
  );
  const needed = new Set([is.version, newest.version, ...history.map((entry) => entry["version"])]);
  const contents = versions.all.filter(({ version }) => needed.has(version));
  const loads = await fresh.load(
    contents.map(({ source }) => source),
    is.identity,
  );
  const loadOf = (name: string) => loads[contents.findLastIndex(({ version }) => version === name)]!;

  /** What a table holds in each of the contents that a version stood for. */
  const contentsOf = (name: string, table: string) =>
    contents.flatMap(({ version }, i) => (version === name ? (loads[i]!.get(table) ?? []) : []));

  for (const table of versions.of(is.version!, is.hash).source.tables.keys()) {
    const found = await loadedTable(db, SCHEMA, table);
    const columnsOf = (loaded: LoadedTable) =>
      loaded.columns
        .map(([name]) => name)
        .sort()
        .join(" ");
    const planned = contentsOf(is.version!, table).map(columnsOf); // Read by name, whatever it stands for by now.
    if (!planned.includes(columnsOf(found))) {
      faults.push(`${table} has columns ${columnsOf(found)}, not ${planned.join(" or ")}`);
    }

    const own = history.filter((entry) => entry["table"] === table);
    if (own[0]?.["first"] !== 0)
      faults.push(`the first blocks of ${table} have no version: ${JSON.stringify(history)}`);
    for (const { version, first, last } of own) {
      const alike = contentsOf(version, table);
      for (let block = first; block <= last; block++) {
        const rows = rowsOf(found, block, found);
        const expected = alike.map((each) => rowsOf(each, block, found));
        if (rows === "" || !expected.includes(rows)) {
          faults.push(`${table}, block ${block} of ${version}: ${rows}, not ${expected.at(-1)}`);
          break;
        }
      }
    }
    if (Math.max(...found.rows.keys()) > Number(head.number))
      faults.push(`${table} has blocks above ${head.number}`);
    const [like, ...others] = contentsOf(own[0]?.["version"], table);
    const names = (loaded: LoadedTable) => loaded.columns.map(([name]) => name).join();
    if (own.length === 1 && like !== undefined && others.length === 0 && names(found) === names(like)) {
      if (found.digest !== like.digest)
        faults.push(`${table} has other _ids or columns of ours than a fresh load`);
    }
  }

  if (is.code === "SY201" && !is.declined) {
    const offered = loadOf(newest.version);
    const misfits: string[] = [];
    for (const { table, block } of is.streams) {
      const planned = offered.get(table);
      if (block === null || planned === undefined) continue;
      misfits.push(
        ...misfitsOf(await loadedTable(db, SCHEMA, table), planned).map((what) => `${table}.${what}`),
      );
    }
    if (misfits.length === 0) faults.push(`version ${newest.version} is refused, though all tables fit it`);
  }
  faults.push(...(await keptFaults(db)));
  const verified = await db.query(
    "select * from ampsync.verify((select d.label from ampsync_private.dataset d))",
  );
  for (const row of verified.rows) faults.push(`verify: ${JSON.stringify(row)}`);
  return faults;
}

/** The rows of a block as they compare: those cells whose columns the table `shape` has. */
function rowsOf(table: LoadedTable, block: number, shape: LoadedTable): string {
  const columns = [
    "_block_num",
    "_block_num_start",
    "_block_num_end",
    ...shape.columns.map(([name]) => name),
  ].sort();
  const rows = table.rows.get(block) ?? [];
  return rows
    .map((row) => JSON.stringify(Object.fromEntries(columns.map((name) => [name, row[name]]))))
    .sort()
    .join(" ");
}

/** The columns of a table that cannot be made to fit a version. */
function misfitsOf(made: LoadedTable, planned: LoadedTable): readonly string[] {
  const types = new Map(planned.columns);
  return made.columns
    .filter(([name, type]) => {
      const other = types.get(name);
      return other === undefined || (type !== other && !(DECIMAL.test(type) && DECIMAL.test(other)));
    })
    .map(([name]) => name);
}
