import { decodeFromGateway } from "../../../src/wire/codec.ts";
import type { Frame } from "../../../src/wire/from-gateway.ts";

type Given = Partial<Omit<Frame, "ops">> & { readonly ops?: readonly unknown[] };

/** A frame as it comes from the wire. */
export function frameOf({ ops = [], ...given }: Given): Frame {
  const message = decodeFromGateway(
    JSON.stringify({
      t: "frame",
      from: "0",
      to: "0",
      stamp: "1764331200123456",
      blocks: ["0", "0"],
      blocks_stamp: "1764331200123456",
      at: "2026-11-28T12:00:00.123Z",
      ops,
      ...given,
    }),
  );
  if (message.t !== "frame") throw new Error(`${message.t} is no frame`);
  return message;
}
