import { isVersion } from "../../model/version.ts";
import type { Catalog, DatasetVersion } from "../catalog.ts";
import type { Generation } from "../misbehaviour.ts";
import { invalidArgument } from "./refusal.ts";

/** `[namespace/]name[@revision]`, the schema part of a table reference. */
const DATASET_REFERENCE = /^(?:([a-z0-9_]+)\/)?([a-z_][a-z0-9_]*)(?:@(.+))?$/;
const MANIFEST_HASH = /^[0-9a-f]{64}$/;
const TAGS: readonly string[] = ["latest", "dev"];

/** The version that the schema part of a table reference stands for; null if it is not published. */
export function resolveReference(
  reference: string,
  catalog: Catalog,
  generation: Generation,
): DatasetVersion | null {
  if (generation === "2025-10") {
    return resolveOctober(reference, catalog);
  }
  const match = DATASET_REFERENCE.exec(reference);
  const [namespace, name, revision] = [match?.[1] ?? "_", match?.[2] ?? "", match?.[3] ?? "latest"];
  const isNamed = TAGS.includes(revision) || MANIFEST_HASH.test(revision);
  // Servers of November 2025 accept only versions, and no revision at all.
  const isRevision = isVersion(revision) || (isNamed && (generation === "2026" || match?.[3] === undefined));
  if (match === null || !isRevision) {
    throw invalidArgument(`planning error | Caused by: '${reference}' is not a dataset reference`);
  }
  return catalog.resolve({ namespace, name }, revision);
}

/** `name` or `name__1_2_3`, in which `_` stands for `.`; the qualifier of a version may be left out. */
function resolveOctober(reference: string, catalog: Catalog): DatasetVersion | null {
  const match = /^([a-z_][a-z0-9_]*?)(?:__(\d+_\d+_\d+(?:-[0-9A-Za-z-]+)?))?$/.exec(reference);
  if (match === null) {
    throw invalidArgument(`planning error | Caused by: '${reference}' is not a dataset`);
  }
  const [, name = "", version] = match;
  return catalog.resolve(
    { ...catalog.dataset, name },
    version === undefined ? "latest" : version.replaceAll("_", "."),
  );
}
