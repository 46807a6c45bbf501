import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";

import { close, listen, text } from "../../src/health/server.ts";
import { createLog } from "../../src/log.ts";
import { freePort } from "../support/health/free-port.ts";

const logged: string[] = [];
const log = createLog("info", (line) => logged.push(line));
let port: number;
let server: Awaited<ReturnType<typeof listen>>;

beforeEach(async () => {
  port = await freePort();
  const pages = {
    "/fine": async () => text(200, "fine"),
    "/broken": async () => {
      throw new Error("postgresql://me:secret@db.internal/sync does not answer");
    },
  };
  server = await listen("127.0.0.1", port, pages, log);
});
afterEach(async () => {
  if (server.listening) await close(server);
});

const get = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${port}${path}`, init);

test("a page is answered, whatever its query, and never from a cache", async () => {
  for (const path of ["/fine", "/fine?verbose=1"]) {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.text()).toBe("fine\n");
  }
});

test("HEAD has no body, and nothing can be written", async () => {
  const head = await get("/fine", { method: "HEAD" });
  expect(head.status).toBe(200);
  expect(head.headers.get("content-length")).toBe("5");
  expect(await head.text()).toBe("");
  for (const method of ["POST", "PUT", "DELETE"]) {
    const answer = await get("/fine", { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
  }
});

test("who asks for something else is told what there is", async () => {
  for (const path of ["/", "/fine/", "/constructor", "/__proto__"]) {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe("there is /fine, /broken\n");
  }
});

test("a page that fails tells no error, which may hold an address or a password", async () => {
  const answer = await get("/broken");
  expect(answer.status).toBe(500);
  expect(await answer.text()).toBe("failed\n");
});

test("a port that is taken is refused with the settings that name it", async () => {
  await expect(listen("127.0.0.1", port, {}, log)).rejects.toMatchObject({
    code: "SY902",
    message: `the health port ${port} of 127.0.0.1 cannot be opened: EADDRINUSE`,
    hint: expect.stringContaining("HEALTH_PORT"),
  });
});

test("an address of another machine is refused with the setting that names it", async () => {
  await expect(listen("192.0.2.1", 0, {}, log)).rejects.toMatchObject({
    code: "SY902",
    message: "the health port 0 of 192.0.2.1 cannot be opened: EADDRNOTAVAIL",
    hint: expect.stringContaining("HEALTH_HOST"),
  });
});

test("closing ends connections that are kept open", async () => {
  const socket = connect(port, "127.0.0.1");
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.write("GET /fine HTTP/1.1\r\nHost: here\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  await close(server);
  await ended;
});

test("a connection that cannot be taken is told, and the next one is answered", async () => {
  server.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
  expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ event: "health_failed", error: "EMFILE" }]);
  expect((await get("/fine")).status).toBe(200);
});

test("a client that says nothing is cut off", () => {
  expect(server.timeout).toBe(10_000);
});
