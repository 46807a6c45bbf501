import type { TestDatabase } from "../postgres/database.ts";

/**
 * What a user hangs on the tables of a dataset: views, also one over a view, an index, a grant and a comment. Whatever
 * replaces a table has to keep them.
 */
export async function hangOn(db: TestDatabase, tables: readonly string[]): Promise<readonly string[]> {
  await db.query("create schema reader");
  for (const table of tables) {
    await db.query(
      `create view reader.${table} as select _block_num, block_hash from chain.${table};
       create view reader.${table}_count as select count(*) as n from reader.${table};
       create index ${table}_of_reader on chain.${table} (block_hash);
       grant select on chain.${table} to pg_monitor;
       comment on table chain.${table} is 'of the reader'`,
    );
  }
  return tables.map((table) => `reader.${table}`);
}

/** What of it is gone, or shows other rows than the tables. */
export async function keptFaults(db: TestDatabase): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select c.relname as table, format('chain.%I', c.relname)::regclass as target,
            exists (select from pg_index i where i.indrelid = t.oid and i.indisvalid
                     and i.indexrelid::regclass::text = format('chain.%s_of_reader', c.relname)) as index,
            has_table_privilege('pg_monitor', t.oid, 'select') as grant,
            obj_description(t.oid, 'pg_class') = 'of the reader' as comment
       from pg_class c
       join pg_class t on t.relname = c.relname and t.relnamespace = 'chain'::regnamespace
      where c.relnamespace = 'reader'::regnamespace`,
  );
  const faults: string[] = [];
  for (const { table, ...kept } of rows) {
    for (const what of ["index", "grant", "comment"]) {
      if (kept[what] !== true) faults.push(`the ${what} of ${table} is gone`);
    }
    const { rows: counts } = await db.query(
      `select (select count(*) from chain.${table}) = (select n from reader.${table}_count) as same`,
    );
    if (!counts[0]!["same"]) faults.push(`the view of ${table} shows other rows`);
  }
  return faults;
}
