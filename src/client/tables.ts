import type { TableForm } from "../wire/from-gateway.ts";
import type { Reader } from "./database.ts";
import { guardOf } from "./schema.ts";
import type { Column, Table } from "./statements.ts";

/** As in `ampsync.synced`. */
interface Made {
  readonly name: string;
  readonly definition: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly blockColumn: string | null;
}

/**
 * The tables that gateways fill: those that are in the store, and the forms that a gateway has announced for them. An
 * announced form becomes the table's own in the frame that loads or migrates it, since frames before are of the old one.
 */
export class Tables {
  readonly #made = new Map<string, Table & { readonly definition: string }>();
  readonly #announced = new Map<string, TableForm>();

  async read(db: Reader): Promise<void> {
    const { rows } = await db.query<Made>(
      `select table_name as name, definition, columns, key, block_column as "blockColumn" from ampsync.synced`,
    );
    this.#made.clear();
    for (const { name, columns, key, ...rest } of rows) {
      const types = await typesOf(db, name);
      this.#made.set(name, {
        ...rest,
        name,
        columns: pick(name, types, columns),
        key: pick(name, types, key),
      });
    }
  }

  announce(forms: readonly TableForm[]): void {
    for (const form of forms) this.#announced.set(form.name, form);
  }

  get(name: string): Table | null {
    return this.#made.get(name) ?? null;
  }

  /** Of announced tables, those that the store does not have at all. */
  missing(): readonly TableForm[] {
    return [...this.#announced.values()].filter(({ name }) => !this.#made.has(name));
  }

  /** The form that the table shall have from the next load on; null: the one it has. */
  formToCome(name: string): TableForm | null {
    const form = this.#announced.get(name);
    return form === undefined || form.definition === this.#made.get(name)?.definition ? null : form;
  }
}

/** Makes a table; `tables` has to read again once this is committed. */
export async function makeTable(tx: Reader, form: TableForm): Promise<void> {
  const { rows } = await tx.query<{ there: boolean }>("select to_regclass($1) is not null as there", [
    form.name,
  ]);
  if (rows[0]?.there === true) {
    throw new Error(`${form.name} is there already, and is not one that this client has made`);
  }
  for (const statement of form.ddl) await tx.exec(statement);
  await tx.exec(guardOf(form.name));
  await noteForm(tx, form);
}

/** Makes a table of the store anew, empty, in the form that was announced. */
export async function remakeTable(tx: Reader, form: TableForm): Promise<void> {
  await tx.exec(`drop table ${form.name}`);
  await makeTable(tx, form);
}

/** Notes the form that was announced, as far as the table has it already: what it lacks comes by later statements. */
export async function followForm(tx: Reader, form: TableForm): Promise<void> {
  const there = await typesOf(tx, form.name);
  const columns = form.columns.filter((name) => there.has(name));
  const isWhole = columns.length === form.columns.length;
  await noteForm(tx, { ...form, columns, definition: isWhole ? form.definition : "" });
}

async function noteForm(tx: Reader, form: TableForm): Promise<void> {
  await tx.query(
    `insert into ampsync.synced (table_name, definition, columns, key, dataset, block_column)
     values ($1, $2, $3::text::jsonb, $4::text::jsonb, $5, $6)
     on conflict (table_name) do update
       set definition = excluded.definition, columns = excluded.columns, key = excluded.key,
           dataset = excluded.dataset, block_column = excluded.block_column`,
    [
      form.name,
      form.definition,
      JSON.stringify(form.columns),
      JSON.stringify(form.key),
      form.dataset,
      form.block_column,
    ],
  );
}

async function typesOf(db: Reader, table: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await db.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type
       from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped`,
    [table],
  );
  return new Map(rows.map(({ name, type }) => [name, type]));
}

function pick(
  table: string,
  types: ReadonlyMap<string, string>,
  names: readonly string[],
): readonly Column[] {
  return names.map((name) => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`${table} has no column ${name}`);
    return { name, type };
  });
}
