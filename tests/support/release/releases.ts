/** The releases that databases are upgraded from, oldest first, each with its commit. Their schemas: tests/upgrade/schemas. */
export const RELEASES = [
  { version: "0.1.0-rc", commit: "a478829c84ea10bd0b26851351f687fe33745a60" },
  { version: "0.1.0", commit: "58d2407bd985f0429e37204ab8c35c6e167c8635" },
] as const;

/** The one before the present: its workers may run beside the present schema. */
export const FORMER = RELEASES.at(-1)!;
