import { AmpsyncError } from "../errors.ts";
import { type DatasetRef, datasetRefText, isManifestHash, isSemver } from "../model/dataset-ref.ts";
import { getJson, unreadable } from "./request.ts";
import { manifestTables, parseVersionDetail, parseVersionList, type VersionList } from "./versions.ts";

export interface AdminClientOptions {
  /** `http://host:port`, with the path prefix of a gateway if there is one. */
  readonly address: URL;
  /** Called before every request, so that a renewed token is used. */
  readonly token: () => Promise<string | null> | string | null;
  readonly fetch?: typeof fetch;
}

/** The version that a reference stands for at this moment. */
export interface ResolvedVersion {
  /** Semantic version, or manifest hash if there is no version: the part after the `@` in SQL. */
  readonly version: string;
  /** Changes with the content, even when a tag moves to another version. Empty if the server does not report it. */
  readonly manifestHash: string;
}

export interface ResolvedDataset extends ResolvedVersion {
  readonly tables: readonly string[];
}

/** Versions and tables of datasets, from the Admin API of a server of 2026. Failures are AmpsyncErrors. */
export interface AdminClient {
  /** The version that a reference stands for; requests only the list of versions. SY103 if there is none. */
  version(ref: DatasetRef, signal: AbortSignal): Promise<ResolvedVersion>;
  /** The same version with the names of its tables. */
  resolve(ref: DatasetRef, signal: AbortSignal): Promise<ResolvedDataset>;
}

/** The most versions of a long list that an error names. */
const VERSIONS_TOLD = 20;

export function createAdminClient(options: AdminClientOptions): AdminClient {
  const base = new URL(options.address);
  if (!base.pathname.endsWith("/")) {
    base.pathname += "/";
  }
  const fetchUrl = options.fetch ?? fetch;

  async function get<T>(
    path: readonly string[],
    parse: (body: unknown) => T | null,
    signal: AbortSignal,
  ): Promise<T> {
    const url = new URL(path.map(encodeURIComponent).join("/"), base);
    const parsed = parse(await getJson(fetchUrl, url, await options.token(), signal));
    if (parsed === null) {
      throw unreadable(url, "The JSON document does not have the expected shape.");
    }
    return parsed;
  }

  async function version(ref: DatasetRef, signal: AbortSignal): Promise<ResolvedVersion> {
    const list = await get(versionsPath(ref), parseVersionList, signal);
    const found = pickVersion(list, ref.revision);
    if (found === null) {
      throw new AmpsyncError("SY103", `No versions available for ${datasetRefText(ref)}`, {
        detail: `The server lists ${listed(list)}.`,
        hint: "Publish the dataset on the Amp server, or name one of its versions.",
      });
    }
    return found;
  }

  async function resolve(ref: DatasetRef, signal: AbortSignal): Promise<ResolvedDataset> {
    const found = await version(ref, signal);
    const path = [...versionsPath(ref), found.version];
    const detail = await get(path, parseVersionDetail, signal);
    // Servers of late 2025 name the tables only in the manifest.
    const tables = detail.tables ?? (await get([...path, "manifest"], manifestTables, signal));
    return { ...found, manifestHash: detail.manifestHash ?? found.manifestHash, tables };
  }

  return { version, resolve };
}

function listed({ versions }: VersionList): string {
  const first = versions.slice(0, VERSIONS_TOLD).map((each) => each.version);
  const more = versions.length - first.length;
  return `${first.join(", ") || "no versions"}${more === 0 ? "" : ` and ${more} more`}`;
}

function versionsPath(ref: DatasetRef): string[] {
  return ["datasets", ref.namespace, ref.name, "versions"];
}

/** The version in the list that a revision stands for. */
function pickVersion(
  { versions, latest, dev }: VersionList,
  revision: string | null,
): ResolvedVersion | null {
  if (revision === "dev") {
    return dev === null ? null : { version: dev, manifestHash: dev };
  }
  if (revision !== null && isManifestHash(revision)) {
    return { version: revision, manifestHash: revision };
  }
  if (revision === null || revision === "latest") {
    // A server may echo the word "latest", which is not a version.
    const tagged = latest !== null && isSemver(latest) ? latest : null;
    const listed = tagged === null ? versions[0] : versions.find((each) => each.version === tagged);
    return listed ?? (tagged === null ? null : { version: tagged, manifestHash: "" });
  }
  return (
    versions.find((each) => each.version === revision) ??
    versions.find((each) => each.version.startsWith(`${revision}-`)) ??
    null
  );
}
