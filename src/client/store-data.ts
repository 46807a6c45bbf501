import { answerOf, browserHere, type Folder } from "./browser-storage.ts";
import type { Node } from "./node-files.ts";
import type { Place } from "./store-place.ts";

/** The files of a store, without a database. */
export interface StoreData {
  /** `broken`: something is there, and it is no database: a disk that is not mounted looks so. */
  look(): Promise<"there" | "broken" | "gone">;
  /** As the files say it; null: they do not. */
  major(): string | null;
  /** A directory is put aside, under a name that says what it was; what a browser has is removed. */
  giveUp(what: string): Promise<void>;
}

export async function dataOf({ kind, path }: Place, node: Node | null): Promise<StoreData> {
  if (kind === "directory" && node !== null) {
    // Not loaded by browsers.
    const { ofDirectory } = await import("./store-directory.ts");
    return ofDirectory(node, path);
  }
  if (kind === "opfs") return ofOpfs(path);
  if (kind === "idb") return ofIndexedDb(`/pglite/${path}`);
  return { look: async () => "gone", major: () => null, giveUp: async () => {} };
}

function ofOpfs(path: string): StoreData {
  const names = path.split("/").filter((name) => name !== "");
  const parent = async () => {
    let folder = await browserHere().navigator?.storage?.getDirectory?.();
    for (const name of names.slice(0, -1)) folder = await folder?.getDirectoryHandle(name);
    if (folder === undefined) throw new Error("this browser has no OPFS");
    return folder;
  };
  return {
    look: async () => ((await isFound(parent, names.at(-1) ?? "")) ? "there" : "gone"),
    major: () => null,
    giveUp: async () => {
      if (await isFound(parent, names.at(-1) ?? "")) {
        await (await parent()).removeEntry(names.at(-1) ?? "", { recursive: true });
      }
    },
  };
}

async function isFound(parent: () => Promise<Folder>, name: string): Promise<boolean> {
  try {
    await (await parent()).getDirectoryHandle(name);
    return true;
  } catch (error) {
    if ((error as { name?: string }).name === "NotFoundError") return false;
    throw error;
  }
}

function ofIndexedDb(name: string): StoreData {
  const { indexedDB } = browserHere();
  return {
    async look() {
      // Who does not tell has it: to open what is not there makes it, to take it for gone would lose it.
      const all = await indexedDB?.databases?.();
      return all === undefined || all.some((one) => one.name === name) ? "there" : "gone";
    },
    major: () => null,
    giveUp: async () => {
      if (indexedDB !== undefined) await answerOf(indexedDB.deleteDatabase(name));
    },
  };
}
