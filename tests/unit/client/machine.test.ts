import { describe, expect, test } from "vitest";

import { type Connection, decide, type Event, type Link, start } from "../../../src/client/machine.ts";

const chance = { now: 1_000_000, random: 0.5 };
const LINKS = [
  "waiting",
  "asking",
  "opening",
  "greeting",
  "open",
  "displaced",
  "cloned",
  "signed_out",
  "other_subject",
  "closed",
] as const satisfies readonly Link[];

const message = (t: (Event & { kind: "message" })["t"]): Event => ({ kind: "message", t });
const EVENTS = {
  token: { kind: "token" },
  no_token: { kind: "no_token" },
  opened: { kind: "opened" },
  welcome: message("welcome"),
  shapes: message("shapes"),
  snapshot: message("snapshot"),
  frame: message("frame"),
  auth_due: message("auth_due"),
  tick: message("tick"),
  failed: message("failed"),
  error: message("error"),
  "error SY415": { kind: "message", t: "error", code: "SY415" },
  gap: { kind: "gap" },
  no_chunks: { kind: "no_chunks" },
  nonsense: { kind: "nonsense" },
  silence: { kind: "silence" },
  "lost 1006": { kind: "lost", code: 1006 },
  "lost 1001": { kind: "lost", code: 1001 },
  "lost 1013": { kind: "lost", code: 1013 },
  "lost 4400": { kind: "lost", code: 4400 },
  "lost 4401": { kind: "lost", code: 4401 },
  "lost 4403": { kind: "lost", code: 4403 },
  "lost 4408": { kind: "lost", code: 4408 },
  "lost 4409": { kind: "lost", code: 4409 },
  "lost 4426": { kind: "lost", code: 4426 },
  "lost 4429": { kind: "lost", code: 4429 },
  timer: { kind: "timer" },
  wake: { kind: "wake" },
  call: { kind: "call" },
  sign_in: { kind: "sign_in" },
  renamed: { kind: "renamed" },
  not_renamed: { kind: "not_renamed" },
  stop: { kind: "stop" },
} as const satisfies Readonly<Record<string, Event>>;

const again = "waiting: leave 1000, wait";

/** Events that change a state, by state: the next state, and what is done. All others change nothing and do nothing. */
const TABLE: Readonly<Record<Link, Partial<Record<keyof typeof EVENTS, string>>>> = {
  waiting: { timer: "asking: ask_token", wake: "asking: ask_token", stop: "closed" },
  asking: { token: "opening: connect", no_token: "waiting: wait", stop: "closed" },
  opening: {
    opened: "greeting: hello",
    welcome: "waiting: leave 4400, wait",
    shapes: "waiting: leave 4400, wait",
    snapshot: "waiting: leave 4400, wait",
    frame: "waiting: leave 4400, wait",
    auth_due: "waiting: leave 4400, wait",
    tick: "waiting: leave 4400, wait",
    failed: "waiting: leave 4400, wait",
    "error SY415": "other_subject: leave 1000",
    nonsense: "waiting: leave 4400, wait",
    silence: "waiting: leave 4408, wait",
    ...lost(),
    stop: "closed: leave 1000",
  },
  greeting: {
    welcome: "open",
    gap: again,
    shapes: "waiting: leave 4400, wait",
    snapshot: "waiting: leave 4400, wait",
    frame: "waiting: leave 4400, wait",
    auth_due: "waiting: leave 4400, wait",
    tick: "waiting: leave 4400, wait",
    failed: "waiting: leave 4400, wait",
    "error SY415": "other_subject: leave 1000",
    nonsense: "waiting: leave 4400, wait",
    silence: "waiting: leave 4408, wait",
    ...lost(),
    stop: "closed: leave 1000",
  },
  open: {
    welcome: "waiting: leave 4400, wait",
    gap: again,
    no_chunks: again,
    "error SY415": "other_subject: leave 1000",
    nonsense: "waiting: leave 4400, wait",
    silence: "waiting: leave 4408, wait",
    ...lost(),
    stop: "closed: leave 1000",
  },
  displaced: {
    timer: "asking: ask_token",
    wake: "asking: ask_token",
    call: "asking: ask_token",
    renamed: "asking: ask_token",
    stop: "closed",
  },
  cloned: {
    timer: "cloned: new_client_id",
    renamed: "asking: ask_token",
    not_renamed: "cloned: wait",
    stop: "closed",
  },
  signed_out: { sign_in: "asking: ask_token", stop: "closed" },
  other_subject: { sign_in: "asking: ask_token", renamed: "asking: ask_token", stop: "closed" },
  closed: {},
};

function lost(): Partial<Record<keyof typeof EVENTS, string>> {
  const names = Object.keys(EVENTS).filter((name) => name.startsWith("lost"));
  return {
    ...Object.fromEntries(names.map((name) => [name, again])),
    "lost 4409": "displaced: leave 1000, wait",
  };
}

function asOpen(state: Connection): Connection {
  return { ...state, link: "open" };
}

function spell(state: Connection, event: Event): string {
  const { next, actions } = decide(state, event, chance);
  const done = actions.map((action) => (action.do === "leave" ? `leave ${action.code}` : action.do));
  return [next.link, ...(done.length > 0 ? [done.join(", ")] : [])].join(": ");
}

describe("a client's connection", () => {
  test.each(LINKS)("%s: every event has its answer", (link) => {
    const found = Object.entries(EVENTS).map(([name, event]) => [name, spell({ ...start, link }, event)]);
    const wanted = Object.keys(EVENTS).map((name) => [
      name,
      TABLE[link][name as keyof typeof EVENTS] ?? link,
    ]);

    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  });

  test("a token that is refused twice in a row ends the tries, and signing in begins them", () => {
    const once = decide({ ...start, link: "greeting" }, EVENTS["lost 4401"], chance).next;
    const twice = decide({ ...once, link: "greeting" }, EVENTS["lost 4401"], chance);

    expect(once.link).toBe("waiting");
    expect(twice.next.link).toBe("signed_out");
    expect(decide(twice.next, EVENTS.wake, chance).next.link).toBe("signed_out");
    expect(decide(twice.next, EVENTS.sign_in, chance).next).toMatchObject({ link: "asking", refused: 0 });
  });

  test("a token that was good in between is refused once again, not twice", () => {
    const refused = decide({ ...start, link: "greeting" }, EVENTS["lost 4401"], chance).next;
    const welcomed = decide({ ...refused, link: "greeting" }, EVENTS.welcome, chance).next;

    expect(decide(welcomed, EVENTS["lost 4401"], chance).next.link).toBe("waiting");
  });

  test("three times displaced within ten minutes is a copy of the store; within eleven it is not", () => {
    const displacedAt = (times: readonly number[]) => {
      let state: Connection = start;
      for (const now of times) {
        state = decide(asOpen(state), EVENTS["lost 4409"], { ...chance, now }).next;
      }
      return state.link;
    };

    expect(displacedAt([0, 300_000, 599_999])).toBe("cloned");
    expect(displacedAt([0, 300_000, 660_000])).toBe("displaced");
  });

  test("who is displaced looks once a day whether the other is still there, and later than a copy would be found", () => {
    const first = decide(asOpen(start), EVENTS["lost 4409"], chance);
    const looked = decide(first.next, EVENTS.timer, { ...chance, now: chance.now + 990_000 });
    const again = decide(asOpen(looked.next), EVENTS["lost 4409"], {
      ...chance,
      now: chance.now + 1_000_000,
    });

    expect(first.actions).toContainEqual({ do: "wait", ms: 990_000 });
    expect(looked.next.link).toBe("asking");
    expect(again.next.link).toBe("displaced");
    expect(again.actions).toContainEqual({ do: "wait", ms: 86_390_000 });
  });

  test("pauses double up to half a minute, and are short again after a good connection", () => {
    const pauses: number[] = [];
    let state: Connection = start;
    for (let tries = 0; tries < 9; tries++) {
      const { next, actions } = decide(
        { ...state, link: "open", openAt: 999_999 },
        EVENTS["lost 1006"],
        chance,
      );
      pauses.push(...actions.flatMap((action) => (action.do === "wait" ? [action.ms] : [])));
      state = next;
    }
    const good = decide({ ...state, link: "open", openAt: 970_000 }, EVENTS["lost 1006"], chance);

    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    expect(good.actions).toContainEqual({ do: "wait", ms: 250 });
  });

  test.each(["no_chunks", "not_renamed"] as const)("%s again and again waits longer each time", (kind) => {
    const link = kind === "no_chunks" ? "open" : "cloned";
    const pauses: number[] = [];
    let state: Connection = start;
    for (let tries = 0; tries < 4; tries++) {
      // Of a connection that lasted: what does not come lasts as well.
      const { next, actions } = decide({ ...state, link, openAt: 0 }, EVENTS[kind], chance);
      pauses.push(...actions.flatMap((action) => (action.do === "wait" ? [action.ms] : [])));
      state = next;
    }

    expect(pauses).toEqual([250, 500, 1_000, 2_000]);
  });

  test("a gateway that asks for a pause gets it", () => {
    const told = decide(
      { ...start, link: "open" },
      { kind: "message", t: "error", retryMs: 4_000 },
      chance,
    ).next;

    expect(decide(told, EVENTS["lost 1013"], chance).actions).toContainEqual({ do: "wait", ms: 4_250 });
  });
});
