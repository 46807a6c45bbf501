/** A wait of more than this is a misunderstanding. */
export const LONGEST_WAIT_S = 86_400;

const NUMBER = /^[+-]?\d{1,20}(\.\d{1,20})?$/;
/** Numbers below are seconds to wait; below the second they are seconds of the clock, else milliseconds. */
const FIRST_EPOCH_S = 1e8;
const FIRST_EPOCH_MS = 1e11;

const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/i;
const HTTP_DATE =
  /^(?:[a-z]{3,9}, \d\d?[ -][a-z]{3}[ -]\d{2,4} \d\d:\d\d:\d\d (?:GMT|UTC)|[a-z]{3} [a-z]{3} [ \d]\d \d\d:\d\d:\d\d \d{4})$/i;

/** A number that a header tells; null: it tells none. */
export function toldNumber(text: string): number | null {
  return NUMBER.test(text) ? Number(text) : null;
}

/** The milliseconds of an HTTP-date in any of its three forms; null: it is none. */
export function httpDate(text: string): number | null {
  return HTTP_DATE.test(text) ? parsed(/(GMT|UTC)$/i.test(text) ? text : `${text} GMT`) : null;
}

/**
 * The seconds until a reset that is told as a wait, as a time of the clock in seconds or milliseconds, or as a date; `nowMs`:
 * the clock of who tells it. What is told in whole seconds is a whole number. Null: it cannot be read.
 */
export function secondsUntil(text: string, nowMs: number): number | null {
  const number = toldNumber(text);
  if (number === null) {
    const date = httpDate(text) ?? (ISO.test(text) ? isoTime(text) : null);
    return date === null ? null : between(nowMs, date);
  }
  if (number < FIRST_EPOCH_S) return waited(number);
  return between(nowMs, number < FIRST_EPOCH_MS ? number * 1_000 : number);
}

/** A wait: never negative, in whole milliseconds, not shorter than told. */
export function waited(seconds: number): number {
  return Math.max(0, Math.ceil(Number((seconds * 1_000).toFixed(3))) / 1_000);
}

function between(nowMs: number, thenMs: number): number {
  const seconds = (thenMs - nowMs) / 1_000;
  return Number.isInteger(thenMs / 1_000) ? Math.max(0, Math.ceil(seconds)) : waited(seconds);
}

/** A time without an offset is one of UTC. */
function isoTime(text: string): number | null {
  return parsed(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
}

function parsed(text: string): number | null {
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}
