import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { type Browser, chromium } from "playwright-core";

/** Debian's is a script that needs no display; a machine's sandbox is rarely open to root. */
export const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];

function find(): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const places = ["chromium", "chromium-browser", "google-chrome"].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  return places.find((place) => existsSync(place)) ?? null;
}

const executablePath = find();

/** Tests in a browser are skipped without: `describe.skipIf(!hasChromium)("… (needs Chromium on the path)", …)`. */
export const hasChromium = executablePath !== null;

/** A browser without a profile: each of its contexts has stores of its own, which are gone with it. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: ARGUMENTS });
}

export function chromiumPath(): string {
  if (executablePath === null) throw new Error("no Chromium on this machine");
  return executablePath;
}
