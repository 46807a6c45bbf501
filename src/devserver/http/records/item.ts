import type { Oddities } from "./oddities.ts";

/** One record as the server keeps it. Its text is made from this when it is served, always the same for the same seed. */
export interface Item {
  /** Its number in the order of arrival, from 0. */
  readonly serial: number;
  /** 1, and one more with each change. */
  readonly version: number;
  /** When it was made and when it last changed, in milliseconds since 1970. */
  readonly madeAt: number;
  readonly changedAt: number;
  readonly oddities: Oddities;
}
