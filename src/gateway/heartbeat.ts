import type { GatewayCalls } from "../db/gateway-calls.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import { CLOSE } from "../wire/codec.ts";
import type { Closings } from "./closings.ts";
import { later } from "./refusal.ts";
import type { Session } from "./session.ts";

/** A session that has not moved is told of again, so that it is seen to be there. */
const SAME_MS = 60_000;

interface Options {
  readonly gateway: string;
  /** On a connection of its own. */
  readonly calls: GatewayCalls;
  readonly info: () => object;
  readonly sessions: () => Iterable<Session>;
  readonly closings: Closings;
  readonly everyMs: number;
  readonly log: Log;
}

/** Tells the database every few seconds that this gateway lives, and where its sessions are. */
export class Heartbeat {
  readonly #options: Options;
  /** What the database was told of a session last, and when; `isStill`: the time before as well, so its rate is known. */
  readonly #told = new WeakMap<
    Session,
    { readonly text: string; readonly at: number; readonly isStill: boolean }
  >();
  #timer: NodeJS.Timeout | null = null;
  #beating: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    this.#beating = this.beat().finally(() => {
      if (!this.#isEnding) this.#timer = setTimeout(() => this.start(), this.#options.everyMs);
    });
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#beating;
  }

  async beat(): Promise<void> {
    const { gateway, calls, info, log } = this.#options;
    try {
      await calls.beat(gateway, info());
      await this.#report();
    } catch (error) {
      log.warn("gateway_heartbeat_failed", { error: failureOf(error).code });
    }
  }

  /** What was told of a session counts as told once the database has it. */
  async #report(): Promise<void> {
    const { gateway, calls, sessions, closings } = this.#options;
    const now = performance.now();
    const all = new Map(
      [...sessions()].map((session) => {
        const { report } = session;
        const state = stateOf(session);
        return [session.client, { session, report, state, text: JSON.stringify(state) }];
      }),
    );
    const isSame = (session: Session, text: string) => {
      const told = this.#told.get(session);
      return told?.isStill === true && told.text === text && now - told.at < SAME_MS;
    };
    const over = closings.left;
    const answers = await calls.reportSessions(gateway, [
      ...[...all.values()].map(({ session, state, text }) =>
        isSame(session, text) ? sameOf(session) : state,
      ),
      ...over.filter(({ client }) => !all.has(client)).map(({ state }) => ({ ...state, over: true })),
    ]);
    const held = new Set(answers.filter(({ why }) => why === "held").map(({ client }) => client));
    for (const closing of over) if (!held.has(closing.client)) closings.done(closing);
    for (const { session, report, text } of all.values()) {
      if (held.has(session.client)) continue;
      if (session.report === report) session.report = null;
      if (!isSame(session, text)) {
        this.#told.set(session, { text, at: now, isStill: this.#told.get(session)?.text === text });
      }
    }
    for (const { client, why } of answers) {
      const session = all.get(client)?.session;
      if (session !== undefined && why !== "held") end(session, why);
    }
  }
}

/** What the database keeps of a session. */
export function stateOf(session: Session): object {
  const { client, generation, epoch, sent, line, phase, report, token } = session;
  const acked = line.acked ?? null;
  return {
    client,
    generation,
    epoch,
    position: (acked ?? sent).position.toString(),
    blocks: (acked ?? sent).blocks.toString(),
    sent: sent.position.toString(),
    acked: acked?.position.toString() ?? null,
    buffered: line.buffered,
    unacked: line.unacked,
    frames: line.frames,
    bytes: line.bytes,
    phase,
    iat: token.iat,
    ...(report !== null && { report }),
  };
}

function sameOf({ client, generation, token }: Session): object {
  return { client, generation, iat: token.iat, same: true };
}

/** The database has ended the session. */
export function end(session: Session, why: string): void {
  switch (why) {
    case "replaced":
      session.close(CLOSE.replaced);
      return;
    case "revoked":
      session.close(CLOSE.token, {
        t: "error",
        code: "SY105",
        message: "the token was revoked",
        hint: "Sign in again.",
        retry_ms: null,
        gateways: null,
      });
      return;
    default: {
      const { close, message } = later("SY104", "the session was ended");
      session.close(close, message);
    }
  }
}
