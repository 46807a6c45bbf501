import { answerOf, browserHere, type IndexedDatabase } from "./browser-storage.ts";
import { type Node, readText } from "./node-files.ts";
import { directoryOf, type StoreKind } from "./store-place.ts";

/** What is known of a store beside it, so that one that is not there is told from one that never was. */
export interface Known {
  readonly kind: StoreKind;
  /** Of PostgreSQL: another one cannot read its files. Null: it was not made to its end. */
  readonly major: string | null;
  readonly clientId: string | null;
}

export interface StoreMemory {
  read(): Promise<Known | null>;
  write(known: Known): Promise<void>;
}

const DATABASE = "ampsync-stores";
const STORES = "stores";

/** In Node a file beside the directory, in a browser a record of IndexedDB; none of what is in memory. */
export function memoryOf(name: string, node: Node | null): StoreMemory {
  if (name.startsWith("memory://")) return { read: async () => null, write: async () => {} };
  return node === null ? inIndexedDb(name) : inFile(node, name);
}

function inFile({ fs }: Node, name: string): StoreMemory {
  const file = `${directoryOf(name)}.store`;
  return {
    async read() {
      const text = readText(fs, file);
      return text === null ? null : (JSON.parse(text) as Known);
    },
    async write(known) {
      // Whole or not at all.
      fs.writeFileSync(`${file}.new`, JSON.stringify(known));
      fs.renameSync(`${file}.new`, file);
    },
  };
}

function inIndexedDb(name: string): StoreMemory {
  return {
    read: () =>
      withStores(async (db) => {
        const found = await answerOf(db.transaction(STORES, "readonly").objectStore(STORES).get(name));
        return (found as Known | undefined) ?? null;
      }),
    write: (known) =>
      withStores(async (db) => {
        await answerOf(db.transaction(STORES, "readwrite").objectStore(STORES).put(known, name));
      }),
  };
}

async function withStores<T>(step: (db: IndexedDatabase) => Promise<T>): Promise<T> {
  const { indexedDB } = browserHere();
  if (indexedDB === undefined) throw new Error("this browser has no IndexedDB");
  const request = indexedDB.open(DATABASE);
  request.onupgradeneeded = () => void request.result.createObjectStore(STORES);
  const db = await answerOf(request);
  try {
    return await step(db);
  } finally {
    db.close();
  }
}
