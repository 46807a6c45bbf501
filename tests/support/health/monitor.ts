import { freePort } from "./free-port.ts";

export interface Readyz {
  readonly status: number;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly hint: string | null;
  readonly tables: readonly Readonly<Record<string, unknown>>[];
}

/** Series of one scrape: what stands before the value, and the value. */
export type Series = ReadonlyMap<string, number>;

/** What asks one worker over HTTP. */
export class Monitor {
  readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  static async create(): Promise<Monitor> {
    return new Monitor(await freePort());
  }

  /** Settings of a worker that answers it. */
  get env(): { readonly HEALTH_PORT: string } {
    return { HEALTH_PORT: `${this.port}` };
  }

  async get(path: string, init: RequestInit = {}): Promise<Response> {
    const signal = AbortSignal.timeout(10_000);
    return await fetch(`http://127.0.0.1:${this.port}${path}`, { signal, ...init });
  }

  /** Whether the event loop of the worker turns; false also where nobody listens. */
  async isAlive(): Promise<boolean> {
    return await this.get("/healthz").then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  async readyz(): Promise<Readyz> {
    const answer = await this.get("/readyz");
    const body = (await answer.json()) as Omit<Readyz, "status">; // As src/health/readiness.ts makes it.
    return { ...body, status: answer.status };
  }

  async scrape(): Promise<Series> {
    const text = await (await this.get("/metrics")).text();
    return seriesOf(text);
  }
}

/** What a text in the format of Prometheus holds; the labels of each series by their names. */
export function seriesOf(text: string): Series {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, name = "", labels = "", value = ""] = line.match(/^(\w+)(?:\{(.*)\})? (\S+)$/) ?? [];
      const sorted = (labels.match(/\w+="(?:[^"\\]|\\.)*"/g) ?? []).sort();
      return [sorted.length === 0 ? name : `${name}{${sorted.join(",")}}`, Number(value)];
    }),
  );
}
