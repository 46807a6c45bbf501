import { readFile } from "node:fs/promises";

import type pg from "pg";

import { RELEASES } from "./releases.ts";

/** Makes an empty database what a release left behind, with data in it. The dump changes the settings of its session. */
export async function loadKeptSchema(client: pg.ClientBase, version: string): Promise<void> {
  const file = new URL(`../../upgrade/schemas/${version}.sql`, import.meta.url);
  await client.query(await readFile(file, "utf8"));
}

/** The release whose schema differs most from the present one. */
export const OLDEST = RELEASES[0].version;
