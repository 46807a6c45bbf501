import { isManifestHash, isSemver } from "../model/dataset-ref.ts";
import type { ListedVersion, VersionList } from "./versions.ts";

/** The version that a reference stands for at this moment. */
export interface ResolvedVersion {
  /** Semantic version, or manifest hash if there is no version: the part after the `@` in SQL. */
  readonly version: string;
  /** Changes with the content, even when a tag moves to another version. Null if the server does not report it. */
  readonly manifestHash: string | null;
}

/** The version in the list that a revision stands for; null if there is none. A tag never stands for itself. */
export function pickVersion(list: VersionList, revision: string | null): ResolvedVersion | null {
  const { versions } = list;
  if (revision === null || revision === "latest") {
    return latestOf(list);
  }
  if (revision === "dev") {
    return devOf(list);
  }
  if (isManifestHash(revision)) {
    return { version: revision, manifestHash: revision };
  }
  return (
    versions.find((each) => each.version === revision) ??
    // Servers of October 2025 qualify each version by a hash. 0.1.1 must not find 0.1.10.
    versions.find((each) => each.version.startsWith(`${revision}-`)) ??
    null
  );
}

/** A server may echo the word "latest", which is not a version. */
function latestOf({ versions, newest, latest }: VersionList): ListedVersion | null {
  if (latest === null || !isSemver(latest)) {
    return newest;
  }
  return versions.find((each) => each.version === latest) ?? { version: latest, manifestHash: null };
}

/** The tag is a manifest hash. Servers of November 2025 accept only versions in SQL, so a version with this hash goes first. */
function devOf({ versions, newest, dev }: VersionList): ResolvedVersion | null {
  if (dev === null || !isManifestHash(dev)) {
    return newest;
  }
  return versions.find((each) => each.manifestHash === dev) ?? { version: dev, manifestHash: dev };
}
