import { once } from "node:events";

import { type DevServerIo, wholeNumber, wrong } from "../arguments.ts";
import { ApiServer } from "./api-server.ts";
import type { RateWindow } from "./limits/windows.ts";
import type { Secret } from "./secrets.ts";
import { STYLES, type StyleName } from "./styles.ts";

/** The options of `ampsync devserver http`, as texts. */
interface ApiOptions {
  readonly style: string;
  readonly records: string;
  readonly "record-time"?: string | undefined;
  readonly seed: string;
  readonly rate?: string | undefined;
  readonly key?: string | undefined;
  readonly "cursor-ttl"?: string | undefined;
  readonly latency: string;
  readonly port: string;
  readonly json: boolean;
}

/** Serves an API until the signal aborts. A wrong argument raises SY004. */
export async function serveApi(options: ApiOptions, { stdout, signal }: DevServerIo): Promise<void> {
  const style = styleOf(options.style);
  const { "cursor-ttl": ttl, "record-time": recordTime, rate, key } = options;
  const periodMs = recordTime === undefined ? null : wholeNumber("record-time", recordTime);
  await using server = await ApiServer.start({
    style,
    records: wholeNumber("records", options.records),
    seed: wholeNumber("seed", options.seed),
    rate: rate === undefined ? [] : rate.split(",").map(windowOf),
    port: wholeNumber("port", options.port),
    faults: {
      latencyMs: wholeNumber("latency", options.latency),
      secrets: key === undefined ? [] : [secretOf(style, key)],
      cursors: { ttlMs: ttl === undefined ? null : wholeNumber("cursor-ttl", ttl) * 1000 },
    },
  });
  const { url } = server;
  stdout(
    options.json
      ? JSON.stringify({ style, url })
      : `serving ${options.records} records of style ${style}\n  ${url}`,
  );
  const growth = periodMs === null ? undefined : setInterval(() => server.append(1), periodMs);
  if (!signal.aborted) {
    await once(signal, "abort");
  }
  clearInterval(growth);
}

function styleOf(text: string): StyleName {
  if (!Object.hasOwn(STYLES, text)) {
    throw wrong(`unknown style ${text}`, `The styles are ${Object.keys(STYLES).join(", ")}.`);
  }
  // A key of STYLES.
  return text as StyleName;
}

/** `100/60s`. */
function windowOf(text: string): RateWindow {
  const [, requests, perS] = /^([1-9]\d*)\/([1-9]\d*)s$/.exec(text.trim()) ?? [];
  if (requests === undefined || perS === undefined) {
    throw wrong(`--rate ${text} is no rate limit`, "A rate limit looks like 100/60s.");
  }
  return { requests: wholeNumber("rate", requests), perS: wholeNumber("rate", perS) };
}

/** Where the styles want their secret. */
function secretOf(style: StyleName, key: string): Secret {
  return style === "events" || style === "offset"
    ? { in: "header", name: "X-API-Key", value: key }
    : { in: "header", name: "Authorization", value: `Bearer ${key}` };
}
