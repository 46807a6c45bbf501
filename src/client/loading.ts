import type { FromGateway, Snapshot } from "../wire/from-gateway.ts";
import type { Progress } from "./status.ts";

type Told = Extract<FromGateway, { t: "tick" }>["progress"];

/** How far loads are: on the server, as it says now and then, and here. */
export class Loading {
  #known: ReadonlyMap<string, Progress> = new Map();

  of(id: string): Progress | null {
    return this.#known.get(id) ?? null;
  }

  told(progress: Told): void {
    const fetching = [...this.#known].filter(([, { step }]) => step === "fetching");
    const told = (progress ?? []).map(
      ({ shape, done, of }) => [shape, { step: "preparing", done, of }] as const,
    );
    this.#known = new Map([...told, ...fetching]);
  }

  /** So many rows of a snapshot are in the stage. */
  fetched({ shape, rows }: Snapshot, done: bigint): void {
    const here: Progress = { step: "fetching", done: done.toString(), of: rows };
    this.#known = new Map([...this.#known, [shape, here]]);
  }

  /** Without a connection nothing of it goes on. */
  ended(): void {
    this.#known = new Map();
  }
}
