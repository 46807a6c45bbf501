import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, describe, expect, test, vi } from "vitest";

import { HttpClient } from "../../../src/http/client.ts";
import type { Outcome } from "../../../src/http/exchange.ts";
import { waitFor } from "../../support/wait-for.ts";

const TIMEOUTS_S = [1, 10, 30, 300];

/** One request, and the hand of its server. The time of both stands still unless a test moves it. */
class Rig implements AsyncDisposable {
  readonly outcome: Promise<Outcome>;
  readonly address: string;
  readonly #server: Server;
  readonly #asked = Promise.withResolvers<ServerResponse>();
  readonly #client = new HttpClient({ maxBytes: 1024, refuses: () => null, userAgent: "test/1" });
  #bytes = 0;

  private constructor(server: Server, timeoutS: number) {
    this.#server = server;
    server.on("request", (_, response) => this.#asked.resolve(response));
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // It listens on TCP.
    const url = new URL(this.address);
    this.outcome = this.#client.send(
      { url, method: "GET", headers: {}, body: null, timeoutMs: timeoutS * 1_000 },
      { signal: new AbortController().signal, onBytes: (count) => this.#count(count) },
    );
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
  }

  static async start(timeoutS: number): Promise<Rig> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    return new Rig(server, timeoutS);
  }

  /** The server has the request. */
  get asked(): Promise<ServerResponse> {
    return this.#asked.promise;
  }

  /** Seconds pass. */
  async pass(seconds: number): Promise<void> {
    await this.asked;
    vi.advanceTimersByTime(Math.round(seconds * 1_000));
  }

  /** The server sends a piece of the body, and it has come. */
  async says(text: string): Promise<void> {
    const expected = this.#bytes + text.length;
    (await this.asked).write(text);
    await waitFor("the bytes", () => this.#bytes === expected);
  }

  async text(): Promise<string> {
    const outcome = await this.outcome;
    return outcome.kind === "failure" ? outcome.error.message : Buffer.from(outcome.answer.body).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

afterEach(() => void vi.useRealTimers());

describe.each(TIMEOUTS_S)("H55 with a timeout of %i s", (timeoutS) => {
  test(`an API whose first byte comes after 20 s ${timeoutS > 20 ? "is read" : "is given up"}`, async () => {
    await using rig = await Rig.start(timeoutS);
    await rig.pass(20);
    (await rig.asked).end("[]");
    expect(await rig.text()).toBe(
      timeoutS > 20 ? "[]" : `${rig.address} did not answer within ${timeoutS} s`,
    );
  });

  test("pauses are allowed that are shorter, before the answer and within it", async () => {
    await using rig = await Rig.start(timeoutS);
    await rig.pass(timeoutS - 0.001);
    await rig.says("[1,");
    await rig.pass(timeoutS - 0.001);
    await rig.says("2,");
    await rig.pass(timeoutS - 0.001);
    (await rig.asked).end("3]");
    expect(await rig.text()).toBe("[1,2,3]");
  });

  test("silence within the body ends the request", async () => {
    await using rig = await Rig.start(timeoutS);
    await rig.says("[1,");
    await rig.pass(timeoutS);
    expect(await rig.text()).toBe(`${rig.address} fell silent for ${timeoutS} s within an answer`);
  });

  test(`a body that trickles ends it after ${12 * timeoutS} s`, async () => {
    await using rig = await Rig.start(timeoutS);
    for (let pauses = 0; pauses < 12; pauses++) {
      await rig.pass(timeoutS - 0.001);
      await rig.says(" ");
    }
    await rig.pass(0.012);
    expect(await rig.text()).toBe(`${rig.address} took more than ${12 * timeoutS} s for one answer`);
  });
});
