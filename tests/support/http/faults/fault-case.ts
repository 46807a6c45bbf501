import type { ApiServer } from "../../../../src/devserver/http/api-server.ts";
import type { Faults } from "../../../../src/devserver/http/faults.ts";
import type { Dice } from "../../dice.ts";
import type { FleetSource } from "../source-fleet.ts";

/** How a source ends that reads an API with a fault. */
export type Outcome =
  /** Its table equals the truth. */
  | { readonly kind: "equal" }
  /** It shows this code. When the fault is gone it goes on, or is resumed, and its table equals the truth. */
  | { readonly kind: "shows"; readonly code: string }
  /** It shows this code, and no later answer helps: what is there are records of the API, each once. */
  | { readonly kind: "stops"; readonly code: string };

/** An API with a fault, and a source that reads it. */
export interface Made extends Omit<FleetSource, "name"> {
  readonly outcome: Outcome;
  /** What happens after its run; another run follows. */
  readonly later?: (api: ApiServer) => void;
  /** The texts that its rows must have, where these are not those of the API. */
  readonly truth?: (api: ApiServer) => readonly string[];
}

export interface FaultCase {
  /** What is wrong with the API. */
  readonly name: string;
  readonly make: (roll: Dice) => Made;
}

export const equal = { kind: "equal" } as const;
export const shows = (code: string) => ({ kind: "shows", code }) as const;
export const stops = (code: string) => ({ kind: "stops", code }) as const;

export type Cases = Readonly<Record<string, (roll: Dice) => Made>>;

export function casesOf(cases: Cases): readonly FaultCase[] {
  return Object.entries(cases).map(([name, make]) => ({ name, make }));
}

/** Few pages, so that all cases fit into a test. */
export function few(roll: Dice): number {
  return roll(210, 390);
}

/** The next answers: none is wrong before the n-th, which has the trouble. */
export function nth(n: number, ...trouble: Faults["next"]): Faults["next"] {
  return [...Array.from({ length: n - 1 }, () => null), ...trouble];
}
