import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { FUNCTION_RIGHTS } from "../../src/install/rights.ts";
import { isBreaking, readSqlFiles, viewName } from "../../src/install/sql-files.ts";
import { GATEWAY_CALLS } from "../../src/model/gateway-functions.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

/** Procedures that commit: PostgreSQL lets them neither run with their owner's rights nor pin a path. They name all in full. */
const COMMITTING: readonly string[] = ["ampsync.wait_for_capture"];

/** What writes tables of others, or sets a role: with the rights of its caller. Code of a table's owner runs then. */
const WRITING: readonly string[] = ["ampsync.check_shape", "ampsync.restore_row", "ampsync.restore_table"];

/** Doors that callers without rights on our tables may use: it is decided for each which roles those are. */
const DOORS = Object.keys(FUNCTION_RIGHTS)
  .map((name) => `ampsync.${name}`)
  .filter((name) => !COMMITTING.includes(name) && !WRITING.includes(name))
  .sort();

/** The same for gateways, which have no rights on tables. */
const GATEWAY_DOORS = GATEWAY_CALLS.map((name) => `ampsync_worker.${name}`);

/** Files that hold several functions of one name. */
const OVERLOADED: readonly string[] = [
  "functions/pass/end_pass.sql",
  "functions/log/position_at.sql",
  "functions/recall/table_as_of.sql",
];

/** The clock of every rule; what users run themselves, and the default of a column in their tables: they may have no right to it. */
const CLOCKS: readonly string[] = [
  "functions/lease/private/now.sql",
  "functions/capture/wait_for_capture.sql",
  "functions/ingest/private/http_target_ddl.sql",
];

const RAISE_PARTS = [/\berrcode\s*=/i, /\bmessage\s*=/i, /\bdetail\s*=/i, /\bhint\s*=/i];

const ROUTINES = `
  select p.oid::regprocedure::text as name
    from pg_proc p
   where p.pronamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)`;

/** Of a routine, without its arguments. */
const NAME = "p.pronamespace::regnamespace || '.' || p.proname";

/** Our functions in views; what is PostgreSQL's own is not recorded. */
const CALLED_BY_VIEWS = `
  select d.refobjid
    from pg_depend d
    join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
    join pg_class v on v.oid = r.ev_class
   where d.refclassid = 'pg_proc'::regclass and v.relnamespace = 'ampsync'::regnamespace`;

const db = sharedDatabase();

async function names(query: string): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(`${query} order by 1`);
  return rows.map((row) => row.name);
}

describe("every function and procedure", () => {
  test("pins its search_path to pg_catalog and pg_temp", async () => {
    const offenders = await names(
      `select distinct o.name
         from (${ROUTINES.replace("p.oid::regprocedure::text", NAME)}
                 and not coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}') o`,
    );
    expect(offenders).toEqual(COMMITTING);
  });

  test("has a comment", async () => {
    expect(await names(`${ROUTINES} and obj_description(p.oid, 'pg_proc') is null`)).toEqual([]);
  });

  test("is closed to the public, unless a view calls it", async () => {
    const open = await names(
      `${ROUTINES} and not (p.pronamespace = 'ampsync_private'::regnamespace and p.oid in (${CALLED_BY_VIEWS})) and exists (
         select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)`,
    );
    expect(open).toEqual([]);
  });

  test("runs with its caller's rights, unless it is a listed door", async () => {
    expect(
      await names(
        `select distinct d.name from (${ROUTINES.replace("p.oid::regprocedure::text", NAME)} and p.prosecdef) d`,
      ),
    ).toEqual([...DOORS, ...GATEWAY_DOORS].sort());
  });

  test("of the schema for people is such a door", async () => {
    const all = ROUTINES.replace("p.oid::regprocedure::text", NAME);
    expect(
      await names(`select distinct d.name from (${all} and p.pronamespace = 'ampsync'::regnamespace) d`),
    ).toEqual([...DOORS, ...COMMITTING, ...WRITING].sort());
  });

  test("that is such a door stands in docs/spec.md", async () => {
    const spec = await readFile(new URL("../../docs/spec.md", import.meta.url), "utf8");
    const section = spec.slice(spec.indexOf("## Doors")).split("\n## ")[0]!;
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    const told = rows.flatMap((row) =>
      [...row.split(" | ")[0]!.matchAll(/`(ampsync(?:_worker)?\.\w+)`/g)].map((match) => match[1]),
    );
    expect(told.sort()).toEqual([...DOORS, ...GATEWAY_DOORS].sort());
  });
});

describe("every view", () => {
  test("names functions, operators and types of PostgreSQL and of ours alone", async () => {
    const offenders = await names(
      `select format('%s: %s', r.ev_class::regclass, pg_describe_object(d.refclassid, d.refobjid, 0)) as name
         from pg_depend d
         join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
         join pg_class v on v.oid = r.ev_class
         left join pg_proc p on d.refclassid = 'pg_proc'::regclass and p.oid = d.refobjid
         left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
         left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid
        where v.relnamespace = 'ampsync'::regnamespace
          and coalesce(p.pronamespace, o.oprnamespace, t.typnamespace)::regnamespace::text
              not in ('pg_catalog', 'ampsync', 'ampsync_private')`,
    );
    expect(offenders).toEqual([]);
  });

  test("calls only functions that read nothing, since they run with its reader's rights", async () => {
    const offenders = await names(
      `${ROUTINES} and p.oid in (${CALLED_BY_VIEWS}) and p.provolatile <> 'i'
         and p.oid <> 'ampsync_private.now()'::regprocedure`,
    );
    expect(offenders).toEqual([]);
  });
});

test("the schemas are closed to the public", async () => {
  const open = await names(
    `select n.nspname::text as name from pg_namespace n
      where n.nspname in ('ampsync', 'ampsync_worker', 'ampsync_private')
        and exists (select from aclexplode(n.nspacl) a where a.grantee = 0)`,
  );
  expect(open).toEqual([]);
});

test("every table and view has a comment", async () => {
  const offenders = await names(
    `select c.oid::regclass::text as name from pg_class c
      where c.relnamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
        and c.relkind in ('r', 'p', 'v', 'm') and obj_description(c.oid, 'pg_class') is null`,
  );
  expect(offenders).toEqual([]);
});

test("every column of the public views has a comment", async () => {
  const offenders = await names(
    `select format('%s.%s', c.oid::regclass, a.attname) as name
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'ampsync'::regnamespace and c.relkind in ('v', 'm')
        and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null`,
  );
  expect(offenders).toEqual([]);
});

describe("the files", () => {
  test("hold one function each, named like the file", async () => {
    const { functions } = await readSqlFiles();
    const offenders = functions.filter((file) => {
      const found = definedNames(file.text, "function|procedure").map((name) => name.split(".")[1]);
      const count = OVERLOADED.includes(file.name) ? found.length : 1;
      return found.length !== count || found.some((name) => name !== basename(file.name, ".sql"));
    });
    expect(offenders.map((file) => file.name)).toEqual([]);
  });

  test("are helpers in ampsync_private where `private` is in their path, and doors where it is not", async () => {
    const { functions } = await readSqlFiles();
    const offenders = functions.filter((file) => {
      const isPrivate = file.name.split("/").includes("private");
      return definedNames(file.text, "function|procedure").some(
        (name) => name.startsWith("ampsync_private.") !== isPrivate,
      );
    });
    expect(offenders.map((file) => file.name)).toEqual([]);
  });

  test("are doors to somebody: workers call those of ampsync_worker, and people read of those of ampsync", async () => {
    const { functions } = await readSqlFiles();
    const doors = functions
      .flatMap((file) => definedNames(file.text, "function|procedure"))
      .filter((name) => !name.startsWith("ampsync_private.") && !GATEWAY_DOORS.includes(name));
    const [code, guides, readme] = await Promise.all([
      textsBelow("src", ".ts"),
      textsBelow("docs", ".md"),
      readFile(join(ROOT, "README.md"), "utf8"),
    ]);
    const offenders = doors.filter((name) => {
      const text = name.startsWith("ampsync_worker.") ? code : guides + readme;
      return !new RegExp(`\\b${name.replace(".", "\\.")}\\b`).test(text);
    });
    expect(offenders).toEqual([]);
  });

  test("hold one view each, named like the file", async () => {
    const { views } = await readSqlFiles();
    const offenders = views.filter(
      (file) => definedNames(file.text, "view").join() !== `ampsync.${viewName(file)}`,
    );
    expect(offenders.map((file) => file.name)).toEqual([]);
  });

  test("are all that the schemas hold", async () => {
    const { functions, views } = await readSqlFiles();
    const inFiles = [
      ...functions.flatMap((file) => definedNames(file.text, "function|procedure")),
      ...views.flatMap((file) => definedNames(file.text, "view")),
    ];
    const installed = await names(
      `select p.pronamespace::regnamespace || '.' || p.proname as name from pg_proc p
        where p.pronamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
       union all
       select v.schemaname || '.' || v.viewname from pg_views v
        where v.schemaname in ('ampsync', 'ampsync_worker', 'ampsync_private')`,
    );
    expect(installed.sort()).toEqual(inFiles.sort());
  });

  test("have lines of at most 120 characters", async () => {
    const { bootstrap, migrations, functions, views } = await readSqlFiles();
    const offenders = [bootstrap, ...migrations, ...functions, ...views].flatMap((file) =>
      file.text.split("\n").flatMap((line, n) => (line.length > 120 ? [`${file.name}:${n + 1}`] : [])),
    );
    expect(offenders).toEqual([]);
  });

  test("raise with code, message, detail and hint", async () => {
    const { functions } = await readSqlFiles();
    const offenders = functions.flatMap((file) =>
      statements(file.text, /\braise\b(?!\s*;)/gi)
        .filter(({ text }) => !/^raise\s+(debug|log|info|notice|warning)\b/i.test(text))
        .filter(({ text }) => !RAISE_PARTS.every((part) => part.test(withoutLiterals(text))))
        .map(({ line }) => `${file.name}:${line}`),
    );
    expect(offenders).toEqual([]);
  });

  test("break older workers openly where they drop what those call", async () => {
    const { migrations } = await readSqlFiles();
    const offenders = migrations.filter(
      (file) =>
        /\bdrop (function|procedure|routine) .*\bampsync_worker\./i.test(file.text) && !isBreaking(file),
    );
    expect(offenders.map((file) => file.name)).toEqual([]);
  });

  test("name no queue but by the name that is replaced by the recorded one", async () => {
    const [ours, moved] = await Promise.all([readSqlFiles(), readSqlFiles("another_queue")]);
    expect(
      [...ours.functions, ...ours.views].filter((file) => file.text.includes("graphile_worker.")).length,
    ).toBeGreaterThan(5);
    for (const file of [...moved.migrations, ...moved.functions, ...moved.views]) {
      const named = statements(file.text, /graphile_worker\b/g).map(({ line }) => `${file.name}:${line}`);
      expect(named).toEqual([]);
    }
  });

  test("write no backslash in a plain literal: what it means is a setting", async () => {
    const { functions } = await readSqlFiles();
    const offenders = functions.filter((file) =>
      [
        ...withoutComments(file.text)
          .replace(/'\s*\n\s*'/g, "")
          .matchAll(/(\bE)?'((?:[^']|'')*)'/g),
      ].some(([literal, escaped]) => escaped === undefined && literal.includes("\\")),
    );
    expect(offenders.map((file) => file.name)).toEqual([]);
  });

  test("read no clock but ampsync_private.now()", async () => {
    const { migrations, functions, views } = await readSqlFiles();
    const clock =
      /(?<!ampsync_private\.)\bnow\s*\(|\b(clock|statement|transaction)_timestamp\b|\bcurrent_(timestamp|date|time)\b|\blocaltime/gi;
    const offenders = [...migrations, ...functions, ...views]
      .filter((file) => !CLOCKS.includes(file.name))
      .flatMap((file) => statements(file.text, clock).map(({ line }) => `${file.name}:${line}`));
    expect(offenders).toEqual([]);
  });
});

test("plpgsql_check finds nothing", async (context) => {
  const { rowCount } = await db.query("select from pg_available_extensions where name = 'plpgsql_check'");
  if (rowCount === 0) {
    context.skip("the extension plpgsql_check is not installed on this server");
  }
  await db.query("create extension plpgsql_check");
  const findings = await names(
    `select format('%s: %s', p.oid::regprocedure, f.message) as name
       from pg_proc p
       join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
      cross join lateral plpgsql_check_function_tb(p.oid, fatal_errors => false, performance_warnings => false) f
      where p.pronamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
        and p.prorettype <> 'trigger'::regtype`,
  );
  expect(findings).toEqual([]);
});

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What all files of a folder say, those of its folders too. */
async function textsBelow(folder: string, extension: string): Promise<string> {
  const paths = await readdir(join(ROOT, folder), { recursive: true });
  const found = paths.filter((path) => path.endsWith(extension));
  return (await Promise.all(found.map((path) => readFile(join(ROOT, folder, path), "utf8")))).join("\n");
}

/** Names after `create or replace <kind>`, in lower case. */
function definedNames(text: string, kind: string): string[] {
  const pattern = new RegExp(`^create(?: or replace)? (?:${kind})\\s+([a-z0-9_.]+)`, "gim");
  return [...withoutComments(text).matchAll(pattern)].map((match) => match[1]!.toLowerCase());
}

/** Each match with its line and the text up to the next semicolon, outside of comments. */
function statements(text: string, pattern: RegExp): { line: number; text: string }[] {
  const code = withoutComments(text);
  return [...code.matchAll(pattern)].map((match) => ({
    line: code.slice(0, match.index).split("\n").length,
    text: code.slice(match.index, endOfStatement(code, match.index)),
  }));
}

/** The next semicolon outside of quotes: hints are statements themselves. */
function endOfStatement(code: string, from: number): number {
  let quoted = false;
  for (let at = from; at < code.length; at++) {
    if (code[at] === "'") {
      quoted = !quoted;
    } else if (code[at] === ";" && !quoted) {
      return at;
    }
  }
  return code.length;
}

function withoutLiterals(code: string): string {
  return code.replace(/'(?:[^']|'')*'/g, "''");
}

/** Comments become empty, lines stay; `comment on` statements go too, since they are prose. */
function withoutComments(text: string): string {
  return text
    .replace(/--.*$/gm, "")
    .replace(/^comment on [^']*'(?:[^']|'')*';/gim, (prose) => prose.replace(/[^\n]/g, ""));
}
