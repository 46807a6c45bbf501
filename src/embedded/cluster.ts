import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, chmod, chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { AmpsyncError } from "../errors.ts";
import { type ServerUser, spawnAs } from "./server-user.ts";

/** The superuser of every embedded server. */
export const SUPERUSER = "postgres";

/**
 * Makes sure that the data folder holds a cluster, and returns the password of its superuser.
 * The cluster appears in one step, complete: after a crash or a race there is either nothing or
 * all of it. The password is in the folder (0600), which only the server's user may enter.
 */
export async function prepareCluster(
  binaries: string,
  dataDir: string,
  user: ServerUser,
  durable: boolean,
): Promise<string> {
  const passwordFile = join(dataDir, "ampsync.password");
  if (!(await exists(passwordFile))) {
    await createCluster(binaries, dataDir, user, durable);
  }
  return readFile(passwordFile, "utf8");
}

async function createCluster(
  binaries: string,
  dataDir: string,
  user: ServerUser,
  durable: boolean,
): Promise<void> {
  await mkdir(dirname(dataDir), { recursive: true });
  const draft = `${dataDir}.${randomBytes(4).toString("hex")}`;
  const draftPassword = `${draft}.password`;
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(draftPassword, randomBytes(18).toString("base64url"), { mode: 0o600 });
    for (const path of [draft, draftPassword]) {
      await chown(path, user.uid, user.gid);
    }
    const settings = ["--encoding=UTF8", "--locale=C", `--username=${SUPERUSER}`];
    if (!durable) {
      settings.push("--no-sync");
    }
    // The mode of a socket's folder keeps other users out; a TCP port has no mode.
    const access = ["--auth-local=trust", "--auth-host=scram-sha-256", `--pwfile=${draftPassword}`];
    await promisify(execFile)(join(binaries, "initdb"), [`--pgdata=${draft}`, ...settings, ...access], {
      ...spawnAs(user),
      cwd: "/",
    });
    await rename(draftPassword, join(draft, "ampsync.password"));
    await chmod(draft, 0o700);
    await rename(draft, dataDir);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    await rm(draftPassword, { force: true });
    if (await exists(join(dataDir, "ampsync.password"))) {
      return; // Another process was faster.
    }
    throw new AmpsyncError("SY902", `could not create a PostgreSQL cluster in ${dataDir}`, {
      detail: cause instanceof Error ? cause.message : String(cause),
      hint: "The folder must be missing or empty, and its parent writable.",
      cause,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
