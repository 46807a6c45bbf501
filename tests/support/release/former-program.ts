import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { FORMER } from "./releases.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PARTS = ["package.json", "crontab", "tsconfig.json", "tsconfig.build.json", "src", "sql"];

const run = promisify(execFile);

/** The program of the release before the present, built from the history of this repository. */
export interface FormerProgram {
  /** Its command. */
  readonly main: string;
  remove(): Promise<void>;
}

/** Whether this checkout has that commit: a shallow one, or an unpacked archive, does not. */
export async function hasFormer(): Promise<boolean> {
  return await run("git", ["cat-file", "-e", `${FORMER.commit}^{commit}`], { cwd: ROOT }).then(
    () => true,
    () => false,
  );
}

/** Runs with the packages of the present. */
export async function buildFormer(): Promise<FormerProgram> {
  const folder = await mkdtemp(join(tmpdir(), "ampsync-former-"));
  const archive = join(folder, "archive.tar");
  await run("git", ["archive", `--output=${archive}`, FORMER.commit, ...PARTS], { cwd: ROOT });
  await run("tar", ["-xf", archive, "-C", folder]);
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await run(join(ROOT, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json", "--noCheck"], {
    cwd: folder,
  });
  return {
    main: join(folder, "dist", "cli", "main.js"),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
