import { extname } from "node:path";

import { AmpsyncError } from "../errors.ts";
import { isSemver } from "../model/dataset-ref.ts";
import { exportedLiteral } from "./exported.ts";
import { type Literal, type LiteralObject, Unreadable } from "./literal.ts";

/** What a dataset file says: tables that are what queries of the Amp server give. */
export interface DatasetManifest {
  readonly name: string;
  /** Of the file: it is logged, and changes nothing. */
  readonly version: string;
  readonly network: string | null;
  /** Queries in the SQL of the server, by table. */
  readonly queries: Readonly<Record<string, string>>;
}

const MAX_CHARACTERS = 1024 * 1024;
const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** Reads the text of a dataset file; the ending of its path says in which language it is. Rejects with SY902. */
export async function parseManifest(path: string, text: string): Promise<DatasetManifest> {
  try {
    if (text.length > MAX_CHARACTERS) {
      throw new Unreadable(`it has more than ${MAX_CHARACTERS} characters`, null);
    }
    const read = extname(path) === ".json" ? fromJson(JSON.parse(text)) : await moduleLiteral(path, text);
    return manifestOf(read);
  } catch (error) {
    if (error instanceof Unreadable || error instanceof SyntaxError) {
      const at = error instanceof Unreadable && error.at !== null ? ` (${position(text, error.at)})` : "";
      throw new AmpsyncError("SY902", `the dataset file ${path} cannot be read: ${error.message}${at}`, {
        detail: "It is read as text and never executed: constants alone are understood.",
        hint: "Correct the file; docs/configuration.md shows its forms.",
      });
    }
    throw error;
  }
}

async function moduleLiteral(path: string, text: string): Promise<Literal> {
  // Loaded where it is needed, because it is a native module: without such a file nothing depends on it.
  const { parseSync } = await import("oxc-parser").catch((error: unknown) => {
    throw new AmpsyncError("SY902", `the parser for ${path} cannot be loaded`, {
      detail: error instanceof Error ? error.message : String(error),
      hint: "Write the dataset as a .json file, which needs no parser.",
      cause: error,
    });
  });
  const { program, errors } = parseSync(path, text, { sourceType: "unambiguous", preserveParens: false });
  const [error] = errors;
  if (error !== undefined) {
    throw new Unreadable(error.message, error.labels[0] ?? null);
  }
  return exportedLiteral(program.body);
}

function fromJson(value: unknown): Literal {
  if (Array.isArray(value)) return value.map(fromJson);
  return typeof value === "object" && value !== null
    ? new Map(Object.entries(value).map(([name, member]) => [name, fromJson(member)]))
    : (value as string | number | boolean | null);
}

function manifestOf(read: Literal): DatasetManifest {
  const dataset = objectOf(read, "the dataset");
  const name = textOf(dataset, "name");
  if (name === null || !NAME.test(name)) {
    throw wrong(`name must be a dataset's name, such as my_dataset, and is ${shown(dataset.get("name"))}`);
  }
  const version = textOf(dataset, "version") ?? "0.1.0";
  if (!isSemver(version)) {
    throw wrong(`version must be one such as 0.1.0, and is ${shown(version)}`);
  }
  const tables = [...objectOf(dataset.get("tables"), "tables")];
  if (tables.length === 0) {
    throw wrong("tables has no table");
  }
  const queries = tables.map(([table, given]) => {
    const sql = textOf(objectOf(given, `table ${table}`), "sql");
    if (sql === null) {
      throw wrong(`table ${table} has no sql`);
    }
    return [table, sql] as const;
  });
  return { name, version, network: textOf(dataset, "network"), queries: Object.fromEntries(queries) };
}

function objectOf(value: Literal | undefined, what: string): LiteralObject {
  if (value instanceof Map) return value;
  throw wrong(`${what} must be an object, and is ${shown(value)}`);
}

/** Null where there is none. */
function textOf(object: LiteralObject, member: string): string | null {
  const value = object.get(member) ?? null;
  if (value !== null && typeof value !== "string") {
    throw wrong(`${member} must be a text, and is ${shown(value)}`);
  }
  return value;
}

function shown(value: Literal | undefined): string {
  if (value === undefined) return "missing";
  return value instanceof Map ? "an object" : JSON.stringify(value).slice(0, 100);
}

function wrong(why: string): Unreadable {
  return new Unreadable(why, null);
}

function position(text: string, at: number): string {
  const lines = text.slice(0, at).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}
