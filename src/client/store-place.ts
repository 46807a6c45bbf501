import { browserHere } from "./browser-storage.ts";

export type StoreKind = "memory" | "directory" | "opfs" | "idb";

export interface Place {
  readonly kind: StoreKind;
  /** As PGlite has it. */
  readonly dataDir: string;
  /** Within its kind. */
  readonly path: string;
}

const PREFIXES = { memory: "memory://", opfs: "opfs-ahp://", idb: "idb://" } as const;

/**
 * Where a store is. A name without a kind: the kind that it was made as; where it is new, a directory in Node, and in a
 * browser OPFS, or IndexedDB where that has none or, as Safari, gives too few files to a database.
 */
export function placeOf(name: string, inNode: boolean, made: StoreKind | null): Place {
  for (const kind of ["memory", "opfs", "idb"] as const) {
    const prefix = PREFIXES[kind];
    if (name.startsWith(prefix)) return { kind, dataDir: name, path: name.slice(prefix.length) };
  }
  if (inNode) {
    const path = directoryOf(name);
    return { kind: "directory", dataDir: path, path };
  }
  const kind = made === "idb" || made === "opfs" ? made : hasOpfs() ? "opfs" : "idb";
  return { kind, dataDir: `${PREFIXES[kind]}${name}`, path: name };
}

/** One spelling, so that there is one lock beside it. */
export function directoryOf(name: string): string {
  return name.replace(/^file:\/\//, "").replace(/(?<=.)\/+$/, "");
}

function hasOpfs(): boolean {
  const { navigator } = browserHere();
  const agent = navigator?.userAgent ?? "";
  const isSafari = /AppleWebKit/.test(agent) && !/Chrom(?:e|ium)|Android|Edg/.test(agent);
  return navigator?.storage?.getDirectory !== undefined && !isSafari;
}
