import { expect } from "vitest";

import { PgOutputDecoder } from "../../../src/capture/pgoutput.ts";
import type { CapturedTable } from "../../../src/model/captured-table.ts";
import { lsnText } from "../../../src/model/lsn.ts";
import type { Connection } from "../postgres/sql-stream.ts";
import { transactionsIn } from "./read-slot.ts";

/**
 * From here on a slot of its own, which nobody else reads, keeps what was committed and in which order: the ledger that the
 * log is compared with. The tables are empty.
 */
export async function beginLedger(db: Connection): Promise<void> {
  const { rows } = await db.query(
    "select 'ledger_' || oid as name from pg_database where datname = current_database()",
  );
  // By itself: where it decodes changes of the catalogue, PostgreSQL forgets what a query around it holds (XX000).
  await db.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [rows[0]!["name"]]);
}

interface Verdict {
  /** Transactions that were committed, and changes in them. */
  readonly transactions: number;
  readonly changes: number;
  /** What differs, for people; empty: nothing. */
  readonly differences: readonly string[];
}

/** Compares the log with what was committed, and its changes, applied in their order, with the tables. */
export async function judgeLog(db: Connection): Promise<Verdict> {
  const committed = await ledger(db);
  const { rows } = await db.query(
    `select t.lsn::text as lsn, (t.xid::text::bigint & 4294967295)::text as xid, t.changes
       from ampsync_private.change_tx t where t.kind = 'rows' order by t.position`,
  );
  const differences: string[] = [];
  for (let n = 0; n < Math.max(committed.length, rows.length); n++) {
    const [wanted, found] = [committed[n], rows[n]].map((entry) => JSON.stringify(entry));
    if (wanted === found) continue;
    differences.push(
      `transaction ${n} of ${committed.length}: committed ${wanted}, in the log ${found} of ${rows.length}`,
    );
    break;
  }
  differences.push(...(await replayed(db)));
  const changes = committed.reduce((sum, transaction) => sum + transaction.changes, 0);
  return { transactions: committed.length, changes, differences };
}

export async function expectExactLog(db: Connection): Promise<Verdict> {
  const verdict = await judgeLog(db);
  expect(verdict.differences).toEqual([]);
  return verdict;
}

async function ledger(db: Connection) {
  const { rows: tables } = await db.query("select ampsync_worker.captured_tables() as tables");
  const { rows } = await db.query(
    `select c.data from pg_database d,
            pg_logical_slot_peek_binary_changes('ledger_' || d.oid, null, null,
              'proto_version', '1', 'publication_names', 'ampsync', 'messages', 'true') c
      where d.datname = current_database()`,
  );
  const decoder = new PgOutputDecoder();
  const messages = rows.map(({ data }) => decoder.decode(data));
  return transactionsIn(messages, tables[0]!["tables"] as CapturedTable[])
    .filter(({ changes }) => changes > 0)
    .map(({ commitLsn, xid, changes }) => ({ lsn: lsnText(commitLsn), xid: String(xid), changes }));
}

/** Tables whose rows are not those that the changes of the log make, from nothing. */
async function replayed(db: Connection): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select p.relation::text as name, c.operation, c.key, c.data
       from ampsync_private.change_tx t
       join ampsync_private.change c on c.tx_id = t.tx_id
       join ampsync_private.published p on p.published_id = c.published_id
      where t.kind = 'rows' order by t.position, c.seq`,
  );
  const tables = new Map<string, Map<string, object>>();
  for (const { name, operation, key, data } of rows) {
    const table = tables.get(name) ?? new Map<string, object>();
    tables.set(name, table);
    if (operation === "truncate") table.clear();
    else if (operation === "delete") table.delete(key);
    else table.set(key, data);
  }
  const differences: string[] = [];
  for (const [name, made] of tables) {
    const { rows: columns } = await db.query(
      "select string_agg(format('%L, %I::text', a.attname, a.attname), ', ') as pairs from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped",
      [name],
    );
    const { rows: found } = await db.query(
      `select jsonb_build_object(${columns[0]!["pairs"]}) as row from ${name}`,
    );
    const [wanted, got] = [found.map(({ row }) => row), [...made.values()]].map((some) =>
      some.map((row) => JSON.stringify(Object.entries(row as object).sort())).sort(),
    );
    if (JSON.stringify(wanted) !== JSON.stringify(got)) {
      differences.push(`${name}: ${wanted!.length} rows, and ${got!.length} by the log`);
    }
  }
  return differences;
}
