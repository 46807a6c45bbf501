import { type Connection, SqlStream } from "./sql-stream.ts";

/** A definition that reads little, by cursor and key. */
export const EVENTS = {
  url: "https://api.example.com/v1/events",
  pages: { type: "cursor", param: "cursor", next: "/next" },
  records: "/data",
  key: ["id"],
} as const;

export interface HttpOptions {
  readonly dataset?: string;
  readonly source?: object;
  /** More arguments of enqueue_http, as SQL. */
  readonly more?: string;
}

/** What enqueue_http returns for a source, by default one of these events. */
export async function enqueueHttp(
  db: Connection,
  { dataset = "events", source = EVENTS, more }: HttpOptions = {},
) {
  const { rows } = await db.query(
    `select * from ampsync.enqueue_http($1, $2${more === undefined ? "" : `, ${more}`})`,
    [dataset, JSON.stringify(source)],
  );
  return rows[0];
}

/** The same, as a stream that is moved by hand. */
export async function httpSource(db: Connection, options: HttpOptions = {}): Promise<SqlStream> {
  await enqueueHttp(db, options);
  const { rows } = await db.query(
    `select s.stream_id, format('%I.%I', s.target_schema, s.target_table) as target
       from ampsync_private.stream s join ampsync_private.dataset d using (dataset_id) where d.label = $1`,
    [options.dataset ?? "events"],
  );
  return new SqlStream(db, rows[0].stream_id, rows[0].target, false, "0");
}
