import { expect, test } from "vitest";
import { supervise } from "../../src/tasks/ampsync_supervise.ts";

const STEPS = [
  "supervise",
  "activate_targets",
  "supervise_capture",
  "look_at_tables",
  "prune_events",
  "prune_formers",
  "prune_limits",
];

test.each(STEPS)(
  "a run of the supervisor in which %s fails does all the rest, and fails",
  async (failing) => {
    const called: string[] = [];
    const caller = {
      call: async (sql: string) => {
        const name = /ampsync_worker\.(\w+)\(/.exec(sql)![1]!;
        called.push(name);
        if (name === failing) throw new Error(`${name} failed`);
        return { rows: [{ queued: 0, live: 0, state: null, sent: 0, pruned: 0, dropped: 0 }] };
      },
    };
    const log = { part: () => log, warn() {}, info() {}, debug() {} };
    const run = supervise({ caller, log } as unknown as Parameters<typeof supervise>[0]);
    await expect((run as (...all: unknown[]) => Promise<unknown>)({}, {})).rejects.toThrow(
      `${failing} failed`,
    );
    expect(called).toEqual(expect.arrayContaining(STEPS));
  },
);
