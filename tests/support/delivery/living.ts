import { Heard } from "../client/heard.ts";
import { TestClient } from "../client/test-client.ts";
import { waitFor } from "../wait-for.ts";
import { tokenOf } from "./gateway.ts";
import { keepJournal } from "./journal.ts";
import { oracle, type Reader } from "./oracle.ts";

const CLAIMS = { sub: "w1" };

/** A client that has everything, lives through what happens to its server, and notes each step and each load from here on. */
export class LivingClient implements AsyncDisposable {
  readonly #one: TestClient;
  readonly #heard: Heard;

  private constructor(one: TestClient, heard: Heard) {
    this.#one = one;
    this.#heard = heard;
  }

  static async start(url: string, shapes: readonly string[]): Promise<LivingClient> {
    const heard = new Heard();
    const one = await TestClient.start(url, {
      shapes: shapes.map((shape) => ({ shape })),
      token: () => tokenOf(CLAIMS),
      WebSocket: heard.WebSocket,
    });
    const living = new LivingClient(one, heard);
    await one.client.ready();
    await keepJournal(one.client);
    living.forget();
    return living;
  }

  get client(): TestClient["client"] {
    return this.#one.client;
  }

  /** What it was told to load, and why, in alphabetical order. */
  get loads(): readonly string[] {
    return this.#heard.loads.toSorted();
  }

  forget(): void {
    this.#heard.loads.length = 0;
  }

  /** Waits until it is in the present life of the log and has everything, and compares it with the server. */
  async agrees(db: Reader): Promise<void> {
    await waitFor("the client to be in the present epoch", async () => {
      this.client.wake();
      const [{ rows: here }, { rows: there }] = await Promise.all([
        this.client.query("select epoch from ampsync.state"),
        db.query("select epoch from ampsync_private.log_epoch order by number desc limit 1"),
      ]);
      return this.client.status.connected && here[0]!["epoch"] === there[0]!["epoch"];
    });
    await oracle(db, this.client, { claims: CLAIMS });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#one[Symbol.asyncDispose]();
  }
}
