// npm run chaos -- pglite-releases 0.5.15 0.5.16 --kills 5 --store idb --seed 1 --json: installs each release of PGlite
// into a temporary folder, and kills Chromium amid the writes of a client that uses it, so often with and without waiting
// for the store (syncToFs). Exits 1 if something is lost of what was waited for, or a position is not that of its rows.
// What is lost without, or says that a release cannot be used, is told.
import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";

import { killStores } from "../tests/support/browser/kill-stores.ts";
import { dice } from "../tests/support/dice.ts";
import type { Figures } from "./figures.ts";
import { print } from "./print.ts";

const STORES: Readonly<Record<string, string>> = { opfs: "opfs-ahp://killed", idb: "idb://killed" };

export async function chaosOfReleases(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      kills: { type: "string", default: "5" },
      store: { type: "string" },
      seed: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  if (positionals.length === 0)
    throw new Error("which releases? npm run chaos -- pglite-releases 0.5.15 0.5.16");
  const seed = Number(values.seed ?? randomInt(1_000_000));
  const kinds = values.store === undefined ? Object.keys(STORES) : [values.store];
  const cases: Figures[] = [];
  for (const release of positionals) {
    const folder = await mkdtemp(join(tmpdir(), "ampsync-pglite-"));
    try {
      const pglite = await install(release, folder);
      for (const kind of kinds) {
        for (const stores of [true, false]) {
          const options = { kills: Number(values.kills), dice: dice(seed), pglite, stores };
          const found = await killStores(STORES[kind]!, options).catch((error: unknown) => String(error));
          const broken = typeof found === "string" ? { error: found.slice(0, 200) } : countsOf(found);
          if (stores && !("lost" in broken && broken.lost + broken.wrong === 0)) process.exitCode = 1;
          cases.push({ release, store: kind, syncToFs: stores, seed, ...broken });
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  print("chaos pglite-releases", { cases }, values.json);
}

function countsOf({ kills, stored, lost, wrong }: Awaited<ReturnType<typeof killStores>>) {
  return { kills, stored, lost: lost.length, wrong: wrong.length };
}

/** Returns the folder of its modules. */
async function install(release: string, folder: string): Promise<string> {
  const pkg = `@electric-sql/pglite@${release}`;
  await promisify(execFile)("npm", [
    "install",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--prefix",
    folder,
    pkg,
  ]);
  return join(folder, "node_modules", "@electric-sql", "pglite", "dist");
}
