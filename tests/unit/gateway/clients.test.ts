import { describe, expect, test } from "vitest";

import { Clients } from "../../../src/gateway/clients.ts";
import type { Connection } from "../../../src/gateway/connection.ts";

const of = (generation: string, epoch = "epoch") => ({ epoch, generation });
const connection = () => ({ session: null }) as unknown as Connection;

describe("of two connections of one client", () => {
  test("that of the later generation is its own, and the other one is to be closed, in whatever order they come", () => {
    const [early, late] = [connection(), connection()];
    const inOrder = new Clients("gateway");
    expect(inOrder.enter("a", early, of("9"))).toBeUndefined();
    expect(inOrder.enter("a", late, of("10"))).toBe(early);

    const reversed = new Clients("gateway");
    expect(reversed.enter("a", late, of("10"))).toBeUndefined();
    expect(reversed.enter("a", early, of("9"))).toBe(early);
    expect(reversed.enter("a", connection(), of("11"))).toBe(late);
  });

  test("that of the epoch that came last is its own: a server that was set back gives lower generations out", () => {
    const [before, now] = [connection(), connection()];
    const clients = new Clients("gateway");
    clients.enter("a", before, of("9"));
    expect(clients.enter("a", now, of("3", "of the copy"))).toBe(before);
    expect(clients.enter("a", connection(), of("4", "of the copy"))).toBe(now);
  });
});
