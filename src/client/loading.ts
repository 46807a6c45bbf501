import type { FromGateway, Snapshot, Welcome } from "../wire/from-gateway.ts";
import type { Progress } from "./status.ts";

type Told = Extract<FromGateway, { t: "tick" }>["progress"];

/** Why something is loaded, and how far that is: on the server, as it says now and then, and here. */
export class Loading {
  #known: ReadonlyMap<string, Progress> = new Map();
  readonly #reasons = new Map<string, string | null>();

  of(id: string): { readonly reason: string | null; readonly progress: Progress | null } {
    return { reason: this.#reasons.get(id) ?? null, progress: this.#known.get(id) ?? null };
  }

  answered(answers: Welcome["shapes"]): void {
    for (const { id, reason } of answers) this.#reasons.set(id, reason);
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
