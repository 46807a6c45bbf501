import { randomUUID } from "node:crypto";

import type { WishAnswer } from "../db/gateway-answers.ts";
import type { Report, Wish } from "../wire/from-client.ts";
import type { FromGateway } from "../wire/from-gateway.ts";
import type { Token } from "./auth.ts";
import type { Check } from "./check.ts";
import type { Standing } from "./frame.ts";
import type { Line } from "./line.ts";
import type { Load } from "./load.ts";
import { Owed } from "./owed.ts";
import type { Rates } from "./rates.ts";
import type { Subscription } from "./subscription.ts";

/** What a client says of where it stands, with the stamps that tell one life of the log from another. */
export interface Stamps {
  stamp: string | null;
  blocksStamp: string | null;
}

/** Loads of these reasons stop what comes after: it would be half of something. Of datasets, a fork alone does. */
const HOLDING = {
  rows: ["forked", "below the log's floor", "too large"],
  blocks: ["forked", "below the log's floor"],
};

/** A number below those of all news. */
const NO_NEWS = -1;

/** One connection of one client: what it asked for, and how far it has been served. */
export class Session {
  readonly id = randomUUID();
  readonly client: string;
  readonly line: Line;
  readonly generation: string;
  readonly epoch: string;
  readonly connectedAt = Date.now();
  token: Token;
  #subscriptions: ReadonlyMap<string, Subscription> = new Map();
  #state = stateOf([]);
  /** Rises whenever they become others: what was read for the former ones is not sent. */
  revision = 0;
  /** The news of the log, by their number, that it was served after: behind the newest ones it waits to be served. */
  news = NO_NEWS;
  /** Ended by the client, and still there. */
  ended: Subscription[] = [];
  load: Load | null = null;
  /** Transactions that it named when it connected, as being on their way to it … */
  readonly awaiting: readonly string[];
  /** … and the newest number of its own that the ledger had: what came later it may await as well. */
  readonly lastSeq: string;
  /** Those of them that lie at or below where it stands: it is told of them with its next frame. */
  passed: readonly string[];
  /** What is to be compared with what the client has. */
  check: Check | null = null;
  /** No other frame goes out before that of its check. */
  waitsForCheck = false;
  /** What it is to be loaded for, by wish; told to the database with the next question. */
  readonly reasons = new Map<string, string>();
  /** Up to where the log was looked at for it … */
  served: Standing;
  /** … and the end of the last frame: what was not for it is passed over without one. */
  sent: Standing;
  readonly stamps: Stamps;
  /** Of what lies between the two. */
  readonly owed = new Owed();
  frameAt = 0;
  /** A reading serves it, or its shapes are being looked up. */
  isBusy = false;
  isResolving = false;
  /** The last reading reached the head for it. */
  isCaughtUp = false;
  /** Wishes whose answers the client does not know yet: no frame goes out before. */
  readonly untold = new Set<string>();
  /** Positions of entries about its tables that it was asked about. */
  readonly noted = new Set<string>();
  report: Report | null = null;
  /** What its tenant may be sent; null: whatever there is. */
  rates: Rates | null = null;
  schema: string | null;
  readonly #close: (code: number, message: FromGateway | null) => void;

  constructor(
    fields: Pick<
      Session,
      | "client"
      | "line"
      | "generation"
      | "epoch"
      | "token"
      | "stamps"
      | "schema"
      | "awaiting"
      | "lastSeq"
      | "passed"
    > & {
      readonly standing: Standing;
      readonly close: (code: number, message: FromGateway | null) => void;
    },
  ) {
    this.client = fields.client;
    this.line = fields.line;
    this.generation = fields.generation;
    this.epoch = fields.epoch;
    this.token = fields.token;
    this.stamps = fields.stamps;
    this.schema = fields.schema;
    this.awaiting = fields.awaiting;
    this.lastSeq = fields.lastSeq;
    this.passed = fields.passed;
    this.served = fields.standing;
    this.sent = fields.standing;
    this.#close = fields.close;
  }

  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions;
  }

  set subscriptions(subscriptions: ReadonlyMap<string, Subscription>) {
    this.#subscriptions = subscriptions;
    this.#state = stateOf([...subscriptions.values()]);
  }

  get wishes(): Wish[] {
    return this.#all.map(({ wish }) => wish);
  }

  /** It asked for something else, or was answered: it is served again, whatever the log has, and not by what was read before. */
  changed(): void {
    this.revision += 1;
    this.news = NO_NEWS;
  }

  /** Rows stand until the load comes: no frame moves the position before. */
  get isHeld(): boolean {
    return this.#state.isHeld;
  }

  /** Its load comes with the next frame that reaches far enough. */
  get isLoaded(): boolean {
    return this.load?.state === "ready";
  }

  /** Rows that it has of captured tables, if any, are all as the log has them where it stands. */
  get hasWholeRows(): boolean {
    return this.#all.every(({ mode, form, has }) =>
      mode === "failed" ? has === null : mode === "live" || form?.mode !== "rows",
    );
  }

  /** Changes of rows are to be read for it. */
  get followsRows(): boolean {
    return (this.isLoaded || !this.isHeld) && this.#state.rows;
  }

  get followsBlocks(): boolean {
    return this.#state.blocks;
  }

  get #all(): readonly Subscription[] {
    return [...this.#subscriptions.values()];
  }

  get phase(): "loading" | "live" {
    return this.#state.isLoading ? "loading" : "live";
  }

  /** It takes no more for now, or may not: it leaves the others, and gets what it misses later. */
  get isSlow(): boolean {
    return !this.line.isFree || this.rates?.isFree(this.token.tenant) === false;
  }

  /** Whether frames may be made for it now. */
  get isFed(): boolean {
    if (this.isBusy || this.isResolving || this.untold.size > 0 || this.isSlow) return false;
    return !this.isHeld || this.isLoaded || this.followsBlocks;
  }

  /** The wishes as in a hello of this moment. */
  asHello(): object {
    const shapes = this.#all.map(({ wish, has, mode, form, answer }) => {
      // Whether a gap is too large is decided once, at the hello or by a reading.
      const isLarge = mode === "load" && form?.mode === "rows" && answer?.reason === "too large";
      const load = this.reasons.get(wish.id) ?? (isLarge ? answer.reason : null);
      const loads = mode === "load" && answer?.waits === false;
      return { ...wish, definition: has, loads, ...(load !== null && { load }) };
    });
    return {
      client: this.client,
      epoch: this.epoch,
      position: this.served.position.toString(),
      blocks: this.served.blocks.toString(),
      stamp: this.stamps.stamp,
      blocks_stamp: this.stamps.blocksStamp,
      schema: this.schema,
      shapes,
    };
  }

  close(code: number, message: FromGateway | null = null): void {
    this.#close(code, message);
  }
}

/** What subscriptions come to: asked of every session with every reading. */
function stateOf(subscriptions: readonly Subscription[]) {
  const lives = (of: "rows" | "blocks") =>
    subscriptions.some(({ form, mode }) => mode === "live" && form?.mode === of);
  return {
    isHeld: subscriptions.some(
      ({ mode, form, answer }) =>
        mode === "load" &&
        answer?.waits === false &&
        HOLDING[form?.mode ?? "rows"].includes(answer.reason ?? ""),
    ),
    isLoading: subscriptions.some(({ mode }) => mode === "load"),
    rows: lives("rows"),
    blocks: lives("blocks"),
  };
}

/** What the client is told of a wish. */
export function answerOf({ id, mode, table, reason, code, message, hint }: WishAnswer) {
  return { id, mode, table, reason, code, message, hint };
}
