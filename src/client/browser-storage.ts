/** What is used of a browser's storage. Written out, since nothing here has the types of browsers. */
export interface Folder {
  getDirectoryHandle(name: string): Promise<Folder>;
  removeEntry(name: string, options: { readonly recursive: true }): Promise<void>;
}

interface Request<T> {
  readonly result: T;
  readonly error: Error | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
  onblocked?: (() => void) | null;
  onupgradeneeded?: (() => void) | null;
}

interface ObjectStore {
  get(key: string): Request<unknown>;
  put(value: unknown, key: string): Request<unknown>;
}

export interface IndexedDatabase {
  createObjectStore(name: string): unknown;
  transaction(name: string, mode: "readonly" | "readwrite"): { objectStore(name: string): ObjectStore };
  close(): void;
}

interface IndexedDb {
  open(name: string): Request<IndexedDatabase>;
  deleteDatabase(name: string): Request<unknown>;
  databases?(): Promise<readonly { readonly name?: string }[]>;
}

interface Navigator {
  readonly userAgent?: string;
  readonly storage?: {
    getDirectory?(): Promise<Folder>;
    persist?(): Promise<boolean>;
    persisted?(): Promise<boolean>;
    estimate?(): Promise<{ readonly usage?: number; readonly quota?: number }>;
  };
}

export interface Browser {
  readonly navigator?: Navigator;
  readonly indexedDB?: IndexedDb;
}

/** Without either in Node. */
export function browserHere(): Browser {
  return globalThis as Browser;
}

export function answerOf<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB refuses"));
    // Another tab has it open: it is not waited for.
    if ("onblocked" in request) request.onblocked = () => reject(new Error("another tab has the store open"));
  });
}

export interface Quota {
  /** Whether the browser has promised not to remove the store; null: it does not say. */
  readonly persisted: boolean | null;
  /** Bytes of all that this origin has, and may have, as the browser estimates them; null: it does not say. */
  readonly usage: string | null;
  readonly quota: string | null;
}

export async function readQuota(): Promise<Quota> {
  const storage = browserHere().navigator?.storage;
  const { usage, quota } = (await storage?.estimate?.()) ?? {};
  const text = (bytes: number | undefined) => (bytes === undefined ? null : String(bytes));
  return { persisted: (await storage?.persisted?.()) ?? null, usage: text(usage), quota: text(quota) };
}

/** Asks that the store be kept where space is short. Only pages can: in a worker this does nothing. */
export async function askToPersist(): Promise<void> {
  await browserHere().navigator?.storage?.persist?.();
}
