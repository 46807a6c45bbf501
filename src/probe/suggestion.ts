import { withValueAt } from "../http/json.ts";
import type { Field, JsonType } from "./find-fields.ts";
import type { NextFinding, PageFinding } from "./findings.ts";

/** Where a definition has a secret. */
export type Auth =
  | { readonly header: string; readonly prefix?: string; readonly secret: string }
  | { readonly query: string; readonly secret: string };

export interface Suggested {
  readonly url: URL;
  /** Those that are no secrets, as they were given. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly auth: readonly Auth[];
  readonly page: PageFinding;
  readonly next: NextFinding;
  readonly keyField: Field | null;
  /** The parameter for the size of a page, or a pointer into the body, and the size to ask for; null: it is not known. */
  readonly size: { readonly param: string; readonly size: number } | null;
}

/** More columns are for people to choose; all that has none is in `data`. */
const COLUMNS = 20;
/** Objects that only wrap the fields of a record: their names say nothing. */
const WRAPPERS = new Set(["attributes", "_source", "fields"]);
/** Names that PostgreSQL, and ampsync, have for their own columns. */
const TAKEN = new Set("ctid,xmin,xmax,cmin,cmax,tableoid,_row,_id,data,ingested_at".split(","));

/** How JSON writes what PostgreSQL cannot store: U+0000, and half of a character. */
const NOT_STORABLE = /\\u(0000|d[89a-f])/;

/**
 * The call of enqueue_http to begin with: what answers look like, which is less than what the API promises. Null: a name
 * that it needs cannot be stored.
 */
export function suggestion({
  url,
  headers,
  body,
  auth,
  page,
  next,
  keyField,
  size,
}: Suggested): string | null {
  const taken = [next.pages["param"], size?.param].filter((each) => typeof each === "string");
  const { address, query } = queryOf(url, new Set(taken));
  const sized = size === null || size.param.startsWith("/") ? {} : { [size.param]: size.size };
  const filled =
    body !== null && size?.param.startsWith("/") ? withValueAt(body, size.param, String(size.size)) : body;
  const { key, columns } = columnsOf(page, keyField);
  const members: Readonly<Record<string, string | null>> = {
    url: spaced(address),
    query: membersText({ ...query, ...sized }),
    headers: membersText(headers),
    body: filled,
    auth: auth.length === 0 ? null : spaced(auth.length === 1 ? auth[0] : auth),
    pages: spaced(next.pages),
    records: spaced(page.records),
    key: key === null ? null : spaced([key]),
    columns: `{\n${columns.map(([name, column]) => `    ${spaced(name)}: ${spaced(column)}`).join(",\n")}\n  }`,
    total: page.total === null ? null : spaced(page.total.pointer),
    expires:
      page.lifetime === null || next.pages["type"] !== "cursor" ? null : lifetime(page.lifetime.seconds),
  };
  const lines = Object.entries(members)
    .filter(([, text]) => text !== null)
    .map(([name, text]) => `  "${name}": ${text}`);
  if (lines.some((line) => NOT_STORABLE.test(line))) return null;
  const document = `{\n${lines.join(",\n")}\n}`.replaceAll("'", "''");
  return `select * from ampsync.enqueue_http('${nameOf(url)}', source => '${document}');`;
}

/** The query as members, where each of its names is there once; the parameters that pages set are not. */
function queryOf(
  url: URL,
  taken: ReadonlySet<string>,
): { readonly address: string; readonly query: Readonly<Record<string, string>> } {
  const address = new URL(url);
  address.hash = "";
  for (const name of taken) address.searchParams.delete(name);
  const names = [...address.searchParams.keys()];
  if (new Set(names).size < names.length || names.includes("")) return { address: address.href, query: {} };
  const query = Object.fromEntries(address.searchParams);
  address.search = "";
  return { address: address.href, query };
}

/** The key, if there is one, then the plain fields whose type is the same in all records, then the whole record. */
function columnsOf(
  page: PageFinding,
  keyField: Field | null,
): { readonly key: string | null; readonly columns: readonly (readonly [string, object])[] } {
  const columns = new Map<string, object>();
  const add = (field: Field, isKey: boolean) => {
    const type = typeOf(field, isKey);
    const name = columnName(field.pointer);
    if (type === null || name === null || columns.has(name) || columns.size >= COLUMNS) return null;
    columns.set(name, { from: field.pointer, ...type });
    return name;
  };
  const key = keyField === null ? null : add(keyField, true);
  for (const field of page.fields) {
    if (field !== keyField) add(field, false);
  }
  columns.set("data", { from: "", type: "jsonb", not_null: true });
  return { key, columns: [...columns] };
}

/** `/attributes/updatedAt` → updated_at, `/user/login` → user_login; null: it cannot be the name of a column. */
function columnName(pointer: string): string | null {
  const parts = pointer.split("/").slice(1);
  const own = parts.length > 1 && WRAPPERS.has(parts[0] ?? "") ? parts.slice(1) : parts;
  if (own.length > 2) return null;
  const name = own
    .join("_")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  const isStorable = !NOT_STORABLE.test(JSON.stringify(pointer));
  return /^[a-z]/.test(name) && name.length <= 63 && !TAKEN.has(name) && isStorable ? name : null;
}

function typeOf({ types, looks }: Field, isKey: boolean): object | null {
  const found = Object.keys(types).filter((type) => type !== "null") as JsonType[];
  const are = (...allowed: readonly JsonType[]) =>
    found.length > 0 && found.every((type) => allowed.includes(type));
  if (are("string")) {
    return { type: isKey ? "text" : looks === "time" ? "timestamptz" : looks === "date" ? "date" : "text" };
  }
  if (looks === "seconds since 1970" && !isKey) return { type: "timestamptz", unit: "s" };
  if (looks === "milliseconds since 1970" && !isKey) return { type: "timestamptz", unit: "ms" };
  if (are("integer")) return { type: "bigint" };
  if (are("integer", "large integer", "fraction")) return { type: "numeric" };
  return are("boolean") ? { type: "boolean" } : null;
}

/** The last word of the path that can be a name: `/api/v1/events`, `/events/_search` → events. */
function nameOf({ pathname, hostname }: URL): string {
  const words = [...hostname.split("."), ...pathname.split("/")].map((word) =>
    word
      .toLowerCase()
      .replace(/\.json$/, "")
      .replace(/[^a-z0-9_]+/g, "_"),
  );
  const isName = (word: string) =>
    /^[a-z][a-z0-9_]*$/.test(word) && !/^(v\d+|api|com|org|net|www|io)$/.test(word);
  return words.findLast(isName)?.slice(0, 58) ?? "records";
}

function lifetime(seconds: number): string {
  return spaced({ after: `${Math.max(1, Math.floor(seconds))} seconds` });
}

/** Null: there are none. */
function membersText(members: object): string | null {
  return Object.keys(members).length === 0 ? null : spaced(members);
}

/** JSON as people write it, in one line: a blank behind colons and commas. */
function spaced(value: unknown): string {
  return JSON.stringify(value, null, 1)
    .replace(/\n\s*([}\]])/g, "$1")
    .replace(/([{[])\n\s*/g, "$1")
    .replace(/\n\s*/g, " ");
}
