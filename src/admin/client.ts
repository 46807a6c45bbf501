import { AmpsyncError, type ErrorCode, withHint } from "../errors.ts";
import { type DatasetRef, datasetRefText } from "../model/dataset-ref.ts";
import { pickVersion, type ResolvedVersion } from "./pick-version.ts";
import { type Get, getJson, unreadable } from "./request.ts";
import {
  parseNetworks,
  parseVersionDetail,
  parseVersionList,
  type VersionDetail,
  type VersionList,
} from "./versions.ts";

export interface AdminClientOptions {
  /** `http://host:port`, with the path prefix of a gateway if there is one. */
  readonly address: URL;
  /** Called before every request, so that a renewed token is used. */
  readonly token: () => Promise<string | null> | string | null;
  /** Hints of errors that are not those of the process's own server. */
  readonly hints?: Partial<Record<ErrorCode, string>>;
  readonly get?: Get;
  /** Milliseconds. */
  readonly now?: () => number;
}

interface Ask {
  readonly signal: AbortSignal;
  readonly insist: boolean;
}

export interface FoundVersion extends ResolvedVersion {
  /** False for servers of October 2025, whose SQL names datasets in another way. */
  readonly hasNamespaces: boolean;
}

export interface ResolvedDataset extends FoundVersion {
  readonly tables: readonly string[];
}

/**
 * Versions and tables of datasets, from the Admin API of a server of any generation. Failures are AmpsyncErrors. A
 * token that was refused is sent again only after 300 s, or to `insist`.
 */
export interface AdminClient {
  /** The version that a reference stands for; requests only the list of versions. SY103 if there is none. */
  version(ref: DatasetRef, signal: AbortSignal, insist?: boolean): Promise<FoundVersion>;
  /** The same version with the names of its tables. */
  resolve(ref: DatasetRef, signal: AbortSignal, insist?: boolean): Promise<ResolvedDataset>;
  /** The networks of its tables, from its manifest; of those alone for which the server tells one. */
  networks(ref: DatasetRef, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

/** Where a generation of servers has the versions of a dataset, and which documents may name the tables of one. */
interface Routes {
  readonly hasNamespaces: boolean;
  readonly versions: (ref: DatasetRef) => readonly string[];
  readonly query: string;
  /** Below a version, in the order in which they are asked for. */
  readonly details: readonly string[][];
}

const WITH_NAMESPACES: Routes = {
  hasNamespaces: true,
  versions: ({ namespace, name }) => ["datasets", namespace, name, "versions"],
  query: "",
  // Servers of November 2025 name the tables only in the manifest.
  details: [[], ["manifest"]],
};

/** Servers of October 2025. */
const WITHOUT_NAMESPACES: Routes = {
  hasNamespaces: false,
  versions: ({ name }) => ["datasets", name, "versions"],
  query: "?limit=1000",
  details: [[], ["schema"], ["manifest"]],
};

const REFUSED_TOKEN_MS = 300_000;
/** The most versions of a long list that an error names. */
const VERSIONS_TOLD = 20;

export function createAdminClient(options: AdminClientOptions): AdminClient {
  const base = new URL(options.address);
  if (!base.pathname.endsWith("/")) {
    base.pathname += "/";
  }
  const { get: getUrl = fetch, now = () => performance.now() } = options;
  /** The token that was refused last. */
  let refused: {
    readonly token: string | null;
    readonly until: number;
    readonly error: AmpsyncError;
  } | null = null;
  /** Those that the server had last time, so that a poll is one request. */
  let routes = WITH_NAMESPACES;

  /** `missing`: the server has no such path. */
  async function get<T>(
    path: string,
    parse: (body: unknown) => T | null,
    { signal, insist }: Ask,
  ): Promise<{ readonly found: T } | { readonly missing: AmpsyncError }> {
    const url = new URL(path, base);
    const token = await options.token();
    if (!insist && refused !== null && refused.token === token && now() < refused.until) {
      throw refused.error;
    }
    refused = null;
    const answer = await getJson(getUrl, url, token, signal).catch((thrown: unknown) => {
      const error = withHint(thrown, options.hints);
      if (error instanceof AmpsyncError && error.code === "SY105") {
        refused = { token, until: now() + REFUSED_TOKEN_MS, error };
      }
      throw error;
    });
    if (answer.kind === "noSuchPath") {
      return { missing: answer.error };
    }
    const found = parse(answer.body);
    if (found === null) {
      throw unreadable(url, "The JSON document does not have the expected shape.");
    }
    return { found };
  }

  function versionList(from: Routes, ref: DatasetRef, ask: Ask) {
    return get(pathText(from.versions(ref)) + from.query, parseVersionList, ask);
  }

  /** Asks the routes that the server had last time, then the others: a server can be upgraded. */
  async function list(ref: DatasetRef, ask: Ask) {
    const asked = routes;
    const answer = await versionList(asked, ref, ask);
    if ("found" in answer) {
      return { versions: answer.found, from: asked };
    }
    const others = asked.hasNamespaces ? WITHOUT_NAMESPACES : WITH_NAMESPACES;
    const second = await versionList(others, ref, ask);
    if ("missing" in second) {
      throw answer.missing;
    }
    routes = others;
    return { versions: second.found, from: others };
  }

  async function find(ref: DatasetRef, ask: Ask) {
    const { versions, from } = await list(ref, ask);
    if (!from.hasNamespaces && ref.namespace !== "_") {
      throw new AmpsyncError("SY103", `No versions available for ${datasetRefText(ref)}`, {
        detail: "This server knows no namespaces.",
        hint: `select ampsync.enqueue_sync('${datasetRefText({ ...ref, namespace: "_" }).slice("_/".length)}');`,
      });
    }
    const picked = pickVersion(versions, ref.revision);
    if (picked === null) {
      throw new AmpsyncError("SY103", `No versions available for ${datasetRefText(ref)}`, {
        detail: `The server lists ${listed(versions)}.`,
        hint: "Publish the dataset on the Amp server, or name one of its versions.",
      });
    }
    return { from, found: { ...picked, hasNamespaces: from.hasNamespaces } };
  }

  async function version(ref: DatasetRef, signal: AbortSignal, insist = false): Promise<FoundVersion> {
    return (await find(ref, { signal, insist })).found;
  }

  async function resolve(ref: DatasetRef, signal: AbortSignal, insist = false): Promise<ResolvedDataset> {
    const ask = { signal, insist };
    const { from, found } = await find(ref, ask);
    const path = [...from.versions(ref), found.version];
    let manifestHash: string | null = null;
    let missing: AmpsyncError | null = null;
    for (const document of from.details) {
      const answer = await get(pathText([...path, ...document]), parseVersionDetail, ask);
      if ("missing" in answer) {
        missing ??= answer.missing;
        continue;
      }
      const detail: VersionDetail = answer.found;
      manifestHash ??= detail.manifestHash;
      if (detail.tables !== null) {
        return { ...found, manifestHash: manifestHash ?? found.manifestHash, tables: detail.tables };
      }
    }
    throw (
      missing ?? unreadable(new URL(pathText(path), base), "No document of this version names its tables.")
    );
  }

  async function networks(ref: DatasetRef, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const ask = { signal, insist: false };
    const { from, found } = await find(ref, ask);
    const path = [...from.versions(ref), found.version, "manifest"];
    const answer = await get(pathText(path), parseNetworks, ask);
    return "found" in answer ? answer.found : new Map();
  }

  return { version, resolve, networks };
}

function pathText(path: readonly string[]): string {
  return path.map(encodeURIComponent).join("/");
}

function listed({ versions }: VersionList): string {
  const first = versions.slice(0, VERSIONS_TOLD).map((each) => each.version);
  const more = versions.length - first.length;
  return `${first.join(", ") || "no versions"}${more === 0 ? "" : ` and ${more} more`}`;
}
