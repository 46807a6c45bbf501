import type { Connection } from "./connection.ts";
import { end } from "./heartbeat.ts";
import type { Session } from "./session.ts";

/** Who is connected: sockets, and the one that each client has now. */
export class Clients {
  readonly connections = new Set<Connection>();
  readonly #byClient = new Map<string, Entered>();
  readonly #gateway: string;

  constructor(gateway: string) {
    this.#gateway = gateway;
  }

  /** Those that have not said yet who they are. */
  get strangers(): number {
    let count = 0;
    for (const { isStranger } of this.connections) if (isStranger) count += 1;
    return count;
  }

  /**
   * A client has the connection whose session is of the latest generation, in whatever order they come here. Returns the one
   * that is not its connection, or not any more. Of another epoch it is the last one: a server that was set back counts
   * again from where it was.
   */
  enter(client: string, connection: Connection, opened: Generation): Connection | undefined {
    const before = this.#byClient.get(client);
    const isLate = before?.epoch === opened.epoch && BigInt(before.generation) > BigInt(opened.generation);
    if (isLate) return connection;
    const { epoch, generation } = opened;
    this.#byClient.set(client, { connection, epoch, generation });
    return before?.connection;
  }

  leave(connection: Connection): void {
    this.connections.delete(connection);
    const client = connection.session?.client;
    if (client !== undefined && this.#byClient.get(client)?.connection === connection)
      this.#byClient.delete(client);
  }

  /** Ends the session that a notice of the database names, if it is one of these. */
  noticed(payload: string): void {
    const { client = "", generation, gateway, why = "" } = noticeOf(payload);
    const session: Session | null | undefined = this.#byClient.get(client)?.connection.session;
    if (session?.generation === generation && gateway === this.#gateway) end(session!, why);
  }
}

interface Generation {
  readonly epoch: string;
  readonly generation: string;
}

interface Entered extends Generation {
  readonly connection: Connection;
}

interface Notice {
  readonly client?: string;
  readonly generation?: string;
  readonly gateway?: string;
  readonly why?: string;
}

/** Whoever may connect to the database may say anything on a channel. */
function noticeOf(payload: string): Notice {
  try {
    const notice: unknown = JSON.parse(payload);
    return typeof notice === "object" && notice !== null ? notice : {};
  } catch {
    return {};
  }
}
