/** The releases that databases are upgraded from, oldest first, each with its commit. Their schemas: tests/upgrade/schemas. */
export const RELEASES = [
  { version: "0.1.0-rc", commit: "a478829c84ea10bd0b26851351f687fe33745a60" },
] as const;

/** The one before the present: its workers may run beside the present schema. */
export const FORMER = RELEASES.at(-1)!;
