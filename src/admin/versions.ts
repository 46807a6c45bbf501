import { cleanText } from "../model/foreign-text.ts";

/** The most characters in a version, a hash or the name of a table: more than any usable one has. */
const NAME_LENGTH = 200;

/** The versions of a dataset in the order of the server, and its tags. */
export interface VersionList {
  readonly versions: readonly ListedVersion[];
  /** The one that counts as the latest where no tag names one; null if there is none. */
  readonly newest: ListedVersion | null;
  /** The version that the server calls the latest. */
  readonly latest: string | null;
  /** Manifest hash of the last registered manifest. */
  readonly dev: string | null;
}

export interface ListedVersion {
  readonly version: string;
  /** Null if the server does not report it. */
  readonly manifestHash: string | null;
}

export interface VersionDetail {
  readonly manifestHash: string | null;
  /** Null if the document names none: another one does. */
  readonly tables: readonly string[] | null;
}

/**
 * Reads the list of versions; null if it has another shape. Unknown keys are ignored, here and below. Servers list
 * objects, the highest version first; those of October 2025 list texts in the order of text, 0.9.0 before 0.10.0.
 */
export function parseVersionList(body: unknown): VersionList | null {
  const { versions, special_tags: tags } = fieldsOf(body);
  if (!Array.isArray(versions)) {
    return null;
  }
  const listed = versions.map(listedVersion);
  if (!listed.every((each) => each !== null)) {
    return null;
  }
  const { latest, dev } = fieldsOf(tags);
  const isText = typeof versions[0] === "string";
  const newest = (isText ? listed.toSorted(byCoreDescending)[0] : listed[0]) ?? null;
  return { versions: listed, newest, latest: textOf(latest), dev: textOf(dev) };
}

/** Reads one version: its description, its schema or its manifest; null if it has another shape. */
export function parseVersionDetail(body: unknown): VersionDetail | null {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return null;
  }
  const { manifest_hash: hash, tables, schema } = fieldsOf(body);
  // Raw manifests of October 2025 name the tables only as members of their schema.
  const described = tables ?? schema;
  const names = described === undefined || described === null ? null : tableNames(described);
  if (described !== undefined && described !== null && names === null) {
    return null;
  }
  return { manifestHash: textOf(hash), tables: names };
}

/**
 * Reads the networks of the tables from a manifest, as far as it tells them: an object with the tables as members, or
 * a list of objects. Never null: what cannot be read tells none.
 */
export function parseNetworks(body: unknown): ReadonlyMap<string, string> {
  const { tables } = fieldsOf(body);
  const entries = Array.isArray(tables)
    ? tables.map((each) => [fieldsOf(each)["name"], each])
    : Object.entries(fieldsOf(tables));
  return new Map(
    entries.flatMap(([name, table]) => {
      const { network } = fieldsOf(table);
      return typeof name === "string" && typeof network === "string" ? [[nameOf(name), nameOf(network)]] : [];
    }),
  );
}

/** Names, objects with names, or an object whose members are the tables. */
function tableNames(tables: unknown): readonly string[] | null {
  if (!Array.isArray(tables)) {
    return typeof tables === "object" && tables !== null ? Object.keys(tables).map(nameOf) : null;
  }
  const names = tables.map((each) => (typeof each === "string" ? each : fieldsOf(each)["name"]));
  return names.every((name) => typeof name === "string") ? names.map(nameOf) : null;
}

function listedVersion(entry: unknown): ListedVersion | null {
  const { version, manifest_hash: hash } = typeof entry === "string" ? { version: entry } : fieldsOf(entry);
  return typeof version === "string" && version !== ""
    ? { version: nameOf(version), manifestHash: textOf(hash) }
    : null;
}

/** By major, minor and patch number; qualifiers do not count, since they have no order in time. */
function byCoreDescending(a: ListedVersion, b: ListedVersion): number {
  const [left, right] = [coreOf(a), coreOf(b)];
  for (const part of [0, 1, 2]) {
    const difference = (right[part] ?? 0n) - (left[part] ?? 0n);
    if (difference !== 0n) return difference > 0n ? 1 : -1;
  }
  return 0;
}

/** What is no version is the lowest. */
function coreOf({ version }: ListedVersion): readonly bigint[] {
  const core = /^(\d{1,18})\.(\d{1,18})\.(\d{1,18})(?![0-9.])/.exec(version);
  return core === null ? [-1n] : core.slice(1).map(BigInt);
}

/** The fields of an object; anything else has none. */
function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? nameOf(value) : null;
}

function nameOf(text: string): string {
  return cleanText(text, NAME_LENGTH);
}
