import { compressionAlgorithms, Metadata, status } from "@grpc/grpc-js";
import { Message, RecordBatchStreamWriter, Table, Uint64, vectorFromArray } from "apache-arrow";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { encodeFlightData, encodeFlightInfo } from "../../src/devserver/flight/messages.ts";
import { AmpsyncError } from "../../src/errors.ts";
import type { ReceivedBytes } from "../../src/flight/calls.ts";
import { createFlightClient, type FlightClient } from "../../src/flight/client.ts";
import type { FlightMessage } from "../../src/flight/flight-stream.ts";
import { decodeTicket } from "../../src/flight/protocol/messages.ts";
import { ScriptedServer } from "../support/chain/scripted-flight-server.ts";
import { waitFor } from "../support/wait-for.ts";

/** The schema and one record batch of a table of block numbers, as an IPC stream. */
function streamOf(blocks: readonly (bigint | null)[]): Uint8Array {
  const table = new Table({ _block_num: vectorFromArray([...blocks], new Uint64()) });
  return RecordBatchStreamWriter.writeAll(table).toUint8Array(true);
}

/** FlightData of the n-th message of such a stream: 0 is the schema, 1 the batch. */
function flightData(blocks: readonly (bigint | null)[], index: 0 | 1, appMetadata = ""): Buffer {
  const stream = streamOf(blocks);
  const view = new DataView(stream.buffer, stream.byteOffset);
  let at = 0;
  for (let i = 0; ; i++) {
    const bodyAt = at + 8 + view.getInt32(at + 4, true);
    const header = stream.subarray(at + 8, bodyAt);
    const end = bodyAt + Message.decode(header).bodyLength;
    if (i === index) {
      return encodeFlightData({
        header,
        appMetadata: Buffer.from(appMetadata),
        body: stream.subarray(bodyAt, end),
      });
    }
    at = end;
  }
}

function planOf(...tickets: readonly Uint8Array[]): Buffer {
  return encodeFlightInfo({ schema: streamOf([1n]), descriptor: new Uint8Array(), tickets });
}

const planned = () => planOf(new Uint8Array([7]));

function serviceError(code: status, details: string): Error {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}

const RANGE = {
  numbers: { start: 1, end: 2 },
  network: "anvil",
  hash: `0x${"ab".repeat(32)}`,
  prev_hash: `0x${"cd".repeat(32)}`,
};
const METADATA = JSON.stringify({ ranges: [RANGE], ranges_complete: false });

let server: ScriptedServer;
let abort: AbortController;
const closing: (() => void)[] = [];

beforeEach(async () => {
  server = new ScriptedServer(planned);
  await server.start();
  abort = new AbortController();
});

afterEach(() => {
  abort.abort();
  for (const close of closing.splice(0)) close();
  server.stop();
});

function client(options: { token?: string | null; maxMessageBytes?: number; address?: string } = {}) {
  const { token = null, address = server.address, ...rest } = options;
  const created = createFlightClient({ address: new URL(address), token: () => token, ...rest });
  closing.push(() => created.close());
  return created;
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

async function readAll(messages: AsyncIterable<FlightMessage>): Promise<FlightMessage[]> {
  const all: FlightMessage[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

/** Everything that the server answers to a query. */
async function* read(from: FlightClient, received?: ReceivedBytes): AsyncGenerator<FlightMessage> {
  const { signal } = abort;
  using stream = await from.open("SELECT 1", { stream: true, signal, received });
  yield* stream.read({ signal });
}

describe("planning", () => {
  test("streaming_settings_added: a stream says so in the query and in the header, and sends its cursor and its token", async () => {
    const plan = await client({ token: "t0ken" }).plan("SELECT 1", {
      stream: true,
      cursor: '{"a":1}',
      signal: abort.signal,
    });
    expect(plan.schema.fields.map((field) => field.name)).toEqual(["_block_num"]);
    expect([...plan.ticket]).toEqual([7]);
    expect(server.asked[0]).toMatchObject({
      sql: "SELECT 1 SETTINGS stream = true",
      headers: { "amp-stream": "true", "amp-resume": '{"a":1}', authorization: "Bearer t0ken" },
    });
  });

  test("headers without a value are left out", async () => {
    await client().plan("SELECT 1", { stream: false, signal: abort.signal });
    expect(server.asked[0]?.sql).toBe("SELECT 1");
    for (const header of ["amp-stream", "amp-resume", "authorization"]) {
      expect(server.asked[0]?.headers).not.toHaveProperty(header);
    }
  });

  test("an answer in several parts is SY101: one of them is not all rows", async () => {
    server.plan = () => planOf(new Uint8Array([7]), new Uint8Array([8]));
    expect(await errorOf(client().plan("SELECT 1", { stream: true, signal: abort.signal }))).toMatchObject({
      code: "SY101",
      detail: expect.stringContaining("2 endpoints"),
    });
  });

  test("an answer without a ticket is SY101", async () => {
    server.plan = () => planOf();
    expect((await errorOf(client().plan("SELECT 1", { stream: true, signal: abort.signal }))).code).toBe(
      "SY101",
    );
  });

  test.each([
    [status.INVALID_ARGUMENT, "invalid query: non-incremental queries are not supported", "SY004"],
    [status.INVALID_ARGUMENT, "table 'x.y' not found", "SY103"],
    [status.UNIMPLEMENTED, "get_flight_info", "SY104"],
    [status.NOT_FOUND, "table missing", "SY103"],
    [status.INTERNAL, "error creating physical catalog | Caused by: table has not been synced", "SY103"],
    [status.INTERNAL, "failed to infer SQL output schema | Caused by: dataset", "SY103"],
    [status.INTERNAL, "multiple networks in dependency tree: a and b", "SY004"],
    [status.INTERNAL, "streaming query execution error", "SY104"],
    [status.UNAUTHENTICATED, "token expired", "SY105"],
    [status.PERMISSION_DENIED, "no", "SY105"],
    [
      status.INTERNAL,
      "failed to infer SQL output schema | Caused by: Schema error: No field named c. Valid fields are t.a.",
      "SY103",
    ],
    [status.RESOURCE_EXHAUSTED, "query memory exceeds its limit", "SY104"],
    [status.OUT_OF_RANGE, "decoded message length too large: found 5 bytes, the limit is: 4 bytes", "SY104"],
    [status.UNKNOWN, "h2 protocol error", "SY104"],
    [status.UNAVAILABLE, "shutting down", "SY104"],
  ])("gRPC %i, %s: %s", async (code, details, expected) => {
    server.plan = () => {
      throw serviceError(code, details);
    };
    const error = await errorOf(client().plan("SELECT 1", { stream: true, signal: abort.signal }));
    expect(error).toMatchObject({ code: expected, detail: expect.stringContaining(details) });
  });

  test("a dead port is SY104 at once", async () => {
    const dead = client({ address: "http://127.0.0.1:1" });
    expect((await errorOf(dead.plan("SELECT 1", { stream: true, signal: abort.signal }))).code).toBe("SY104");
  });

  test("an abort throws its reason", async () => {
    server.plan = () => {
      abort.abort(new Error("shutting down"));
      return planOf();
    };
    await expect(client().plan("SELECT 1", { stream: true, signal: abort.signal })).rejects.toThrow(
      "shutting down",
    );
  });
});

describe("the token in errors", () => {
  test("does not appear where it cannot be sent", async () => {
    const error = await errorOf(
      client({ token: "s3cret\n" }).plan("SELECT 1", { stream: true, signal: abort.signal }),
    );
    expect(error.code).toBe("SY105");
    expect(`${error.stack} ${error.cause} ${error.detail}`).not.toContain("s3cret");
  });
});

describe("reading", () => {
  test("gives the schema, then batches with their metadata, and ends when the server ends well", async () => {
    server.doGet = (call) => {
      expect([...decodeTicket(call.request)]).toEqual([7]);
      call.write(flightData([1n, 2n], 0));
      call.write(flightData([1n, 2n], 1, METADATA));
      call.write(flightData([], 1));
      call.end();
    };
    const messages = await readAll(read(client({ token: "t0ken" })));
    expect(messages.map((message) => message.kind)).toEqual(["schema", "batch", "batch"]);
    expect(messages[1]).toMatchObject({
      batch: { rowCount: 2 },
      metadata: { ranges: [{ start: 1n, end: 2n, network: "anvil" }], complete: false },
    });
    expect(messages[2]).toMatchObject({ batch: { rowCount: 0 }, metadata: null });
    expect(server.asked.map(({ method, headers }) => [method, headers["authorization"]])).toEqual([
      ["plan", "Bearer t0ken"],
      ["doGet", "Bearer t0ken"],
    ]);
  });

  test.each<[string, readonly (0 | 1)[]]>([
    ["after a batch", [1, 0]],
    ["after another", [0, 0]],
  ])("a schema %s is SY101", async (_, sent) => {
    server.doGet = (call) => {
      for (const index of sent) call.write(flightData([1n], index));
      call.end();
    };
    const error = await errorOf(readAll(read(client())));
    expect(error).toMatchObject({ code: "SY101", message: expect.stringContaining("in the middle") });
  });

  test("messages before an error are delivered, then the error", async () => {
    server.doGet = (call) => {
      call.write(flightData([1n], 0));
      call.emit("error", serviceError(status.INTERNAL, "streaming query execution error"));
    };
    const reading = read(client());
    expect((await reading.next()).value?.kind).toBe("schema");
    expect((await errorOf(reading.next())).code).toBe("SY104");
  });

  test("metadata that cannot be read ends the call with SY101", async () => {
    const cancelled = new Promise<void>((resolve) => {
      server.doGet = (call) => {
        call.on("cancelled", resolve);
        call.write(flightData([1n], 1, "{"));
      };
    });
    expect((await errorOf(readAll(read(client())))).code).toBe("SY101");
    await cancelled;
  });

  test("a message over the limit is SY106 and names the setting", async () => {
    server.doGet = (call) => {
      call.write(flightData(new Array<bigint>(20_000).fill(1n), 1));
    };
    const small = client({ maxMessageBytes: 100_000 });
    const error = await errorOf(readAll(read(small)));
    expect(error).toMatchObject({
      code: "SY106",
      hint: expect.stringContaining("AMPSYNC_GRPC_MAX_DECODE_MB"),
    });
  });

  test("a message that is over the limit once gzip is undone is SY106 too", async () => {
    const zipping = new ScriptedServer(planned, {
      "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
    });
    await zipping.start();
    closing.push(() => zipping.stop());
    zipping.doGet = (call) => {
      call.write(flightData(new Array<bigint>(20_000).fill(1n), 1));
    };
    const { address } = zipping;
    const first = (maxMessageBytes: number) => read(client({ address, maxMessageBytes })).next();
    expect((await first(1_000_000)).value).toMatchObject({ kind: "batch" });
    expect(await errorOf(first(100_000))).toMatchObject({ code: "SY106" });
  });

  test("a message of 5 MB passes with the default limit", async () => {
    server.doGet = (call) => {
      call.write(flightData(new Array<bigint>(625_000).fill(1n), 1));
      call.end();
    };
    const [message] = await readAll(read(client()));
    expect(message).toMatchObject({ batch: { rowCount: 625_000 } });
  });

  test("an abort of a silent stream throws its reason and cancels the call", async () => {
    const cancelled = new Promise<void>((resolve) => {
      server.doGet = (call) => {
        call.on("cancelled", resolve);
        call.write(flightData([1n], 0));
      };
    });
    const reading = read(client());
    await reading.next();
    const waiting = reading.next();
    abort.abort(new Error("lease lost"));
    await expect(waiting).rejects.toThrow("lease lost");
    await cancelled;
  });

  test("a consumer that stops early cancels the call", async () => {
    const cancelled = new Promise<void>((resolve) => {
      server.doGet = (call) => {
        call.on("cancelled", resolve);
        call.write(flightData([1n], 0));
      };
    });
    for await (const _ of read(client())) break;
    await cancelled;
  });

  test("a server that dies in mid-stream is SY104", async () => {
    server.doGet = (call) => {
      call.write(flightData([1n], 0));
    };
    const reading = read(client());
    await reading.next();
    server.stop();
    expect((await errorOf(reading.next())).code).toBe("SY104");
  });
});

describe("a consumer that waits", () => {
  const MESSAGES = 60;

  /** Push 60 messages of 1 MB as fast as the transport takes them; count those it took. */
  function push(counter: { taken: number }): void {
    const message = flightData(new Array<bigint>(125_000).fill(1n), 1);
    server.doGet = (call) => {
      const write = (): void => {
        while (counter.taken < MESSAGES) {
          counter.taken += 1;
          if (!call.write(message)) {
            call.once("drain", write);
            return;
          }
        }
        call.end();
      };
      write();
    };
  }

  test("makes the server wait: what is not read stays in its window, and nothing is lost", async () => {
    const counter = { taken: 0 };
    push(counter);
    const reading = read(client());
    await reading.next();
    await settled(() => counter.taken);
    // 1 taken, 2 ahead of it, 2 MB of window, and some in the buffers of both ends.
    expect(counter.taken).toBeLessThan(18);
    expect((await readAll(reading)).length).toBe(MESSAGES - 1);
    expect(counter.taken).toBe(MESSAGES);
  });

  test("has the bytes counted until it is done with them, and fewer ahead of it where memory is short", async () => {
    const held = (isExhausted: boolean) => ({
      isExhausted,
      messages: 0,
      bytes: 0,
      take(bytes: number) {
        this.messages += 1;
        this.bytes += bytes;
      },
      give(bytes: number) {
        this.bytes -= bytes;
      },
    });
    for (const isExhausted of [false, true]) {
      push({ taken: 0 });
      const received = held(isExhausted);
      const reading = read(client(), received);
      await reading.next();
      await settled(() => received.messages);
      expect(received.messages).toBe(isExhausted ? 1 : 3);
      await reading.next();
      await settled(() => received.messages);
      expect(received.messages).toBe(isExhausted ? 2 : 4);
      expect(received.bytes).toBeGreaterThan(isExhausted ? 1_000_000 : 3_000_000);
      expect(received.bytes).toBeLessThan(isExhausted ? 1_100_000 : 3_300_000);
      await reading.return(undefined);
      expect(received.bytes).toBe(0);
    }
  });

  test("keeps the memory of a batch until it asks for the next one", async () => {
    push({ taken: 0 });
    const bodies: Uint8Array[] = [];
    for await (const message of read(client())) {
      if (message.kind !== "batch") throw new Error("only batches are pushed");
      expect([...message.batch.body.subarray(0, 8)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
      bodies.push(message.batch.body);
      if (bodies.length === 3) break;
    }
    expect(bodies.map(({ length }) => length)).toEqual([0, 0, 1_000_000]);
  });

  test("has none of the bytes counted any more where the answer is given up unread", async () => {
    push({ taken: 0 });
    let bytes = 0;
    const received = {
      isExhausted: false,
      take: (taken: number) => {
        bytes += taken;
      },
      give: (given: number) => {
        bytes -= given;
      },
    };
    const unread = await client().open("SELECT 1", { stream: true, signal: abort.signal, received });
    await waitFor("messages to arrive", () => bytes > 0);
    unread[Symbol.dispose]();
    await waitFor("all bytes to be given back", () => bytes === 0);
  });

  test("does not hold up the other calls of the same client", async () => {
    push({ taken: 0 });
    const shared = client();
    const stalled = read(shared);
    await stalled.next();
    server.doGet = (call) => {
      call.write(flightData([1n], 0));
      call.end();
    };
    expect(await readAll(read(shared))).toHaveLength(1);
    await shared.plan("SELECT 1", { stream: false, signal: abort.signal });
  });
});

describe("the highest block", () => {
  test("is a batch query, whose metadata is not judged as a stream's", async () => {
    server.doGet = (call) => {
      call.write(flightData([19_000_000n], 0));
      call.write(
        flightData([19_000_000n], 1, JSON.stringify({ ranges: [RANGE, RANGE], ranges_complete: false })),
      );
      call.write(flightData([], 1, "not even JSON"));
      call.end();
    };
    expect((await client().highestBlock('"_/anvil@0.1.0"."blocks"', abort.signal)).block).toBe(19_000_000n);
    expect(server.asked[0]?.sql).toBe('SELECT max("_block_num") FROM "_/anvil@0.1.0"."blocks"');
  });

  test.each([2n ** 48n, 2n ** 63n, 2n ** 64n - 1n])(
    "is unknown where it is %d, which no block can be",
    async (block) => {
      server.doGet = (call) => {
        call.write(flightData([block], 0));
        call.write(flightData([block], 1));
        call.end();
      };
      expect((await client().highestBlock("t", abort.signal)).block).toBeNull();
    },
  );

  test("comes with its network where the answer tells one, whatever else the metadata holds", async () => {
    const answers = [
      JSON.stringify({ ranges: [RANGE], ranges_complete: false }),
      JSON.stringify({ ranges: [RANGE, { ...RANGE, network: "other" }], ranges_complete: true }),
      JSON.stringify({ ranges: [], ranges_complete: true }),
      "not even JSON",
    ];
    const networks = [];
    for (const metadata of answers) {
      server.doGet = (call) => {
        call.write(flightData([7n], 0));
        call.write(flightData([7n], 1, metadata));
        call.end();
      };
      const { block, network } = await client().highestBlock("t", abort.signal);
      expect(block).toBe(7n);
      networks.push(network);
    }
    expect(networks).toEqual(["anvil", null, null, null]);
  });

  test("is null for an empty table", async () => {
    server.doGet = (call) => {
      call.write(flightData([null], 0));
      call.write(flightData([null], 1));
      call.end();
    };
    expect((await client().highestBlock("t", abort.signal)).block).toBeNull();
  });
});

/** Wait until a number has not changed for a quarter of a second: then the transport is full. */
async function settled(read: () => number): Promise<void> {
  let last = -1;
  await expect
    .poll(
      () => {
        const unchanged = read() === last;
        last = read();
        return unchanged;
      },
      { interval: 250, timeout: 10_000, message: "the server keeps pushing" },
    )
    .toBe(true);
}
