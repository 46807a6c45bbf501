import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Extensions } from "@electric-sql/pglite";

import { openStore } from "../../../src/client/store.ts";
import { beginsWith } from "./begins-with.ts";
import { pack } from "./packed-folder.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CACHE = join(ROOT, "node_modules", ".cache", "ampsync-tests");

/** What initdb makes. Another release of PGlite, or another way to make a store, has another file. */
const FILE = join(CACHE, `store-${keyOf()}.packed`);

/** For `createClient` and `openStore`: a new store begins with what initdb made once, which takes seconds of a core. */
export const READY_MADE: Extensions = { readyMade: beginsWith(readyMade) };

/** The data folder of a store that the product has yet to prepare, packed. */
export async function readyMade(): Promise<Uint8Array<ArrayBuffer>> {
  await makeReadyMade();
  return new Uint8Array(readFileSync(FILE));
}

function keyOf(): string {
  const hash = createHash("sha256");
  for (const file of ["node_modules/@electric-sql/pglite/package.json", "src/client/store.ts"]) {
    hash.update(readFileSync(join(ROOT, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Makes it where it is not there, before the first test. */
export default async function makeReadyMade(): Promise<void> {
  if (existsSync(FILE)) return;
  const folder = mkdtempSync(join(tmpdir(), "ampsync-ready-"));
  try {
    const data = join(folder, "data");
    const { pg, release } = await openStore(data);
    await pg.exec("drop schema ampsync_stage; drop schema ampsync cascade; checkpoint");
    await pg.close();
    release();
    mkdirSync(CACHE, { recursive: true });
    // Whole or not at all, whoever else makes it.
    writeFileSync(`${FILE}.${process.pid}`, pack(entriesOf(data)));
    renameSync(`${FILE}.${process.pid}`, FILE);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A folder before what is in it; last of all that which says that a database is there: who is killed before has none. */
function entriesOf(folder: string) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const file = join(entry.parentPath, entry.name);
    return { path: file.slice(folder.length + 1), bytes: entry.isDirectory() ? null : readFileSync(file) };
  });
  const place = ({ path }: { readonly path: string }) => (path === "PG_VERSION" ? "~" : path);
  return entries.sort((a, b) => (place(a) < place(b) ? -1 : 1));
}
