import { readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";

import { AmpsyncError } from "../errors.ts";

/** The system user that runs the server. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  /** True if it is not the user of this process: that is root, and PostgreSQL refuses to run as root. */
  readonly differs: boolean;
}

/** The user of this process; for root, the first of `postgres` and `nobody` in /etc/passwd. */
export async function chooseServerUser(): Promise<ServerUser> {
  const { uid, gid } = userInfo();
  if (uid !== 0) {
    return { uid, gid, differs: false };
  }
  const entries = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const entry = entries.find(([login]) => login === name);
    if (entry !== undefined) {
      return { uid: Number(entry[2]), gid: Number(entry[3]), differs: true };
    }
  }
  throw new AmpsyncError("SY902", "the embedded PostgreSQL cannot run as root", {
    detail: "Neither postgres nor nobody is a user of this machine.",
    hint: "Set DATABASE_URL, or start as another user.",
  });
}

/** The options with which `child_process` starts a program as that user. */
export function spawnAs(user: ServerUser): { uid?: number; gid?: number } {
  return user.differs ? { uid: user.uid, gid: user.gid } : {};
}

/**
 * Whether the user may enter a folder and all folders above it. Supplementary
 * groups are ignored, so the answer may be a needless "no".
 */
export async function canEnter(folder: string, user: ServerUser): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    const entry = await stat(path).catch(() => null);
    if (entry !== null) {
      const search = entry.uid === user.uid ? 0o100 : entry.gid === user.gid ? 0o010 : 0o001;
      if ((entry.mode & search) === 0) {
        return false;
      }
    }
    if (path === dirname(path)) {
      return true;
    }
  }
}
