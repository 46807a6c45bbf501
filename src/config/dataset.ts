import { isManifestHash, isSemver } from "../model/dataset-ref.ts";
import type { Given } from "./given.ts";

/** The dataset that `ampsync sync` starts, as the call of ampsync.enqueue_sync that it makes. */
export interface DatasetStart {
  readonly reference: string;
  /** Null: all, or those that are stored. */
  readonly tables: readonly string[] | null;
  /** For a dataset that is new; null: the default of enqueue_sync. */
  readonly retentionBlocks: number | null;
}

/** The dataset file that `ampsync sync` starts. */
export interface ManifestStart {
  readonly path: string;
  readonly retentionBlocks: number | null;
}

const NAMESPACE = /^[a-z0-9_]{1,63}$/;
const NAME = /^[a-z_][a-z0-9_]{0,62}$/;
const TABLE = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/;

/** Null if no dataset is named. What is wrong is added to `problems`; `number` reads a setting that is a number. */
export function datasetStart(
  given: Given,
  number: (name: "retentionBlocks") => number,
  problems: string[],
): DatasetStart | null {
  const dataset = given.value("dataset");
  if (dataset === null) return null;
  const [, inNamespace, name, inRevision] = /^(?:([^/@]*)\/)?([^/@]*)(?:@(.*))?$/.exec(dataset.value) ?? [];
  if (
    name === undefined ||
    !NAME.test(name) ||
    !(inNamespace === undefined || NAMESPACE.test(inNamespace)) ||
    !(inRevision === undefined || isRevision(inRevision))
  ) {
    problems.push(
      `${dataset.name}=${JSON.stringify(dataset.value.slice(0, 200))} is not [namespace/]name[@revision]`,
    );
  }
  const namespace = part(given, "namespace", inNamespace, dataset.name, problems);
  if (namespace !== undefined && inNamespace === undefined && !NAMESPACE.test(namespace)) {
    problems.push(
      `${given.value("namespace")?.name} is not a name of 1 to 63 lower-case letters, digits and _`,
    );
  }
  const revision = part(given, "version", inRevision, dataset.name, problems);
  if (revision !== undefined && inRevision === undefined && !isRevision(revision)) {
    problems.push(
      `${given.value("version")?.name} is not a version like 1.2.0, a hash of 64 digits, latest or dev`,
    );
  }
  return {
    reference: `${namespace === undefined ? "" : `${namespace}/`}${name}${revision === undefined ? "" : `@${revision}`}`,
    tables: tables(given, problems),
    retentionBlocks: givenRetention(given, number),
  };
}

/** Null if no dataset file is named. What is wrong is added to `problems`. */
export function manifestStart(
  given: Given,
  number: (name: "retentionBlocks") => number,
  problems: string[],
): ManifestStart | null {
  const file = given.value("datasetManifest");
  if (file === null) return null;
  if (!/[^/\\]\.(ts|mts|js|mjs|json)$/.test(file.value)) {
    problems.push(`${file.name} is not a file with the ending .ts, .mts, .js, .mjs or .json`);
  }
  const others = (["dataset", "namespace", "version", "tables"] as const).flatMap(
    (name) => given.value(name)?.name ?? [],
  );
  if (others.length > 0) {
    problems.push(`${others.join(", ")} cannot be set together with ${file.name}, which says what to sync`);
  }
  return { path: file.value, retentionBlocks: givenRetention(given, number) };
}

function givenRetention(given: Given, number: (name: "retentionBlocks") => number): number | null {
  return given.value("retentionBlocks") === null ? null : number("retentionBlocks");
}

/** A part of the reference, which its own setting can name as well. */
function part(
  given: Given,
  setting: "namespace" | "version",
  inReference: string | undefined,
  referenceName: string,
  problems: string[],
): string | undefined {
  const own = given.value(setting);
  if (own !== null && inReference !== undefined && own.value !== inReference) {
    problems.push(`${referenceName} and ${own.name} name different ${setting}s`);
  }
  return inReference ?? own?.value;
}

function tables(given: Given, problems: string[]): readonly string[] | null {
  const set = given.value("tables");
  if (set === null) return null;
  const names = set.value
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const wrong = names.filter((name) => !TABLE.test(name));
  if (wrong.length > 0 || names.length === 0) {
    const shown = wrong.map((name) => JSON.stringify(name.slice(0, 100))).join(", ");
    problems.push(`${set.name} is not a list of table names${shown && `: ${shown}`}`);
  }
  return [...new Set(names)];
}

function isRevision(text: string): boolean {
  return text.length <= 128 && (isSemver(text) || isManifestHash(text) || /^(latest|dev)$/.test(text));
}
