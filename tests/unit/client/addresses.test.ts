import { expect, test } from "vitest";

import { Addresses } from "../../../src/client/addresses.ts";

test("each gateway that a client is sent to is tried once, and then the one that it knows", () => {
  const addresses = new Addresses("https://sync.example/");
  expect(addresses.next()).toBe("https://sync.example");
  addresses.sentTo(["wss://one.example/", "https://sync.example", "https://two.example/base"]);
  const tried = [addresses.next(), addresses.next(), addresses.next(), addresses.next()];

  expect(tried).toEqual([
    ...["wss://one.example", "https://two.example/base", "https://sync.example", "https://sync.example"],
  ]);
});

test("who was taken forgets the others", () => {
  const addresses = new Addresses("ws://sync.example");
  addresses.sentTo(["ws://one.example", "ws://two.example"]);
  addresses.next();
  addresses.welcomed();

  expect(addresses.now).toBe("ws://one.example");
  expect(addresses.next()).toBe("ws://sync.example");
});

test("no token goes over a line that is less safe than that of the application, nor to what is no address", () => {
  const gateways = ["ws://open.example", "http://open.example", "localhost:8080", "wss://safe.example"];
  const next = (own: string) => {
    const addresses = new Addresses(own);
    addresses.sentTo(gateways);
    return addresses.next();
  };

  expect(next("https://sync.example")).toBe("wss://safe.example");
  expect(next("/sync")).toBe("wss://safe.example");
  expect(next("http://localhost:8080")).toBe("ws://open.example");
});
