import { afterEach, expect, test } from "vitest";

import type { WorkerLike } from "../../../src/client/api.ts";
import type { Engine } from "../../../src/client/engine.ts";
import type { OnRows } from "../../../src/client/live.ts";
import type { ClientStatus } from "../../../src/client/status.ts";
import { Asking } from "../../../src/client/tabs/asking.ts";
import { Channel } from "../../../src/client/tabs/channel.ts";
import { Line } from "../../../src/client/tabs/line.ts";
import {
  type Call,
  type Common,
  commonChannel,
  type FromTab,
  type ToTab,
  type ToWorker,
  tabChannel,
} from "../../../src/client/tabs/messages.ts";
import { OwnWorker } from "../../../src/client/tabs/own-worker.ts";
import { Session } from "../../../src/client/tabs/session.ts";
import { waitFor } from "../../support/wait-for.ts";

const TIMES = { deadlineMs: 20_000, pingMs: 20_000, frozenMs: 60_000 };
const STATUS = { position: "7" } as ClientStatus;

let ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends) end();
  ends = [];
});

function channel<Said, Heard>(name: string, hear: (message: Heard) => void): Channel<Said, Heard> {
  const made = new Channel<Said, Heard>(name, hear);
  ends.push(() => made.close());
  return made;
}

test("a tab turns to the leader of a store that was made anew, whose generations begin again", async () => {
  const store = crypto.randomUUID();
  const joined: number[] = [];
  const line = new Line(store, "one", TIMES, {
    wanted: () => ({ shapes: null, subscribed: [] }),
    token: async () => "token",
    joined: () => void joined.push(generation),
    refused: () => {},
    status: () => {},
    rows: () => {},
    moved: () => {},
  });
  ends.push(() => line.close(new Error("the test is over")));
  let generation = 0;
  const common = channel<Common, Common>(commonChannel(store), (message) => {
    if (message.t === "hello") tab.say({ t: "welcome", generation, leader: "two", isNew: true });
  });
  const tab = channel<ToTab, FromTab>(tabChannel(store, "one"), (message) => {
    if (message.t === "ask" && message.generation === generation)
      tab.say({ t: "answer", id: message.id, value: STATUS });
  });
  for (generation of [5, 6, 1]) {
    common.say({ t: "opening" });
    common.say({ t: "leader", generation });
    await waitFor(`generation ${generation}`, () => joined.at(-1) === generation);
  }
  expect(line.where).toBe("elsewhere");
});

test("sums of tables are waited for while the leader answers, and no longer", async () => {
  let isHeard = true;
  let late = 0;
  const asking = new Asking(
    () => {},
    5,
    () => {
      late++;
      return isHeard;
    },
  );
  const sums = asking.ask("verify", null);
  const refused = expect(sums).rejects.toThrow("verify: no answer within 5 ms");
  await waitFor("the time to pass twice", () => late >= 2);
  isHeard = false;
  await refused;
});

test("a store is made anew for one worker, and none after the tab has had a leader", () => {
  const told: ToWorker[] = [];
  const start = (): WorkerLike => ({
    addEventListener: () => {},
    postMessage: (message) => void told.push(message as ToWorker),
    terminate: () => {},
  });
  const place = { store: "s", url: "http://localhost", reset: true, tab: "one" };
  const resets = () => told.flatMap((message) => (message.t === "begin" ? [message.place.reset] : []));

  const ending = new OwnWorker(start, place, () => {});
  ending.begin();
  ending.begin();
  expect(resets()).toEqual([true, false]);

  new OwnWorker(start, place, () => {}).joined();
  expect(told.splice(0)).toHaveLength(2);

  const late = new OwnWorker(start, place, () => {});
  late.joined();
  late.begin();
  expect(resets()).toEqual([false]);
});

/** A tab, and what its session has had of a store that holds nothing. */
function sessionOf() {
  const released: string[] = [];
  const lives: { show: OnRows; answer: () => void; isStopped: boolean }[] = [];
  const engine = {
    status: STATUS,
    hold: async (shapes: readonly { readonly shape: string }[]) => shapes.map(({ shape }) => shape),
    subscribe: async ({ shape }: { readonly shape: string }) => ({ id: shape }),
    unsubscribe: async () => {},
    release: (ids: readonly string[]) => void released.push(...ids),
    live: (_: string, __: readonly unknown[], show: OnRows) =>
      new Promise<() => void>((resolve) => {
        const stop = () => {
          live.isStopped = true;
        };
        const live = { show, isStopped: false, answer: () => resolve(stop) };
        lives.push(live);
      }),
  };
  const name = crypto.randomUUID();
  const session = new Session({
    channel: name,
    generation: 1,
    leader: "one",
    engine: engine as unknown as Engine,
  });
  ends.push(() => session.end());
  const answered: string[] = [];
  const tab = channel<FromTab, ToTab>(name, (message) => {
    if (message.t === "answer") answered.push(message.id);
  });
  const ask = (id: string, call: Call) => tab.say({ t: "ask", generation: 1, id, call });
  const answerTo = (id: string) => waitFor(`the answer to ${id}`, () => answered.includes(id));
  return { session, released, lives, ask, answerTo };
}

test("a tab that is gone wants nothing any more, each thing as often as it had asked for it", async () => {
  const { session, released, ask, answerTo } = sessionOf();
  const [a, b] = [
    { shape: "a", params: {} },
    { shape: "b", params: {} },
  ] as const;
  ask("1", { name: "join", takes: { shapes: [a], subscribed: [] } });
  await answerTo("1");
  ask("2", { name: "subscribe", takes: b });
  ask("3", { name: "subscribe", takes: b });
  ask("4", { name: "subscribe", takes: a });
  await answerTo("4");
  ask("5", { name: "unsubscribe", takes: "b" });
  await answerTo("5");
  expect(session.saysShapes).toBe(true);
  expect(released).toEqual([]);
  session.end();
  expect(released.sort()).toEqual(["a", "a", "b"]);
});

test("a live query that is ended, or asked for again, before it has begun is stopped when it has", async () => {
  const { lives, ask, answerTo } = sessionOf();
  const watched = { live: "l", sql: "select 1", params: [] };
  ask("1", { name: "live", takes: watched });
  ask("2", { name: "live", takes: watched });
  await waitFor("both", () => lives.length === 2);
  for (const { answer } of lives) answer();
  await answerTo("2");
  await answerTo("1");
  expect(lives.map(({ isStopped }) => isStopped)).toEqual([true, false]);

  ask("3", { name: "live", takes: { ...watched, live: "other" } });
  ask("4", { name: "unlive", takes: "other" });
  await answerTo("4");
  lives[2]!.answer();
  await answerTo("3");
  expect(lives[2]!.isStopped).toBe(true);
});
