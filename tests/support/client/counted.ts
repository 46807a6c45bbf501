import type { Client } from "../../../src/client/client.ts";
import type { ClientStatus } from "../../../src/client/status.ts";

/** How often a client has begun to load, and to connect, since it is watched: its own history is short. */
export class Counted {
  loads = 0;
  connections = 0;
  #last: Pick<ClientStatus, "phase" | "connection"> | null = null;

  constructor(client: Pick<Client, "onStatus">) {
    client.onStatus((status) => this.#see(status));
  }

  #see({ phase, connection }: ClientStatus): void {
    const last = this.#last;
    if (phase === "loading" && last?.phase !== "loading") this.loads++;
    if (connection === "greeting" && last?.connection !== "greeting") this.connections++;
    this.#last = { phase, connection };
  }
}
