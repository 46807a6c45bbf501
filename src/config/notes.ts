import type { Environment, Flags, Given } from "./given.ts";
import {
  flagOf,
  flagsOf,
  IGNORED,
  type Scope,
  SETTINGS,
  type Setting,
  type SettingName,
} from "./settings.ts";

/**
 * Who reads the configuration: a process of ours that works, as `sync` with a dataset of its own, as `ingest` with an HTTP
 * source of its own; a gateway; another application that works with our preset; or a command that only opens the database.
 */
export type Reader = "sync" | "ingest" | "worker" | "gateway" | "library" | "command";

const NAMES = Object.keys(SETTINGS) as SettingName[];

/** Warnings: what is set, and has no effect. */
export function unused(env: Environment, flags: Flags, given: Given, reader: Reader): string[] {
  const ignored = IGNORED.filter((variable) => env[variable] || flags[flagOf(variable)]);
  const givenOf = (scope: Scope) =>
    NAMES.filter((name) => SETTINGS[name].scope === scope).flatMap((name) => given.value(name)?.name ?? []);
  const ofDataset = givenOf("dataset");
  // Other programs have an API_KEY, too.
  const ofIngestion = given.value("apiBaseUrl") === null ? [] : givenOf("ingestion");
  const proxies = ["http_proxy", "https_proxy", "grpc_proxy", "all_proxy"]
    .flatMap((name) => [name, name.toUpperCase()])
    .filter((name) => env[name]);
  const isLost =
    reader === "sync" && given.value("dataset") === null && given.value("datasetManifest") === null;
  return [
    [reader === "library" || reader === "command" ? [] : ignored, "means nothing to ampsync"] as const,
    [reader === "worker" || reader === "ingest" ? ofDataset : [], "used by ampsync sync alone"] as const,
    [reader === "worker" || reader === "sync" ? ofIngestion : [], "used by ampsync ingest alone"] as const,
    [isLost ? ofDataset : [], "not used without DATASET"] as const,
    [
      reader === "command" || reader === "gateway" ? [] : proxies,
      "not used, connections to the Amp server are direct",
    ] as const,
  ].flatMap(([names, why]) => (names.length === 0 ? [] : [`${names.join(", ")}: ${why}`]));
}

/** Warnings: secrets on the command line. */
export function visible(flags: Flags): string[] {
  return NAMES.map((name): Setting => SETTINGS[name])
    .filter(({ isSecret }) => isSecret)
    .flatMap((setting) =>
      flagsOf(setting)
        .filter((flag) => flags[flag])
        .map(
          (flag) =>
            `--${flag}: the process list shows it; use ${setting.names[0]} or ${setting.names[0]}_FILE`,
        ),
    );
}

/** Warnings: addresses to which a token would go unencrypted, over a network. */
export function unencrypted(addresses: readonly (URL | null)[]): string[] {
  const hosts = addresses
    .filter((url) => url?.protocol === "http:" && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname))
    .map((url) => url?.origin);
  return hosts.length === 0
    ? []
    : [`${[...new Set(hosts)].join(", ")}: the token is sent unencrypted; use https`];
}
