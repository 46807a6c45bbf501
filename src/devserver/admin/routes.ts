import type { Catalog, DatasetVersion } from "../catalog.ts";
import { isVersion } from "../version.ts";

export interface AdminAnswer {
  readonly status: number;
  /** Sent as JSON; null for an empty body. */
  readonly body: unknown;
}

const NOT_FOUND: AdminAnswer = { status: 404, body: null };
const NOT_ALLOWED: AdminAnswer = { status: 405, body: null };

const NAME = /^[a-z_][a-z0-9_]*$/;
const NAMESPACE = /^[a-z0-9_]+$/;
const MANIFEST_HASH = /^[0-9a-f]{64}$/;

/** The read-only routes of the Admin API that tools use to find datasets and their versions. */
export function answerAdminRequest(catalog: Catalog, method: string, url: string): AdminAnswer {
  const path = pathOf(url);
  const answer =
    path === null ? failure(400, "INVALID_PATH", `'${url}' cannot be decoded`) : route(catalog, path);
  return answer !== NOT_FOUND && method !== "GET" ? NOT_ALLOWED : answer;
}

/** The decoded segments of a path; null if an escape cannot be decoded. */
function pathOf(url: string): readonly string[] | null {
  try {
    const [path = ""] = url.split("?");
    return path.split("/").slice(1).map(decodeURIComponent);
  } catch {
    return null;
  }
}

function route(catalog: Catalog, path: readonly string[]): AdminAnswer {
  const [first, namespace, name, versions, revision, leaf, ...more] = path;
  if (first === "healthz" && namespace === undefined) {
    return { status: 200, body: { status: "ok" } };
  }
  if (first !== "datasets" || more.length > 0 || (leaf !== undefined && leaf !== "manifest")) {
    return NOT_FOUND;
  }
  if (namespace === undefined) {
    return { status: 200, body: { datasets: datasets(catalog) } };
  }
  if (name === undefined || (versions !== undefined && versions !== "versions")) {
    return NOT_FOUND;
  }
  // Servers answer the path of a dataset without a revision like an invalid path.
  if (versions === undefined || !NAMESPACE.test(namespace) || !NAME.test(name)) {
    return failure(400, "INVALID_PATH", `'${namespace}/${name}' is not a valid path`);
  }
  if (revision === undefined) {
    return { status: 200, body: versionList(catalog, namespace, name) };
  }
  if (!isRevision(revision)) {
    return failure(400, "INVALID_PATH", `'${revision}' is not a valid revision`);
  }
  const dataset = catalog.resolve({ namespace, name }, revision);
  if (dataset === null) {
    const message = `Dataset '${namespace}/${name}' at revision '${revision}' not found`;
    return failure(404, "DATASET_NOT_FOUND", message);
  }
  return { status: 200, body: leaf === "manifest" ? dataset.manifest : details(catalog, dataset, revision) };
}

function datasets(catalog: Catalog): readonly unknown[] {
  const versions = catalog.versions().map(({ version }) => version);
  return versions.length === 0 ? [] : [{ ...catalog.dataset, latest_version: versions[0], versions }];
}

/** An unknown dataset has no versions; that is not an error. */
function versionList(catalog: Catalog, namespace: string, name: string): unknown {
  const known = namespace === catalog.dataset.namespace && name === catalog.dataset.name;
  const versions = known ? catalog.versions() : [];
  const latest = versions[0];
  const dev = known ? catalog.dev() : null;
  return {
    namespace,
    name,
    versions: versions.map(({ version, manifestHash, createdAt }) => ({
      version,
      manifest_hash: manifestHash,
      created_at: createdAt.toISOString(),
      updated_at: createdAt.toISOString(),
    })),
    special_tags: {
      ...(latest === undefined ? {} : { latest: latest.version }),
      ...(dev === null ? {} : { dev: dev.manifestHash }),
    },
  };
}

/** The revision is the requested one, not the version that it stands for. */
function details(catalog: Catalog, { source, manifestHash }: DatasetVersion, revision: string): unknown {
  return {
    ...catalog.dataset,
    revision,
    manifest_hash: manifestHash,
    kind: "evm-rpc",
    start_block: Number(source.chain.start),
    finalized_blocks_only: false,
    tables: [...source.tables.keys()],
  };
}

function isRevision(text: string): boolean {
  return text === "latest" || text === "dev" || isVersion(text) || MANIFEST_HASH.test(text);
}

function failure(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { error_code: code, error_message: message } };
}
