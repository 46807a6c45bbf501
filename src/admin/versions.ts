import { cleanText } from "../model/foreign-text.ts";

/** The most characters in a version, a hash or the name of a table: more than any usable one has. */
const NAME_LENGTH = 200;

/** The versions of a dataset, newest first, and its tags. */
export interface VersionList {
  readonly versions: readonly ListedVersion[];
  /** The version that the server calls the latest. */
  readonly latest: string | null;
  /** Manifest hash of the last registered manifest. */
  readonly dev: string | null;
}

export interface ListedVersion {
  readonly version: string;
  /** Empty if the server does not report it. */
  readonly manifestHash: string;
}

export interface VersionDetail {
  readonly manifestHash: string | null;
  readonly tables: readonly string[] | null;
}

/** Reads the list of versions; null if it has another shape. Unknown keys are ignored, here and below. */
export function parseVersionList(body: unknown): VersionList | null {
  const { versions, special_tags: tags } = fieldsOf(body);
  if (!Array.isArray(versions)) {
    return null;
  }
  const listed = versions.map((each): ListedVersion | null => {
    const { version, manifest_hash: hash } = fieldsOf(each);
    return typeof version === "string"
      ? { version: nameOf(version), manifestHash: textOf(hash) ?? "" }
      : null;
  });
  if (!listed.every((each) => each !== null)) {
    return null;
  }
  const { latest, dev } = fieldsOf(tags);
  return { versions: listed, latest: textOf(latest), dev: textOf(dev) };
}

/** Reads one version; null if it has another shape. */
export function parseVersionDetail(body: unknown): VersionDetail | null {
  const { manifest_hash: hash, tables } = fieldsOf(body);
  const names = tables === undefined ? null : textsOf(tables);
  if (tables !== undefined && names === null) {
    return null;
  }
  return { manifestHash: textOf(hash), tables: names };
}

/** The names of the tables in a manifest; null if it has another shape. */
export function manifestTables(body: unknown): readonly string[] | null {
  const { tables } = fieldsOf(body);
  return typeof tables === "object" && tables !== null ? Object.keys(tables).map(nameOf) : null;
}

/** The fields of an object; anything else has none. */
function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? nameOf(value) : null;
}

function textsOf(value: unknown): string[] | null {
  const isText = (each: unknown): each is string => typeof each === "string";
  return Array.isArray(value) && value.every(isText) ? value.map(nameOf) : null;
}

function nameOf(text: string): string {
  return cleanText(text, NAME_LENGTH);
}
