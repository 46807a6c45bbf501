import type { ProgressRow, RateLimitRow, Reads, StreamRow } from "../db/reads.ts";
import type { Picture } from "./demo-screen.ts";
import { count, duration, printable, roundCount, textTable, wrapped } from "./table.ts";

const WIDTH = 100;

/** Each source with its progress, and what is left of its rate limit. */
export function httpPicture(reads: Reads): () => Promise<Picture> {
  return async () => {
    const streams = await reads.streams();
    const progress = new Map((await reads.progress()).map((row) => [row.target, row]));
    const limits = await reads.rateLimits();
    const table = [
      textTable(streams.map((stream) => sourceLine(stream, progress.get(stream.target)))),
      ...streams.flatMap(reasonLine),
      ...(limits.length === 0 ? [] : ["", textTable(limits.map(limitLine))]),
    ];
    return { news: [], table: streams.length === 0 ? "waiting for the first source …" : table.join("\n") };
  };
}

function sourceLine(stream: StreamRow, progress: ProgressRow | undefined): Record<string, string> {
  const isLoading = progress?.phase === "backfill";
  return {
    table: stream.target,
    state: stream.state,
    rows: roundCount(stream.rows),
    "rows/s": roundCount(stream.rows_per_s),
    [progress?.unit ?? "done"]: isLoading ? count(progress.done) : "–",
    of: isLoading ? count(progress.total) : "–",
    left: isLoading ? duration(progress.left_s) : "–",
  };
}

function reasonLine({ reason }: StreamRow): string[] {
  return reason === null ? [] : [wrapped(printable(reason), WIDTH, "  ")];
}

function limitLine({
  bucket,
  window_s,
  limit,
  remaining,
  resets_s,
  sent,
  refused,
}: RateLimitRow): Record<string, string> {
  const used = limit === null || remaining === null ? null : limit - remaining;
  return {
    "rate limit": bucket,
    used: count(used),
    allowed: count(limit),
    in: duration(window_s),
    "resets in": duration(resets_s),
    sent: count(sent),
    refused: count(refused),
  };
}
