/**
 * How long to wait after failed attempt number `attempt` (1 is the first): twice as long each time, up to a limit,
 * give or take a fifth, so that those who failed together do not come back together.
 */
export function backoffMs(attempt: number, firstMs: number, longestMs: number): number {
  return Math.min(firstMs * 2 ** (attempt - 1), longestMs) * (0.8 + 0.4 * Math.random());
}
