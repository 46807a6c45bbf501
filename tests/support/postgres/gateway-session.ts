import type { Connection } from "./sql-stream.ts";

export interface Answer {
  readonly id: string;
  readonly shape_id: number | null;
  readonly mode: "resume" | "load" | "failed";
  readonly reason?: string;
  readonly whole?: boolean;
  readonly waits?: boolean;
  readonly definition: string | null;
  readonly keys: readonly string[] | null;
  readonly code?: string;
  readonly message?: string;
}

export interface Opened {
  readonly generation: string;
  readonly epoch: string;
  readonly head: string;
  readonly phase: string;
  readonly replaced: string | null;
  readonly shapes: readonly Answer[];
  readonly unknown: readonly string[];
  readonly passed: readonly string[];
  readonly last_seq: string;
  readonly definitions: string;
  readonly limits: { readonly bytes_per_s: string | null };
}

export interface Token {
  readonly sub?: string;
  readonly iat?: number;
  readonly tenant?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A client as gateways see it: what it says of itself, and what it is told. */
export class GatewayClient {
  readonly id = crypto.randomUUID();
  readonly #db: Connection;
  token: Token;
  hello: Record<string, unknown>;

  constructor(db: Connection, shapes: readonly object[], token: Token = {}) {
    this.#db = db;
    this.token = token;
    this.hello = { shapes, agent: "test", schema: "0.0.0" };
  }

  get #token() {
    const { sub = "user-1", iat = 4_000_000_000, tenant = null, claims = {} } = this.token;
    return { sub, iat, tenant, claims: { sub, ...claims } };
  }

  /** The same client through another connection. */
  through(db: Connection): GatewayClient {
    const same = new GatewayClient(db, [], this.token);
    Object.assign(same, { id: this.id, hello: this.hello });
    return same;
  }

  async open(gateway: string = crypto.randomUUID()): Promise<Opened> {
    const { rows } = await this.#db.query("select ampsync_worker.open_session($1, $2, $3, $4) as opened", [
      ...[gateway, this.id, this.#token, this.hello],
    ]);
    return rows[0].opened;
  }

  async resolve(generation: string): Promise<Pick<Opened, "shapes" | "definitions">> {
    const { rows } = await this.#db.query(
      "select ampsync_worker.resolve_shapes($1, $2, $3, $4) as resolved",
      [...[this.id, generation, this.#token, this.hello]],
    );
    return rows[0].resolved;
  }

  /** It has applied what it was told, up to the head. */
  async apply({ epoch, shapes }: Pick<Opened, "epoch" | "shapes">): Promise<void> {
    const { rows } = await this.#db.query("select ampsync_worker.log_point() as point");
    const { position, stamp } = rows[0].point;
    const told = new Map(shapes.map((answer) => [answer.id, answer.definition]));
    this.hello = {
      ...this.hello,
      ...{ epoch, position, stamp, blocks: position, blocks_stamp: stamp },
      shapes: (this.hello["shapes"] as { id: string }[]).map((shape) => ({
        ...shape,
        definition: told.get(shape.id) ?? null,
      })),
    };
  }
}

/** How each shape is answered, in short. */
export const modes = ({ shapes }: Pick<Opened, "shapes">) =>
  shapes.map(({ mode, reason, code, whole }) =>
    [mode, reason ?? code, ...(mode === "load" && whole === false ? ["in part"] : [])]
      .filter(Boolean)
      .join(": "),
  );
