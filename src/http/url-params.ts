/** The address without the parameters of these names; what is left of its query stays as it is written. */
export function withoutParams(url: URL, names: Iterable<string>): URL {
  const unwanted = new Set(names);
  const pairs = url.search.slice(1).split("&");
  return withSearch(
    url,
    pairs.filter((pair) => !unwanted.has(nameOf(pair))),
  );
}

/** The address with these parameters, each of which its query has once then. */
export function withParams(url: URL, params: ReadonlyMap<string, string>): URL {
  if (params.size === 0) return url;
  const { search } = withoutParams(url, params.keys());
  return withSearch(url, [search.slice(1), new URLSearchParams([...params]).toString()]);
}

function withSearch(url: URL, pairs: readonly string[]): URL {
  const changed = new URL(url);
  changed.search = pairs.filter((pair) => pair !== "").join("&");
  return changed;
}

function nameOf(pair: string): string {
  const [name = ""] = new URLSearchParams(pair).keys();
  return name;
}
