import { completeDatabaseUrl } from "../model/database-url.ts";
import type { Environment, Given } from "./given.ts";
import type { SettingName } from "./settings.ts";
import { checkDatabaseTls } from "./tls.ts";

type ReadFile = (path: string) => string;

/** A secret as it was given, or the file that holds it; `text` then is what the file held at the start. */
export interface Secret {
  readonly text: string | null;
  readonly file: string | null;
}

const PARTS = [
  ...(["databaseUser", "databaseName", "databasePassword"] as const),
  ...(["databasePasswordFile", "databaseHost", "databasePort"] as const),
];

/** The address of the database; null if nothing names one. Problems and warnings show no value. */
export function databaseUrl(
  given: Given,
  port: number,
  env: Environment,
  readFile: ReadFile,
  problems: string[],
  warnings: string[],
): string | null {
  const complete = (given: string) => {
    const url = completeDatabaseUrl(given, "DATABASE_URL", env, readFile, problems);
    checkDatabaseTls(url, readFile, problems, warnings);
    return url;
  };
  const parts = PARTS.map((name) => given.value(name)).filter((value) => value !== null);
  const urls = [given.value("databaseUrl"), given.value("databaseUrlFile")].filter((value) => value !== null);
  // Whoever names a part on the command line means it, and not the address of the environment.
  const isInParts = parts.some(({ isFlag }) => isFlag) && !urls.some(({ isFlag }) => isFlag);
  const url = isInParts ? null : secret(given, "databaseUrl", "databaseUrlFile", readFile, problems).text;
  if (url !== null) {
    if (parts.length > 0) {
      warnings.push(`${parts.map(({ name }) => name).join(", ")}: not used, as ${urls[0]?.name} is set`);
    }
    if (urls[0]?.name === "--database-url" && URL.parse(url)?.password) {
      warnings.push("--database-url holds a password, which the process list shows: use DATABASE_URL");
    }
    return complete(url);
  }
  const user = given.text("databaseUser");
  const name = given.text("databaseName");
  const password =
    secret(given, "databasePassword", "databasePasswordFile", readFile, problems, withoutLineEnd).text ?? "";
  const host = (given.text("databaseHost") ?? "localhost").replace(/^\[(.*)\]$/, "$1");
  if (user === null && name === null && !isInParts) {
    // As libpq does, from its own variables; pg reads the rest of those.
    const isNamed = ["PGSERVICE", "PGDATABASE", "PGHOST"].some((variable) => env[variable]);
    return isNamed ? complete("postgresql:///") : null;
  }
  if (user === null || name === null) {
    problems.push("DATABASE_USER and DATABASE_NAME must be set together");
    return null;
  }
  if (/[?#]/.test(name)) {
    problems.push("DATABASE_NAME contains ? or #, which a connection URL cannot express");
  }
  // Percent-encoded, so that no character of a password ends the password. pg reads the path
  // with decodeURI, which only encodeURI undoes.
  const [u, p, h] = [user, password, host].map(encodeURIComponent);
  return complete(`postgresql://${u}:${p}@${h}:${port}/${encodeURI(name)}`);
}

/** A flag beats the environment, for a secret and its file as well; otherwise only one of the two may be set. */
export function secret(
  given: Given,
  setting: SettingName,
  fileSetting: SettingName,
  readFile: ReadFile,
  problems: string[],
  clean: (text: string) => string = (text) => text.trim(),
): Secret {
  const direct = given.value(setting);
  const file = given.value(fileSetting);
  if (file === null || (direct?.isFlag === true && !file.isFlag)) {
    return { text: direct?.value ?? null, file: null };
  }
  if (direct !== null && direct.isFlag === file.isFlag) {
    problems.push(`${direct.name} and ${file.name} are both set`);
  }
  try {
    return { text: clean(readFile(file.value)) || null, file: file.value };
  } catch {
    problems.push(`${file.name} names a file that cannot be read`);
    return { text: null, file: file.value };
  }
}

/** Keeps blanks: a password may begin and end with them. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, "");
}
