import type { RateWindow } from "../../../src/devserver/http/limits/windows.ts";

/** What arrived at an API, and whether its rate limit refused it. */
export interface Arrived {
  readonly at: number;
  readonly limited: boolean;
}

export interface Counting {
  readonly windows: readonly RateWindow[];
  /** When a window begins. */
  readonly begins: "first request" | "clock";
}

/** When it was counted, and when others used some of it: workers that died, whose permits count until the next window is over. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly disturbedAt?: readonly number[];
}

export interface WindowFigures {
  readonly sent: number;
  /** In the first window, and later. */
  readonly refusedFirst: number;
  readonly refusedLater: number;
  /** What part of the budget was used in full windows after the first, but for those in which others used some of it. */
  readonly used: number;
  /** What part of what the time after the first window allows was sent: windows that begin with a request may begin late. */
  readonly ofTime: number;
}

/** How much of a rate limit was used, by the window that binds. */
export function windowFigures(
  { windows, begins }: Counting,
  arrived: readonly Arrived[],
  { from, to, disturbedAt = [] }: Span,
): WindowFigures {
  const longestMs = Math.max(...windows.map(({ perS }) => perS)) * 1000;
  const firstEnds = (arrived[0]?.at ?? Number.NaN) + longestMs;
  const refused = arrived.filter(({ limited }) => limited);
  const served = arrived.filter(({ limited }) => !limited).map(({ at }) => at);
  const each = windows.map(({ requests, perS }) => {
    const lengthMs = perS * 1000;
    const counted = windowsOf(served, lengthMs, begins);
    const full = counted.filter(
      ({ at }) =>
        at >= from + longestMs &&
        at + lengthMs <= to &&
        !disturbedAt.some((time) => time >= at - lengthMs && time < at + lengthMs),
    );
    const [later, last] = [counted.slice(1, -1), counted.at(-1)!];
    const allowed = ((last.at - (later[0]?.at ?? Number.NaN)) / lengthMs) * requests;
    return { used: sum(full) / (full.length * requests), ofTime: sum(later) / allowed };
  });
  const refusedLater = refused.filter(({ at }) => at >= firstEnds).length;
  return {
    sent: served.length,
    refusedFirst: refused.length - refusedLater,
    refusedLater,
    used: round(Math.max(...each.map(({ used }) => used))),
    ofTime: round(Math.max(...each.map(({ ofTime }) => ofTime))),
  };
}

/** When each window began, and how many requests it had. */
function windowsOf(served: readonly number[], lengthMs: number, begins: Counting["begins"]) {
  const found: { at: number; sent: number }[] = [];
  for (const time of served) {
    const last = found.at(-1);
    if (last !== undefined && time < last.at + lengthMs) last.sent += 1;
    else found.push({ at: begins === "clock" ? Math.floor(time / lengthMs) * lengthMs : time, sent: 1 });
  }
  return found;
}

function sum(windows: readonly { readonly sent: number }[]): number {
  return windows.reduce((total, { sent }) => total + sent, 0);
}

function round(part: number): number {
  return Math.round(part * 1000) / 1000;
}
