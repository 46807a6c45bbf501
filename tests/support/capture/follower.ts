import type { Connection } from "../postgres/sql-stream.ts";

interface Table {
  readonly id: number;
  name: string;
  /** Of its own table. */
  readonly oid: string;
  position: string;
  /** As of which it was loaded. */
  snapshot: string;
}

interface Entry {
  readonly position: string;
  readonly kind: string;
  readonly tx_id: string | null;
  readonly up: readonly string[] | null;
  readonly seen: boolean;
}

interface Change {
  readonly operation: "insert" | "update" | "delete" | "truncate";
  readonly key: string | null;
  readonly data: Readonly<Record<string, string | null>> | null;
}

interface Column {
  readonly name: string;
  readonly client_type: string;
  readonly default: string | null;
  readonly key: boolean;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const inBrackets = (names: readonly string[]): string => names.map(quoted).join(", ");

/** Follows the log as a client does: it loads a table at a floor, runs statements of schema entries, applies rows. */
export class Follower {
  readonly #server: Connection;
  readonly #own: Connection;
  readonly #tables = new Map<number, Table>();

  constructor(server: Connection, own: Connection) {
    this.#server = server;
    this.#own = own;
  }

  /** Applies what came since the last time. */
  async follow(id: number): Promise<void> {
    for (;;) {
      const table = this.#tables.get(id);
      const entries = await this.#entries(id, table);
      const floor = entries.find((entry) => entry.kind === "floor" && !entry.seen);
      for (const entry of entries) {
        if (table === undefined || entry === floor) break;
        if (!entry.seen) await this.#apply(table, entry);
        table.position = entry.position;
      }
      if (floor === undefined) return;
      await this.#load(id, floor.position);
    }
  }

  /** Its rows, as text, in the order of the key. */
  async rows(id: number): Promise<unknown[]> {
    const { name } = this.#tables.get(id)!;
    const columns = await columnsOf(this.#own, name);
    return rowsOf(this.#own, name, columns);
  }

  /** The same of the table itself. */
  async expected(id: number): Promise<unknown[]> {
    const name = await this.#name(id);
    return rowsOf(this.#server, name, await columnsOf(this.#server, name));
  }

  async #entries(id: number, table: Table | undefined): Promise<Entry[]> {
    const { rows } = await this.#server.query(
      `select t.position, t.kind, t.tx_id, m.upqueries as up,
              coalesce(pg_visible_in_snapshot(t.xid, $3::pg_snapshot), false) as seen
         from ampsync_private.change_tx t
         left join ampsync.client_migration m on m.migrationname = t.details ->> 'migration'
        where t.position > $2
          and case t.kind
                when 'rows' then exists (select from ampsync_private.change c
                                          where c.tx_id = t.tx_id and c.published_id = $1)
                else t.details -> 'tables' @> to_jsonb($1::integer) end
        order by t.position`,
      [id, table?.position ?? "0", table?.snapshot ?? null],
    );
    return rows;
  }

  async #apply(table: Table, entry: Entry): Promise<void> {
    if (entry.kind === "schema") {
      for (const statement of entry.up ?? []) await this.#own.query(statement);
      table.name = await this.#nameOf(table.oid);
      return;
    }
    const { rows } = await this.#server.query(
      `select c.operation, c.key, c.data from ampsync_private.change c
        where c.tx_id = $1 and c.published_id = $2 order by c.seq`,
      [entry.tx_id, table.id],
    );
    for (const change of rows) await this.#change(table, change);
  }

  /** The name that statements gave a table of its own. */
  async #nameOf(oid: string): Promise<string> {
    const { rows } = await this.#own.query(
      `select format('%I.%I', n.nspname, c.relname) as name
         from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = $1`,
      [oid],
    );
    return rows[0].name;
  }

  async #change({ name }: Table, { operation, key, data }: Change): Promise<void> {
    if (operation === "truncate") {
      await this.#own.query(`truncate ${name}`);
      return;
    }
    const columns = await columnsOf(this.#own, name);
    const keys = columns.filter((column) => column.key).map((column) => column.name);
    if (operation === "delete") {
      const where = keys.map((column, n) => `${quoted(column)}::text = $1::jsonb ->> ${n}`).join(" and ");
      await this.#own.query(`delete from ${name} where ${where}`, [key]);
      return;
    }
    const given = Object.keys(data!);
    const sets = given.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(", ");
    await this.#own.query(
      `insert into ${name} (${inBrackets(given)})
       select ${inBrackets(given)} from jsonb_populate_record(null::${name}, $1)
           on conflict (${inBrackets(keys)}) do update set ${sets}`,
      [JSON.stringify(data)],
    );
  }

  async #load(id: number, position: string): Promise<void> {
    const name = await this.#name(id);
    const former = this.#tables.get(id)?.name ?? name;
    const columns = await columnsOf(this.#server, name);
    await this.#server.query("begin isolation level repeatable read");
    const { rows } = await this.#server.query("select pg_current_snapshot()::text as snapshot");
    const loaded = await rowsOf(this.#server, name, columns);
    await this.#server.query("commit");
    const parts = columns.map(
      (column) =>
        `${quoted(column.name)} ${column.client_type}${column.default === null ? "" : ` default ${column.default}`}`,
    );
    const keys = columns.filter((column) => column.key).map((column) => column.name);
    await this.#own.query(`
      create schema if not exists ${name.split(".")[0]};
      drop table if exists ${former};
      drop table if exists ${name};
      create table ${name} (${parts.join(", ")}, primary key (${inBrackets(keys)}))`);
    await this.#own.query(`insert into ${name} select * from jsonb_populate_recordset(null::${name}, $1)`, [
      JSON.stringify(loaded),
    ]);
    const { rows: own } = await this.#own.query("select $1::regclass::oid::text as oid", [name]);
    this.#tables.set(id, { id, name, oid: own[0].oid, position, snapshot: rows[0].snapshot });
  }

  async #name(id: number): Promise<string> {
    const { rows } = await this.#server.query(
      `select format('%I.%I', n.nspname, c.relname) as name
         from ampsync_private.published p
         join pg_class c on c.oid = p.relation
         join pg_namespace n on n.oid = c.relnamespace
        where p.published_id = $1`,
      [id],
    );
    return rows[0].name;
  }
}

/** As clients have them, without what they compute themselves. */
async function columnsOf(db: Connection, table: string): Promise<readonly Column[]> {
  const { rows } = await db.query(
    `select c.col ->> 'name' as name, c.col ->> 'client_type' as client_type, (c.col ->> 'key')::boolean as key,
            ampsync_private.client_default(c.col ->> 'default') as default
       from jsonb_array_elements(ampsync_private.published_columns($1)) with ordinality c(col, n)
      where c.col ->> 'generated' is null
      order by c.n`,
    [table],
  );
  return rows;
}

async function rowsOf(db: Connection, table: string, columns: readonly Column[]): Promise<unknown[]> {
  const texts = columns.map(({ name }) => `${quoted(name)}::text as ${quoted(name)}`).join(", ");
  const { rows } = await db.query(`select ${texts} from ${table}`);
  return rows.map((row) => ({ ...row })).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
