/** Looks that are due together are not made together. */
const JITTER = 0.2;
/** Each look reads again from the oldest open transaction on: one that took long is not soon followed by the next. */
const APART = 4;

/** How long to wait behind a look that took so long, so that looks begin about an interval after each other. */
export function restMs(
  { tookMs, intervalMs }: { readonly tookMs: number; readonly intervalMs: number },
  random = Math.random(),
): number {
  const interval = intervalMs * (1 - JITTER + 2 * JITTER * random);
  return Math.max(interval, APART * tookMs) - tookMs;
}
