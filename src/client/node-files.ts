/**
 * What a store in a directory needs of Node. Taken at run time and not imported, so that browsers can load everything that
 * imports this.
 */
interface Files {
  readFileSync(file: string, encoding: "utf8"): string;
  writeFileSync(file: string, text: string): void;
  linkSync(from: string, to: string): void;
  renameSync(from: string, to: string): void;
  rmSync(file: string, options: { readonly force: true }): void;
}

interface Host {
  readonly pid: number;
  kill(pid: number, signal: 0): true;
  getBuiltinModule?(name: string): unknown;
}

export interface Node {
  readonly fs: Files;
  readonly host: Host;
}

/** Null in a browser. */
export function nodeIfThere(): Node | null {
  const host = (globalThis as { readonly process?: Host })["process"];
  const fs = host?.getBuiltinModule?.("fs");
  // What Node calls "fs" has these functions.
  return host === undefined || fs === undefined ? null : { fs: fs as Files, host };
}

/** With the time of its start, a process that has the pid of a dead one is told from it. */
interface Holder {
  readonly pid: number;
  readonly started: string | null;
}

/**
 * A lock on the store of a directory, for as long as this process lives. Taken from a holder that is gone, and never for its
 * age: one that was stopped for an hour goes on writing when it continues.
 */
export function lockStore({ fs, host }: Node, path: string): () => void {
  const file = `${path}.lock`;
  const mine = JSON.stringify({ pid: host.pid, started: startOf(fs, host.pid) } satisfies Holder);
  const own = `${file}.${host.pid}.${crypto.randomUUID()}`;
  fs.writeFileSync(own, mine);
  try {
    for (let tries = 0; tries < 10; tries++) {
      try {
        fs.linkSync(own, file);
        return () => {
          if (readText(fs, file) === mine) fs.rmSync(file, { force: true });
        };
      } catch (error) {
        if ((error as { code?: string }).code !== "EEXIST") throw error;
      }
      const held = readText(fs, file);
      if (held === null) continue;
      const holder = holderOf(held);
      if (holder !== null && isAlive(fs, host, holder)) {
        throw new Error(`the store ${path} is open in process ${holder.pid}`);
      }
      removeStale(fs, file, own, held);
    }
    throw new Error(`the lock ${file} cannot be taken`);
  } finally {
    fs.rmSync(own, { force: true });
  }
}

/** Null: cut off when the machine stopped, and so its holder with it. It was whole when it got its name. */
function holderOf(held: string): Holder | null {
  try {
    return JSON.parse(held) as Holder;
  } catch {
    return null;
  }
}

/** Only the file that was looked at: another may have taken its place meanwhile, and then it is put back. */
function removeStale(fs: Files, file: string, own: string, held: string): void {
  const aside = `${own}.stale`;
  try {
    fs.renameSync(file, aside);
  } catch {
    return;
  }
  if (readText(fs, aside) !== held) fs.linkSync(aside, file);
  fs.rmSync(aside, { force: true });
}

function isAlive(fs: Files, host: Host, { pid, started }: Holder): boolean {
  try {
    host.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code === "ESRCH") return false;
  }
  const now = startOf(fs, pid);
  return started === null || now === null || now === started;
}

/** When a process started, in clock ticks since the machine did: Linux says so, others do not. */
function startOf(fs: Files, pid: number): string | null {
  const stat = readText(fs, `/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

function readText(fs: Files, file: string): string | null {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
