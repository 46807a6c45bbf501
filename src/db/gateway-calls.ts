import type pg from "pg";

import { cleanText } from "../model/foreign-text.ts";
import type {
  LoadProgress,
  LockedShape,
  Opened,
  Prepared,
  Resolved,
  ShapeForm,
  ToClose,
} from "./gateway-answers.ts";
import { ANSWER_MS, oneAnswer } from "./one-answer.ts";

/** Texts of clients as JSON that PostgreSQL takes, whatever is in them. */
function clean(value: object): string {
  return JSON.stringify(value, (_, member) => (typeof member === "string" ? cleanText(member) : member));
}

/** The functions that a gateway calls, each in a transaction of its own. */
export class GatewayCalls {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  openSession(gateway: string, client: string, token: object, hello: object): Promise<Opened> {
    return oneAnswer(this.#pool, "ampsync_worker.open_session($1, $2, $3, $4)", [
      ...[gateway, client],
      ...[clean(token), clean(hello)],
    ]);
  }

  resolveShapes(client: string, generation: string, token: object, hello: object): Promise<Resolved> {
    const values = [client, generation, clean(token), clean(hello)];
    return oneAnswer(this.#pool, "ampsync_worker.resolve_shapes($1, $2, $3, $4)", values);
  }

  async closeSession(gateway: string, client: string, generation: string, state: object): Promise<void> {
    await oneAnswer(this.#pool, "ampsync_worker.close_session($1, $2, $3, $4)", [
      gateway,
      client,
      generation,
      clean(state),
    ]);
  }

  async beat(gateway: string, info: object): Promise<void> {
    await oneAnswer(this.#pool, "ampsync_worker.beat_gateway($1, $2)", [gateway, clean(info)]);
  }

  /** Of a session texts of its client alone can be anything: those of its report. */
  reportSessions(gateway: string, sessions: readonly object[]): Promise<readonly ToClose[]> {
    const texts = sessions.map((each) => ("report" in each ? clean(each) : JSON.stringify(each)));
    const values = [gateway, `[${texts.join(",")}]`];
    return oneAnswer(this.#pool, "ampsync_worker.report_sessions($1, $2)", values);
  }

  /** Addresses of gateways that take clients of a tenant. */
  gatewaysOf(tenant: string | null): Promise<readonly string[]> {
    return oneAnswer(this.#pool, "ampsync_worker.gateways_of($1)", [
      tenant === null ? null : cleanText(tenant),
    ]);
  }

  async endGateway(gateway: string): Promise<void> {
    await oneAnswer(this.#pool, "ampsync_worker.end_gateway($1)", [gateway]);
  }

  /**
   * What each instance is loaded from. Asked again while something of it is not ready. `from`: not null where
   * their rows turned out to be more than was expected: snapshots of lower positions are of no use then.
   */
  ensureSnapshots(
    client: string,
    shape: number,
    keys: readonly string[],
    from: bigint | null,
  ): Promise<readonly Prepared[]> {
    const values = [client, shape, keys, from];
    return oneAnswer(this.#pool, "ampsync_worker.ensure_snapshot($1, $2, $3, $4)", values);
  }

  async chunk(
    snapshot: string,
    n: number,
    token: object,
  ): Promise<{ readonly status: number; readonly body: Buffer | null }> {
    const { rows } = await this.#pool.query({
      text: "select status, body from ampsync_worker.snapshot_chunk($1, $2, $3)",
      values: [snapshot, n, clean(token)],
      query_timeout: ANSWER_MS,
    } as pg.QueryConfig);
    return rows[0];
  }

  /** As `chunk` answers, without its bytes. */
  chunkStatus(snapshot: string, n: number, token: object): Promise<number> {
    return oneAnswer(this.#pool, "ampsync_worker.chunk_status($1, $2, $3)", [snapshot, n, clean(token)]);
  }

  /** Nothing happens where the shape is another one by now. */
  async failShape({ shape_id, definition }: ShapeForm, key: string | null, sqlState: string): Promise<void> {
    const values = [shape_id, definition, key, sqlState];
    await oneAnswer(this.#pool, "ampsync_worker.fail_shape($1, $2, $3, $4)", values);
  }

  /** Which of these cannot be read, since somebody has locked their table. */
  lockedShapes(shapes: readonly number[]): Promise<readonly LockedShape[]> {
    return oneAnswer(this.#pool, "ampsync_worker.locked_shapes($1)", [shapes]);
  }

  /** How far that is which clients of these shapes wait for. */
  loadProgress(shapes: readonly number[]): Promise<readonly LoadProgress[]> {
    return oneAnswer(this.#pool, "ampsync_worker.load_progress($1)", [shapes]);
  }

  /** Raises the lower edges of shapes where that is due. */
  async raiseLow(): Promise<void> {
    await oneAnswer(this.#pool, "ampsync_worker.raise_low()", []);
  }

  /** Resolves to a position at which the log has all that was committed before the call. */
  async settled(): Promise<bigint> {
    await this.#pool.query({
      text: "call ampsync.wait_for_capture()",
      query_timeout: ANSWER_MS,
    } as pg.QueryConfig);
    return await oneAnswer<bigint>(this.#pool, "ampsync.head()", []);
  }
}
