import type { Secrets } from "../model/secrets.ts";
import type { Environment } from "./given.ts";

/** The value of a secret of HTTP sources, by its name; null: this process does not have it. */
export type HttpSecret = (name: string) => string | null;

const PREFIX = "AMPSYNC_SECRET_";
const NAME = /^[A-Z][A-Z0-9_]*$/;

/**
 * Secrets that sources name: AMPSYNC_SECRET_<NAME>, or a file that AMPSYNC_SECRET_<NAME>_FILE names, which is read again each
 * time, because it may be replaced. Another prefix than that of our own settings: no source can ask for those.
 */
export function httpSecrets(
  env: Environment,
  readFile: (path: string) => string,
  secrets: Secrets,
  problems: string[],
): HttpSecret {
  const sources = new Map<string, () => string | null>();
  const given = Object.keys(env).filter((variable) => variable.startsWith(PREFIX) && env[variable]);
  for (const variable of given) {
    const isFile = variable.endsWith("_FILE");
    const name = variable.slice(PREFIX.length, isFile ? -"_FILE".length : undefined);
    const value = env[variable]!;
    if (!NAME.test(name)) {
      problems.push(`${variable} does not name a secret: capital letters, digits and _ after ${PREFIX}`);
    } else if (sources.has(name)) {
      problems.push(`${PREFIX}${name} and ${PREFIX}${name}_FILE are both set`);
    } else if (isFile) {
      sources.set(
        name,
        secrets.watch(() => readFile(value).trim() || null, "[secret]"),
      );
      if (!canRead(sources.get(name)!)) problems.push(`${variable} names a file that cannot be read`);
    } else {
      secrets.keep("[secret]", [value.trim()]);
      sources.set(name, () => value.trim() || null);
    }
  }
  return (name) => {
    try {
      return sources.get(name)?.() ?? null;
    } catch {
      return null; // The file is gone.
    }
  };
}

function canRead(source: () => string | null): boolean {
  try {
    source();
    return true;
  } catch {
    return false;
  }
}
