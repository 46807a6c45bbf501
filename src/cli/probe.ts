import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { configFromProcess } from "../config.ts";
import { HttpClient } from "../http/client.ts";
import { cleanText } from "../model/foreign-text.ts";
import { holdsSecret, type Secrets } from "../model/secrets.ts";
import type { Findings } from "../probe/findings.ts";
import { probe } from "../probe/probe.ts";
import { usageErrorOf } from "./command-line.ts";
import { type ProbeArguments, probedBy } from "./probe-arguments.ts";
import { probeReport } from "./probe-report.ts";

const MIB = 1024 * 1024;

const OPTIONS = {
  header: { type: "string", multiple: true, default: [] as string[] },
  "key-param": { type: "string" },
  body: { type: "string" },
  param: { type: "string" },
  sizes: { type: "string" },
  timeout: { type: "string", default: "10" },
  json: { type: "boolean", default: false },
} as const;

/**
 * `ampsync probe`: asks an API, and prints what whoever writes its definition wants to know. Resolves to the exit code: 1
 * if there was no page.
 */
export async function probeCommand(
  args: readonly string[],
  print: (text: string) => void,
  hide: (secrets: Secrets) => void,
): Promise<number> {
  const config = configFromProcess("command");
  const { secrets, httpMaxPageMb } = config;
  hide(secrets);
  const given = parsed(args);
  const { probed, values } = probedBy(given, process.env);
  secrets.keep("[secret]", values);
  const clean = (text: string) => cleanText(secrets.redact(text));
  const client = new HttpClient({
    maxBytes: httpMaxPageMb * MIB,
    refuses: () => null, // Whoever types an address has chosen it.
    userAgent: `ampsync/${version()}`,
  });
  try {
    const found = withoutSecrets(await probe(client, clean, probed), values, clean);
    print(given.json ? JSON.stringify(found) : probeReport(found));
    return found.page === null ? 1 : 0;
  } finally {
    await client.close();
  }
}

function parsed(args: readonly string[]): ProbeArguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: OPTIONS,
      allowPositionals: true,
    });
    return { ...values, addresses: positionals };
  } catch (error) {
    throw usageErrorOf(error, "probe", Object.keys(OPTIONS));
  }
}

/** A server may echo a secret anywhere, also in the names of fields. A statement with a hole in it would be no statement. */
function withoutSecrets(
  found: Findings,
  values: readonly string[],
  clean: (text: string) => string,
): Findings {
  const { suggestion } = found;
  const isClean = suggestion === null || !values.some((value) => holdsSecret(suggestion, value));
  return { ...cleaned({ ...found, suggestion: null }, clean), suggestion: isClean ? suggestion : null };
}

/** The same with all its texts, and names, cleaned. */
function cleaned<T>(value: T, clean: (text: string) => string): T {
  // A text becomes a text, an array an array, an object one with as many members.
  if (typeof value === "string") return clean(value) as T;
  if (Array.isArray(value)) return value.map((item) => cleaned(item, clean)) as T;
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [clean(name), cleaned(member, clean)]);
  return Object.fromEntries(members) as T;
}

function version(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}
