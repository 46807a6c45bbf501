import { type Message, PgOutputDecoder } from "../../../src/capture/pgoutput.ts";
import { type CapturedTransaction, TransactionReader } from "../../../src/capture/transactions.ts";
import type { CapturedTable } from "../../../src/model/captured-table.ts";
import type { Connection } from "../postgres/sql-stream.ts";

const SLOT = "ampsync_test_";

/** Makes a slot of the database, and a publication for it, by hand. */
export async function createSlot(
  db: Connection,
  { publication = "ampsync" }: { readonly publication?: string } = {},
): Promise<void> {
  const { rows } = await db.query(
    `select current_setting('server_version_num')::integer as version,
            exists (select from pg_publication p where p.pubname = $1) as is_there`,
    [publication],
  );
  const { version, is_there: isThere } = rows[0]!;
  if (!isThere) {
    const generated = version >= 180_000 ? ", publish_generated_columns = stored" : "";
    await db.query(`create publication ${publication} with (publish_via_partition_root = true${generated})`);
  }
  const { rows: slots } = await db.query(
    "select $1 || d.oid as name from pg_database d where d.datname = current_database()",
    [SLOT],
  );
  // In a query that reads tables as well it fails at times: decoding loses track of what that query holds.
  await db.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [slots[0]!.name]);
}

/** What a slot has to tell since it was last read, as it was sent. */
export async function readSlotBytes(
  db: Connection,
  { publication = "ampsync" }: { readonly publication?: string } = {},
): Promise<readonly Buffer[]> {
  // What is not flushed is not decoded; tests run with synchronous_commit off.
  await db.query(
    `select set_config('synchronous_commit', 'local', true), pg_logical_emit_message(true, 'test/flush', '')`,
  );
  const { rows } = await db.query(
    `select c.data
       from pg_database d,
            pg_logical_slot_get_binary_changes($1 || d.oid, null, null,
              'proto_version', '1', 'publication_names', $2, 'messages', 'true') c
      where d.datname = current_database()`,
    [SLOT, publication],
  );
  return rows.map(({ data }) => data);
}

/** The same, decoded. What it means of relations is remembered by the server for one call only. */
export async function readSlot(
  db: Connection,
  options: { readonly publication?: string } = {},
): Promise<readonly Message[]> {
  const decoder = new PgOutputDecoder();
  return (await readSlotBytes(db, options)).map((bytes) => decoder.decode(bytes));
}

/** The same, as transactions for the log; those with nothing in them are left out. */
export async function readTransactions(
  db: Connection,
  tables: readonly CapturedTable[],
  options: { readonly publication?: string } = {},
): Promise<readonly CapturedTransaction[]> {
  return transactionsIn(await readSlot(db, options), tables);
}

export function transactionsIn(
  messages: readonly Message[],
  tables: readonly CapturedTable[],
): readonly CapturedTransaction[] {
  const reader = new TransactionReader(tables);
  return messages
    .flatMap((message) => reader.add(message) ?? [])
    .filter((transaction) => !transaction.isEmpty);
}

/** Columns of a captured table: `*` behind those of the key, `=` behind generated ones. */
export function capturedTable(
  relation: string | number,
  columns: string,
  { identity = "full", leaves = [] }: Partial<Pick<CapturedTable, "identity" | "leaves">> = {},
): CapturedTable {
  return {
    relation: String(relation),
    identity,
    leaves,
    columns: columns.split(" ").map((column) => ({
      name: column.replace(/[*=]$/, ""),
      key: column.endsWith("*"),
      generated: column.endsWith("="),
    })),
  };
}

/** The changes of a transaction as they are stored. */
export function changesOf({ lines }: Pick<CapturedTransaction, "lines">) {
  return lines.map((line) => {
    const [seq, relation, operation, key, data, old, metadata] = JSON.parse(`[${line}`);
    return { seq, relation, operation, key, data, old, metadata };
  });
}
