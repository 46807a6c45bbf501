import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createAdminClient } from "../../src/admin/client.ts";
import { AmpsyncError } from "../../src/errors.ts";
import type { DatasetRef } from "../../src/model/dataset-ref.ts";

const HASH = "ab".repeat(32);
const OTHER_HASH = "cd".repeat(32);
const LIST = "/datasets/_/anvil/versions";

let server: Server;
let address: string;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  address = `http://127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function client(token: string | null = null) {
  return createAdminClient({ address: new URL(address), token: () => token });
}

/** Serve JSON documents by path; anything else is 404, as the server says it. */
function serve(documents: Record<string, unknown>): void {
  answer = (request, response) => {
    const document = documents[request.url ?? ""];
    response.statusCode = document === undefined ? 404 : 200;
    const missing = { error_code: "DATASET_NOT_FOUND", error_message: "Dataset not found" };
    response.end(JSON.stringify(document ?? missing));
  };
}

function fail(status: number, body: string, headers: Record<string, string> = {}): void {
  answer = (_, response) => {
    response.writeHead(status, headers).end(body);
  };
}

const VERSIONS = {
  namespace: "_",
  name: "anvil",
  versions: [
    { version: "0.10.0", manifest_hash: HASH },
    { version: "0.2.0-LTcy", manifest_hash: OTHER_HASH },
    { version: "0.1.10-x", manifest_hash: OTHER_HASH },
  ],
  special_tags: { latest: "0.10.0", dev: OTHER_HASH },
};

function detail(revision: string, manifestHash: string) {
  return { [`${LIST}/${revision}`]: { revision, manifest_hash: manifestHash, tables: ["blocks", "logs"] } };
}

async function errorOf(promise: Promise<unknown>): Promise<AmpsyncError> {
  const error: unknown = await promise.then(
    () => expect.unreachable("it should fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof AmpsyncError)) {
    throw error;
  }
  return error;
}

const resolve = (text: string, signal = AbortSignal.timeout(10_000)) => client().resolve(refOf(text), signal);

describe("which version a reference stands for", () => {
  test.each(["anvil", "anvil@latest"])("%s: the version that the latest tag names", async (text) => {
    serve({ [LIST]: VERSIONS, ...detail("0.10.0", HASH) });
    expect(await resolve(text)).toEqual({
      version: "0.10.0",
      manifestHash: HASH,
      hasNamespaces: true,
      tables: ["blocks", "logs"],
    });
  });

  test("fetch_latest_version_returns_first_version: without a latest tag, or with an echo of the word", async () => {
    serve({ [LIST]: { ...VERSIONS, special_tags: {} }, ...detail("0.10.0", HASH) });
    expect((await resolve("anvil")).version).toBe("0.10.0");
    serve({ [LIST]: { ...VERSIONS, special_tags: { latest: "latest" } }, ...detail("0.10.0", HASH) });
    expect((await resolve("anvil")).version).toBe("0.10.0");
  });

  test("dev: the version with its manifest hash, or this hash where no version has it", async () => {
    serve({ [LIST]: VERSIONS, ...detail("0.2.0-LTcy", OTHER_HASH) });
    expect(await resolve("anvil@dev")).toMatchObject({ version: "0.2.0-LTcy", manifestHash: OTHER_HASH });
    const dev = "ef".repeat(32);
    serve({ [LIST]: { ...VERSIONS, special_tags: { dev } }, ...detail(dev, dev) });
    expect(await resolve("anvil@dev")).toMatchObject({ version: dev, manifestHash: dev });
  });

  test.each([{}, { dev: "dev" }])(
    "dev without a tag that names content, %j: the first version",
    async (special_tags) => {
      serve({ [LIST]: { ...VERSIONS, special_tags }, ...detail("0.10.0", HASH) });
      expect((await resolve("anvil@dev")).version).toBe("0.10.0");
    },
  );

  test("resolve_qualified_version: a fixed version is itself, or itself with a qualifier", async () => {
    serve({ [LIST]: VERSIONS, ...detail("0.10.0", HASH), ...detail("0.2.0-LTcy", OTHER_HASH) });
    expect((await resolve("anvil@0.10.0")).version).toBe("0.10.0");
    expect((await resolve("anvil@0.2.0")).version).toBe("0.2.0-LTcy");
  });

  test("resolve_qualified_version, no_match: 0.1.1 is not 0.1.10", async () => {
    serve({ [LIST]: VERSIONS });
    expect(await errorOf(resolve("anvil@0.1.1"))).toMatchObject({
      code: "SY103",
      message: "No versions available for _/anvil@0.1.1",
    });
  });

  test("a manifest hash is taken as it is", async () => {
    serve({ [LIST]: VERSIONS, ...detail(HASH, HASH) });
    expect(await resolve(`anvil@${HASH}`)).toMatchObject({ version: HASH, manifestHash: HASH });
  });

  test("fetch_latest_version_uses_versions_endpoint_only: the list is fetched, once", async () => {
    serve({ [LIST]: VERSIONS });
    const found = await client().version(refOf("anvil"), AbortSignal.timeout(10_000));
    expect(found).toEqual({ version: "0.10.0", manifestHash: HASH, hasNamespaces: true });
    expect(requests.map((request) => request.url)).toEqual([LIST]);
  });

  test("fetch_manifest, success: tables that only the manifest lists are found there", async () => {
    serve({
      [LIST]: VERSIONS,
      [`${LIST}/0.10.0`]: { revision: "0.10.0", manifest_hash: HASH, kind: "evm-rpc" },
      [`${LIST}/0.10.0/manifest`]: { kind: "evm-rpc", tables: { blocks: {}, logs: {} } },
    });
    expect((await resolve("anvil")).tables).toEqual(["blocks", "logs"]);
  });

  test("a path prefix of the address is kept", async () => {
    serve({ [`/amp${LIST}`]: VERSIONS });
    const prefixed = createAdminClient({ address: new URL(`${address}/amp`), token: () => null });
    expect((await prefixed.version(refOf("anvil"), AbortSignal.timeout(10_000))).version).toBe("0.10.0");
  });

  test("a path prefix of the address is in no error", async () => {
    const prefixed = createAdminClient({ address: new URL(`${address}/hunter2`), token: () => null });
    const { message } = await errorOf(prefixed.version(refOf("anvil"), AbortSignal.timeout(10_000)));
    expect(message).toMatch(/^GET \/datasets\//);
  });
});

describe("a server of October 2025", () => {
  const FLAT = "/datasets/anvil/versions";
  const TEXTS = { versions: ["0.9.0-MTA", "0.10.0-LTcyNjgzMjc1NA", "0.10.0-MTIz", "0.1.10-MQ", "0.1.1-Mg"] };
  const newest = `${FLAT}/0.10.0-LTcyNjgzMjc1NA`;

  /** The routes that it lacks are 404 without a body. */
  function serveFlat(documents: Record<string, unknown>): void {
    answer = (request, response) => {
      const document = documents[request.url ?? ""];
      response.statusCode = document === undefined ? 404 : 200;
      response.end(document === undefined ? "" : JSON.stringify(document));
    };
  }

  test("lists versions as text: the highest core is the latest, and of equal ones the first", async () => {
    serveFlat({
      [`${FLAT}?limit=1000`]: TEXTS,
      [newest]: {
        tables: [
          { name: "blocks", network: "anvil" },
          { name: "logs", network: "anvil" },
        ],
      },
    });
    expect(await resolve("anvil")).toEqual({
      version: "0.10.0-LTcyNjgzMjc1NA",
      manifestHash: null,
      hasNamespaces: false,
      tables: ["blocks", "logs"],
    });
  });

  test("resolve_qualified_version, success: a fixed version is found with its qualifier, and no other", async () => {
    serveFlat({ [`${FLAT}?limit=1000`]: TEXTS });
    const version = async (text: string) =>
      (await client().version(refOf(text), AbortSignal.timeout(10_000))).version;
    expect(await version("anvil@0.1.1")).toBe("0.1.1-Mg");
    expect(await version("anvil@0.10.0-MTIz")).toBe("0.10.0-MTIz");
    expect((await errorOf(version("anvil@0.1"))).message).toBe("No versions available for _/anvil@0.1");
  });

  test("resolve_qualified_version, no_versions", async () => {
    serveFlat({ [`${FLAT}?limit=1000`]: { versions: [] } });
    expect((await errorOf(resolve("anvil@0.1.1"))).message).toBe("No versions available for _/anvil@0.1.1");
  });

  test("texts that are no versions come last", async () => {
    serveFlat({ [`${FLAT}?limit=1000`]: { versions: ["v9", "1.2.3.4", "0.0.1-MQ"] } });
    expect(await client().version(refOf("anvil"), AbortSignal.timeout(10_000))).toMatchObject({
      version: "0.0.1-MQ",
    });
  });

  test.each([
    ["schema", { tables: [{ name: "blocks", schema: { arrow: { fields: [] } } }] }],
    ["manifest", { kind: "manifest", tables: { blocks: {} } }],
    ["manifest", { kind: "evm-rpc", schema: { blocks: { number: "UInt64" } } }],
  ])("may name the tables in the %s alone: %j", async (document, body) => {
    serveFlat({ [`${FLAT}?limit=1000`]: TEXTS, [`${newest}/${document}`]: body });
    expect((await resolve("anvil")).tables).toEqual(["blocks"]);
  });

  test("is asked once per poll, after the first", async () => {
    serveFlat({ [`${FLAT}?limit=1000`]: TEXTS });
    const polling = client();
    for (let poll = 0; poll < 3; poll++) {
      await polling.version(refOf("anvil"), AbortSignal.timeout(10_000));
    }
    const asked = requests.map((request) => request.url);
    expect(asked).toEqual([LIST, ...Array.from({ length: 3 }, () => `${FLAT}?limit=1000`)]);
  });

  test("that is upgraded meanwhile is asked in the new way", async () => {
    serveFlat({ [`${FLAT}?limit=1000`]: TEXTS });
    const polling = client();
    await polling.version(refOf("anvil"), AbortSignal.timeout(10_000));
    answer = (request, response) => {
      const isKnown = request.url === LIST;
      response.statusCode = isKnown ? 200 : 400;
      response.end(JSON.stringify(isKnown ? VERSIONS : { error_code: "INVALID_PATH", error_message: "no" }));
    };
    expect(await polling.version(refOf("anvil"), AbortSignal.timeout(10_000))).toEqual({
      version: "0.10.0",
      manifestHash: HASH,
      hasNamespaces: true,
    });
  });

  test("has nothing in a namespace: the hint names the dataset without it", async () => {
    serveFlat({ [`${FLAT}?limit=1000`]: TEXTS });
    expect(await errorOf(resolve("edge/anvil@0.1.1"))).toMatchObject({
      code: "SY103",
      detail: "This server knows no namespaces.",
      hint: "select ampsync.enqueue_sync('anvil@0.1.1');",
    });
  });
});

describe("failures", () => {
  test("documents that name no tables are SY104", async () => {
    const none = { revision: "0.10.0" };
    serve({ [LIST]: VERSIONS, [`${LIST}/0.10.0`]: none, [`${LIST}/0.10.0/manifest`]: none });
    expect(await errorOf(resolve("anvil"))).toMatchObject({
      code: "SY104",
      detail: "No document of this version names its tables.",
    });
  });

  test.each([[{ tables: 7 }], [{ tables: [7] }], [{ tables: [{ network: "anvil" }] }], [["blocks"]]])(
    "tables in another shape, %j, are SY104",
    async (body) => {
      serve({ [LIST]: VERSIONS, [`${LIST}/0.10.0`]: body });
      expect((await errorOf(resolve("anvil"))).code).toBe("SY104");
    },
  );

  test("a thousand tables, and a manifest of 15 MiB, are read", async () => {
    const tables = Array.from({ length: 1000 }, (_, n) => [`t${n}`, { comment: "x".repeat(15_000) }]);
    serve({
      [LIST]: VERSIONS,
      [`${LIST}/0.10.0`]: {},
      [`${LIST}/0.10.0/manifest`]: { tables: Object.fromEntries(tables) },
    });
    expect((await resolve("anvil")).tables).toHaveLength(1000);
  });

  test("handles_empty_list: an unknown dataset, as an empty list, is SY103 and named", async () => {
    serve({ [LIST]: { namespace: "_", name: "anvil", versions: [], special_tags: {} } });
    expect(await errorOf(resolve("anvil"))).toMatchObject({
      code: "SY103",
      message: "No versions available for _/anvil",
    });
  });

  test.each([
    [404, "SY103"],
    [401, "SY105"],
    [403, "SY105"],
    [400, "SY004"],
    [409, "SY004"],
    [422, "SY004"],
    [500, "SY104"],
    [503, "SY104"],
    [408, "SY104"],
    [429, "SY104"],
  ])("fetch_manifest, http_error: HTTP %i is %s, with the server's text", async (status, code) => {
    fail(status, JSON.stringify({ error_code: "X", error_message: "the server's own words" }));
    const error = await errorOf(resolve("anvil"));
    expect(error).toMatchObject({ code, detail: `HTTP ${status}: the server's own words` });
    expect(error.hint ?? "").not.toContain("AMP_ADMIN_API_ADDR");
  });

  test.each([302, 400, 404, 405, 409, 421])(
    "HTTP %i that no Amp server handled is SY104, with its text",
    async (status) => {
      fail(status, "<h1>default backend</h1>");
      const error = await errorOf(resolve("anvil"));
      expect(error).toMatchObject({ code: "SY104", detail: `HTTP ${status}: <h1>default backend</h1>` });
      expect(error.hint).toMatch(/^Check that http:\/\/127\.0\.0\.1:\d+ is .*AMP_ADMIN_API_ADDR/);
    },
  );

  test.each([
    ["17", 17],
    ["0", 0],
    ["soon", null],
    [undefined, null],
  ])("Retry-After: %s", async (text, seconds) => {
    fail(429, "slow down", text === undefined ? {} : { "retry-after": text });
    expect((await errorOf(resolve("anvil"))).retryAfterS).toBe(seconds);
  });

  test("Retry-After with a date", async () => {
    fail(503, "later", { "retry-after": new Date(Date.now() + 100_000).toUTCString() });
    const { retryAfterS } = await errorOf(resolve("anvil"));
    expect(retryAfterS).toBeGreaterThan(60);
    expect(retryAfterS).toBeLessThanOrEqual(100);
  });

  test("a body that is no JSON, or another document, is SY104", async () => {
    fail(200, "<html>");
    expect(await errorOf(resolve("anvil"))).toMatchObject({
      code: "SY104",
      hint: expect.stringContaining("AMP_ADMIN_API_ADDR"),
    });
    fail(200, JSON.stringify({ versions: [7] }));
    expect((await errorOf(resolve("anvil"))).code).toBe("SY104");
    fail(200, "null");
    expect((await errorOf(resolve("anvil"))).code).toBe("SY104");
  });

  test("a body of more than 16 MiB is not read to its end", async () => {
    const chunk = Buffer.alloc(1024 * 1024, " ");
    answer = (_, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write(chunk)) {}
        if (!response.destroyed) response.once("drain", write);
      };
      write();
    };
    expect(await errorOf(resolve("anvil"))).toMatchObject({
      code: "SY104",
      message: expect.stringContaining("bytes"),
    });
  });

  test.each([
    ["14 MB of arrays in arrays", "[".repeat(14_000_000), "nested deeper than 64"],
    ["a million empty objects", `[${"{},".repeat(1_000_000)}{}]`, "more than 500000 values"],
  ])("%s are not parsed, and nothing is made of them", async (_, body, reason) => {
    fail(200, body);
    expect(await errorOf(resolve("anvil"))).toMatchObject({
      code: "SY104",
      detail: expect.stringContaining(reason),
    });
  });

  test("a long list of versions is reported by its first ones", async () => {
    const versions = Array.from({ length: 50_000 }, (_, n) => ({ version: `1.0.${n}` }));
    serve({ [LIST]: { versions } });
    const { detail } = await errorOf(resolve("anvil@2.0.0"));
    expect(detail).toMatch(/^The server lists 1\.0\.0, 1\.0\.1, .* and 49980 more\.$/);
  });

  test("names that nothing could be called are cut, and hold what can be stored", async () => {
    serve({
      [LIST]: { ...VERSIONS, special_tags: {} },
      [`${LIST}/0.10.0`]: { tables: ["x".repeat(10_000_000), "a\u0000b", "\ud800"] },
    });
    expect((await resolve("anvil")).tables).toEqual([`${"x".repeat(200)}…`, "a\u{fffd}b", "\u{fffd}"]);
  });

  test("a dead port is SY104 with the reason", async () => {
    const free = createAdminClient({ address: new URL("http://127.0.0.1:1"), token: () => null });
    const error = await errorOf(free.version(refOf("anvil"), AbortSignal.timeout(10_000)));
    expect(error.code).toBe("SY104");
  });

  test("an abort throws its reason", async () => {
    answer = () => undefined;
    const abort = new AbortController();
    const waiting = resolve("anvil", abort.signal);
    await expect.poll(() => requests.length).toBe(1);
    abort.abort(new Error("shutting down"));
    await expect(waiting).rejects.toThrow("shutting down");
  });
});

describe("the token", () => {
  test("that was refused is sent again when it changes, after 300 s, or if somebody insists", async () => {
    fail(401, "who are you?");
    let token = "first";
    let now = 0;
    const waiting = createAdminClient({ address: new URL(address), token: () => token, now: () => now });
    const signal = AbortSignal.timeout(10_000);
    const sent = async (insist?: boolean) => {
      const before = requests.length;
      expect((await errorOf(waiting.version(refOf("anvil"), signal, insist))).code).toBe("SY105");
      return requests.length - before;
    };
    expect(await sent()).toBe(1);
    now = 299_999;
    expect(await sent()).toBe(0);
    now = 300_000;
    expect(await sent()).toBe(1);
    expect(await sent()).toBe(0);
    expect(await sent(true)).toBe(1);
    token = "second";
    expect(await sent()).toBe(1);
    serve({ [LIST]: VERSIONS });
    token = "third";
    expect((await waiting.version(refOf("anvil"), signal)).version).toBe("0.10.0");
  });

  test("is sent as a bearer token, asked for again each time", async () => {
    serve({ [LIST]: VERSIONS, ...detail("0.10.0", HASH) });
    let count = 0;
    const counting = createAdminClient({ address: new URL(address), token: () => `t${++count}` });
    await counting.resolve(refOf("anvil"), AbortSignal.timeout(10_000));
    expect(requests.map((request) => request.headers.authorization)).toEqual(["Bearer t1", "Bearer t2"]);
  });

  test("does not follow a redirect", async () => {
    fail(307, "go away", { location: `${address}/elsewhere` });
    await errorOf(client("secret-token").resolve(refOf("anvil"), AbortSignal.timeout(10_000)));
    expect(requests).toHaveLength(1);
  });

  test("a token with a line break is in no error either", async () => {
    serve({ [LIST]: VERSIONS });
    const error = await errorOf(client("secret\ntoken").resolve(refOf("anvil"), AbortSignal.timeout(10_000)));
    expect(JSON.stringify([error.message, error.detail, error.stack, String(error.cause)])).not.toContain(
      "secret",
    );
  });
});

/** Well-formed references only: refusing others is SQL's work. */
function refOf(text: string): DatasetRef {
  const [, namespace, name, revision] = /^(?:(\w+)\/)?(\w+)(?:@(.+))?$/.exec(text) ?? [];
  return { namespace: namespace ?? "_", name: name ?? "", revision: revision ?? null };
}

describe("networks of tables", () => {
  const networks = async (manifest: unknown) => {
    serve({ [LIST]: VERSIONS, [`${LIST}/0.10.0/manifest`]: manifest });
    const ref = { namespace: "_", name: "anvil", revision: "0.10.0" };
    return Object.fromEntries(await client().networks(ref, AbortSignal.timeout(10_000)));
  };

  test("are those of the manifest, whether it has its tables as members or as a list", async () => {
    expect(await networks({ tables: { logs: { network: "mainnet" }, blocks: {} } })).toEqual({
      logs: "mainnet",
    });
    expect(
      await networks({ tables: [{ name: "logs", network: "mainnet" }, { name: "blocks" }, "traces"] }),
    ).toEqual({
      logs: "mainnet",
    });
  });

  test("are unknown where the manifest has another shape", async () => {
    for (const manifest of [
      {},
      [],
      null,
      "text",
      { tables: 5 },
      { tables: { logs: null, blocks: { network: 7 } } },
    ]) {
      expect(await networks(manifest)).toEqual({});
    }
  });
});
