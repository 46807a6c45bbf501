import { isVersion } from "../../model/version.ts";
import type { Catalog, DatasetVersion } from "../catalog.ts";
import type { Generation } from "../misbehaviour.ts";
import { type AdminAnswer, failure, NOT_ALLOWED, NOT_FOUND, ok } from "./answer.ts";
import { octoberRoute } from "./october.ts";

const NAME = /^[a-z_][a-z0-9_]*$/;
const NAMESPACE = /^[a-z0-9_]+$/;
const MANIFEST_HASH = /^[0-9a-f]{64}$/;

/** The read-only routes of the Admin API that tools use to find datasets and their versions. */
export function answerAdminRequest(
  catalog: Catalog,
  generation: Generation,
  method: string,
  url: string,
): AdminAnswer {
  const path = pathOf(url);
  const answer =
    path === null
      ? failure(400, "INVALID_PATH", `'${url}' cannot be decoded`)
      : generation === "2025-10"
        ? octoberRoute(catalog, path)
        : route(catalog, generation, path);
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

function route(catalog: Catalog, generation: Generation, path: readonly string[]): AdminAnswer {
  const [first, namespace, name, versions, revision, leaf, ...more] = path;
  if (first === "healthz" && namespace === undefined) {
    return ok({ status: "ok" });
  }
  if (first !== "datasets" || more.length > 0 || (leaf !== undefined && leaf !== "manifest")) {
    return NOT_FOUND;
  }
  if (namespace === undefined) {
    return ok({ datasets: datasets(catalog) });
  }
  if (name === undefined || (versions !== undefined && versions !== "versions")) {
    return NOT_FOUND;
  }
  // Servers answer the path of a dataset without a revision like an invalid path.
  if (versions === undefined || !NAMESPACE.test(namespace) || !NAME.test(name)) {
    return failure(400, "INVALID_PATH", `'${namespace}/${name}' is not a valid path`);
  }
  if (revision === undefined) {
    return ok(versionList(catalog, namespace, name));
  }
  if (!isRevision(revision)) {
    return failure(400, "INVALID_PATH", `'${revision}' is not a valid revision`);
  }
  const dataset = catalog.resolve({ namespace, name }, revision);
  if (dataset === null) {
    const message = `Dataset '${namespace}/${name}' at revision '${revision}' not found`;
    return failure(404, "DATASET_NOT_FOUND", message);
  }
  if (leaf === "manifest") {
    return ok(dataset.manifest);
  }
  return ok(details(catalog, generation, dataset, revision));
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

/** The revision is the requested one, not the version that it stands for. Servers of 2025 say no more than the kind. */
function details(
  catalog: Catalog,
  generation: Generation,
  { source, manifestHash }: DatasetVersion,
  revision: string,
): unknown {
  const known = { ...catalog.dataset, revision, manifest_hash: manifestHash, kind: "evm-rpc" };
  return generation === "2026"
    ? {
        ...known,
        start_block: Number(source.chain.start),
        finalized_blocks_only: false,
        tables: [...source.tables.keys()],
      }
    : known;
}

function isRevision(text: string): boolean {
  return text === "latest" || text === "dev" || isVersion(text) || MANIFEST_HASH.test(text);
}
