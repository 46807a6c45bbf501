import type { TestDatabase } from "./postgres.ts";

/** Two plain tables: the new one has `fresh` more, and `amount` of another type. */
export async function plainTables(db: Pick<TestDatabase, "query">): Promise<void> {
  await db.query(`
    create schema ds; create schema aside;
    create table ds.logs (_id bytea primary key, _block_num bigint not null, note text, amount integer);
    create table aside.new (_id bytea primary key, _block_num bigint not null, note text, amount numeric(20), fresh text);
    insert into ds.logs select int8send(n), n, 'note', n from generate_series(1, 3) n;
    insert into aside.new select int8send(n), n, 'note', n, 'fresh' from generate_series(1, 4) n`);
}

/** Puts the new table in the place of the old one, and takes that back. */
export const REPLACE = "select ampsync_private.replace_target('ds.logs', 'aside.new', 'aside', 'old')";
export const TAKE_BACK = "select ampsync_private.replace_target('ds.logs', 'aside.old', 'aside', 'new')";
