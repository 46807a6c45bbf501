import { type Node, readText } from "./node-files.ts";
import { isHeard, listenBeside } from "./store-socket.ts";

/**
 * Who holds a store. With the time of its start, a process that has the pid of a dead one is told from it; pids mean
 * something within their own space alone, which is that of a container.
 */
interface Holder {
  readonly pid: number;
  readonly started: string | null;
  /** The running machine, its pid space and its name; null where the system says none. */
  readonly boot: string | null;
  readonly space: string | null;
  readonly host: string | null;
  /** What it listens at, beside the store; null: nothing. */
  readonly socket: string | null;
}

/**
 * A lock on the store of a directory, for as long as this process lives. Taken from a holder that is gone, and never for its
 * age: one that was stopped for an hour goes on writing when it continues.
 */
export async function lockStore(node: Node, path: string): Promise<() => void> {
  const { fs } = node;
  const file = `${path}.lock`;
  const own = `${file}.${crypto.randomUUID().slice(0, 8)}`;
  const socket = await listenBeside(node, own);
  const held = JSON.stringify(holderHere(node, socket?.path ?? null));
  const release = () => {
    if (readText(fs, file) === held) fs.rmSync(file, { force: true });
    socket?.close();
  };
  try {
    fs.writeFileSync(`${own}.new`, held);
    await take(node, path, `${own}.new`);
    return release;
  } catch (error) {
    socket?.close();
    throw error;
  } finally {
    fs.rmSync(`${own}.new`, { force: true });
  }
}

async function take(node: Node, path: string, own: string): Promise<void> {
  const { fs } = node;
  const file = `${path}.lock`;
  for (let tries = 0; tries < 10; tries++) {
    try {
      return fs.linkSync(own, file);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    const held = readText(fs, file);
    if (held === null) continue;
    const holder = holderOf(held);
    if (holder !== null && !(await isGone(node, path, holder))) {
      throw new Error(`the store ${path} is open in process ${whereIs(node, holder)}`);
    }
    removeStale(node, file, own, held);
    if (holder?.socket) fs.rmSync(beside(path, holder.socket), { force: true });
  }
  throw new Error(`the lock ${file} cannot be taken`);
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
function removeStale({ fs }: Node, file: string, own: string, held: string): void {
  const aside = `${own}.stale`;
  try {
    fs.renameSync(file, aside);
  } catch {
    return;
  }
  if (readText(fs, aside) !== held) fs.linkSync(aside, file);
  fs.rmSync(aside, { force: true });
}

/** False where nobody can tell: a store that is open twice is lost, one that waits for a person is not. */
async function isGone(node: Node, path: string, holder: Holder): Promise<boolean> {
  const here = holderHere(node, null);
  if (holder.boot !== here.boot) return holder.host !== null && holder.host === here.host;
  if (holder.space === here.space) return !isAlive(node, holder);
  // Another container of this machine: its pids say nothing here, but what it listens at is here.
  return holder.socket !== null && !(await isHeard(node, beside(path, holder.socket)));
}

function isAlive({ fs, host }: Node, { pid, started }: Holder): boolean {
  try {
    host.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code === "ESRCH") return false;
  }
  const now = startOf(fs, pid);
  return started === null || now === null || now === started;
}

function whereIs(node: Node, { pid, boot, space, host }: Holder): string {
  const here = holderHere(node, null);
  if (boot === here.boot && space === here.space) return String(pid);
  return `${pid} of ${host ?? "another machine"}; if that is gone, remove its .lock file`;
}

function holderHere({ fs, host }: Node, socket: string | null): Holder {
  return {
    pid: host.pid,
    started: startOf(fs, host.pid),
    boot: readText(fs, "/proc/sys/kernel/random/boot_id")?.trim() ?? null,
    space: linkOf(fs, "/proc/self/ns/pid"),
    host: readText(fs, "/proc/sys/kernel/hostname")?.trim() ?? null,
    socket: socket === null ? null : socket.slice(socket.lastIndexOf("/") + 1),
  };
}

function beside(path: string, name: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? name : `${path.slice(0, at)}/${name}`;
}

/** When a process started, in clock ticks since the machine did: Linux says so, others do not. */
function startOf(fs: Node["fs"], pid: number): string | null {
  const stat = readText(fs, `/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

function linkOf(fs: Node["fs"], link: string): string | null {
  try {
    return fs.readlinkSync(link);
  } catch {
    return null;
  }
}
