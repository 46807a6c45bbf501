import type { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import type { ChainWatch } from "./chain-watch.ts";

/** Blocks and, at every seventh tick, a small reorg, as time passes; the watch knows of each. */
export function mining(source: GeneratedSource, watch: ChainWatch, blockMs: number): Disposable {
  let ticks = 0;
  const timer = setInterval(() => {
    ticks++;
    if (ticks % 7 === 0) source.reorg(2, 3);
    else source.mine();
    watch.remember();
  }, blockMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
