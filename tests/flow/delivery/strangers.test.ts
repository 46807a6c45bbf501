import { afterAll, beforeAll, expect, test } from "vitest";

import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start(db.url, { deadlines: { helloMs: 500 } });
});
afterAll(() => gateway[Symbol.asyncDispose]());

test("a socket that does not say in time who it is is closed with 4408; who has said so stays", async () => {
  await using known = await WireClient.start({ url: gateway.url, token: tokenOf({}) });
  await known.until("it is welcome", () => known.messages.some(({ t }) => t === "welcome"));
  await using stranger = new WireClient({ url: gateway.url });
  await stranger.open();
  await stranger.until("its end", () => stranger.closed !== null);
  expect(stranger.closed).toEqual({ code: 4408 });
  expect(known.closed).toBeNull();
});
