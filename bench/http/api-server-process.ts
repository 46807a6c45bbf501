import { ApiServer } from "../../src/devserver/http/api-server.ts";
import type { Answer, Order, ServerOptions } from "./api-server.ts";

/** A development API for benchmarks, in a process of its own and moved by its parent. */
const options: ServerOptions = JSON.parse(process.argv[2]!);
const { maxPage: maxSize, ...others } = options;
const server = await ApiServer.start({ ...others, faults: { pages: { maxSize } } });
answer({ order: "start", url: server.url });

process.on("message", ({ order }: Order) => {
  if (order === "append") {
    server.append(1);
    return answer({ order });
  }
  return answer({ order, at: server.requests.filter(({ records }) => records > 0).map(({ at }) => at) });
});
process.on("disconnect", () => process.exit()); // Its parent ended, or is done with it.

function answer(message: Answer): void {
  process.send!(message);
}
