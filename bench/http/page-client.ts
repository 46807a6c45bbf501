import type pg from "pg";

import { connect } from "../lab/lab.ts";

/** What a page-by-page client is told on its command line. It fills `table`, which has the columns of the source. */
export interface ClientJob {
  readonly databaseUrl: string;
  readonly url: string;
  readonly table: string;
  /** An INSERT for each record, or one for all records of a page. */
  readonly way: "row" | "page";
}

interface ApiRecord {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
}

interface ApiPage {
  readonly data: readonly ApiRecord[];
  readonly pagination: { readonly nextCursor: string | null };
}

/** As most are written: it asks for a page, stores it with its cursor in one transaction, and asks for the next. */
const job: ClientJob = JSON.parse(process.argv[2]!);
await using db = await connect(job.databaseUrl);
await db.query("create table if not exists public.client_cursor (of text primary key, value text)");
const start = performance.now();
for (let cursor: string | null = null; ; ) {
  const answer = await fetch(
    `${job.url}?limit=1000${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
  );
  const page = (await answer.json()) as ApiPage;
  cursor = page.pagination.nextCursor;
  await db.query("begin");
  await (job.way === "row" ? insertRows(db, page.data) : insertPage(db, page.data));
  await db.query(
    "insert into public.client_cursor values ($1, $2) on conflict (of) do update set value = excluded.value",
    [job.table, cursor],
  );
  await db.query("commit");
  if (cursor === null) break;
}
console.log((performance.now() - start) / 1000);

async function insertRows(client: pg.Client, records: readonly ApiRecord[]): Promise<void> {
  const text = `${insertInto()} values ($1, $2, $3, $4) on conflict (id) do nothing`;
  for (const record of records) await client.query({ name: "insert", text, values: valuesOf(record) });
}

async function insertPage(client: pg.Client, records: readonly ApiRecord[]): Promise<void> {
  const rows = records.map((_, n) => `($${4 * n + 1}, $${4 * n + 2}, $${4 * n + 3}, $${4 * n + 4})`);
  const text = `${insertInto()} values ${rows.join(", ")} on conflict (id) do nothing`;
  await client.query({ name: `insert ${records.length}`, text, values: records.flatMap(valuesOf) });
}

function insertInto(): string {
  return `insert into ${job.table} (id, event_type, "timestamp", data)`;
}

function valuesOf(record: ApiRecord): readonly string[] & unknown[] {
  return [record.id, record.type, record.timestamp, JSON.stringify(record)];
}
