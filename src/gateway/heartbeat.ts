import type { GatewayCalls } from "../db/gateway-calls.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import { CLOSE } from "../wire/codec.ts";
import { later } from "./refusal.ts";
import type { Session } from "./session.ts";

interface Options {
  readonly gateway: string;
  /** On a connection of its own. */
  readonly calls: GatewayCalls;
  readonly info: () => object;
  readonly sessions: () => Iterable<Session>;
  readonly everyMs: number;
  readonly log: Log;
}

/** Tells the database every few seconds that this gateway lives, and where its sessions are. */
export class Heartbeat {
  readonly #options: Options;
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
    const { gateway, calls, info, sessions, log } = this.#options;
    try {
      await calls.beat(gateway, info());
      const all = [...sessions()];
      const ended = await calls.reportSessions(gateway, all.map(stateOf));
      for (const { client, why } of ended) {
        const session = all.find((each) => each.client === client);
        if (session !== undefined) end(session, why);
      }
    } catch (error) {
      log.warn("gateway_heartbeat_failed", { error: failureOf(error).code });
    }
  }
}

/** What the database keeps of a session. */
export function stateOf(session: Session): object {
  const { client, generation, epoch, sent, line, phase, report, token } = session;
  session.report = null;
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
