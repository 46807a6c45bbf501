import { once } from "node:events";

import { ApiServer, type ApiServerOptions } from "../../../src/devserver/http/api-server.ts";
import { Worker } from "../worker/worker.ts";
import { MAIN } from "../worker/worker-process.ts";
import { SECRET } from "./ingest-scenario.ts";

const NOWHERE = "http://127.0.0.1:1";

/** A line that `ampsync ingest` prints. */
export type Line = Readonly<Record<string, unknown>> & { readonly event: string };

interface IngestCommandOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: readonly string[];
  /** The working folder, where `.env` may be. */
  readonly cwd?: string;
}

/** The API of the seed: it wants the key, and allows 100 requests a minute. */
export function startSeedApi({ faults = {}, ...options }: ApiServerOptions = {}): Promise<ApiServer> {
  return ApiServer.start({
    rate: [{ requests: 100, perS: 60 }],
    ...options,
    faults: { secrets: [{ in: "header", name: "X-API-Key", value: SECRET }], ...faults },
  });
}

/** `ampsync ingest`, as a container runs it: all that it is told are variables. */
export class IngestCommand extends Worker {
  readonly #closed: Promise<unknown>;

  constructor(
    databaseUrl: string,
    api: Pick<ApiServer, "url">,
    { env = {}, flags = [], cwd }: IngestCommandOptions = {},
  ) {
    const base = api.url.replace(/\/events$/, "");
    super(
      {
        ...{ databaseUrl, flightAddress: NOWHERE, adminAddress: NOWHERE },
        env: { API_BASE_URL: base, API_KEY: SECRET, ...env },
        ...(cwd === undefined ? {} : { cwd }),
      },
      [MAIN, "ingest", ...flags],
    );
    this.#closed = once(this.process, "close"); // Later than its exit: all that it has printed is here.
  }

  /** Everything that it has printed: JSON, a line each. */
  lines(): readonly Line[] {
    return this.printed().map((line) => JSON.parse(line));
  }

  /** The lines of an event. */
  told(event: string): readonly Line[] {
    return this.lines().filter((line) => line.event === event);
  }

  /** Nobody reads what it prints any more. */
  leaveOutput(): void {
    this.process.stdout!.destroy();
  }

  /** Waits for its end; resolves to its exit code and its last line. */
  async result(): Promise<{ readonly code: number | null; readonly last: Line }> {
    const { code } = await this.ended;
    await this.#closed;
    return { code, last: this.lines().at(-1)! };
  }
}
