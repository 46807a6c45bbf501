import type { ApiServerOptions } from "../../../src/devserver/http/api-server.ts";
import type { StyleName } from "../../../src/devserver/http/styles.ts";
import type { FleetSource } from "./source-fleet.ts";

const DAYS_MS = 86_400_000;
const WINDOW_DAYS = 60;
/** Windows that have records; later ones, up to now, have none. */
export const WINDOWS = 12;

export interface ThreeKinds {
  /** Of each chain. */
  readonly pages: number;
  readonly pagesAWindow: number;
  readonly pageSize: number;
  readonly latencyMs?: number;
}

/**
 * A chain of cursors; one of offsets without a key, where all that is stored twice is there twice; and a range that is cut
 * into windows, which are read at once, three at a time.
 */
export function threeKinds(options: ThreeKinds): readonly FleetSource[] {
  const { pages, pagesAWindow, pageSize, latencyMs = 0 } = options;
  const query = { limit: pageSize };
  const api = (style: StyleName, count: number): ApiServerOptions => ({
    ...{ style, records: count * pageSize, faults: { latencyMs } },
  });
  return [
    { name: "cursors", api: api("events", pages), source: { query } },
    { name: "offsets", api: api("offset", pages), source: { query, key: undefined } },
    {
      name: "windows",
      api: api("offset", pagesAWindow),
      prepare(server) {
        for (let window = 1; window < WINDOWS; window++) {
          server.append(pagesAWindow * pageSize, { lateMs: window * WINDOW_DAYS * DAYS_MS });
        }
      },
      source: {
        query,
        concurrency: { start: 3, min: 2, max: 3 },
        range: {
          ...{ field: "/updated_at", since: "updated_since", until: "updated_until", format: "iso" },
          ...{ from: "2022-01-01T00:00:00Z", step: `${WINDOW_DAYS} days` },
        },
      },
    },
  ];
}
