import type { FromClient } from "../wire/from-client.ts";
import type { FromGateway, Snapshot, Welcome } from "../wire/from-gateway.ts";
import { isOfTheStore } from "./database.ts";
import type { Frames } from "./frames.ts";
import type { Lag } from "./lag.ts";
import type { Event } from "./machine.ts";
import { WrongChunk } from "./stage.ts";

export interface Steps {
  readonly lag: Lag;
  readonly frames: Frames;
  /** False: nothing is written, and what comes is left to come again. */
  readonly isWell: () => boolean;
  readonly send: (message: FromClient) => void;
  readonly tell: (event: Event) => void;
  /** What becomes of subscriptions, and the forms of their tables. */
  readonly answered: (
    answers: Welcome["shapes"],
    tables: Welcome["tables"],
    isCurrent: () => boolean,
  ) => Promise<void>;
  readonly welcomed: () => Promise<void>;
  /** How far loads are on the server. */
  readonly told: (progress: Tick["progress"]) => void;
  readonly stage: (snapshot: Snapshot, signal: AbortSignal) => Promise<void>;
  /** What comes for a table cannot be kept, however often: its subscriptions fail. */
  readonly hopeless: (table: string, error: unknown) => Promise<void>;
  readonly changed: () => Promise<void>;
  readonly failed: (error: unknown) => void;
  readonly notStored: (error: unknown) => void;
}

type Tick = Extract<FromGateway, { t: "tick" }>;

interface Letter {
  readonly message: FromGateway;
  readonly isCurrent: () => boolean;
}

/** What is not what it was said to be so often in a row will not be. */
const WRONG_TIMES = 3;

const UNSAID = { definition: null, table: null, reason: null } as const;

/** Messages of the present connection, one after the other; frames that wait together are taken together. */
export class Inbox {
  readonly #steps: Steps;
  readonly #letters: Letter[] = [];
  #epoch = "";
  #working: Promise<void> | null = null;
  /** Ends the fetching of snapshots that the connection offered. */
  #connection = new AbortController();
  /** What kept the last snapshot from coming: shown until one has come. */
  #noChunks: unknown = null;
  /** How often in a row what came for a table was wrong. */
  readonly #wrong = new Map<string, number>();

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  take(message: FromGateway, isCurrent: () => boolean): void {
    this.#letters.push({ message, isCurrent });
    this.#working ??= this.#work();
  }

  /** The connection is gone: what it brought and nobody has begun with is not applied. */
  async clear(): Promise<void> {
    this.#letters.length = 0;
    this.#connection.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    // Not at once: frames that come in one turn of the loop are one batch.
    await Promise.resolve();
    try {
      for (let letter = this.#letters.shift(); letter !== undefined; letter = this.#letters.shift()) {
        if (letter.isCurrent()) await this.#read(letter);
      }
    } catch (error) {
      this.#letters.length = 0;
      if (isOfTheStore(error)) return this.#steps.notStored(error);
      this.#steps.failed(error);
      this.#steps.tell({ kind: "gap" });
    } finally {
      this.#working = null;
    }
  }

  async #read({ message, isCurrent }: Letter): Promise<void> {
    const { lag, frames, tell } = this.#steps;
    switch (message.t) {
      case "welcome":
        this.#epoch = message.epoch;
        this.#connection = new AbortController();
        lag.told(message.head, message.now);
        await this.#steps.answered(message.shapes, message.tables, isCurrent);
        if (!isCurrent()) return;
        await this.#steps.welcomed();
        if (this.#noChunks !== null) this.#steps.failed(this.#noChunks);
        return;
      case "shapes":
        return this.#steps.answered(message.shapes, message.tables, isCurrent);
      case "failed": {
        const { id, code, hint } = message;
        return this.#steps.answered(
          [{ ...UNSAID, id, mode: "failed", code, message: message.message, hint }],
          [],
          isCurrent,
        );
      }
      case "snapshot":
        if (this.#steps.isWell()) void this.#stage(message, isCurrent);
        return;
      case "frame": {
        const batch = [message];
        while (this.#letters[0]?.message.t === "frame") {
          const next = this.#letters.shift()?.message;
          if (next?.t === "frame") batch.push(next);
        }
        if (!(await frames.apply(batch, this.#epoch, isCurrent))) tell({ kind: "gap" });
        return;
      }
      case "tick":
        lag.told(message.head, message.now);
        this.#steps.told(message.progress);
        return this.#steps.changed();
      case "auth_due":
      case "error":
        // Answered, or shown, by the connection, which may be gone by now.
        return;
    }
  }

  /** Beside the frames: chunks come by other requests, and their place among frames is that of the load. */
  async #stage(snapshot: Snapshot, isCurrent: () => boolean): Promise<void> {
    const { signal } = this.#connection;
    try {
      await this.#steps.stage(snapshot, signal);
      this.#noChunks = null;
      this.#wrong.delete(snapshot.table);
      if (isCurrent()) this.#steps.send({ t: "staged", snapshot: snapshot.snapshot });
    } catch (error) {
      if (signal.aborted) return;
      if (isOfTheStore(error)) return this.#steps.notStored(error);
      if (this.#isHopeless(snapshot.table, error)) return this.#steps.hopeless(snapshot.table, error);
      this.#noChunks = error;
      this.#steps.failed(error);
      // The next hello is answered with another snapshot, or with the chunks that are missing.
      this.#steps.tell({ kind: "no_chunks" });
    }
  }

  /** What PostgreSQL refuses, it will refuse in every connection. */
  #isHopeless(table: string, error: unknown): boolean {
    const { code } = error as { code?: unknown };
    if (typeof code === "string" && /^\d[0-9A-Z]{4}$/.test(code)) return true;
    if (!(error instanceof WrongChunk)) return false;
    const times = (this.#wrong.get(table) ?? 0) + 1;
    this.#wrong.set(table, times % WRONG_TIMES);
    return times === WRONG_TIMES;
  }
}
