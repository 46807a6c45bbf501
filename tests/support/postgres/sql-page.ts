import type pg from "pg";

/** Functions and views for people, as the catalogue has them, by name. */
export interface SqlObject {
  readonly name: string;
  /** What docs/sql.md shows of it. */
  readonly text: string;
}

/** Everything of schema `ampsync`, as docs/sql.md shows it. */
export async function sqlObjects(client: pg.ClientBase): Promise<readonly SqlObject[]> {
  const functions = await client.query<FunctionRow>(FUNCTIONS);
  const views = await client.query<ColumnRow>(COLUMNS);
  const byView = Map.groupBy(views.rows, (row) => row.view);
  return [
    // Functions of one name share a place.
    ...[...Map.groupBy(functions.rows, (row) => row.name)].map(([name, rows]) => ({
      name,
      text: rows.map(functionText).join("\n"),
    })),
    ...[...byView].map(([name, columns]) => ({ name, text: viewText(columns) })),
  ];
}

/**
 * The page with what it shows of each object replaced by what the catalogue says. An object's place is marked
 * by its name; what stands between two places is written by hand. Throws where an object has no place.
 */
export function withCatalogue(page: string, objects: readonly SqlObject[]): string {
  return objects.reduce((text, object) => {
    const begin = `<!-- ${object.name}: from the catalogue -->\n`;
    const [before, after, ...more] = text.split(begin);
    const end = after?.indexOf("<!-- end -->") ?? -1;
    if (before === undefined || after === undefined || end < 0 || more.length > 0) {
      throw new Error(
        `docs/sql.md has not one place for ampsync.${object.name}: ${begin.trim()} … <!-- end -->`,
      );
    }
    return `${before}${begin}${object.text}${after.slice(end)}`;
  }, page);
}

interface FunctionRow {
  readonly name: string;
  readonly comment: string;
  readonly arguments: readonly { name: string; type: string; default: string | null }[];
  readonly columns: readonly string[] | null;
  /** Null: it is a procedure. */
  readonly result: string | null;
}

interface ColumnRow {
  readonly view: string;
  readonly about: string;
  readonly column: string;
  readonly type: string;
  readonly comment: string;
}

function functionText({ name, comment, arguments: taken, columns, result }: FunctionRow): string {
  const lines = taken.map(({ name: argument, type, default: value }) =>
    [argument, type, ...(value === null ? [] : [`default ${plain(value)}`])].join(" "),
  );
  const list = lines.length > 2 ? `\n  ${lines.join(",\n  ")}\n` : lines.join(", ");
  const returned = columns === null ? result : `table (${columns.join(", ")})`;
  const called =
    result === null ? `call ampsync.${name}(${list})` : `ampsync.${name}(${list})\nreturns ${returned}`;
  return `${comment}\n\n\`\`\`\n${called}\n\`\`\`\n`;
}

function viewText(columns: readonly ColumnRow[]): string {
  return [
    columns[0]!.about,
    "",
    "| column | type | |",
    "|---|---|---|",
    ...columns.map(
      ({ column, type, comment }) => `| \`${column}\` | \`${type}\` | ${comment.replaceAll("|", "\\|")} |`,
    ),
    "",
  ].join("\n");
}

/** A default without the cast that the catalogue adds. */
function plain(value: string): string {
  return value.replace(/::[a-z ]+(\[\])?$/, "").replace(/^NULL$/, "null");
}

const FUNCTIONS = `
  select p.proname as name, obj_description(p.oid, 'pg_proc') as comment,
         (select coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'type', format_type(a.type, null),
                                              'default', pg_get_function_arg_default(p.oid, a.n::integer)) order by a.n), '[]')
            from unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
                   with ordinality a (name, type, mode, n)
           where coalesce(a.mode, 'i') in ('i', 'b')) as arguments,
         (select array_agg(a.name || ' ' || format_type(a.type, null) order by a.n)
            from unnest(p.proargnames, p.proallargtypes, p.proargmodes) with ordinality a (name, type, mode, n)
           where a.mode in ('o', 'b', 't')) as columns,
         pg_get_function_result(p.oid) as result
    from pg_proc p
   where p.pronamespace = 'ampsync'::regnamespace
   order by p.proname collate "C", pg_get_function_identity_arguments(p.oid) collate "C"`;

const COLUMNS = `
  select c.relname as view, obj_description(c.oid, 'pg_class') as about, a.attname as column,
         format_type(a.atttypid, a.atttypmod) as type, col_description(c.oid, a.attnum) as comment
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relnamespace = 'ampsync'::regnamespace and c.relkind = 'v'
   order by c.relname collate "C", a.attnum`;
