import { BadRequest } from "../bad-request.ts";
import type { Between } from "../records/lists.ts";

/** The page size that is asked for. More than the maximum is as much as that. */
export function sizeOf(
  params: URLSearchParams,
  name: string,
  { standard, max }: { readonly standard: number; readonly max: number },
): number {
  return Math.min(wholeOf(params, name, { standard, least: 1 }), max);
}

export function wholeOf(
  params: URLSearchParams,
  name: string,
  { standard, least }: { readonly standard: number; readonly least: number },
): number {
  const text = params.get(name) ?? String(standard);
  if (!/^\d{1,15}$/.test(text) || Number(text) < least) {
    throw new BadRequest(name, `${name} is not a whole number of ${least} or more`);
  }
  return Number(text);
}

/** The range that two parameters name; undefined: neither is there. */
export function betweenOf(
  params: URLSearchParams,
  by: Between["by"],
  [sinceName, untilName]: readonly [since: string, until: string],
): Between | undefined {
  const since = boundOf(params.get(sinceName), by, sinceName);
  const until = boundOf(params.get(untilName), by, untilName);
  return since === null && until === null ? undefined : { by, since, until };
}

/** A bound in milliseconds since 1970, or the sequence: from seconds, milliseconds, a date or an ISO time. */
export function boundOf(text: string | null, by: Between["by"], name: string): number | null {
  if (text === null) return null;
  const isNumber = /^-?\d+(\.\d+)?$/.test(text);
  const value = isNumber ? Number(text) : Date.parse(text);
  if (Number.isNaN(value)) throw new BadRequest(name, `${name} is neither a time nor a number`);
  return isNumber && by !== "sequence" && Math.abs(value) < 1e11 ? value * 1000 : value;
}
