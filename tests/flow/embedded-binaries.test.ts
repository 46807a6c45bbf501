import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { findBinaries, usableBinaries } from "../../src/embedded/binaries.ts";
import { canEnter, chooseServerUser, spawnAs } from "../../src/embedded/server-user.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-binaries-"));
  await chmod(folder, 0o755);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** A package whose install script did not run: without the links between libraries. */
async function installWithoutLinks(): Promise<string> {
  const native = join(folder, "package", "native");
  const original = dirname(await findBinaries(await chooseServerUser()));
  await cp(original, native, {
    recursive: true,
    filter: (path) =>
      !/\/lib\/[^/]+\.so(\.\d+)?$/.test(path) || /lib(crypto|ssl|z|xml2|xslt|lzma|ossp)/.test(path),
  });
  return native;
}

async function version(binaries: string): Promise<string> {
  const user = await chooseServerUser();
  const { stdout } = await promisify(execFile)(join(binaries, "postgres"), ["--version"], {
    ...spawnAs(user),
    cwd: "/",
  });
  return stdout;
}

test("missing links between shared libraries are made, by several at once", async () => {
  const native = await installWithoutLinks();
  const before = await readdir(join(native, "lib"));
  expect(before).not.toContain("libpq.so.5");
  const user = await chooseServerUser();
  const found = await Promise.all([1, 2].map(() => usableBinaries(native, "test", user)));
  expect(found).toEqual([join(native, "bin"), join(native, "bin")]);
  expect(await readdir(join(native, "lib"))).toContain("libpq.so.5");
  expect(await version(join(native, "bin"))).toContain("PostgreSQL");
});

test("binaries that the server's user cannot reach are copied to where it can", async ({ skip }) => {
  const user = await chooseServerUser();
  skip(!user.differs, "only root runs the server as another user");
  const native = await installWithoutLinks();
  await chmod(dirname(native), 0o700);
  expect(await canEnter(native, user)).toBe(false);

  const temporary = join(folder, "tmp");
  await mkdir(temporary);
  vi.stubEnv("TMPDIR", temporary);
  const found = await Promise.all([1, 2].map(() => usableBinaries(native, "test", user)));
  expect(found[0]).toBe(found[1]);
  expect(await canEnter(found[0]!, user)).toBe(true);
  expect(await version(found[0]!)).toContain("PostgreSQL");
  expect(await readdir(temporary)).toHaveLength(1);

  await chmod(join(temporary, (await readdir(temporary))[0]!), 0o777);
  await expect(usableBinaries(native, "test", user)).rejects.toMatchObject({ code: "SY902" });
});
