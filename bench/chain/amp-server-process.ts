import { startDevServer } from "../../src/devserver/server.ts";
import type { Answer, Order, ServerOptions } from "./amp-server.ts";
import { RepeatingSource } from "./repeating-source.ts";

/** A development server for benchmarks, in a process of its own and moved by its parent. */
const options: ServerOptions = JSON.parse(process.argv[2]!);
const sent: { table: string; block: number; at: bigint }[] = [];
const source = new RepeatingSource(options.tables, options.blocks, (table, last) => {
  if (options.notesSends === true) sent.push({ table, block: Number(last), at: process.hrtime.bigint() });
});
const server = await startDevServer({
  source,
  dataset: { namespace: "_", name: "bench", version: "1.0.0" },
  maxBlocksPerMicrobatch: options.blocksPerMicrobatch,
});
const { flightAddress, adminAddress } = server;
answer({ order: "start", flightAddress, adminAddress });

process.on("message", (order: Order) => {
  const at = process.hrtime.bigint();
  switch (order.order) {
    case "mine":
      source.mine(order.blocks);
      return answer({ order: "mine", at });
    case "reorg":
      source.reorg(order.depth);
      return answer({ order: "reorg", at });
    case "sent":
      return answer({ order: "sent", sent: sent.splice(0) });
  }
});
process.on("disconnect", () => process.exit()); // Its parent ended, or is done with it.

function answer(message: Answer): void {
  process.send!(message);
}
