const WITHIN_MS = 10_000;
const AGAIN_AFTER_MS = 100;

interface FileHandle {
  readonly kind: "file";
  createSyncAccessHandle(): Promise<{ close(): void }>;
}

interface Directory {
  readonly kind: "directory";
  getDirectoryHandle(name: string): Promise<Directory>;
  values(): AsyncIterable<FileHandle | Directory>;
}

/**
 * Waits until no file of a store in OPFS is open any more: those of a worker that was ended a moment ago may still be.
 * PGlite would open such a store without the files that it does not get, or never come back.
 */
export async function handlesReleased(path: string, withinMs = WITHIN_MS): Promise<void> {
  const folder = await find(path);
  if (folder === null) return;
  const deadline = performance.now() + withinMs;
  while (!(await allFree(folder))) {
    if (performance.now() > deadline) {
      throw new Error(
        `files of the store ${path} are open elsewhere, ${withinMs} ms after its lock was free`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
}

async function find(path: string): Promise<Directory | null> {
  const { storage } = navigator as unknown as { storage?: { getDirectory?(): Promise<Directory> } };
  // Null in a browser without OPFS: whoever opens the store says so.
  let folder = (await storage?.getDirectory?.()) ?? null;
  try {
    for (const name of path.split("/").filter(Boolean))
      folder = (await folder?.getDirectoryHandle(name)) ?? null;
  } catch (error) {
    if ((error as Error).name === "NotFoundError") return null;
    throw error;
  }
  return folder;
}

async function allFree(folder: Directory): Promise<boolean> {
  for await (const entry of folder.values()) {
    if (!(await (entry.kind === "file" ? isFree(entry) : allFree(entry)))) return false;
  }
  return true;
}

async function isFree(file: FileHandle): Promise<boolean> {
  try {
    (await file.createSyncAccessHandle()).close();
    return true;
  } catch (error) {
    if ((error as Error).name === "NoModificationAllowedError") return false;
    throw error;
  }
}
