// Takes 16 s.
import { setImmediate as turn } from "node:timers/promises";

import { compressionAlgorithms } from "@grpc/grpc-js";
import { Field, Schema, Uint64 } from "apache-arrow";
import { afterEach, beforeEach, expect, test } from "vitest";

import { encapsulated, encodeBatch, schemaMessage } from "../../src/devserver/arrow/ipc.ts";
import { encodeFlightData, encodeFlightInfo } from "../../src/devserver/flight/messages.ts";
import { createFlightClient, type FlightClient } from "../../src/flight/client.ts";
import { decodeTicket } from "../../src/flight/protocol/messages.ts";
import { type DoGetCall, ScriptedServer } from "../support/chain/scripted-flight-server.ts";
import { type Dice, dice } from "../support/dice.ts";
import { waitFor } from "../support/wait-for.ts";

const SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);
/** More than fit on one connection. */
const STREAMS = 60;
const MESSAGES = 8;
const SCHEMA = schemaMessage(new Schema([new Field("_block_num", new Uint64(), false)]));
const NOTHING = new Uint8Array();

let stack: AsyncDisposableStack;

beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** Eight bytes that nothing else in the test has, as often as there are rows. */
function valuesOf(stream: number, message: number, rows: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeUInt32LE(stream);
  value.writeUInt32LE(message + 1, 4);
  return Buffer.alloc(8 * rows, value);
}

/** From messages that share memory with others to such of several MiB, and around the size from which they do not. */
function rowsOf(roll: Dice): number {
  const most = [50, 1_020, 1_030, 10_000, 10_000, 40_000, 100_000, 300_000][roll(0, 7)]!;
  return roll(Math.max(1, most - (most < 2_000 ? 30 : most)), most);
}

/** Its body begins at any byte: behind metadata of any length. */
function messageOf(stream: number, message: number, roll: Dice): Buffer {
  const rows = rowsOf(roll);
  const buffers = [NOTHING, valuesOf(stream, message, rows)];
  const { header, body } = encodeBatch(rows, [{ nodes: [{ length: rows, nullCount: 0 }], buffers }]);
  const appMetadata = Buffer.from(
    JSON.stringify({ ranges: [], ranges_complete: false }) + " ".repeat(roll(0, 7)),
  );
  return encodeFlightData({ header, appMetadata, body });
}

/** Sends as fast as the transport takes it; each stream is known by its ticket. */
async function answer(call: DoGetCall): Promise<void> {
  const stream = Buffer.from(decodeTicket(call.request)).readUInt32LE();
  const roll = dice(SEED * 1_000 + stream);
  const gone = new Promise<void>((resolve) => call.once("cancelled", () => resolve()));
  for (let message = 0; message < MESSAGES && !call.cancelled; message++) {
    if (!call.write(messageOf(stream, message, roll))) {
      await Promise.race([new Promise<void>((resolve) => call.once("drain", () => resolve())), gone]);
    }
  }
  call.end();
}

async function start(compression: compressionAlgorithms): Promise<FlightClient> {
  let planned = 0;
  const plan = () => {
    const ticket = Buffer.alloc(4);
    ticket.writeUInt32LE(planned++);
    return encodeFlightInfo({ schema: encapsulated(SCHEMA), descriptor: NOTHING, tickets: [ticket] });
  };
  const server = new ScriptedServer(plan, { "grpc.default_compression_algorithm": compression });
  server.doGet = (call) => void answer(call);
  await server.start();
  stack.defer(() => server.stop());
  const client = createFlightClient({ address: new URL(server.address), token: () => null });
  stack.defer(() => client.close());
  return client;
}

/** Memory for messages that is always short, or never. */
function received(isExhausted: boolean) {
  return {
    isExhausted,
    bytes: 0,
    most: 0,
    take(bytes: number) {
      this.bytes += bytes;
      this.most = Math.max(this.most, this.bytes);
    },
    give(bytes: number) {
      this.bytes -= bytes;
    },
  };
}

/** How a stream is given up in its middle: by whoever reads, or by its signal. */
const STOPPED = new Error("told to stop");

/** Reads a stream, at any pace, to its end or to a random message. Returns how many messages it read. */
async function readSome(
  client: FlightClient,
  memory: ReturnType<typeof received>,
  roll: Dice,
): Promise<number> {
  const stop = new AbortController();
  const { signal } = stop;
  using stream = await client.open("SELECT 1", { stream: true, signal, received: memory });
  const leaveAt = roll(0, 2) === 0 ? roll(0, MESSAGES - 1) : MESSAGES;
  if (leaveAt === 0) return 0; // Unread.
  let count = 0;
  try {
    for await (const message of stream.read({ signal })) {
      if (message.kind !== "batch") throw new Error("only batches are sent");
      const { body, rowCount, buffers } = message.batch;
      const { offset, length } = buffers[1]!;
      const values = () => Buffer.from(body.buffer, body.byteOffset + offset, length);
      const expected = valuesOf(values().readUInt32LE(), count, rowCount);
      for (let look = roll(1, 3); look > 0; look--) {
        expect(values().equals(expected)).toBe(true);
        if (roll(0, 1) === 0) await turn();
      }
      count++;
      if (count === leaveAt) {
        if (roll(0, 1) === 0) break;
        stop.abort(STOPPED);
        await turn();
        expect(values().equals(expected)).toBe(true);
      }
    }
  } catch (error) {
    if (error !== STOPPED) throw error;
  }
  return count;
}

test.each([
  ["plenty of memory", compressionAlgorithms.identity, false],
  ["little memory", compressionAlgorithms.identity, true],
  ["messages that gRPC compressed", compressionAlgorithms.gzip, false],
])(
  "60 streams with %s: whoever reads finds what was sent until the next message, and nothing stays counted",
  async (_, compression, isShort) => {
    const client = await start(compression);
    const memory = received(isShort);
    const counts = await Promise.all(
      Array.from({ length: STREAMS }, async (_, reader) => {
        const roll = dice(SEED * 10_000 + reader);
        let whole = 0;
        for (let time = 0; time < 2; time++) {
          if ((await readSome(client, memory, roll)) === MESSAGES) whole++;
        }
        return whole;
      }),
    );
    expect(counts.reduce((sum, each) => sum + each)).toBeGreaterThan(STREAMS / 2);
    await waitFor("all bytes to be given back", () => memory.bytes === 0);
    expect(memory.most).toBeGreaterThan(0);
  },
);
