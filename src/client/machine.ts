import type { FromGateway } from "../wire/from-gateway.ts";

/**
 * Where a client stands with its gateways. `waiting` has a timer that runs, `cloned` and `displaced` where they wait to try
 * again. The others at the end have none: who is signed out waits for `signIn()`, who belongs to another subject for that
 * as well, or for `reset()`.
 */
export type Link =
  | "waiting"
  | "asking"
  | "opening"
  | "greeting"
  | "open"
  | "displaced"
  | "cloned"
  | "signed_out"
  | "other_subject"
  | "closed";

/** What is remembered of earlier tries. */
export interface Connection {
  readonly link: Link;
  /** Tries in a row that did not become a good connection. */
  readonly tries: number;
  /** Tokens in a row that were refused. */
  readonly refused: number;
  /** When another took the client id over (4409), newest last. */
  readonly displacedAt: readonly number[];
  /** When it last asked, by itself, whether the other is still there; null: never. */
  readonly lookedAt: number | null;
  /** When `welcome` came; null: not yet. */
  readonly openAt: number | null;
  /** For how long the gateway asks to be left alone: said in an `error`, before it closes. */
  readonly retryMs: number | null;
}

export type Message = FromGateway["t"];

export type Event =
  | { readonly kind: "token" }
  | { readonly kind: "no_token" }
  | { readonly kind: "opened" }
  | {
      readonly kind: "message";
      readonly t: Message;
      readonly retryMs?: number | null;
      readonly code?: string;
    }
  /** The client does not stand where its hello said, or a frame does not begin where it stands. */
  | { readonly kind: "gap" }
  /** Rows that were promised cannot be had: another hello is answered with others. */
  | { readonly kind: "no_chunks" }
  /** Not a message of the protocol. */
  | { readonly kind: "nonsense" }
  | { readonly kind: "silence" }
  | { readonly kind: "lost"; readonly code: number }
  | { readonly kind: "timer" }
  /** The browser is online again, or the tab visible. */
  | { readonly kind: "wake" }
  /** A call of the user that needs a connection. */
  | { readonly kind: "call" }
  | { readonly kind: "sign_in" }
  /** The store has another client id now. */
  | { readonly kind: "renamed" }
  | { readonly kind: "not_renamed" }
  | { readonly kind: "stop" };

export type Action =
  | { readonly do: "ask_token" }
  | { readonly do: "connect" }
  | { readonly do: "hello" }
  | { readonly do: "wait"; readonly ms: number }
  /** Ends the socket, if it has not ended by itself. What it still says is not heard. */
  | { readonly do: "leave"; readonly code: number; readonly reason: string }
  | { readonly do: "new_client_id" };

export interface Decision {
  readonly next: Connection;
  readonly actions: readonly Action[];
}

export interface Chance {
  readonly now: number;
  /** Within [0, 1). */
  readonly random: number;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** After so long a connection was good, and the next pause is a short one. */
const GOOD_AFTER_MS = 30_000;
const CLONED_WITHIN_MS = 600_000;
const CLONED_TIMES = 3;
/** Longer than what makes a copy of it: who is displaced by a hello of its own that came late is not for ever. */
const LOOK_AFTER_MS = 660_000;
/** No more than that: two that really have one client id would displace each other for ever. */
const LOOK_EACH_MS = 86_400_000;

export const start: Connection = {
  link: "waiting",
  tries: 0,
  refused: 0,
  displacedAt: [],
  lookedAt: null,
  openAt: null,
  retryMs: null,
};

/** What comes of an event, whatever the state: there is no pair that this does not answer. Pure. */
export function decide(state: Connection, event: Event, chance: Chance): Decision {
  switch (event.kind) {
    case "stop":
      return state.link === "closed" ? stay(state) : rest(state, "closed", [], 1000, "closed by its user");
    case "sign_in":
      return state.link === "signed_out" || state.link === "other_subject"
        ? ask({ ...state, refused: 0, tries: 0 })
        : stay(state);
    case "renamed":
      return state.link === "cloned" || state.link === "displaced" || state.link === "other_subject"
        ? ask({ ...state, tries: 0, displacedAt: [] })
        : stay(state);
    case "not_renamed":
      return state.link === "cloned" ? wait(state, chance, state.tries) : stay(state);
    case "wake":
      return state.link === "waiting" || state.link === "displaced" ? ask(state) : stay(state);
    case "call":
      return state.link === "displaced" ? ask(state) : stay(state);
    case "timer":
      if (state.link === "cloned") return go(state, "cloned", { do: "new_client_id" });
      if (state.link === "displaced") return ask({ ...state, lookedAt: chance.now });
      return state.link === "waiting" ? ask(state) : stay(state);
    case "token":
      return state.link === "asking" ? go(state, "opening", { do: "connect" }) : stay(state);
    case "no_token":
      return state.link === "asking" ? giveUp(state, chance, 1000, "no token") : stay(state);
    case "opened":
      return state.link === "opening" ? go(state, "greeting", { do: "hello" }) : stay(state);
    case "message":
      return hear(state, event, chance);
    case "gap":
      return state.link === "greeting" || state.link === "open"
        ? giveUp(state, chance, 1000, "a frame is missing")
        : stay(state);
    case "no_chunks":
      return state.link === "open" ? leave(state, chance, state.tries, 1000, "chunks are gone") : stay(state);
    case "nonsense":
      return connected(state) ? giveUp(state, chance, 4400, "not the protocol") : stay(state);
    case "silence":
      return connected(state) ? giveUp(state, chance, 4408, "silence") : stay(state);
    case "lost":
      return connected(state) ? lose(state, event.code, chance) : stay(state);
  }
}

function hear(state: Connection, event: Event & { kind: "message" }, chance: Chance): Decision {
  if (!connected(state)) return stay(state);
  if (event.t === "error" && event.code === "SY415") {
    return rest(state, "other_subject", [], 1000, "the client belongs to another subject");
  }
  if (event.t === "error") return { next: { ...state, retryMs: event.retryMs ?? null }, actions: [] };
  if (state.link === "greeting" && event.t === "welcome") {
    return { next: { ...state, link: "open", refused: 0, openAt: chance.now }, actions: [] };
  }
  // A second welcome, or anything before the first, is not the protocol.
  return state.link === "open" && event.t !== "welcome"
    ? stay(state)
    : giveUp(state, chance, 4400, `${event.t} out of turn`);
}

function lose(state: Connection, code: number, chance: Chance): Decision {
  switch (code) {
    case 4401:
      return state.refused > 0
        ? rest({ ...state, refused: state.refused + 1 }, "signed_out", [], 1000, "the token is refused")
        : giveUp({ ...state, refused: state.refused + 1 }, chance, 1000, "the token is refused");
    case 4409:
      return displace(state, chance);
    default:
      return giveUp(state, chance, 1000, "lost");
  }
}

/** Another connection holds the client id: to take it back would be a fight without end. */
function displace(state: Connection, { now, random }: Chance): Decision {
  const displacedAt = [...state.displacedAt, now].filter((at) => at > now - CLONED_WITHIN_MS);
  const soon = Math.floor(LOOK_AFTER_MS * (1 + random));
  const ms = state.lookedAt === null ? soon : Math.max(soon, state.lookedAt + LOOK_EACH_MS - now);
  return displacedAt.length >= CLONED_TIMES
    ? rest(
        { ...state, displacedAt: [] },
        "cloned",
        [{ do: "new_client_id" }],
        1000,
        "another has the client id",
      )
    : rest({ ...state, displacedAt }, "displaced", [{ do: "wait", ms }], 1000, "another has the client id");
}

/** To another try, after a while: a short one where the connection was a good one. */
function giveUp(state: Connection, chance: Chance, code: number, reason: string): Decision {
  const good = state.openAt !== null && chance.now - state.openAt >= GOOD_AFTER_MS;
  return leave(state, chance, good ? 0 : state.tries, code, reason);
}

function leave(state: Connection, chance: Chance, tries: number, code: number, reason: string): Decision {
  const { next, actions } = wait(state, chance, tries);
  return rest(next, "waiting", actions, code, reason);
}

/**
 * Full jitter: anything between nothing and a bound that doubles, so that a thousand clients do not come together.
 */
function wait(state: Connection, { random }: Chance, tries: number): Decision {
  const bound = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 16));
  const ms = (state.retryMs ?? 0) + Math.floor(random * bound);
  return { next: { ...state, tries: tries + 1 }, actions: [{ do: "wait", ms }] };
}

function rest(
  state: Connection,
  link: Link,
  actions: readonly Action[],
  code: number,
  reason: string,
): Decision {
  const next = { ...state, link, openAt: null, retryMs: null };
  return { next, actions: connected(state) ? [{ do: "leave", code, reason }, ...actions] : actions };
}

const connected = ({ link }: Connection): boolean =>
  link === "opening" || link === "greeting" || link === "open";
const stay = (state: Connection): Decision => ({ next: state, actions: [] });
const ask = (state: Connection): Decision => go(state, "asking", { do: "ask_token" });
const go = (state: Connection, link: Link, action: Action): Decision => ({
  next: { ...state, link },
  actions: [action],
});
