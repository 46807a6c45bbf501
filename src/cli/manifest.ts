import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type DatasetManifest, parseManifest } from "../manifest/dataset-manifest.ts";
import { watchContent } from "../manifest/watch-content.ts";
import { backoffMs } from "../model/backoff.ts";
import { failureOf, reactionTo } from "../model/failure.ts";

/** A dataset file, and what it says. */
export interface ReadManifest {
  readonly path: string;
  readonly content: string;
  readonly manifest: DatasetManifest;
}

interface Following {
  /** Has the database keep in sync what the file says. */
  readonly apply: (manifest: DatasetManifest) => Promise<void>;
  /** How often a failed attempt is repeated. */
  readonly retries: number;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Rejects once told to stop. */
  readonly pause?: (ms: number) => Promise<void>;
}

/** Rejects with SY902 for a file that is not there, or not a dataset. */
export async function readManifest(path: string, log: Log): Promise<ReadManifest> {
  const content = await readContent(path);
  return { path, content: content ?? "", manifest: await manifestIn(path, content, log) };
}

/**
 * Has a dataset file that changes take effect, until told to stop. One that cannot be taken leaves everything as it is,
 * and the log says why, once. Never rejects.
 */
export async function followManifest(
  { path, content, manifest: first }: ReadManifest,
  { apply, retries, log, signal, ...times }: Following,
): Promise<void> {
  const { pause = (ms: number) => setTimeout(ms, undefined, { signal }) } = times;
  async function onChange(changed: string | null): Promise<void> {
    try {
      const manifest = await manifestIn(path, changed, log);
      if (manifest.name !== first.name) {
        throw new AmpsyncError(
          "SY902",
          `${path} names another dataset: ${manifest.name}, not ${first.name}`,
          {
            hint: "Start ampsync sync again to begin with that one.",
          },
        );
      }
      for (let attempt = 1; !(await isApplied(manifest, attempt)); attempt++) {
        await pause(backoffMs(attempt, 1_000, 30_000));
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message, hint } = failureOf(error);
      log.warn("manifest_reload_failed", { path, code, error: message, hint });
    }
  }

  async function isApplied(manifest: DatasetManifest, attempt: number): Promise<boolean> {
    try {
      await apply(manifest);
      return true;
    } catch (error) {
      if (attempt > retries || reactionTo(failureOf(error).code) === "stop") throw error;
      return false;
    }
  }

  const read = () => readContent(path).catch(() => null); // What cannot be read is as good as gone.
  await watchContent({ read, content, onChange, pause }).catch((error) => {
    if (!signal.aborted) log.error("manifest_reload_failed", { path, error: failureOf(error).message });
  });
}

async function manifestIn(path: string, content: string | null, log: Log): Promise<DatasetManifest> {
  if (content === null) {
    throw new AmpsyncError("SY902", `the dataset file ${path} is not there`, {
      hint: "Set DATASET_MANIFEST to a file with the ending .ts, .mts, .js, .mjs or .json.",
    });
  }
  const manifest = await parseManifest(path, content);
  const { name, version, network, queries } = manifest;
  log.info("manifest_loaded", {
    path,
    dataset: name,
    version,
    network,
    tables: Object.keys(queries).join(", "),
  });
  return manifest;
}

/** Null where there is no file. */
async function readContent(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error ? Reflect.get(error, "code") : null;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new AmpsyncError("SY902", `the dataset file ${path} cannot be read`, {
      detail: error instanceof Error ? error.message : String(error),
      hint: "Let the user of this process read the file.",
      cause: error,
    });
  }
}
