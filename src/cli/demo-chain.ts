import { Anvil, anvilBinary } from "../devserver/anvil.ts";
import type { Source } from "../devserver/source.ts";
import { GeneratedSource } from "../devserver/sources/generated/source.ts";
import { RpcSource } from "../devserver/sources/rpc/source.ts";

/** A block as it is on the chain, to compare the tables with. */
export interface ExpectedBlock {
  readonly number: bigint;
  readonly hash: string;
  readonly logs: number;
  readonly transactions: number;
}

/** The chain of the demo: it mines, and can be made to reorganise. */
export interface DemoChain {
  /** A description for people. */
  readonly title: string;
  readonly source: Source;
  /** Mines a little, with transactions and events. */
  mine(): Promise<void>;
  /** Replaces the last blocks. */
  reorg(depth: number): Promise<void>;
  /** The canonical chain, read from the chain itself. */
  blocks(): Promise<readonly ExpectedBlock[]>;
  stop(): Promise<void>;
}

/** A real EVM node if there is one for this platform, otherwise a generated chain. */
export async function startDemoChain(): Promise<DemoChain> {
  return anvilBinary() === null ? generatedChain() : await anvilChain();
}

async function anvilChain(): Promise<DemoChain> {
  const anvil = await Anvil.start();
  const contract = await anvil.deployEmitter();
  const neighbour = `0x${"00".repeat(19)}aa`;
  let sent = 0n;
  async function mine(): Promise<void> {
    sent += 1n;
    await anvil.ping(contract, sent, sent);
    await anvil.send({ to: neighbour, value: "0x1" });
  }
  for (let i = 0; i < 100; i++) {
    await mine();
  }
  const source = await RpcSource.start({ url: anvil.url });

  return {
    title: `Anvil, a real EVM node, at ${anvil.url}`,
    source,
    mine,
    reorg: (depth) => anvil.reorg(depth),
    async blocks() {
      const head = await anvil.blockNumber();
      const numbers = Array.from({ length: Number(head) + 1 }, (_, n) => `0x${n.toString(16)}`);
      const [found, receipts] = await Promise.all([
        anvil.rpc.batch(numbers.map((n) => ({ method: "eth_getBlockByNumber", params: [n, false] }))),
        anvil.rpc.batch(numbers.map((n) => ({ method: "eth_getBlockReceipts", params: [n] }))),
      ]);
      return found.map((block, n) => {
        // As the Ethereum execution API defines them.
        const { hash } = block as { hash: string };
        const ofBlock = receipts[n] as readonly { logs: readonly unknown[] }[];
        const logs = ofBlock.reduce((sum, receipt) => sum + receipt.logs.length, 0);
        return { number: BigInt(n), hash, logs, transactions: ofBlock.length };
      });
    },
    async stop() {
      source.close();
      await anvil.stop();
    },
  };
}

function generatedChain(): DemoChain {
  const perBlock = { logsPerBlock: 6, transactionsPerBlock: 2 };
  const source = new GeneratedSource({ blocks: 200, network: "anvil", ...perBlock });
  return {
    title: "a generated chain (there is no Anvil for this platform)",
    source,
    mine: async () => source.mine(2),
    reorg: async (depth) => source.reorg(depth),
    async blocks() {
      const blocks: ExpectedBlock[] = [];
      for (let number = 0n; ; number++) {
        const block = source.chain.canonical(number);
        if (block === null) return blocks;
        blocks.push({
          number,
          hash: block.hash,
          logs: perBlock.logsPerBlock,
          transactions: perBlock.transactionsPerBlock,
        });
      }
    },
    stop: async () => source.close(),
  };
}
