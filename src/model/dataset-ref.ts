import { AmpsyncError } from "../errors.ts";

/** A dataset as a user names it: `[namespace/]name[@revision]`. */
export interface DatasetRef {
  readonly namespace: string;
  readonly name: string;
  /** A semantic version, a manifest hash (64 hex), `latest` or `dev`; null where none was named. */
  readonly revision: string | null;
}

const DEFAULT_NAMESPACE = "_";
const NAMESPACE = /^[a-z0-9_]+$/;
const NAME = /^[a-z_][a-z0-9_]*$/;
const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const MANIFEST_HASH = /^[0-9a-f]{64}$/;

/** Parse a reference; SY004 says which part is wrong. */
export function parseDatasetRef(text: string): DatasetRef {
  const [path = "", ...revisions] = text.split("@");
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  const namespace = parts.pop() ?? DEFAULT_NAMESPACE;
  const revision = revisions[0] ?? null;

  if (parts.length > 0 || revisions.length > 1) {
    throw wrong(text, "It has more than one / or @.");
  }
  if (!NAMESPACE.test(namespace)) {
    throw wrong(text, `The namespace "${namespace}" is not of lower-case letters, digits and _.`);
  }
  if (!NAME.test(name)) {
    throw wrong(
      text,
      `The name "${name}" is not of lower-case letters, digits and _, beginning with no digit.`,
    );
  }
  if (revision !== null && !isFixed(revision) && !isTag(revision)) {
    throw wrong(
      text,
      `The revision "${revision}" is no version such as 1.2.0, no hash of 64 hex digits, latest or dev.`,
    );
  }
  return { namespace, name, revision };
}

/** Whether the reference names one version for good, so that nothing is polled. */
export function isFixedRef(ref: DatasetRef): boolean {
  return ref.revision !== null && isFixed(ref.revision);
}

export function isManifestHash(revision: string): boolean {
  return MANIFEST_HASH.test(revision);
}

export function isSemver(revision: string): boolean {
  return SEMVER.test(revision);
}

/** The reference as text, namespace always written out. */
export function datasetRefText(ref: DatasetRef): string {
  return `${ref.namespace}/${ref.name}${ref.revision === null ? "" : `@${ref.revision}`}`;
}

/** A table of one version, as the Amp server's SQL wants it: `"ns/name@1.2.0"."table"`. */
export function tableRefSql(
  ref: Pick<DatasetRef, "namespace" | "name">,
  version: string,
  table: string,
): string {
  return `${quoted(datasetRefText({ namespace: ref.namespace, name: ref.name, revision: version }))}.${quoted(table)}`;
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function isFixed(revision: string): boolean {
  return isSemver(revision) || isManifestHash(revision);
}

function isTag(revision: string): boolean {
  return revision === "latest" || revision === "dev";
}

function wrong(text: string, detail: string): AmpsyncError {
  return new AmpsyncError("SY004", `"${text}" is no dataset reference`, {
    detail,
    hint: "Write it as name, namespace/name or namespace/name@1.2.0.",
  });
}
