import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import type { Browser } from "playwright-core";

import { AmpsyncError } from "../errors.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
/** It needs no display, and its sandbox is rarely open to root. */
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];

/** Starts a Chromium without a window. */
export type Launch = () => Promise<Browser>;

/** How Chromium is started. Throws SY902 where it, or the package that drives it, is missing. */
export async function findBrowser(path: string): Promise<Launch> {
  const places = path.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const executablePath = places.find((place) => existsSync(place));
  if (executablePath === undefined) {
    throw new AmpsyncError("SY902", "there is no Chromium on the path", {
      hint: "Install it (on Debian: apt-get install chromium), or open the page yourself, without --once.",
    });
  }
  const driver = await import("playwright-core").catch((cause: unknown) => {
    throw new AmpsyncError("SY902", "the package that drives Chromium is not installed", {
      hint: "npm install playwright-core, or open the page yourself, without --once.",
      cause,
    });
  });
  return () => driver.chromium.launch({ executablePath, args: ARGUMENTS });
}
