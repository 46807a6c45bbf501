import { readFileSync, writeFileSync } from "node:fs";

/** What Linux counts of a process; NaN where there is no /proc. */

/** The kernel's unit of processor time, the same on all builds. */
const TICKS_PER_S = 100;

/** Seconds of processor time, of all its threads. */
export function cpuS(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // The name before may hold spaces.
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** The highest resident memory since the start, or since `forgetPeak`. */
export function peakRssMib(pid: number): number {
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? Number.NaN) / 1024);
}

/** Resident memory now. */
export function rssKib(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? Number.NaN);
}

/** TCP connections of this machine to a port of its own. */
export function connectionsTo(port: number): number {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return read("/proc/net/tcp")
    .split("\n")
    .filter((line) => {
      const [, , remote, state] = line.trim().split(/\s+/);
      return remote?.endsWith(ending) && state === "01"; // Established.
    }).length;
}

export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Elsewhere the peak stays that of the whole life.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
