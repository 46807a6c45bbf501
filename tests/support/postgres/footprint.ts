import { waitFor } from "../wait-for.ts";
import type { TestDatabase } from "./database.ts";

export interface Footprint {
  readonly catalogue: Readonly<Record<string, number>>;
  /** Of each table of ours its bytes, indexes included. */
  readonly state: ReadonlyMap<string, number>;
}

/** More than a few pages that old versions take until nobody can see them. */
const ALLOWED_BYTES = 64 * 1024;

/** Everything that could grow with the number of commits, but for the rows of targets. */
export async function footprint(db: Pick<TestDatabase, "query">): Promise<Footprint> {
  const { rows: catalogue } = await db.query(
    `select (select count(*)::int from pg_class) as classes, (select count(*)::int from pg_attribute) as attributes,
            (select count(*)::int from pg_depend) as dependencies, (select count(*)::int from pg_type) as types`,
  );
  const { rows: state } = await db.query(
    `select c.relname as name, pg_table_size(c.oid)::int + pg_indexes_size(c.oid)::int as bytes
       from pg_class c
      where c.relnamespace = 'ampsync_private'::regnamespace and c.relkind = 'r'
      order by 1`,
  );
  return {
    catalogue: catalogue[0]!,
    state: new Map(state.map((row) => [String(row["name"]), Number(row["bytes"])])),
  };
}

/** Waits until no other session of this database looks at old versions, such as an autovacuum that analyzes a table. */
export async function untilNobodyLooks(db: Pick<TestDatabase, "query">): Promise<void> {
  await waitFor("nobody to hold a snapshot", async () => {
    const { rows } = await db.query(
      `select from pg_stat_activity a
        where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_xmin is not null`,
    );
    return rows.length === 0;
  });
}

/** The tables that have grown from one to the other, by more than old versions may take. */
export function grown(before: Footprint, after: Footprint): readonly string[] {
  return [...after.state].flatMap(([name, bytes]) => {
    const more = bytes - (before.state.get(name) ?? 0);
    return more > ALLOWED_BYTES ? [`${name}: ${more} bytes`] : [];
  });
}
