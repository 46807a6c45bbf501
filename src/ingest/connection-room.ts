import type { HttpClient } from "../http/client.ts";
import { CONNECTIONS } from "../model/limits.ts";

/**
 * How many requests can be sent at once: one on each idle connection. Where none is idle, one opens another, alone, so that
 * a cold start does not arrive in a heap.
 */
export function connectionRoom(client: HttpClient, url: URL, mostUnderWay: number): number {
  const idle = client.idle(url);
  const mayOpen = client.opening(url) === 0 && client.connections(url) < Math.max(CONNECTIONS, mostUnderWay);
  return idle > 0 ? idle : mayOpen ? 1 : 0;
}
