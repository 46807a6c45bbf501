import type { Catalog, DatasetVersion } from "../catalog.ts";
import { type AdminAnswer, failure, NOT_FOUND, ok } from "./answer.ts";

/** The routes of servers of October 2025: no namespaces, and versions are texts that are qualified by a hash. */
export function octoberRoute(catalog: Catalog, path: readonly string[]): AdminAnswer {
  const [first, name, versions, version, leaf, ...more] = path;
  if (first !== "datasets" || more.length > 0 || (versions !== undefined && versions !== "versions")) {
    return NOT_FOUND;
  }
  const known = name === catalog.dataset.name ? catalog.versions() : [];
  if (name === undefined) {
    const datasets = catalog
      .versions()
      .map((each) => ({ name: catalog.dataset.name, version: each.qualified }));
    return ok({ datasets });
  }
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) {
    return failure(400, "INVALID_SELECTOR", `'${name}' is not a dataset`);
  }
  if (versions !== undefined && version === undefined) {
    // In the order of text, which is not that of versions; an unknown dataset has none.
    const texts = known.map(({ qualified }) => qualified).toSorted();
    return ok({ versions: texts.toReversed() });
  }
  const dataset = version === undefined ? catalog.latest() : catalog.resolve(catalog.dataset, version);
  if (dataset === null || !known.includes(dataset)) {
    return failure(404, "DATASET_NOT_FOUND", `Dataset '${name}' version '${version ?? "latest"}' not found`);
  }
  switch (leaf) {
    case undefined:
      return ok({ name, version: dataset.qualified, kind: "evm-rpc", tables: tables(dataset) });
    case "schema":
      return ok({ name, version: dataset.qualified, tables: tables(dataset) });
    case "manifest":
      return ok(dataset.manifest);
    default:
      return NOT_FOUND;
  }
}

function tables({ source }: DatasetVersion) {
  return [...source.tables.keys()].map((name) => ({ name, network: source.network }));
}
