import { type ClientOptions, createClient, type LocalClient } from "../../../src/client/client.ts";
import type { ClientStatus } from "../../../src/client/status.ts";
import { tokenOf } from "../delivery/gateway.ts";
import { waitFor } from "../wait-for.ts";
import { READY_MADE } from "./ready-made.ts";

/** A client in this process, with a database of its own, which initdb does not make anew. */
export class TestClient implements AsyncDisposable {
  readonly client: LocalClient;

  private constructor(client: LocalClient) {
    this.client = client;
  }

  static async start(url: string, options: Partial<ClientOptions> = {}): Promise<TestClient> {
    return new TestClient(
      await createClient({
        url,
        store: "memory://",
        token: () => tokenOf({}),
        extensions: READY_MADE,
        ...options,
      }),
    );
  }

  /** Waits for a state, and says the last one where it does not come. */
  async until(what: string, condition: (status: ClientStatus) => boolean): Promise<void> {
    const look = () => condition(this.client.status);
    await waitFor(what, look).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.client.debug(), null, 1)}`);
    });
  }

  /** Everything up to a position of the log is here. */
  async reaches(head: string): Promise<void> {
    await this.until(`position ${head}`, ({ position }) => BigInt(position) >= BigInt(head));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}
