import { isIPv6 } from "node:net";

import type { Config } from "../config.ts";
import { AmpsyncError } from "../errors.ts";
import { failureOf } from "../model/failure.ts";

/** A worker answers within 2 s. */
const ANSWER_MS = 4_000;

/**
 * Asks the worker of these settings, on this machine, whether it is ready; with `live` only whether its event loop
 * turns. Prints what it says; resolves to the exit code. For health checks of containers, whose image has no other
 * client, and for people.
 */
export async function askHealth(
  { healthHost, healthPort }: Pick<Config, "healthHost" | "healthPort">,
  live: boolean,
  print: (text: string) => void,
): Promise<number> {
  if (healthPort === null) {
    throw new AmpsyncError("SY902", "no health port is configured", {
      detail: "HEALTH_PORT is not set, so a worker with these settings has none.",
      hint: "Set HEALTH_PORT for the worker, and ask with the same value.",
    });
  }
  const url = `http://${hostOf(healthHost)}:${healthPort}/${live ? "healthz" : "readyz"}`;
  const signal = AbortSignal.timeout(ANSWER_MS);
  const answer = await fetch(url, { signal, redirect: "error" }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new AmpsyncError("SY104", `no worker answers on ${url}`, {
      detail: failureOf(cause).message,
      hint: "Check that the worker runs, and that its HEALTH_HOST and HEALTH_PORT are these.",
      cause: error,
    });
  });
  print((await answer.text()).trimEnd());
  return answer.ok ? 0 : 1;
}

/** All addresses of a machine are no address to connect to. */
function hostOf(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return isIPv6(host) ? `[${host}]` : host;
}
