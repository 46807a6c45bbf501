// npm run chaos -- delivery-large 50000 --json: Chromium loads a table of so many rows of 650 bytes into a store of OPFS. Says
// how much memory its process had before, at most, and afterwards; exits 1 if rows are missing.
import { loadInBrowser } from "../tests/support/browser/large-load.ts";
import { runChaosOf } from "./chaos-delivery.ts";

export async function chaosOfLargeLoads(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-large", args, 50_000, async (db, { count }) => {
    const found = await loadInBrowser(db, "opfs-ahp://large", count);
    return { ...found, differences: found.rows === count ? [] : [`${found.rows} of ${count} rows`] };
  });
}
