import { describe, expect, test } from "vitest";

import { Clients } from "../../../src/gateway/clients.ts";
import type { Connection } from "../../../src/gateway/connection.ts";

const connection = () => ({ session: null }) as unknown as Connection;

describe("of two connections of one client", () => {
  test("that of the later generation is its own, and the other one is to be closed, in whatever order they come", () => {
    const [early, late] = [connection(), connection()];
    const inOrder = new Clients("gateway");
    expect(inOrder.enter("a", early, "9")).toBeUndefined();
    expect(inOrder.enter("a", late, "10")).toBe(early);

    const reversed = new Clients("gateway");
    expect(reversed.enter("a", late, "10")).toBeUndefined();
    expect(reversed.enter("a", early, "9")).toBe(early);
    expect(reversed.enter("a", connection(), "11")).toBe(late);
  });
});
