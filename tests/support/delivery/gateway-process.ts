import { freePort } from "../health/free-port.ts";
import { waitFor } from "../wait-for.ts";
import { MAIN, WorkerProcess } from "../worker/worker-process.ts";

/** `ampsync gateway`, in a process of its own. */
export class GatewayProcess extends WorkerProcess {
  readonly url: string;

  private constructor(databaseUrl: string, port: number) {
    const env = { AMPSYNC_AUTH: "none", AMPSYNC_GATEWAY_PORT: String(port) };
    super({ databaseUrl, flightAddress: "", adminAddress: "", env }, [MAIN, "gateway"]);
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Resolves when its port is open. */
  static async start(databaseUrl: string, port?: number): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(databaseUrl, port ?? (await freePort()));
    await gateway.untilListening();
    return gateway;
  }

  async untilListening(): Promise<void> {
    await waitFor("the gateway's port", () => {
      if (this.hasEnded) throw new Error(this.tail());
      return this.hasSaid("gateway_listening");
    });
  }
}
