/** A dataset as a user names it, `[namespace/]name[@revision]`, parsed by ampsync_private.parse_reference. */
export interface DatasetRef {
  readonly namespace: string;
  readonly name: string;
  /** A semantic version, a manifest hash (64 hex digits), `latest` or `dev`; null if none was named. */
  readonly revision: string | null;
}

const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const MANIFEST_HASH = /^[0-9a-f]{64}$/;

export function isManifestHash(revision: string): boolean {
  return MANIFEST_HASH.test(revision);
}

export function isSemver(revision: string): boolean {
  return SEMVER.test(revision);
}

/** The reference as text, always with its namespace. */
export function datasetRefText(ref: DatasetRef): string {
  return `${ref.namespace}/${ref.name}${ref.revision === null ? "" : `@${ref.revision}`}`;
}

/** A table in the SQL of the Amp server: `"ns/name@1.2.0"."table"`; the schema is what ampsync_private.source_schema says. */
export function tableRefSql(schema: string, table: string): string {
  return `${quoted(schema)}.${quoted(table)}`;
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
